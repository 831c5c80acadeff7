// What a server refuses, in which words and with which status; and that it goes on afterwards.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { createServer, handler } from "../lib/server/index.js";
import { loadGolden, refused } from "./support/golden-model.js";
import { serve, type TestServer } from "./support/http-server.js";

const CHAT = "/v1/chat/completions";
const hello = { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 };
const withImage = (url: unknown) => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
  max_tokens: 1,
});
const model = await loadGolden("cabs-new", { maxImagePixels: 1e6 });
let api: TestServer;
t.before(async () => {
  api = await serve(model, { bodyTimeout: 1, maxBodyBytes: 100_000, maxImageBytes: 50_000 });
});
t.afterEach(async () => {
  const { status } = await api.post(CHAT, hello);
  if (status !== 200) throw new Error(`a good request is answered with ${status} afterwards`);
});
t.teardown(async () => {
  await api.close();
  await model.dispose();
});

/** Sends bytes as they are; resolves with all that comes back until the server ends the connection. */
async function raw(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect(api.port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  for (const part of parts) socket.write(part);
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

const head = (...lines: string[]) =>
  `${[`POST ${CHAT} HTTP/1.1`, "Host: x", "Content-Type: application/json", ...lines].join("\r\n")}\r\n\r\n`;

t.test("fields of the wrong kind are named", async (t) => {
  const cases: [string, object, RegExp][] = [
    [CHAT, [], /body must be an object/],
    [CHAT, {}, /messages must be an array/],
    [CHAT, { messages: "x" }, /messages must be an array/],
    [CHAT, { messages: [] }, /none with role "user"/],
    [CHAT, { messages: [5] }, /messages\[0\] must be an object/],
    [CHAT, { messages: [{ role: "tool", content: "x" }] }, /role must be/],
    [CHAT, { messages: [{ role: "user", content: 5 }] }, /content must be/],
    [CHAT, { messages: [{ role: "user", content: [{ type: "video" }] }] }, /"text" or "image_url"/],
    [CHAT, { messages: [{ role: "user", content: [{ type: "text" }] }] }, /text must be a text/],
    [CHAT, { ...hello, max_tokens: "4" }, /maxTokens.*integer/],
    [CHAT, { ...hello, temperature: [] }, /temperature/],
    [CHAT, { ...hello, temprature: 1 }, /"temprature"; did you mean "temperature"/],
    [CHAT, { ...hello, n: 0 }, /n must be/],
    [CHAT, { ...hello, stop: [""] }, /stop must be/],
    [CHAT, { ...hello, seed: 0.5 }, /seed must be/],
    [CHAT, { ...hello, logit_bias: { x: 1 } }, /not a token id/],
    [CHAT, { ...hello, stream: "yes" }, /stream must be true or false/],
    [CHAT, { ...hello, stream_options: {} }, /stream_options is for stream: true/],
    [CHAT, { ...hello, stream: true, stream_options: 5 }, /stream_options must be an object/],
    [CHAT, { ...hello, logprobs: 1 }, /logprobs must be true or false/],
    [CHAT, { ...hello, logprobs: true, top_logprobs: 21 }, /at most the 20/],
    [CHAT, { ...hello, logprobs: true, top_logprobs: "2" }, /top_logprobs must be an integer/],
    [CHAT, { ...hello, top_logprobs: 2 }, /top_logprobs is for logprobs: true/],
    [CHAT, { ...hello, system: ["base"] }, /^system must be .*\["base"\]/],
    [CHAT, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])), /300 fields/],
    ["/v1/responses", { input: "Hi", include: false }, /^include must be an array/],
    [CHAT, { ...hello, tools: [{ type: "function" }] }, /^tools: this model calls no tools/],
    [CHAT, { ...hello, functions: [{}] }, /^functions: /],
    [CHAT, { ...hello, signal: 5 }, /unknown field "signal"/],
    ["/v1/completions", { prompt: ["a", "b"] }, /one text; send each/],
    ["/v1/completions", { prompt: 5 }, /prompt must be a text/],
    ["/v1/completions", { prompt: "x", images: 5 }, /images must be an array/],
    ["/v1/completions", { prompt: "<image>" }, /1 <image> but 0 images/],
    ["/v1/completions", { prompt: "x", logprobs: "all" }, /logprobs must be/],
    ["/v1/completions", { prompt: "x", echo: 1 }, /echo must be true or false/],
  ];
  for (const [path, body, message] of cases) {
    const { status, body: answer } = await api.post(path, body);
    t.match({ status, ...answer.error }, { status: 400, type: "invalid_request_error", message });
  }
  const huge = await api.post("/tokenize", { prompt: "x".repeat(90_000) });
  t.match(huge, {
    status: 400,
    body: { error: { code: "context_length_exceeded", message: /at least 9000 tokens/ } },
  });
  for (const stream of [true, false]) {
    const { status, body } = await api.post(CHAT, {
      messages: [{ role: "user", content: "x ".repeat(10_000) }],
      stream,
    });
    t.equal(status, 400, "a stream that cannot begin has a status too");
    t.equal(body.error.code, "context_length_exceeded");
  }
  const empty = await api.post(CHAT, { ...hello, tools: [], tool_choice: "none", user: "x" });
  t.equal(empty.status, 200, "no tools are no tools");
});

