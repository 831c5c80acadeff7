// Answers of a model with random weights at temperature 1, held to a response format.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { GenerationOptions, JsonSchema, Model, ResponseFormat } from "../lib/index.js";
import { schemaReader, validator } from "./support/formats.js";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";

let model: Model;
t.before(async () => {
  model = await loadGolden("cabs-new", { maxSequences: 16 });
});
t.teardown(() => model.dispose());

const json = (schema: JsonSchema): ResponseFormat => ({ type: "json_schema", json_schema: { schema } });
const answer = (responseFormat: ResponseFormat | undefined, options: GenerationOptions = {}) =>
  model.generate({ prompt: SHORT_PROMPT, temperature: 1, seed: 1, maxTokens: 96, ...options, responseFormat })
    .result;

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer", minimum: 0, maximum: 120 } },
  required: ["name", "age"],
  additionalProperties: false,
};

t.test("every answer that stops satisfies its schema: those of the official suite", async (t) => {
  const folder = goldenPath("json-schema");
  const schemas = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as { schema: JsonSchema }[]);
  // ajv runs out of stack over three schemas whose references cross nested $ids.
  const ajv = (schema: JsonSchema) => {
    try {
      return validator(schema);
    } catch {
      return undefined;
    }
  };
  let unknown = 0;
  let stopped = 0;
  let asked = 0;
  await Promise.all(
    schemas.map(async ({ schema }, seed) => {
      if (!(await schemaReader(schema).catch(() => undefined))) return;
      asked++;
      const { text, finishReason } = await answer(json(schema), { seed });
      if (finishReason !== "stop") return;
      stopped++;
      const isValid = ajv(schema);
      if (!isValid) unknown++;
      else if (!isValid(JSON.parse(text))) t.fail(`${JSON.stringify(schema)}: ${text}`);
    }),
  );
  t.ok(unknown <= 3, `ajv itself fails on ${unknown}`);
  t.ok(asked > 150, `${asked} schemas`);
  t.ok(stopped >= 0.95 * asked, `${stopped} of ${asked} stopped`);
});

t.test(
  "the text is the document: streamed, decoded, and with a leading space lost where decoding loses it",
  async (t) => {
    for (const responseFormat of [
      json(person),
      { type: "json_object" },
      json({ type: ["string", "number"] }),
    ] as const) {
      for (let seed = 0; seed < 8; seed++) {
        const generation = model.generate({
          prompt: SHORT_PROMPT,
          temperature: 1,
          seed,
          maxTokens: 80,
          responseFormat,
        });
        let streamed = "";
        for await (const { text } of generation) streamed += text;
        const { text, tokens, finishReason } = await generation.result;
        t.equal(finishReason, "stop");
        t.equal(streamed, text);
        t.equal(model.tokenizer.decode(tokens), text);
        t.equal(JSON.stringify(JSON.parse(text)).length > 0, true);
      }
    }
  },
);

t.test("as many tokens as it takes to close the document suffice", async (t) => {
  const shortest = '{"name":"","age":0}';
  for (const maxTokens of [shortest.length + 1, shortest.length + 4, 40]) {
    const { text, finishReason, tokens } = await answer(json(person), { maxTokens });
    t.equal(finishReason, "stop");
    t.ok(validator(person)(JSON.parse(text)), text);
    t.ok(tokens.length < maxTokens);
  }
  const cut = await answer(json(person), { maxTokens: 4 });
  t.equal(cut.finishReason, "length");
  t.ok(cut.text.startsWith('{"na'), "too few: the answer goes straight for the end");
});

t.test("regular expressions are matched from end to end", async (t) => {
  for (let seed = 0; seed < 10; seed++) {
    const { text, finishReason } = await answer(
      { type: "regex", regex: "\\d{3}-[a-fé]+" },
      { seed, maxTokens: 30 },
    );
    t.equal(finishReason, "stop");
    t.match(text, /^\d{3}-[a-fé]+$/u);
  }
});

