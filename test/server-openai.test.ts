// The routes of OpenAI's API against golden answers, by hand and with the official client.
import OpenAI from "openai";
import t from "tap";
import { image } from "../lib/index.js";
import { goldenCase, loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { eventsOf, goldenDataUrl, serve, type TestServer } from "./support/http-server.js";

const golden = goldenCase("cabs-new");
const url = goldenDataUrl();
const content = [
  { type: "text", text: "Describe this image." },
  { type: "image_url", image_url: { url } },
];
const messages = [{ role: "user", content }];
const model = await loadGolden("cabs-new");
let api: TestServer;
let client: OpenAI;
t.before(async () => {
  api = await serve(model);
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: "none", maxRetries: 0 });
});
t.teardown(async () => {
  await api.close();
  await model.dispose();
});

const expected = () =>
  model.chat({
    messages: [{ role: "user", content: ["Describe this image.", image(golden.images![0]!)] }],
    maxTokens: 12,
  }).result;

t.test("a completion is the golden answer", async (t) => {
  const body = { prompt: golden.prompt, images: [url], max_tokens: golden.max_new_tokens, logprobs: 2 };
  const { status, body: answer } = await api.post("/v1/completions", { ...body, model: "cabs-new" });
  t.equal(status, 200);
  const { choices, usage, object, id } = answer;
  t.equal(object, "text_completion");
  t.match(id, /^cmpl-/);
  t.equal(choices[0].text, model.tokenizer.decode(golden.generate_ids));
  t.equal(choices[0].logprobs.tokens.length, golden.generate_ids.length);
  const imageTokens = golden.prompt_ids.filter((token) => token < 0).length;
  t.match(usage, {
    prompt_tokens: golden.prompt_ids.length,
    completion_tokens: golden.generate_ids.length,
    prompt_tokens_details: { image_tokens: imageTokens },
  });

  const streamed = await api.post("/v1/completions", { ...body, stream: true });
  const events = eventsOf(streamed.body);
  t.equal(events.at(-1), "[DONE]");
  const pieces = events.slice(0, -1).map(({ choices: [choice] }) => choice);
  t.equal(pieces.map(({ text }) => text).join(""), choices[0].text);
  t.same(
    pieces.flatMap(({ logprobs }) => logprobs?.token_logprobs ?? []),
    choices[0].logprobs.token_logprobs,
  );
  for (const field of ["tokens", "text_offset"])
    t.same(
      pieces.flatMap(({ logprobs }) => logprobs?.[field] ?? []),
      choices[0].logprobs[field],
      `${field}, streamed`,
    );
  t.equal(pieces.at(-1).finish_reason, "length");
});

t.test("a conversation, whole and streamed, is what chat answers", async (t) => {
  const { text, usage } = await expected();
  const request = { model: "cabs-new", messages, max_tokens: 12 };
  const whole = await api.post("/v1/chat/completions", request);
  t.match(whole.body, {
    object: "chat.completion",
    model: "cabs-new",
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "length" }],
    usage: { prompt_tokens: usage.promptTokens, prompt_tokens_details: { image_tokens: usage.imageTokens } },
  });
  const streamed = await api.post("/v1/chat/completions", {
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  t.match(streamed.headers.get("content-type"), /^text\/event-stream/);
  const events = eventsOf(streamed.body);
  t.match(events[0], {
    object: "chat.completion.chunk",
    choices: [{ delta: { role: "assistant" } }],
    usage: null,
  });
  t.equal(
    events
      .slice(0, -2)
      .map(({ choices: [choice] }) => choice.delta.content ?? "")
      .join(""),
    text,
  );
  t.match(events.at(-2), {
    choices: [],
    usage: { prompt_tokens: usage.promptTokens, completion_tokens: 12 },
  });
  t.ok(events.at(-2).usage.prompt_tokens_details.cached_tokens > 0, "the prompt was there before");
  t.equal(new Set(events.slice(0, -1).map(({ id }) => id)).size, 1);
});

t.test("n, seed, stop and logprobs", async (t) => {
  const request = {
    messages: [{ role: "user", content: "Hi" }],
    max_tokens: 6,
    n: 3,
    temperature: 1,
    seed: 4,
  };
  const { body } = await api.post("/v1/chat/completions", { ...request, logprobs: true, top_logprobs: 2 });
  t.same(
    body.choices.map(({ index }: { index: number }) => index),
    [0, 1, 2],
  );
  t.equal(body.choices[0].logprobs.content[0].top_logprobs.length, 2);
  for (const { logprobs, message } of body.choices) {
    const bytes = logprobs.content.flatMap((token: { bytes: number[] }) => token.bytes);
    t.equal(Buffer.from(bytes).toString(), message.content, "the bytes of all tokens are the answer's");
  }
  const texts = body.choices.map((choice: { message: { content: string } }) => choice.message.content);
  const streamed = eventsOf((await api.post("/v1/chat/completions", { ...request, stream: true })).body);
  const joined = ["", "", ""];
  for (const { choices } of streamed.slice(0, -1))
    for (const { index, delta } of choices) joined[index] += delta.content ?? "";
  t.same(joined, texts, "the same seed, the same answers");
  const stop = texts[1].slice(1, 4);
  const stopped = await api.post("/v1/chat/completions", { ...request, stop: [stop] });
  t.match(stopped.body.choices[1], {
    finish_reason: "stop",
    message: { content: texts[1].slice(0, texts[1].indexOf(stop)) },
  });
});

