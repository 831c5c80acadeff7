// Who is let in, how long, and what stops the work of those who left.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { loadModel } from "../lib/index.js";
import type { LogRecord, Tracer } from "../lib/server/index.js";
import { endlessModel } from "./support/endless-model.js";
import { SHORT_PROMPT } from "./support/golden-model.js";
import { eventsOf, serve, type TestServer, until } from "./support/http-server.js";

const PATH = "/v1/completions";
const short = { prompt: SHORT_PROMPT, max_tokens: 2 };
const endless = { prompt: SHORT_PROMPT, max_tokens: 1_000_000, ignore_eos: true };
const model = await loadModel(endlessModel(t.testdir()), { weights: "f32", maxSequences: 2 });
t.teardown(() => model.dispose());

function encodeRequest(body: object): string {
  const text = JSON.stringify(body);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

/** Asks for an endless stream and reads until it has begun. Destroy the socket to end it. */
async function openStream(
  { port }: TestServer,
  body: object = { ...endless, stream: true },
): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  socket.write(encodeRequest(body));
  if ("stream" in body) await new Promise((resolve) => socket.once("data", resolve));
  else await until(() => model.stats().running > 0);
  socket.resume();
  return socket;
}

/** Waits until the engine has nothing to do, and makes sure that it does nothing. */
async function idle(): Promise<number> {
  const { steps } = model.stats();
  await until(() => model.stats().running + model.stats().waiting === 0);
  const stopped = model.stats();
  await sleep(20);
  if (model.stats().steps !== stopped.steps) throw new Error("the engine goes on");
  return stopped.steps - steps;
}

t.test("a client that goes away stops the work", async (t) => {
  const records: LogRecord[] = [];
  const api = await serve(model, { log: (record) => records.push(record) });
  for (const body of [{ ...endless, stream: true }, endless, { ...endless, n: 2, stream: true }]) {
    (await openStream(api, body)).destroy();
    t.ok((await idle()) < 2000, "long before the answer is complete");
  }
  const half = await openStream(api);
  half.end();
  await idle();
  half.destroy();
  const waiting = await Promise.all([openStream(api), openStream(api)]);
  const controller = new AbortController();
  const third = api.post(PATH, endless, { signal: controller.signal });
  await until(() => model.stats().waiting === 1);
  controller.abort();
  await t.rejects(third);
  await until(() => model.stats().waiting === 0);
  t.equal(model.stats().running, 2, "the others go on");
  for (const socket of waiting) socket.destroy();
  await idle();
  await until(() => records.length === 7);
  t.ok(
    records.every(({ status }) => status === 499),
    "and the log says so",
  );
  await api.close();
});

t.test("a full queue refuses, and says when to come again", async (t) => {
  const api = await serve(model, { maxQueue: 1 });
  const sockets = await Promise.all([openStream(api), openStream(api)]);
  t.equal((await api.get("/ready")).status, 200);
  const queued = api.post(PATH, short);
  await until(() => model.stats().waiting === 1);
  t.equal((await api.get("/ready")).status, 503);
  t.equal((await api.get("/health")).status, 200, "alive all the same");
  const refused = await api.post(PATH, short);
  t.match(refused, { status: 429, body: { error: { code: "rate_limit_exceeded", message: /3 answers/ } } });
  t.match(refused.headers.get("retry-after"), /^[1-9]\d?$/);
  for (const socket of sockets) socket.destroy();
  t.equal((await queued).status, 200, "who waited is answered");
  t.equal((await api.post(PATH, { ...short, n: 3 })).status, 200);
  t.equal((await api.post(PATH, { ...short, beams: 2, n: 2 })).status, 200);
  t.match(await api.post(PATH, { ...short, beams: 4 }), { status: 400 }, "beams take places too");
  t.match(await api.post(PATH, { ...short, n: 4 }), {
    status: 400,
    body: { error: { message: /4 answers or beams/ } },
  });
  await api.close();
});

