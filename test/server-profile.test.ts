// POST /debug/profile: what the engine does while others ask it, for holders of a key alone.
import { once } from "node:events";
import t from "tap";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { serve } from "./support/http-server.js";
import { traceProblems } from "./support/trace-format.js";

const key = "secret-1";
const headers = { authorization: `Bearer ${key}` };
const model = await loadGolden("linear");
const api = await serve(model, { apiKeys: [key] });
t.teardown(async () => {
  await api.close();
  await model.dispose();
});

const profile = (query: string, init: RequestInit = { headers }) =>
  api.post(`/debug/profile${query}`, "", init);

t.test("what others ask for meanwhile is in it, with the phases of each request", async (t) => {
  const endless = model.generate({ prompt: SHORT_PROMPT, maxTokens: 400, ignoreEos: true });
  await endless.next();
  const taken = profile("?seconds=0.3&format=profile");
  const body = { prompt: SHORT_PROMPT, max_tokens: 3 };
  const answer = await api.post("/v1/completions", body, { headers });
  t.equal(answer.status, 200);
  const { status, body: found } = await taken;
  await endless.return();
  t.equal(status, 200);
  t.match(found, { format: "honeybee-profile", version: 1, repeats: [] });
  t.ok(found.ops.some(({ stage }: { stage: string }) => stage === "decode"));
  t.ok(found.phases.length > 0);
});

t.test("it is a Chrome trace unless another form is asked for", async (t) => {
  const { status, body } = await profile("?seconds=0.01");
  t.equal(status, 200);
  t.same(traceProblems(body), []);
  const report = await profile("?seconds=0.01&format=html");
  t.match(report.headers.get("content-type"), "text/html");
  t.match(report.body, /^<!doctype html>/i);
});

t.test("refusals", async (t) => {
  t.equal((await profile("?seconds=1", {})).status, 401, "without the key");
  t.equal((await profile("")).status, 400, "without seconds");
  for (const seconds of ["0", "-1", "61", "x", "", "NaN", "Infinity"]) {
    const { status, body } = await profile(`?seconds=${seconds}`);
    t.equal(status, 400);
    t.match(body.error, { code: "invalid_seconds", message: /at most 60/ });
  }
  t.match((await profile("?seconds=1&format=toString")).body.error, {
    code: "invalid_format",
    message: /html/,
  });
  const open = await serve(model);
  const refused = await open.post("/debug/profile?seconds=1", "");
  t.equal(refused.status, 403);
  t.match(refused.body.error.message, /this server has no keys/);
  await open.close();
});

t.test("one at a time; a client that leaves ends it", async (t) => {
  const controller = new AbortController();
  const arrived = once(api.server, "request");
  const first = profile("?seconds=60", { headers, signal: controller.signal });
  await arrived;
  t.match((await profile("?seconds=1")).body.error, { code: "profile_running", message: /already/ });
  controller.abort();
  await t.rejects(first);
  let status = 409;
  while (status === 409) ({ status } = await profile("?seconds=0.001"));
  t.equal(status, 200);
});
