// JSON Schemas against ajv: random documents and mutants of valid ones get the same verdict, byte by byte.
import t from "tap";
import type { JsonSchema } from "../lib/index.js";
import { CASES, person } from "./support/format-cases.js";
import { accepts, changedValue, randomValue, schemaReader, spellings, validator } from "./support/formats.js";
import { Random } from "./support/mutate.js";

for (const [name, [schema, ...valid]] of Object.entries(CASES)) {
  t.test(name, async (t) => {
    const reader = await schemaReader(schema);
    const isValid = validator(schema);
    const random = new Random(name.length + 17);
    const counts = { valid: 0, invalid: 0 };
    const check = (value: unknown) => {
      const expected = isValid(value);
      counts[expected ? "valid" : "invalid"]++;
      const actual = spellings(value).some((text) => accepts(reader, text));
      if (actual !== expected) t.fail(`${JSON.stringify(value)}: ajv says ${expected}`);
    };
    for (const value of valid) {
      t.ok(accepts(reader, JSON.stringify(value)), JSON.stringify(value));
      t.ok(isValid(value), "the test's own example is valid");
    }
    for (let i = 0; i < 100; i++) check(randomValue(random));
    for (let i = 0; i < 200; i++) check(changedValue(random, random.pick(valid)));
    t.ok(counts.valid > 0, `${counts.valid} random documents were valid`);
    if (schema !== true) t.ok(counts.invalid > 0, `${counts.invalid} were not`);
  });
}

t.test(
  "documents are compact, in the order of the schema, and escaped as little as JSON allows",
  async (t) => {
    const reader = await schemaReader(person);
    for (const text of [
      '{"b": 1}',
      ' {"b":1}',
      '{"b":1,"a":"x"}',
      '{"b":01}',
      '{"b":1.0}',
      '{"b":1}{',
      '{"b":1,}',
      '{"\\u0062":1}',
    ])
      t.not(reader.reads(Buffer.from(text)), "complete", text);
    const string = await schemaReader({ type: "string" });
    for (const text of ['"\\n\\u0001\\u007f"', '"\\/"', '"\\u00e9"', '"\\u000a"', '"\n"', '"a'])
      t.notOk(accepts(string, text), text);
    for (const text of ['"\\n\\u0001\u007f"', '"é😀/"', '""', '"\\\\\\""']) t.ok(accepts(string, text), text);
    for (const bytes of [
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
      [0x22, 0xff, 0x22],
    ])
      t.equal(string.reads(Uint8Array.from(bytes)), "no", "only UTF-8");
  },
);

t.test("numbers are written in bounded form", async (t) => {
  const integer = await schemaReader({ type: "integer" });
  for (const text of ["999999999999999", "-1"]) t.ok(accepts(integer, text), text);
  for (const text of ["1000000000000000", "-0", "1e3", "1.0"]) t.notOk(accepts(integer, text), text);
  const bounded = await schemaReader({ minimum: 0 });
  for (const text of ["0.00000015", "0.0", "123456.789"]) t.ok(accepts(bounded, text), text);
  for (const text of ["1.5e-7", "-0.1", "0.1234567890123456"]) t.notOk(accepts(bounded, text), text);
  const positive = await schemaReader({ exclusiveMinimum: 0, type: "number" });
  for (const text of ["0.1", "1"]) t.ok(accepts(positive, text), text);
  for (const text of ["0", "0.0", "-0.0", "-1"]) t.notOk(accepts(positive, text), text);
});

