// The OpenAPI document says what the routes do.
import t from "tap";
import { OPTION_FIELDS } from "../lib/openai/fields.js";
import { API_ROUTES } from "../lib/server/routes.js";
import { loadGolden } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";

type Operation = {
  security?: object[];
  parameters?: { name: string; in: string }[];
  responses: object;
  requestBody?: { content: Record<string, { schema: { $ref: string } }> };
};

t.test("routes and document agree", async (t) => {
  const model = await loadGolden("cabs-new");
  const api = await serve(model, { apiKeys: ["k"] });
  const { status, body: document } = await api.get("/docs/openapi.json");
  t.equal(status, 200);
  t.match(document, { openapi: /^3\.1\./, info: { title: "honeybee", version: String } });

  const described = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  t.same(
    described.map(({ path, method }) => `${method.toUpperCase()} ${path}`).toSorted(),
    API_ROUTES.map(({ path, method }) => `${method} ${path}`).toSorted(),
  );
  const headers = { authorization: "Bearer k" };
  for (const { path, method, operation } of described) {
    const name = `${method} ${path}`;
    const url = path.replace("{model}", "cabs-new");
    const ask = (init: RequestInit) => (method === "post" ? api.post(url, {}, init) : api.get(url, init));
    const isOpen = JSON.stringify(operation.security) === "[{}]";
    t.equal((await ask({})).status === 401, !isOpen, `${name} needs a key or says that it does not`);
    const body = operation.requestBody?.content["application/json"]?.schema.$ref;
    t.equal(
      body !== undefined,
      method === "post" && path !== "/debug/profile",
      `${name}: bodies are described`,
    );
    t.equal((await ask({ headers })).status, method === "post" ? 400 : 200, `${name} exists`);
    t.same(
      (operation.parameters ?? []).filter((each) => each.in === "path").map((each) => each.name),
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      `${name}: parameters`,
    );
  }

  const { schemas } = document.components;
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  t.ok(references.length > 10);
  for (const [, name] of references) t.ok(schemas[name!], `${name} is there`);
  t.same(
    Object.keys(schemas).filter((name) => !references.some((reference) => reference[1] === name)),
    [],
    "and nothing is there for nobody",
  );
  for (const field of OPTION_FIELDS) t.ok(schemas.ChatRequest.properties[field], field);
  await api.close();
  await model.dispose();
});

/** Values that are wrong for most fields, of each kind that JSON has. */
const ODD: unknown[] = [true, -1, 1.5, 1e300, "x", [], [null], [[{}]], {}, { type: "x" }];

t.test("no value of a field is a failure of the server", async (t) => {
  const model = await loadGolden("cabs-new");
  const failures: string[] = [];
  const api = await serve(model, {
    log: ({ level, error }) => {
      if (level === "error") failures.push(String(error));
    },
  });
  const { body: document } = await api.get("/docs/openapi.json");
  const told = [{ role: "user", content: "Hi" }];
  const least: Record<string, object> = {
    ChatRequest: { messages: told, max_tokens: 1 },
    CompletionRequest: { prompt: "Hi", max_tokens: 1 },
    ResponseRequest: { input: "Hi", max_output_tokens: 1 },
    MessageRequest: { messages: told, max_tokens: 1 },
    MessageCountRequest: { messages: told },
    TokenizeRequest: { prompt: "Hi" },
    DetokenizeRequest: { tokens: [1] },
    SamplingRequest: { image: "data:image/png;base64,AAAA" },
  };
  // Fields that are read and have no place in a schema of their own.
  const others = ["tools", "functions", "include", "text", "metadata", "output_config", "thinking"];
  let asked = 0;
  const ask = async (path: string, body: object) => {
    const { status, body: answer } = await api.post(path, body);
    asked++;
    const isTold = typeof answer.error?.message === "string" && typeof answer.error.type === "string";
    if (status === 200 || (status >= 400 && status < 500 && isTold)) return;
    failures.push(`${path} ${JSON.stringify(body)}: ${status} ${JSON.stringify(answer)}`);
  };
  for (const [path, { post }] of Object.entries<Record<string, Operation>>(document.paths)) {
    const name = post?.requestBody?.content["application/json"]?.schema.$ref.split("/").at(-1);
    if (name === undefined) continue;
    t.ok(least[name], `${name} is known here`);
    const fields = new Set([...Object.keys(document.components.schemas[name].properties), ...others]);
    for (const field of fields)
      await Promise.all(ODD.map((value) => ask(path, { ...least[name], [field]: value })));
    await ask(path, { ...least[name], include: false });
  }
  t.ok(asked > 1000, `${asked} requests`);
  t.same(failures, []);
  await api.close();
  await model.dispose();
});
