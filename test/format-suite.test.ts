// The official JSON-Schema-Test-Suite (golden/json-schema, draft 2020-12): a schema is either refused by the name of a
// keyword, or the automaton reads exactly the instances that the suite calls valid.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { JsonSchema } from "../lib/index.js";
import { accepts, schemaReader, spellings } from "./support/formats.js";
import { goldenPath } from "./support/paths.js";

interface Group {
  description: string;
  schema: JsonSchema;
  tests: { description: string; data: unknown; valid: boolean }[];
}

const folder = goldenPath("json-schema");

/** Keywords and references that may be refused, and nothing else. */
const REFUSED =
  /^responseFormat: ("(not|if|then|else|contains|uniqueItems|propertyNames|oneOf|\$ref|\$dynamicRef|unevaluatedProperties|unevaluatedItems|multipleOf|format|minProperties)"|no JSON value satisfies|the pattern "[^"]*\\p)/;

let compiled = 0;
let refused = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  t.test(file, async (t) => {
    for (const { description, schema, tests } of JSON.parse(
      readFileSync(join(folder, file), "utf8"),
    ) as Group[]) {
      const reader = await schemaReader(schema).catch((error: Error) => error);
      if (reader instanceof Error) {
        refused++;
        t.match(reader.message, REFUSED, `${description}: refused by name`);
        const unsatisfiable = reader.message.includes("no JSON value");
        t.notOk(unsatisfiable && tests.some(({ valid }) => valid), `${description}: nothing satisfies it`);
        continue;
      }
      compiled++;
      for (const { description: what, data, valid } of tests) {
        const name = `${description}: ${what}`;
        t.equal(
          spellings(data).some((text) => accepts(reader, text)),
          valid,
          name,
        );
      }
    }
  });
}
t.teardown(() => t.comment(`${compiled} schemas compiled, ${refused} refused`));