t.test("what is not JSON", async (t) => {
  for (const body of ["", "{", "nonsense", '{"messages": undefined}']) {
    const answer = await api.post(CHAT, body);
    t.match(answer, { status: 400, body: { error: { code: "invalid_body", message: /not JSON/ } } });
  }
  const deep = await api.post(CHAT, `{"messages":${"[".repeat(40_000)}${"]".repeat(40_000)}}`);
  t.match(deep, { status: 400 }, "nested deeply");
  const deepModel = await api.post(CHAT, `{"model":${'{"a":'.repeat(15_000)}1${"}".repeat(15_000)}}`);
  t.match(deepModel, {
    status: 400,
    body: { error: { code: "invalid_body", message: /nested too deeply/ } },
  });
  const long = await api.post(CHAT, { messages: [{ role: "x".repeat(50_000), content: "" }] });
  t.equal(long.status, 400);
  t.ok(long.body.error.message.length < 1000, "a message does not repeat all it was sent");
  t.match(
    await raw(head("Connection: close", "Content-Length: 2"), Buffer.from([0xff, 0xfe])),
    /400 .*not JSON/s,
  );
  const plain = await api.post(CHAT, hello, { headers: { "content-type": "text/plain" } });
  t.match(plain, { status: 415, body: { error: { message: /text\/plain/ } } });
  const zipped = await api.post(CHAT, hello, { headers: { "content-encoding": "gzip" } });
  t.match(zipped, { status: 415, body: { error: { message: /gzip/ } } });
});

t.test("paths and methods", async (t) => {
  t.match(await api.post("/v1/embeddings", {}), { status: 404, body: { error: { code: "not_found" } } });
  const get = await api.get(CHAT);
  t.match(get, { status: 405, body: { error: { message: /answers POST only/ } } });
  t.equal(get.headers.get("allow"), "POST");
  t.match(await api.get(`${CHAT}?x=1`), { status: 405 }, "a query is not part of the path");
  const wrong = await api.post(CHAT, { ...hello, model: "gpt-4o" });
  t.match(wrong, { status: 404, body: { error: { code: "model_not_found", message: /gpt-4o.*cabs-new/ } } });
});

