// Schemas that use each keyword, alone and together.
import type { JsonSchema } from "../../lib/index.js";

export const person = {
  type: "object",
  properties: { a: { type: "string" }, b: { type: "integer" }, foo: { type: ["null", "boolean"] } },
  required: ["b"],
};

/** Each with values that satisfy it, from which mutants are made. */
export const CASES: Record<string, [JsonSchema, ...unknown[]]> = {
  true: [true, 1, "a", { a: [{}] }],
  type: [{ type: ["string", "null"] }, "a", null],
  integer: [{ type: "integer" }, 3, -17, 0],
  number: [{ type: "number" }, 0.5, 1e21, 1.5e-7, -2, 0.30000000000000004],
  enum: [{ enum: [1, "a", null, [1, 2], { a: 1, b: [] }, 12, "ab"] }, 1, "a", [1, 2], { a: 1, b: [] }],
  const: [{ const: { a: ["b", 0.5] } }, { a: ["b", 0.5] }],
  minimum: [{ minimum: -5, maximum: 12 }, -5, 12, 0.5, "a"],
  "exclusive bounds": [{ type: "number", exclusiveMinimum: 0, exclusiveMaximum: 2.5 }, 0.5, 2, 2.25],
  "negative bounds": [{ type: "number", minimum: -2.25, exclusiveMaximum: -0.001 }, -2.25, -1, -0.5],
  "large bounds": [{ type: "integer", minimum: 100, maximum: 123456789 }, 100, 1000, 123456789],
  multipleOf: [{ type: "integer", multipleOf: 3 }, 0, 3, -12, 99],
  "multipleOf 1.5": [{ multipleOf: 1.5 }, 0, 1.5, 4.5, -3],
  length: [{ type: "string", minLength: 1, maxLength: 3 }, "a", "é", "😀b", "abc"],
  "long strings": [{ type: "string", minLength: 2 }, "ab", "back\\slash", "😀😀"],
  pattern: [{ type: "string", pattern: "^[a-z]+\\d?$|é" }, "abc", "x1", "€é"],
  "unanchored pattern": [{ pattern: "b" }, "ab", "xbx", 3],
  "pattern and length": [{ type: "string", pattern: "o+", minLength: 2, maxLength: 4 }, "foo", "oo"],
  "two patterns": [{ allOf: [{ pattern: "^[a-f]*$" }, { pattern: "b.$" }] }, "abc", "bb"],
  properties: [person, { b: 1 }, { a: "x", b: 2, foo: null }, { b: 3, other: [1] }],
  "additionalProperties false": [
    { ...person, additionalProperties: false },
    { b: 1 },
    { a: "x", b: 2, foo: true },
  ],
  additionalProperties: [
    { ...person, additionalProperties: { type: "integer" } },
    { b: 1, x1: 2 },
    { a: "", b: 2 },
  ],
  "required beyond properties": [
    { type: "object", properties: { a: true }, required: ["x1", "y"] },
    { x1: 1, y: 2 },
    { a: 1, x1: 1, y: 2 },
  ],
  patternProperties: [
    {
      type: "object",
      properties: { foo: { type: "null" } },
      patternProperties: { "^x": { type: "integer" }, "\\d$": { minimum: 3 } },
      additionalProperties: { type: "string" },
    },
    { foo: null, x1: 5, y: "a" },
    { x1: 3 },
  ],
  maxProperties: [
    { type: "object", properties: { a: true, b: true, foo: true }, minProperties: 1, maxProperties: 2 },
    { a: 1 },
    { b: 1, y: 2 },
    { a: 1, foo: 1 },
  ],
  minProperties: [
    {
      type: "object",
      properties: { a: true, b: true, foo: true },
      additionalProperties: false,
      minProperties: 2,
    },
    { a: 1, b: 2 },
    { b: 1, foo: 2 },
  ],
  items: [{ type: "array", items: { type: "integer" }, minItems: 1, maxItems: 3 }, [1], [1, 2, 3]],
  prefixItems: [
    { type: "array", prefixItems: [{ type: "string" }, { type: "null" }], items: { type: "integer" } },
    ["a"],
    ["a", null, 1, 2],
    [],
  ],
  "prefixItems, no more": [
    { prefixItems: [{ type: "string" }, true], items: false, minItems: 1 },
    ["a"],
    ["a", null],
  ],
  anyOf: [
    { anyOf: [{ type: "string", maxLength: 2 }, { type: "integer", minimum: 10 }, { const: 0.5 }] },
    "ab",
    12,
    0.5,
  ],
  "anyOf of required": [
    { ...person, anyOf: [{ required: ["a"] }, { required: ["foo"] }] },
    { a: "x", b: 1 },
    { b: 1, foo: null },
  ],
  "oneOf by type": [
    { oneOf: [{ type: "string" }, { type: "integer" }, { type: "array", items: { type: "null" } }] },
    "a",
    2,
    [null],
  ],
  "oneOf by const": [
    {
      oneOf: [
        { type: "object", properties: { a: { const: "x1" }, b: { type: "integer" } }, required: ["a"] },
        {
          type: "object",
          properties: { a: { const: "y" }, foo: { type: "string" } },
          required: ["a", "foo"],
        },
      ],
    },
    { a: "x1", b: 1 },
    { a: "y", foo: "a" },
  ],
  allOf: [
    {
      allOf: [
        { properties: { a: { type: "string" } } },
        { properties: { a: { minLength: 2 }, b: { type: "null" } }, required: ["a"] },
      ],
      type: "object",
    },
    { a: "ab" },
    { a: "abc", b: null },
  ],
  "allOf of closed objects": [
    {
      allOf: [
        { properties: { a: true }, additionalProperties: { type: "integer" } },
        { properties: { a: { type: "string" }, b: true } },
      ],
      type: "object",
    },
    { a: "x", b: 1 },
  ],
  "a recursive list": [
    {
      $defs: {
        node: {
          type: "object",
          properties: { a: { type: "integer" }, b: { anyOf: [{ type: "null" }, { $ref: "#/$defs/node" }] } },
          required: ["a", "b"],
          additionalProperties: false,
        },
      },
      $ref: "#/$defs/node",
    },
    { a: 1, b: null },
    { a: 1, b: { a: 2, b: { a: 3, b: null } } },
  ],
  "a recursive tree": [{ type: "array", items: { $ref: "#" }, maxItems: 2 }, [], [[], [[]]]],
  dependentRequired: [
    { type: "object", properties: { a: true, b: true }, dependentRequired: { a: ["b"] } },
    { a: 1, b: 1 },
    { b: 1 },
    {},
  ],
  dependentSchemas: [
    { dependentSchemas: { a: { required: ["foo"], maxProperties: 2 } } },
    { a: 1, foo: 1 },
    { b: 1 },
    3,
  ],
  "draft 7 tuples": [
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      definitions: { n: { type: "number" } },
      type: "object",
      properties: { a: { $ref: "#/definitions/n" } },
    },
    { a: 1 },
  ],
};
