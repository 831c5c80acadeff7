// The handler inside a server of someone else's: what is not its own, bodies that were parsed before, a drain.
import { createServer, type IncomingMessage } from "node:http";
import t from "tap";
import { handler, type LogRecord } from "../lib/server/index.js";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { listening, until } from "./support/http-server.js";

t.test("a handler among others", async (t) => {
  const model = await loadGolden("cabs-new", { context: 1024 });
  const answer = handler(model);
  const server = createServer(async (request: IncomingMessage & { body?: unknown }, response) => {
    // As express.json() does.
    if (request.headers["x-parse"]) {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      request.body = JSON.parse(Buffer.concat(parts).toString());
    }
    answer(request, response, () => response.end("someone else's"));
  });
  const api = await listening(server);
  const body = { prompt: SHORT_PROMPT, max_tokens: 3 };
  const own = await api.post("/v1/completions", body);
  const parsed = await api.post("/v1/completions", body, { headers: { "x-parse": "1" } });
  t.equal(parsed.body.choices[0].text, own.body.choices[0].text, "a parsed body will do");
  t.equal((await api.get("/elsewhere")).body, "someone else's");
  t.equal((await api.get("/v1/completions")).status, 405, "its own paths are its own");

  const running = api.post("/v1/completions", { ...body, max_tokens: 400, ignore_eos: true });
  await until(() => model.stats().running === 1);
  const drained = answer.drain();
  t.match(await api.post("/v1/completions", body), {
    status: 503,
    body: { error: { code: "shutting_down" } },
  });
  t.equal((await api.get("/ready")).status, 503);
  t.equal((await api.get("/health")).status, 200);
  t.equal((await running).body.usage.completion_tokens, 400, "what ran was finished");
  await drained;
  t.equal((await api.get("/elsewhere")).body, "someone else's");
  await api.close();
  await model.dispose();
});

t.test("a client that left before the handler's turn", async (t) => {
  const model = await loadGolden("cabs-new");
  const records: LogRecord[] = [];
  const answer = handler(model, { log: (record) => records.push(record) });
  // As a look into a database does.
  const server = createServer((request, response) => {
    response.once("close", () => answer(request, response));
    request.resume();
  });
  const api = await listening(server);
  const body = { prompt: SHORT_PROMPT, max_tokens: 3 };
  await t.rejects(api.post("/v1/completions", body, { signal: AbortSignal.timeout(100) }));
  await until(() => records.length === 1);
  t.match(records, [{ status: 499 }]);
  t.equal(model.stats().promptTokens, 0, "nothing is computed");
  await answer.drain();
  await api.close();
  await model.dispose();
});