t.test("formats: what is read satisfies ajv-formats, and what people write is read", async (t) => {
  const examples: Record<string, [string[], string[]]> = {
    date: [
      ["2024-02-29", "1999-12-31"],
      ["2023-02-29", "2024-13-01", "2024-1-1", "1900-02-29"],
    ],
    time: [
      ["12:00:00Z", "23:59:59.123+05:30"],
      ["24:00:00Z", "12:00Z", "12:60:00Z"],
    ],
    "date-time": [
      ["2024-02-29T12:00:00Z", "2024-05-01T01:02:03.5-08:00"],
      ["2024-02-30T12:00:00Z", "2024-05-01 01:02:03Z"],
    ],
    uuid: [
      ["123e4567-e89b-12d3-a456-426614174000"],
      ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"],
    ],
    email: [
      ["a@example.com", "first.last+tag@sub.example.org"],
      ["a@b@c.com", "@example.com", "a.example.com"],
    ],
    hostname: [
      ["example.com", "a-b.c"],
      ["-a.com", "a..b"],
    ],
    ipv4: [
      ["127.0.0.1", "255.255.255.255"],
      ["256.0.0.1", "1.2.3", "01.2.3.4"],
    ],
    ipv6: [
      ["::1", "2001:db8:0:0:0:0:2:1", "1::"],
      ["1:2:3", ":::", "12345::"],
    ],
    uri: [
      ["https://example.com/a?b=c#d", "http://localhost:8080/%20"],
      ["example.com", "http://exa mple.com", "http://a/%2"],
    ],
  };
  for (const [format, [good, bad]] of Object.entries(examples)) {
    const schema = { type: "string", format };
    const reader = await schemaReader(schema);
    const isValid = validator(schema);
    for (const text of good) {
      t.ok(accepts(reader, JSON.stringify(text)), `${format}: ${text}`);
      t.ok(isValid(text), `${format}: ${text} (ajv)`);
    }
    for (const text of bad) t.notOk(accepts(reader, JSON.stringify(text)), `${format}: not ${text}`);
  }
});

t.test("what cannot be honoured is refused by name", async (t) => {
  const deep = (n: number): JsonSchema => (n === 0 ? {} : { type: "array", items: deep(n - 1) });
  const refusals: [JsonSchema, RegExp][] = [
    [{ not: {} }, /"not" cannot be enforced/],
    [{ properties: { a: { if: {} } } }, /"if" at \/properties\/a cannot/],
    [{ type: "array", uniqueItems: true }, /"uniqueItems"/],
    [{ contains: {} }, /"contains"/],
    [{ format: "color" }, /"format" has "color"/],
    [{ oneOf: [{ type: "integer" }, { minimum: 2 }] }, /"oneOf" has branches 0 and 1/],
    [{ multipleOf: 0.01 }, /"multipleOf" 0\.01/],
    [{ multipleOf: 1e9 }, /"multipleOf"/],
    [{ multipleOf: 0 }, /"multipleOf" must be above 0/],
    [{ minLength: -1 }, /"minLength"/],
    [{ type: "strings" }, /"type" has "strings"/],
    [{ type: 3 }, /"type"/],
    [{ minlength: 3 }, /did you mean "minLength"/],
    [{ $ref: "https://example.com/schema" }, /"\$ref" refers to "https:/],
    [{ $ref: "#/$defs/missing" }, /"\$ref" refers to "#\/\$defs\/missing"/],
    [{ $ref: "#" }, /"\$ref" refers to itself/],
    [
      { $defs: { a: { $ref: "#/$defs/b" }, b: { allOf: [{ $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" },
      /"\$ref"/,
    ],
    [{ type: "string", pattern: "(" }, /pattern "\("/],
    [{ type: "string", pattern: "(?!a)" }, /looks ahead/],
    [{ type: "string", pattern: "(a)\\1" }, /refers back/],
    [{ type: "string", pattern: "\\bfoo" }, /word boundary/],
    [{ type: "string", pattern: "\\p{L}" }, /Unicode property/],
    [{ type: "object", minProperties: 3 }, /"minProperties" 3/],
    [false, /no JSON value satisfies/],
    [{ type: "string", enum: [1, 2] }, /no JSON value satisfies/],
    [{ type: "integer", minimum: 3, maximum: 2 }, /no JSON value satisfies/],
    [{ type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 }, /no JSON value satisfies/],
    [{ type: "object", properties: { a: false }, required: ["a"] }, /no JSON value satisfies/],
    [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, /no JSON value satisfies/],
    [{ type: "string", pattern: "^a$", minLength: 2 }, /no JSON value satisfies/],
    [deep(300), /nested deeper/],
  ];
  for (const [schema, message] of refusals) {
    const error: { code?: string; message: string } = await schemaReader(schema).then(
      () => ({ message: "compiled" }),
      (e: Error) => e,
    );
    t.match(error.message, message, JSON.stringify(schema).slice(0, 80));
    t.equal(error.code, "ERR_OPTION");
  }
});

t.test("annotations and unknown words are ignored", async (t) => {
  const reader = await schemaReader({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://example.com/x",
    $comment: "c",
    title: "t",
    description: "d",
    default: 3,
    examples: [1],
    deprecated: true,
    readOnly: true,
    "x-anything": { not: {} },
    type: "null",
  });
  t.ok(accepts(reader, "null"));
});

t.test("schemas that explode are refused quickly, large ones are compiled", async (t) => {
  const choice = (n: number) => ({ anyOf: Array.from({ length: n }, (_, i) => ({ required: [`p${i}`] })) });
  const explosions: JsonSchema[] = [
    { type: "object", allOf: Array.from({ length: 20 }, () => choice(10)) },
    { type: "string", pattern: "(.*a.{16}|.*b.{17})$" },
    { type: "string", pattern: "((((a{90}){90}){90}){90})" },
    { type: "string", pattern: "((((){9999}){9999}){9999})" },
    { type: "string", pattern: "[a-z]+", maxLength: 100_000 },
    { type: "array", items: { type: "null" }, minItems: 1e9 },
    { type: "object", maxProperties: 1e9, properties: { a: {} } },
    { allOf: Array.from({ length: 12 }, (_, i) => ({ pattern: `(.*${"abcdefghijkl"[i]}){7}` })) },
  ];
  // Many parts, each within the limits: time and memory are bounded for all of them together.
  const patterns = Array.from({ length: 3000 }, (_, i) => ({
    pattern: `(a|b|c| |[^x]{3}){1,${90 - (i % 90)}}y${i}`,
  }));
  const names = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`name${i}`, {}]));
  explosions.push(
    { type: "array", prefixItems: patterns },
    { properties: names, anyOf: Array.from({ length: 1900 }, (_, i) => ({ maxProperties: i })) },
  );
  for (const schema of explosions)
    await t.rejects(
      schemaReader(schema),
      { code: "ERR_OPTION", message: /complex|alternatives/ },
      JSON.stringify(schema).slice(0, 60),
    );
  const words = Array.from({ length: 20_000 }, (_, i) => `word ${i * 7919}`);
  const reader = await schemaReader({ enum: words });
  t.ok(accepts(reader, JSON.stringify(words[12_345])));
  t.notOk(accepts(reader, '"word 1"'));
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`name${i}`, { type: "integer" }]));
  const wide = await schemaReader({ type: "object", properties: many, additionalProperties: false });
  t.ok(accepts(wide, '{"name3":1,"name1499":2}'));
  t.notOk(accepts(wide, '{"name3":1,"name2":2}'));
});