t.test("a request has a deadline", async (t) => {
  const api = await serve(model, { requestTimeout: 0.2 });
  t.match(await api.post(PATH, endless), {
    status: 504,
    body: { error: { code: "timeout", type: "server_error" } },
  });
  const stream = await api.post(PATH, { ...endless, stream: true }).catch((error) => error);
  if (stream.status === 200) t.match(eventsOf(stream.body).at(-1), { error: { code: "timeout" } });
  await api.close();
  const patient = await serve(model);
  const own = await patient.post(PATH, { ...endless, timeout: 50 });
  t.match(own, { status: 504, body: { error: { code: "ERR_OVERLOADED" } } });
  await idle();
  await patient.close();
});

t.test("keys", async (t) => {
  const api = await serve(model, {
    apiKeys: [
      "plain",
      { key: "slow", name: "Slow", rate: 2 },
      { key: "single", concurrency: 1 },
      { key: "vip", priority: 9 },
    ],
  });
  const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
  const computing = [PATH, "/v1/chat/completions", "/tokenize", "/detokenize"];
  for (const path of computing) {
    const without = await api.post(path, {});
    t.match(without, { status: 401, body: { error: { code: "invalid_api_key" } } }, path);
    t.equal(without.headers.get("www-authenticate"), "Bearer");
    t.match(await api.post(path, {}, as("plai")), { status: 401 }, path);
    t.match(await api.post(path, {}, as("plain")), { status: 400 }, path);
  }
  t.equal((await api.get("/v1/models")).status, 401);
  for (const path of ["/health", "/ready", "/metrics"]) t.equal((await api.get(path)).status, 200, path);
  t.equal((await api.post(PATH, short, { headers: { "x-api-key": "plain" } })).status, 200);

  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await api.post(PATH, short, as("slow"))).status);
  t.same(statuses, [200, 200, 429]);
  const limited = await api.post(PATH, short, as("slow"));
  t.match(limited.body.error.message, /2 requests a minute/);
  t.match(limited.headers.get("retry-after"), /^(29|30)$/, "when the next of two a minute may come");

  const controller = new AbortController();
  const first = api.post(PATH, endless, { ...as("single"), signal: controller.signal });
  await until(() => model.stats().running === 1);
  t.match(await api.post(PATH, short, as("single")), {
    status: 429,
    body: { error: { message: /1 requests under way/ } },
  });
  t.equal((await api.post(PATH, short, as("plain"))).status, 200, "others are not touched");
  controller.abort();
  await t.rejects(first);
  await idle();
  t.equal((await api.post(PATH, short, as("single"))).status, 200);
  await api.close();
});

t.test("nobody is more urgent than their key", async (t) => {
  const api = await serve(model, { apiKeys: ["plain", { key: "vip", priority: 9 }] });
  const order: string[] = [];
  const blocking = await Promise.all(
    [1, 2].map(() => {
      const controller = new AbortController();
      const headers = { authorization: "Bearer plain" };
      api.post(PATH, endless, { headers, signal: controller.signal }).catch(() => {});
      return controller;
    }),
  );
  await until(() => model.stats().running === 2);
  const ask = (key: string, priority?: number) =>
    api
      .post(PATH, { ...short, max_tokens: 1, priority }, { headers: { authorization: `Bearer ${key}` } })
      .then(({ status }) => order.push(`${key} ${status}`));
  const asked = [ask("plain", 1000)];
  await until(() => model.stats().waiting === 1);
  asked.push(ask("vip"));
  await until(() => model.stats().waiting === 2);
  blocking[0]!.abort();
  await Promise.all(asked);
  t.same(order, ["vip 200", "plain 200"]);
  blocking[1]!.abort();
  await idle();
  await api.close();
});

