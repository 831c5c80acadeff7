// How the test command counts: tests and not assertions, and nothing that did not run as passed.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { repositoryRoot } from "./support/paths.js";

const { TapReader } = await import(
  pathToFileURL(join(repositoryRoot, "scripts/support/tap-reader.mjs")).href
);

function read(...lines: string[]) {
  const failures: string[] = [];
  const skips: string[] = [];
  const reader = new TapReader({
    onFailure: (text: string) => failures.push(text),
    onSkip: (text: string) => skips.push(text),
  });
  for (const line of ["TAP version 14", ...lines]) reader.line(line);
  reader.end();
  const { passed, failed } = reader;
  return { passed, failed, failures, skips };
}

t.test("a test of many assertions is one, in a file that is none", (t) => {
  t.same(
    read(
      "# Subtest: a.test.js",
      "    # Subtest: sums",
      "        ok 1 - one",
      "        ok 2 - two",
      "        1..2",
      "    ok 1 - sums # time=1ms",
      "    # Subtest: products",
      "        ok 1 - one",
      "        not ok 2 - two",
      "          ---",
      "          found: 3",
      "          ...",
      "        1..2",
      "    not ok 2 - products # time=1ms",
      "    1..2",
      "not ok 1 - a.test.js # time=3ms",
    ),
    {
      passed: 1,
      failed: 1,
      failures: ["a.test.js › products › two\n    found: 3"],
      skips: [],
    },
  );
  t.end();
});

t.test("a reason excuses what is skipped, nothing else does", (t) => {
  const { passed, failed, failures, skips } = read(
    "# Subtest: a.test.js",
    "    ok 1 - told # SKIP no browser",
    "    ok 2 - bare # SKIP",
    "    ok 3 - later # TODO",
    "    not ok 4 - broken # SKIP no browser",
    "    1..4",
    "not ok 1 - a.test.js # time=3ms",
  );
  t.same([passed, failed], [0, 3]);
  t.same(skips, ["a.test.js › told: no browser"]);
  t.same(
    failures.map((text) => /› (\w+) \(/.exec(text)?.[1]),
    ["bare", "later", "broken"],
  );
  t.end();
});

t.test("each file is told, with its time", (t) => {
  const files: unknown[] = [];
  const reader = new TapReader({ onFile: (...file: unknown[]) => files.push(file) });
  for (const line of [
    "TAP version 14",
    "# Subtest: a.test.js",
    "    ok 1 - inside # time=7ms",
    "    1..1",
    "ok 1 - a.test.js # time=1234.5ms",
    "# Subtest: b.test.js",
    "    not ok 1 - inside",
    "    1..1",
    "not ok 2 - b.test.js",
  ])
    reader.line(line);
  reader.end();
  t.same(files, [
    ["a.test.js", true, 1234.5],
    ["b.test.js", false, 0],
  ]);
  t.end();
});
