// honeybee/ai through the AI SDK.
import { readFileSync } from "node:fs";
import { generateText, jsonSchema, Output, streamText } from "ai";
import t from "tap";
import { honeybee } from "../lib/ai/index.js";
import { image, loadModel } from "../lib/index.js";
import { endlessModel } from "./support/endless-model.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { until } from "./support/http-server.js";

const picture = readFileSync(goldenCase("cabs-new").images![0]!);
const content = [
  { type: "text" as const, text: "What is this?" },
  { type: "image" as const, image: picture },
];

t.test("text and streams with an image", async (t) => {
  const model = await loadGolden("cabs-new");
  const expected = await model.chat({
    messages: [
      { role: "system", content: "Be short." },
      { role: "user", content: ["What is this?", image(picture)] },
    ],
    maxTokens: 12,
  }).result;
  const call = {
    model: honeybee(model, { maxTokens: 12 }),
    system: "Be short.",
    messages: [{ role: "user" as const, content }],
  };
  const { text, usage, finishReason } = await generateText(call);
  t.equal(text, expected.text);
  t.equal(finishReason, "length");
  t.match(usage, { inputTokens: expected.usage.promptTokens, outputTokens: 12 });
  t.equal(
    (await generateText({ ...call, maxOutputTokens: 3 })).usage.outputTokens,
    3,
    "a call goes before settings",
  );
  const stop = text.slice(2, 5);
  const stopped = await generateText({ ...call, stopSequences: [stop] });
  t.same([stopped.text, stopped.finishReason], [text.slice(0, text.indexOf(stop)), "stop"]);

  const stream = streamText(call);
  let said = "";
  for await (const piece of stream.textStream) said += piece;
  t.equal(said, text);
  t.match(await stream.usage, { inputTokens: expected.usage.promptTokens, outputTokens: 12 });
  const url = `data:image/png;base64,${picture.toString("base64")}`;
  const byUrl = [content[0]!, { type: "image" as const, image: url }];
  t.equal((await generateText({ ...call, messages: [{ role: "user", content: byUrl }] })).text, text);

  const schema = jsonSchema<{ seen: string }>({
    type: "object",
    properties: { seen: { enum: ["cat", "dog"] } },
    required: ["seen"],
    additionalProperties: false,
  });
  const { output } = await generateText({ ...call, maxOutputTokens: 60, output: Output.object({ schema }) });
  t.ok(["cat", "dog"].includes(output.seen), "an answer of a schema");

  const pdf = { type: "file" as const, data: new Uint8Array(4), mediaType: "application/pdf" };
  const wrong = generateText({ ...call, messages: [{ role: "user", content: [pdf] }] });
  await t.rejects(wrong, { code: "ERR_OPTION", message: /application\/pdf/ });
  await model.dispose();
});

t.test("abort and cancel stop the work", async (t) => {
  const model = await loadModel(endlessModel(t.testdir()), { weights: "f32" });
  const controller = new AbortController();
  const call = {
    model: honeybee(model, { ignoreEos: true, maxTokens: 1_000_000 }),
    prompt: "Hi",
    maxRetries: 0,
  };
  const whole = generateText({ ...call, abortSignal: controller.signal });
  await until(() => model.stats().running === 1);
  controller.abort();
  await t.rejects(whole);
  await until(() => model.stats().running === 0);
  const second = new AbortController();
  for await (const _ of streamText({ ...call, abortSignal: second.signal }).textStream) second.abort();
  await until(() => model.stats().running === 0);
  const { stream } = await call.model.doStream({
    prompt: [
      { role: "system", content: "x" },
      { role: "user", content: [] },
    ],
  });
  const reader = stream.getReader();
  t.match(await reader.read(), { value: { type: "stream-start" } });
  await until(() => model.stats().running === 1);
  await reader.cancel();
  await until(() => model.stats().running === 0);
  await model.dispose();
});