t.test("bodies have a common limit", async (t) => {
  const api = await serve(model, { maxBodyBytes: 1000 });
  const text = JSON.stringify({ ...short, prompt: "x".repeat(850) });
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect(api.port, "127.0.0.1").on("error", () => {});
    socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`);
    socket.write(`Content-Length: ${text.length}\r\n\r\n${text.slice(0, -1)}`);
    return socket;
  });
  const answered = async (status: number) => {
    for (;;) {
      const answer = await api.post(PATH, text);
      if (answer.status === status) return answer.body;
    }
  };
  t.match(await answered(503), { error: { code: "overloaded" } }, "as soon as they are there");
  for (const socket of sockets) socket.destroy();
  t.match(await answered(200), { object: "text_completion" }, "given back");
  await api.close();
});

t.test("closing lets what runs end and takes nothing new on", async (t) => {
  const api = await serve(model);
  const keepAlive = connect(api.port, "127.0.0.1").on("error", () => {});
  const running = api.post(PATH, { ...short, max_tokens: 300, ignore_eos: true, stream: true });
  await until(() => model.stats().running === 1);
  const closed = new Promise<void>((resolve) => api.server.close(() => resolve()));
  await t.rejects(api.get("/health"), "no new connection");
  const { body } = await running;
  t.equal(eventsOf(body).at(-1), "[DONE]");
  await closed;
  keepAlive.destroy();
});

t.test("requests sent before the answers to earlier ones", async (t) => {
  const api = await serve(model);
  const ask = (...bodies: object[]) => {
    const socket = connect(api.port, "127.0.0.1").on("error", () => {});
    socket.write(bodies.map(encodeRequest).join(""));
    return socket;
  };
  const leaving = ask(endless, endless);
  await until(() => model.stats().running === 2);
  leaving.destroy();
  t.ok((await idle()) < 2000, "both are given up when the client goes away");

  let told = "";
  const staying = ask(short, { ...short, max_tokens: 300, ignore_eos: true, stream: true });
  const ended = new Promise((resolve) => staying.once("close", resolve));
  staying.on("data", (part) => {
    told += part;
  });
  await until(() => told.includes("text/event-stream"));
  await Promise.all([new Promise<void>((resolve) => api.server.close(() => resolve())), ended]);
  t.match(told, /data: \[DONE\]/, "closing waits for the second answer too, and for nobody who left");
});

t.test("a client that does not read holds nothing for longer than its time", async (t) => {
  const records: LogRecord[] = [];
  const api = await serve(model, { requestTimeout: 1, log: (record) => records.push(record) });
  const socket = await openStream(api, { ...endless, stream: true, logprobs: 20 });
  socket.pause();
  await until(() => records.length === 1);
  t.match(records[0], { status: 504, error: "timeout" });
  await idle();
  socket.destroy();
  await api.close();
});

t.test("hundreds of connections that say nothing", async (t) => {
  const api = await serve(model);
  const sockets = Array.from({ length: 400 }, () => connect(api.port, "127.0.0.1").on("error", () => {}));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  t.equal((await api.post(PATH, short)).status, 200);
  const closed = new Promise<void>((resolve) => api.server.close(() => resolve()));
  await closed;
  const open = await new Promise((resolve) => api.server.getConnections((_error, count) => resolve(count)));
  t.equal(open, 0, "nor do they keep the server");
  for (const socket of sockets) socket.destroy();
});

t.test("a model that is disposed of", async (t) => {
  const other = await loadModel(endlessModel(t.testdir()), { weights: "f32", maxSequences: 2 });
  const api = await serve(other);
  const running = api.post(PATH, endless);
  await until(() => other.stats().running === 1);
  await other.dispose();
  t.match(await running, { status: 503, body: { error: { code: "ERR_DISPOSED" } } });
  t.match(await api.post(PATH, short), { status: 503, body: { error: { code: "ERR_DISPOSED" } } });
  for (const path of ["/health", "/ready", "/metrics"]) t.equal((await api.get(path)).status, 503, path);
  await api.close();
});

t.test("metrics and log", async (t) => {
  const records: LogRecord[] = [];
  const api = await serve(model, {
    log: (record) => records.push(record),
    apiKeys: [{ key: "k", name: "Ann" }],
  });
  const headers = { authorization: "Bearer k" };
  const secret = "A prompt that no log may hold";
  await api.post(PATH, { prompt: secret, max_tokens: 5, ignore_eos: true }, { headers });
  await api.post(PATH, { prompt: secret, max_tokens: 5, ignore_eos: true, stream: true }, { headers });
  await api.post(PATH, { prompt: { secret } }, { headers });
  await until(() => records.length === 3);
  t.match(records[0], {
    level: "info",
    event: "request",
    route: PATH,
    status: 200,
    key: "Ann",
    stream: false,
    completionTokens: 5,
    cachedTokens: 0,
    finishReason: "length",
    ms: Number,
    firstTokenMs: Number,
  });
  t.match(records[1], { stream: true, completionTokens: 5 });
  t.match(records[2], { status: 400, error: "ERR_OPTION" });
  t.notMatch(JSON.stringify(records), secret);
  const { body } = await api.get("/metrics");
  const value = (name: string) =>
    Number(new RegExp(`^${name.replace(/[{}"/]/g, "\\$&")} (.*)$`, "m").exec(body)?.[1]);
  const { generatedTokens, blocksFree } = model.stats();
  t.equal(value(`honeybee_http_requests_total{route="${PATH}",status="200"}`), 2);
  t.equal(value(`honeybee_http_requests_total{route="${PATH}",status="400"}`), 1);
  t.equal(value("honeybee_first_token_seconds_count"), 2);
  t.equal(value("honeybee_token_seconds_count"), 8);
  t.equal(value("honeybee_generated_tokens_total"), generatedTokens);
  t.equal(value('honeybee_kv_blocks{state="free"}'), blocksFree);
  t.equal(value('honeybee_device_memory_bytes{use="weights"}'), model.info.weightBytes);
  await api.close();
});

t.test("spans", async (t) => {
  const spans: { name: string; kind: number; attributes?: object; code?: number; ended: number }[] = [];
  const tracer: Tracer = {
    startSpan(name, { kind }) {
      const span: (typeof spans)[number] = { name, kind, ended: 0 };
      spans.push(span);
      return {
        setAttributes: (attributes) => Object.assign(span, { attributes }),
        setStatus: ({ code }) => Object.assign(span, { code }),
        end: () => span.ended++,
      };
    },
  };
  const api = await serve(model, { tracer });
  await api.post(PATH, short);
  await api.post(PATH, { ...endless, timeout: 50 });
  await until(() => spans[1]?.ended === 1);
  const usage = { "gen_ai.usage.output_tokens": 2, "http.response.status_code": 200 };
  t.match(spans, [
    { name: `POST ${PATH}`, kind: 1, code: undefined, attributes: usage, ended: 1 },
    { name: `POST ${PATH}`, code: 2, attributes: { "error.type": "ERR_OVERLOADED" }, ended: 1 },
  ]);
  await api.close();
});

t.test("pages of other origins", async (t) => {
  const open = await serve(model, { cors: "https://chat.example.com" });
  const preflight = {
    method: "OPTIONS",
    headers: {
      origin: "https://chat.example.com",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  };
  const asked = await open.get(PATH, preflight);
  t.equal(asked.status, 204);
  t.equal(asked.headers.get("access-control-allow-origin"), "https://chat.example.com");
  t.equal(asked.headers.get("access-control-allow-headers"), "authorization,content-type");
  const origin = (value: string) => open.get("/health", { headers: { origin: value } });
  t.equal(
    (await origin("https://chat.example.com")).headers.get("access-control-allow-origin"),
    "https://chat.example.com",
  );
  t.equal((await origin("https://evil.example")).headers.get("access-control-allow-origin"), null);
  await open.close();
  const closed = await serve(model);
  t.equal((await closed.get(PATH, preflight)).status, 405);
  await closed.close();
});