t.test("bodies that are too large or too slow", async (t) => {
  const announced = await raw(head("Content-Length: 1000000000"), "{");
  t.match(announced, /^HTTP\/1.1 413 .*100000 bytes/s, "refused before it arrives");
  const part = "x".repeat(60_000);
  const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
  t.match(
    await raw(head("Transfer-Encoding: chunked"), chunk, chunk),
    /^HTTP\/1.1 413 /,
    "refused while it arrives",
  );
  t.match(await raw(head("Content-Length: 50"), '{"mess'), /^HTTP\/1.1 408 .*within 1 s/s);
  t.match(await raw("nonsense\r\n\r\n"), /^HTTP\/1.1 400 .*invalid_request/s);
  t.match(await raw(`GET / HTTP/1.1\r\nX: ${"x".repeat(70_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
  const gone = connect(api.port, "127.0.0.1");
  gone.write(head("Content-Length: 50"));
  await sleep(20);
  gone.destroy();
});

t.test("images that are not allowed, too large or broken", async (t) => {
  const ask = async (url: unknown) => (await api.post(CHAT, withImage(url))).body.error;
  for (const url of [
    "cat.png",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1/x.png",
    "ftp://x/y",
    "",
  ])
    t.match(await ask(url), { code: "invalid_image_url", message: /data: URL/ }, url);
  t.match(await ask("https://example.com/a.png"), { code: "invalid_image_url" });
  t.match(await ask(5), { code: "ERR_OPTION", message: /image_url.url must be a text/ });
  t.match(await ask("data:image/png;base64"), { code: "ERR_IMAGE", message: /no comma/ });
  t.match(await ask("data:image/png;base64,!!!!"), { code: "ERR_IMAGE", message: /base64/ });
  t.match(await ask("data:image/png;base64,AAAA"), { code: "ERR_IMAGE", message: /unknown data/ });
  t.match(await ask(`data:image/png;base64,${"A".repeat(70_000)}`), {
    code: "image_too_large",
    message: /50000/,
  });
  // A GIF whose header announces 65535 × 65535 pixels.
  const bomb = Buffer.from("474946383961ffffffff0000002c00000000ffffffff0002024401003b", "hex");
  t.match(await ask(`data:image/gif;base64,${bomb.toString("base64")}`), {
    message: /65535×65535 pixels.*1000000/,
  });
});

t.test("many requests of one connection at once", async (t) => {
  const warnings: string[] = [];
  const note = ({ message }: Error) => warnings.push(message);
  process.on("warning", note);
  const body = JSON.stringify({ prompt: "Hi", max_tokens: 2 });
  const post = (last: boolean) =>
    `POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: ${last ? "close" : "keep-alive"}\r\n` +
    `Content-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const answers = await raw(post(false).repeat(30) + post(true));
  t.equal(answers.match(/HTTP\/1.1 200/g)?.length, 31);
  // Of all that waited for their turn none goes on when the connection has ended.
  const socket = connect(api.port, "127.0.0.1");
  socket.write(post(false).repeat(20).replaceAll('"max_tokens":2', '"max_tokens":2,"n":8'));
  await sleep(20);
  socket.destroy();
  while (model.stats().running + model.stats().waiting > 0) await sleep(5);
  await sleep(0);
  process.off("warning", note);
  t.same(warnings, []);
});

t.test("options of the server", async (t) => {
  const bad = (options: object, ...named: (string | RegExp)[]) =>
    refused(t, () => handler(model, options), "ERR_OPTION", ...named);
  await bad({ maxQueu: 5 }, "maxQueu", "maxQueue");
  await bad({ maxQueue: -1 }, "maxQueue", "-1");
  await bad({ requestTimeout: 0 }, "requestTimeout");
  await bad({ modelName: "" }, "modelName");
  await bad({ tracer: {} }, "tracer");
  await bad({ log: "xml" }, "log", "xml");
  await bad({ cors: "https://example.com/" }, "cors", "no slash");
  await bad({ apiKeys: "secret" }, "apiKeys must be an array");
  await bad({ apiKeys: ["with space"] }, "apiKeys[0]");
  await bad({ apiKeys: [{ key: "x", rate: 0 }] }, "rate");
  await bad({ allowRemoteImages: ["https://example.com"] }, "name of a host");
  t.throws(() => createServer(model, { maxBodyBytes: 0.5 }), { code: "ERR_OPTION" });
});
