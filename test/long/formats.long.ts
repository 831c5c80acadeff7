// Every schema of the official JSON-Schema-Test-Suite that compiles, answered five times within 512 tokens by a model
// with random weights at temperature 1: what stops validates, and at least 95 % stop. One JSON line for each seed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonSchema } from "../../lib/index.js";
import { schemaReader, validator } from "../support/formats.js";
import { loadGolden, SHORT_PROMPT } from "../support/golden-model.js";
import { goldenPath } from "../support/paths.js";

const SEEDS = 5;

/** Undefined for the three schemas that ajv itself cannot compile. */
function ajv(schema: JsonSchema) {
  try {
    return validator(schema);
  } catch {
    return undefined;
  }
}

const folder = goldenPath("json-schema");
const schemas: { schema: JsonSchema; isValid: ReturnType<typeof ajv> }[] = [];
let refused = 0;
for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
  for (const { schema } of JSON.parse(readFileSync(join(folder, name), "utf8")) as { schema: JsonSchema }[]) {
    if (await schemaReader(schema).catch(() => undefined)) schemas.push({ schema, isValid: ajv(schema) });
    else refused++;
  }
}

const model = await loadGolden("cabs-new", { maxSequences: 16 });
for (let seed = 0; seed < SEEDS; seed++) {
  const answers = await Promise.all(
    schemas.map(async ({ schema, isValid }) => {
      const responseFormat = { type: "json_schema", json_schema: { schema } } as const;
      const request = { prompt: SHORT_PROMPT, temperature: 1, seed, maxTokens: 512, responseFormat };
      const { text, finishReason, tokens } = await model.generate(request).result;
      const stopped = finishReason === "stop";
      return { stopped, tokens: tokens.length, valid: stopped && (isValid?.(JSON.parse(text)) ?? true) };
    }),
  );
  const stopped = answers.filter((answer) => answer.stopped).length;
  const valid = answers.filter((answer) => answer.valid).length;
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const passed = valid === stopped && stopped >= 0.95 * schemas.length;
  const checked = schemas.filter(({ isValid }) => isValid).length;
  console.log(
    JSON.stringify({
      name: `seed ${seed}`,
      passed,
      schemas: schemas.length,
      refused,
      checked,
      stopped,
      valid,
      tokens,
    }),
  );
}
await model.dispose();
