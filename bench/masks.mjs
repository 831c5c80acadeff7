/**
 * How long the masks of response formats take with Llama's vocabulary of 32,000 tokens: 20 random documents each,
 * drawn as evenly from the masks as they allow.
 *
 *   node bench/masks.mjs        after npm run build
 */
import { Random } from "../dist/test/support/mutate.js";
import { compileTimed, quantiles, timeMasks } from "./support/masks.mjs";

const DOCUMENTS = 20;
const MAX_TOKENS = 256;

const FORMATS = {
  "any object": { type: "object" },
  "an object of three": {
    type: "object",
    properties: {
      name: { type: "string" },
      age: { type: "integer", minimum: 0, maximum: 120 },
      tags: { type: "array", items: { type: "string", maxLength: 20 } },
    },
    required: ["name", "age", "tags"],
    additionalProperties: false,
  },
  "200 optional properties": {
    type: "object",
    properties: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { type: "string" }])),
    additionalProperties: false,
  },
  "a pattern": { type: "string", pattern: "^(?:[A-Z][a-z]+ )*[A-Z][a-z]+$" },
  "an email address": { type: "string", format: "email" },
};

console.log(
  "| format | compiled in ms | masks | median µs | 90 % µs | 99 % µs | most µs |\n|---|---|---|---|---|---|---|",
);
for (const [name, schema] of Object.entries(FORMATS)) {
  const { format, ms } = await compileTimed(JSON.stringify(schema));
  const random = new Random(1);
  const times = Array.from({ length: DOCUMENTS }, () => timeMasks(format, random, MAX_TOKENS)).flat();
  const { median, p90, p99, max } = quantiles(times);
  console.log(`| ${name} | ${ms.toFixed(1)} | ${times.length} | ${median} | ${p90} | ${p99} | ${max} |`);
}
