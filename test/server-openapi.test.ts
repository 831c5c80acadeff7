// The OpenAPI document says what the routes do.
import t from "tap";
import { OPTION_FIELDS } from "../lib/openai/fields.js";
import { API_ROUTES } from "../lib/server/routes.js";
import { loadGolden } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";

type Operation = {
  security?: object[];
  parameters?: { name: string }[];
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
    t.equal(body !== undefined, method === "post", `${name}: bodies are described`);
    t.equal((await ask({ headers })).status, method === "post" ? 400 : 200, `${name} exists`);
    t.same(
      operation.parameters?.map((parameter) => parameter.name) ?? [],
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