t.test("mutants of schemas are compiled or refused, never worse", async (t) => {
  const random = new Random(20261126);
  const schemas = Object.values(CASES).map(([schema]) => schema);
  const counts = { compiled: 0, refused: 0 };
  for (let i = 0; i < Number(process.env.HONEYBEE_FUZZ_COUNT ?? 600); i++) {
    let schema: unknown = random.pick(schemas);
    for (let n = 1 + random.below(3); n > 0; n--)
      schema =
        random.below(4) === 0 ? grafted(random, schema, random.pick(schemas)) : changedValue(random, schema);
    const reader = await schemaReader(schema as JsonSchema).catch(
      (error: { code?: string; message: string }) => {
        if (error.code !== "ERR_OPTION") t.fail(`${JSON.stringify(schema)}: ${error.message}`);
        return undefined;
      },
    );
    counts[reader ? "compiled" : "refused"]++;
    if (reader) for (let n = 0; n < 5; n++) reader.reads(Buffer.from(JSON.stringify(randomValue(random))));
  }
  t.ok(counts.compiled > 50 && counts.refused > 50, JSON.stringify(counts));
});

/** One schema put somewhere into another. */
function grafted(random: Random, into: unknown, schema: unknown): unknown {
  if (typeof into !== "object" || into === null || Array.isArray(into)) return schema;
  const entries = Object.entries(into);
  const at = random.below(entries.length + 1);
  if (at === entries.length)
    return {
      ...into,
      [random.pick(["items", "additionalProperties", "$ref"])]: random.below(2) === 0 ? schema : "#",
    };
  const [name, inside] = entries[at]!;
  return { ...into, [name]: grafted(random, inside, schema) };
}
