import { checkNames, optionError } from "../check.js";
import type { NativeFormatSource } from "../native.js";

/** A JSON Schema: an object of keywords, or true or false. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/**
 * What an answer must be like, in the shape of OpenAI's `response_format`. JSON answers are compact (no white space
 * between tokens) and have their properties in the order of the schema. `json_object` is any JSON object; a regular
 * expression (ECMA-262 with the flag u, without what is not regular) is matched from end to end.
 *
 * With enough `maxTokens` the answer is always complete: when the tokens left only just suffice to close it, one byte
 * each, nothing else is allowed.
 */
export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | {
      readonly type: "json_schema";
      readonly json_schema: {
        readonly schema: JsonSchema;
        readonly name?: string | undefined;
        readonly description?: string | undefined;
        /** Of no effect: every format is strict. */
        readonly strict?: boolean | null | undefined;
      };
    }
  | { readonly type: "regex"; readonly regex: string };

/** Properties of each type beside `type`. */
const TYPES: Record<string, readonly string[]> = {
  text: [],
  json_object: [],
  json_schema: ["json_schema"],
  regex: ["regex"],
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @returns undefined for any text
 * @throws HoneybeeError ERR_OPTION for a wrong shape; the schema and the pattern themselves are checked when they are
 *   compiled
 */
export function checkResponseFormat(value: unknown): NativeFormatSource | undefined {
  if (value === undefined) return undefined;
  const types = Object.keys(TYPES).join(", ");
  if (!isObject(value)) throw optionError(`responseFormat must be an object whose type is one of ${types}`);
  const { type } = value;
  const names = typeof type === "string" && Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (names === undefined)
    throw optionError(`responseFormat.type must be one of ${types}, not ${JSON.stringify(type)}`);
  checkNames(value, ["type", ...names], "responseFormat property");
  switch (type) {
    case "json_object":
      return { kind: "schema", text: '{"type":"object"}' };
    case "json_schema":
      return { kind: "schema", text: schemaText(value.json_schema) };
    case "regex":
      if (typeof value.regex !== "string")
        throw optionError("responseFormat.regex must be the text of a regular expression");
      return { kind: "regex", text: value.regex };
    default:
      return undefined;
  }
}

function schemaText(value: unknown): string {
  if (!isObject(value))
    throw optionError("responseFormat.json_schema must be an object with the schema: { schema: {…} }");
  checkNames(value, ["schema", "name", "description", "strict"], "responseFormat.json_schema property");
  const { schema } = value;
  if (typeof schema !== "boolean" && !isObject(schema))
    throw optionError("responseFormat.json_schema.schema must be a JSON Schema: an object, true or false");
  try {
    return JSON.stringify(schema);
  } catch (error) {
    throw optionError(`responseFormat.json_schema.schema is no JSON: ${(error as Error).message}`);
  }
}