t.test("greedy, n, logprobs, penalties and logitBias work beside a format", async (t) => {
  const greedy = await answer(json(person), { temperature: 0, maxTokens: 60 });
  t.ok(validator(person)(JSON.parse(greedy.text)));
  const both = await answer(json(person), {
    n: 3,
    logprobs: 2,
    repetitionPenalty: 1.3,
    presencePenalty: 0.5,
    frequencyPenalty: 0.5,
    topK: 50,
    topP: 0.9,
    logitBias: { 5: 3 },
  });
  t.equal(new Set(both.choices.map(({ text }) => text)).size, 3);
  for (const { text, finishReason, logprobs, tokens } of both.choices) {
    t.equal(finishReason, "stop");
    t.ok(validator(person)(JSON.parse(text)), text);
    t.equal(logprobs?.length, tokens.length);
  }
  await t.rejects(answer(json(person), { noRepeatNgramSize: 3 }), {
    code: "ERR_OPTION",
    message: /noRepeatNgramSize/,
  });
});

t.test(
  "a complete document ends the answer, whatever minTokens and ignoreEos say; a stop text may end it before",
  async (t) => {
    const short = json({ enum: ["yes", "no"] });
    for (const options of [{ minTokens: 50 }, { ignoreEos: true }, { minTokens: 50, ignoreEos: true }]) {
      const { text, finishReason } = await answer(short, options);
      t.match(text, /^"(yes|no)"$/);
      t.equal(finishReason, "stop");
    }
    // Where more may follow, minTokens is honoured and ignoreEos goes on to the end.
    const digits = { type: "regex", regex: "\\d+" } as const;
    t.ok((await answer(digits, { minTokens: 20, maxTokens: 40 })).tokens.length >= 20);
    const past = await answer(digits, { ignoreEos: true, maxTokens: 20 });
    t.same([past.finishReason, past.tokens.length], ["length", 20]);
    const cut = await answer(json(person), { stop: ["name"] });
    t.same([cut.text, cut.finishReason], ['{"', "stop"]);
  },
);

t.test("text is no format; wrong formats are refused before anything runs", async (t) => {
  t.same((await answer({ type: "text" })).tokens, (await answer(undefined)).tokens);
  const wrong: [unknown, RegExp][] = [
    ["json", /responseFormat must be an object/],
    [{ type: "xml" }, /responseFormat\.type must be one of text, json_object, json_schema, regex/],
    [{ type: "json_schema" }, /responseFormat\.json_schema must be/],
    [{ type: "json_schema", json_schema: { schema: 3 } }, /schema must be a JSON Schema/],
    [{ type: "json_schema", json_schema: { shema: {} } }, /did you mean "schema"/],
    [{ type: "regex", regex: /a/ }, /regex must be the text/],
    [{ type: "regex", regex: "(" }, /pattern "\("/],
    [{ type: "regex", regex: "a^b" }, /no text matches/],
    [json({ not: {} }), /"not"/],
  ];
  for (const [format, message] of wrong)
    await t.rejects(
      answer(format as ResponseFormat),
      { code: "ERR_OPTION", message },
      JSON.stringify(format),
    );
});

t.test("the kernels of the GPU apply the masks", async (t) => {
  const simulated = await loadGolden("cabs-new", { maxSequences: 4, device: "simt" });
  const request = { prompt: SHORT_PROMPT, temperature: 1, maxTokens: 40, responseFormat: json(person), n: 3 };
  const { choices } = await simulated.generate({ ...request, seed: 4, topP: 0.9 }).result;
  for (const { text, finishReason } of choices) {
    t.equal(finishReason, "stop");
    t.ok(validator(person)(JSON.parse(text)), text);
  }
  await simulated.dispose();
});

t.test("a request with a format harms none beside it", async (t) => {
  const alone = await answer(undefined, { maxTokens: 40 });
  const [beside, formatted] = await Promise.all([answer(undefined, { maxTokens: 40 }), answer(json(person))]);
  t.same(beside.tokens, alone.tokens);
  t.equal(formatted.finishReason, "stop");
});
