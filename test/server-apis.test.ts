// Anthropic's messages and OpenAI's responses, by their official clients, against what chat answers.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import t from "tap";
import { image, loadModel } from "../lib/index.js";
import { endlessModel } from "./support/endless-model.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { eventsOf, goldenDataUrl, serve, type TestServer } from "./support/http-server.js";

const url = goldenDataUrl();
const model = await loadGolden("cabs-new");
const system = "Answer in one word.";
let api: TestServer;
t.before(async () => {
  api = await serve(model, { apiKeys: ["k"] });
});
t.teardown(async () => {
  await api.close();
  await model.dispose();
});
const headers = { authorization: "Bearer k" };

const expected = () =>
  model.chat({
    messages: [
      { role: "system", content: system },
      { role: "user", content: ["What is this?", image(goldenCase("cabs-new").images![0]!)] },
    ],
    maxTokens: 12,
  }).result;

t.test("Anthropic's client", async (t) => {
  const client = new Anthropic({ baseURL: api.url, apiKey: "k", maxRetries: 0 });
  const { text, usage } = await expected();
  const data = url.slice(url.indexOf(",") + 1);
  const request = {
    model: "cabs-new",
    max_tokens: 12,
    system,
    messages: [
      {
        role: "user" as const,
        content: [
          { type: "text" as const, text: "What is this?" },
          {
            type: "image" as const,
            source: { type: "base64" as const, media_type: "image/png" as const, data },
          },
        ],
      },
    ],
  };
  const whole = await client.messages.create(request);
  t.match(whole, {
    type: "message",
    role: "assistant",
    model: "cabs-new",
    content: [{ type: "text", text }],
    stop_reason: "max_tokens",
    stop_sequence: null,
    usage: { output_tokens: 12 },
  });
  const { input_tokens, cache_read_input_tokens } = whole.usage;
  t.equal(input_tokens + (cache_read_input_tokens ?? 0), usage.promptTokens);
  const stream = client.messages.stream(request);
  let begun: number | undefined;
  let said = "";
  stream.on("streamEvent", (event) => {
    if (event.type === "message_start") begun = event.message.usage.input_tokens;
  });
  stream.on("text", (piece) => {
    said += piece;
  });
  const final = await stream.finalMessage();
  t.equal(said, text);
  t.equal(begun, usage.promptTokens);
  t.match(final, {
    content: [{ type: "text", text }],
    stop_reason: "max_tokens",
    usage: { output_tokens: 12 },
  });
  t.equal((await client.messages.countTokens(request)).input_tokens, usage.promptTokens);

  const stop = text.slice(2, 5);
  const stopped = await client.messages.create({ ...request, stop_sequences: ["never", stop] });
  t.match(stopped, {
    content: [{ text: text.slice(0, text.indexOf(stop)) }],
    stop_reason: "stop_sequence",
    stop_sequence: stop,
  });
  const begun2 = { role: "assistant" as const, content: "It is" };
  const prefilled = await client.messages.create({ ...request, messages: [...request.messages, begun2] });
  t.not(prefilled.content[0], undefined, "an answer may be begun");

  await t.rejects(client.messages.create({ ...request, model: "claude" }), /404.*not_found_error/);
  await t.rejects(
    new Anthropic({ baseURL: api.url, apiKey: "x", maxRetries: 0 }).messages.create(request),
    /401.*authentication_error/,
  );
  const controller = new AbortController();
  const aborted = client.messages.stream({ ...request, max_tokens: 500 }, { signal: controller.signal });
  aborted.on("text", () => controller.abort());
  await t.rejects(aborted.finalMessage(), Anthropic.APIUserAbortError);
});

t.test("what messages refuses", async (t) => {
  const hello = { max_tokens: 1, messages: [{ role: "user", content: "Hi" }] };
  const cases: [object, RegExp][] = [
    [{ ...hello, max_tokens: undefined }, /max_tokens is missing/],
    [{ ...hello, messages: 5 }, /messages must be an array/],
    [{ ...hello, messages: [{ role: "system", content: "x" }] }, /role must be "user" or "assistant"/],
    [{ ...hello, messages: [{ role: "user", content: [{ type: "tool_result" }] }] }, /"text" or "image"/],
    [
      { ...hello, messages: [{ role: "user", content: [{ type: "image", source: { type: "file" } }] }] },
      /source must be/,
    ],
    [{ ...hello, system: 5 }, /system must be/],
    [{ ...hello, system: [{}] }, /system\[0\].text/],
    [{ ...hello, tools: [{}] }, /tools: this model/],
    [{ ...hello, thinking: { type: "enabled" } }, /thinking/],
    [{ ...hello, n: 2 }, /n must be 1/],
    [{ ...hello, top_q: 1 }, /top_q/],
  ];
  for (const [body, message] of cases) {
    const { status, body: answer } = await api.post("/v1/messages", body, { headers });
    t.match(
      { status, ...answer },
      { status: 400, type: "error", error: { type: "invalid_request_error", message } },
    );
  }
  const plain = {
    ...hello,
    system: [{ type: "text", text: "x" }],
    thinking: { type: "disabled" },
    metadata: {},
  };
  t.equal((await api.post("/v1/messages", plain, { headers })).status, 200);
});