t.test("echo", async (t) => {
  const request = { prompt: SHORT_PROMPT, max_tokens: 4, echo: true };
  const { body } = await api.post("/v1/completions", request);
  const { text } = body.choices[0];
  t.ok(text.startsWith(SHORT_PROMPT) && text.length > SHORT_PROMPT.length);
  const events = eventsOf((await api.post("/v1/completions", { ...request, stream: true })).body);
  t.equal(
    events
      .slice(0, -1)
      .map(({ choices: [choice] }) => choice.text)
      .join(""),
    text,
  );

  for (const images of [[], [url, url]]) {
    const prompt = images.length > 0 ? `<image><image>${SHORT_PROMPT}` : SHORT_PROMPT;
    const { logprobs: top, ...rest } = { prompt, images, max_tokens: 4, echo: true, logprobs: 2, n: 2 };
    const scored = (await api.post("/v1/completions", { ...rest, logprobs: top })).body;
    const known = await model.generate({
      prompt,
      images: images.map(() => golden.images![0]!),
      n: 2,
      maxTokens: 4,
      logprobs: top,
      promptLogprobs: top,
    }).result;
    const prompts = known.promptLogprobs!.filter(({ token }, i, all) => token >= 0 || all[i - 1]!.token >= 0);
    for (const [i, { text, logprobs }] of scored.choices.entries()) {
      const entries = [...prompts, ...known.choices[i]!.logprobs!];
      t.same(
        logprobs.token_logprobs,
        entries.map(({ logprob }) => logprob),
      );
      t.equal(logprobs.token_logprobs[0], null);
      t.ok(
        logprobs.top_logprobs.every((tops: object | null) => tops === null || Object.keys(tops).length > 0),
      );
      t.equal(logprobs.tokens.length, entries.length);
      t.equal(
        logprobs.tokens.filter((token: string) => token === "<image><image>").length,
        images.length / 2,
      );
      const isText = (token: string) => !["<s>", "</s>"].includes(token) && !token.includes("\ufffd");
      for (const [p, token] of logprobs.tokens.entries())
        if (isText(token)) t.ok(text.startsWith(token, logprobs.text_offset[p]), `${p}: ${token}`);
    }
    const told = eventsOf((await api.post("/v1/completions", { ...rest, logprobs: top, stream: true })).body);
    t.same(
      told.slice(0, -1).flatMap(({ choices }) => choices),
      scored.choices,
    );
  }
});

t.test("models, tokens and health", async (t) => {
  const list = await api.get("/v1/models");
  t.match(list.body, { object: "list", data: [{ id: "cabs-new", object: "model" }] });
  t.match((await api.get("/v1/models/cabs-new")).body, { id: "cabs-new" });
  t.match(await api.get("/v1/models/other"), { status: 404, body: { error: { code: "model_not_found" } } });
  const raw = await api.post("/tokenize", { prompt: golden.prompt, images: [url], return_token_strs: true });
  t.same(raw.body.tokens, golden.prompt_ids);
  t.match(raw.body, {
    count: golden.prompt_ids.length,
    image_tokens: golden.prompt_ids.filter((id) => id < 0).length,
  });
  t.equal(raw.body.token_strs.length, raw.body.count);
  const chat = await api.post("/tokenize", { messages });
  t.equal(chat.body.count, (await expected()).usage.promptTokens);
  t.match(await api.post("/tokenize", {}), {
    status: 400,
    body: { error: { message: /messages or a prompt/ } },
  });
  const back = await api.post("/detokenize", { tokens: [-1, -1, ...golden.generate_ids] });
  t.equal(back.body.prompt, `<image>${model.tokenizer.decode(golden.generate_ids)}`);
  t.match(await api.post("/detokenize", { tokens: ["x"] }), { status: 400 });
  t.match(await api.post("/detokenize", { tokens: new Array(70_000).fill(5) }), {
    status: 400,
    body: { error: { message: /70000 ids; at most 65536/ } },
  });
  t.match(await api.get("/health"), { status: 200, body: { status: "ok" } });
  t.match(await api.get("/ready"), { status: 200 });
});

t.test("the official client", async (t) => {
  const { text } = await expected();
  const request = {
    model: "cabs-new",
    messages: messages as OpenAI.ChatCompletionMessageParam[],
    max_tokens: 12,
  };
  const whole = await client.chat.completions.create(request);
  t.equal(whole.choices[0]!.message.content, text);
  const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
  t.equal(await stream.finalContent(), text);
  t.equal((await stream.totalUsage()).completion_tokens, 12);
  t.same(
    (await client.models.list()).data.map(({ id }) => id),
    ["cabs-new"],
  );
  await t.rejects(client.chat.completions.create({ ...request, model: "gpt-4o" }), {
    status: 404,
    code: "model_not_found",
  });
  await t.rejects(client.chat.completions.create({ ...request, max_tokens: -1 }), {
    status: 400,
    message: /maxTokens/,
  });
});