t.test("OpenAI's responses", async (t) => {
  const client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: "k", maxRetries: 0 });
  const { text, usage } = await expected();
  const request: OpenAI.Responses.ResponseCreateParamsNonStreaming = {
    model: "cabs-new",
    instructions: system,
    max_output_tokens: 12,
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "What is this?" },
          { type: "input_image", image_url: url, detail: "auto" },
        ],
      },
    ],
  };
  const whole = await client.responses.create(request);
  t.equal(whole.output_text, text);
  t.match(whole, {
    object: "response",
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    usage: {
      input_tokens: usage.promptTokens,
      output_tokens: 12,
      input_tokens_details: { image_tokens: usage.imageTokens },
    },
  });
  const stream = client.responses.stream({ ...request, stream: true });
  const types: string[] = [];
  const numbers: number[] = [];
  let said = "";
  for await (const event of stream) {
    types.push(event.type);
    numbers.push(event.sequence_number);
    if (event.type === "response.output_text.delta") said += event.delta;
  }
  t.equal(said, text);
  t.same(types.slice(0, 4), [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
  ]);
  t.same(types.slice(-4), [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.incomplete",
  ]);
  t.same(numbers, [...numbers.keys()]);
  const told = await client.responses.create({
    model: "cabs-new",
    input: "Hi",
    max_output_tokens: 2,
    include: ["message.output_text.logprobs"],
    top_logprobs: 1,
  });
  t.match(told.output, [{ content: [{ logprobs: [{ top_logprobs: [{}] }, {}] }] }]);
  const dialogue = [
    { role: "developer", content: "Be kind." },
    { type: "message", role: "user", content: "Hi" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello" }] },
    { role: "user", content: "Bye" },
  ];
  const body = {
    input: dialogue,
    instructions: "Be short.",
    max_output_tokens: 1,
    store: true,
    text: { format: { type: "text" } },
  };
  t.equal((await api.post("/v1/responses", body, { headers })).status, 200);
  const cases: [object, RegExp][] = [
    [{}, /input must be/],
    [{ input: [{ type: "function_call" }] }, /type must be "message"/],
    [{ input: [{ role: "user", content: [{ type: "input_file" }] }] }, /"input_text"/],
    [
      { input: [{ role: "user", content: [{ type: "input_image", file_id: "x" }] }] },
      /image_url must be a text/,
    ],
    [{ input: "x", instructions: 5 }, /instructions must be a text/],
    [{ input: "x", previous_response_id: "resp_1" }, /previous_response_id is not supported/],
    [{ input: "x", include: 5 }, /include must be/],
    [{ input: "x", tools: [{}] }, /tools: /],
    [{ input: "x", max_output_tokens: "5" }, /maxTokens/],
  ];
  for (const [body, message] of cases) {
    const answer = await api.post("/v1/responses", body, { headers });
    t.match({ status: answer.status, ...answer.body.error }, { status: 400, message });
  }
});

t.test("answers of a schema, in the words of each API", async (t) => {
  const schema = {
    type: "object",
    properties: { seen: { enum: ["cat", "dog"] }, count: { type: "integer", minimum: 0, maximum: 9 } },
    required: ["seen", "count"],
    additionalProperties: false,
  };
  const check = (text: string) => {
    const { seen, count } = JSON.parse(text);
    t.ok(["cat", "dog"].includes(seen) && count >= 0 && count <= 9, text);
  };
  const openai = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: "k", maxRetries: 0 });
  const messages = [{ role: "user" as const, content: "Hi" }];
  const chat = await openai.chat.completions.create({
    model: "cabs-new",
    messages,
    max_tokens: 60,
    response_format: { type: "json_schema", json_schema: { name: "seen", schema } },
  });
  check(chat.choices[0]!.message.content!);
  const response = await openai.responses.create({
    model: "cabs-new",
    input: "Hi",
    max_output_tokens: 60,
    text: { format: { type: "json_schema", name: "seen", schema, strict: true } },
  });
  check(response.output_text);
  t.equal(response.status, "completed");
  const anthropic = new Anthropic({ baseURL: api.url, apiKey: "k", maxRetries: 0 });
  const message = await anthropic.messages.create({
    model: "cabs-new",
    messages,
    max_tokens: 60,
    output_config: { format: { type: "json_schema", schema } },
  });
  const [block] = message.content;
  check(block?.type === "text" ? block.text : "");
  const body = {
    messages,
    response_format: { type: "json_schema", json_schema: { schema: { type: "strin" } } },
  };
  const refused = await api.post("/v1/chat/completions", body, { headers });
  t.match(refused, { status: 400, body: { error: { code: "ERR_OPTION" } } });
});

t.test("a stream that fails says so in the words of its API", async (t) => {
  const endless = await loadModel(endlessModel(t.testdir()), { weights: "f32" });
  const slow = await serve(endless, { requestTimeout: 0.5 });
  const fail = async (path: string, body: object) => {
    const { body: text } = await slow.post(path, { ...body, ignore_eos: true, stream: true });
    // On a machine so slow that nothing was said in time, the failure is the whole answer.
    return typeof text === "string" ? eventsOf(text).at(-1) : text;
  };
  const messages = [{ role: "user", content: "Hi" }];
  const chat = await fail("/v1/chat/completions", { messages, max_tokens: 1_000_000 });
  t.match(chat, { error: { code: "timeout", type: "server_error" } });
  const anthropic = await fail("/v1/messages", { messages, max_tokens: 1_000_000 });
  t.match(anthropic, { type: "error", error: { type: "timeout_error" } });
  const responses = await fail("/v1/responses", { input: "Hi", max_output_tokens: 1_000_000 });
  t.match(responses, { type: "error", code: "timeout", message: /0.5 s/ });
  const client = new OpenAI({ baseURL: `${slow.url}/v1`, apiKey: "none", maxRetries: 0 });
  const asked = { model: "cabs-new", messages, max_tokens: 1_000_000, ignore_eos: true, stream: true };
  const reading = (async () => {
    const stream = await client.chat.completions.create(asked as OpenAI.ChatCompletionCreateParamsStreaming);
    for await (const _ of stream);
  })();
  await t.rejects(reading, { code: "timeout", type: "server_error" }, "and its client throws it");
  await slow.close();
  await endless.dispose();
});
