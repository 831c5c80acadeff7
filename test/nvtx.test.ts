// Ranges as a tool sees them that NVTX_INJECTION64_PATH names, of a picture and an answer on the simulator: what must be
// in which order follows from the network's equations and the configuration.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { loadGolden } from "./support/golden-model.js";
import { repositoryRoot } from "./support/paths.js";

const programs = process.env.HONEYBEE_PROGRAMS ?? join(repositoryRoot, "build-cmake/Release");
const TOOL = join(programs, "honeybee-nvtx-tool.so");
/** Each runs processes that load a model. */
const PATIENT = { timeout: 120_000 };

interface Range {
  name: string;
  inside: Range[];
}

const folder = mkdtempSync(join(tmpdir(), "honeybee-nvtx-"));
t.teardown(() => rmSync(folder, { recursive: true }));

/** Runs ranges-child.ts with these variables; `log` is what the tool wrote, undefined if it did not. */
async function child(log: string, env: Record<string, string>) {
  const file = join(folder, log);
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const { code, stdout, stderr } = await new Promise<{ code: number | null; stdout: string; stderr: string }>(
    (resolve) => {
      const running = execFile(
        process.execPath,
        [join(import.meta.dirname, "support", "ranges-child.js")],
        { env: { ...inherited, HONEYBEE_TOOL_LOG: file, ...env }, timeout: 60_000 },
        (_error, stdout, stderr) => resolve({ code: running.exitCode, stdout, stderr }),
      );
    },
  );
  return { code, stdout, stderr, log: existsSync(file) ? readFileSync(file, "utf8") : undefined };
}

/** The outermost ranges of one thread's lines, each with what is inside; fails where they do not nest. */
function nested(t: Test, text: string): Range[] {
  const lines = text.split("\n").filter((line) => /^\d+ p/.test(line));
  const threads = new Set(lines.map((line) => line.split(" ")[0]));
  t.equal(threads.size, 1, "only the engine's thread has ranges");
  const root: Range = { name: "", inside: [] };
  const open = [root];
  for (const line of lines) {
    const [, what, name] = /^\d+ (push|pop) ?(.*)$/.exec(line)!;
    if (what === "pop") {
      open.pop();
      if (open.length === 0) throw new Error("a range was closed that was not open");
      continue;
    }
    const range: Range = { name: name!, inside: [] };
    open.at(-1)!.inside.push(range);
    open.push(range);
  }
  t.equal(open.length, 1, "each range is closed");
  return root.inside;
}

const namesIn = ({ inside }: Range) => inside.map(({ name }) => name);
const named = (ranges: readonly Range[], pattern: RegExp): Range[] =>
  ranges.flatMap((range) => [...(pattern.test(range.name) ? [range] : []), ...named(range.inside, pattern)]);
const layers = (count: number) => Array.from({ length: count }, (_, i) => `layer ${i}`);

const ATTEND = ["rms_norm", "linear", "rope_append", "paged_attention", "linear_add"];
const FEED_FORWARD = ["rms_norm", "linear", "silu_mul", "linear_add"];
const VISION_LAYER = [
  ...["layer_norm", "linear", "attention", "linear_add"],
  ...["layer_norm", "linear", "activate", "linear_add"],
];

/** The language model's layers, in the order of its equations. */
function checkDecoder(t: Test, range: Range, count: number): void {
  t.same(
    namesIn(range).filter((name) => name.startsWith("layer")),
    layers(count),
  );
  named(range.inside, /^layer/).forEach((layer, i) => {
    const wanted = i === count - 1 ? ["gather_rows"] : [];
    t.same(namesIn(layer), [...ATTEND, ...wanted, ...FEED_FORWARD], `${range.name}, ${layer.name}`);
  });
  t.same(namesIn(range).slice(-2), ["rms_norm", "linear"], "the head is in no layer");
}

t.test("a tool sees steps, stages, layers and operations, one inside the other", PATIENT, async (t) => {
  const model = await loadGolden("linear");
  const { text, projector } = model.info.config;
  await model.dispose();
  const { code, stdout, stderr, log } = await child("ranges", { NVTX_INJECTION64_PATH: TOOL });
  t.match({ code, stderr }, { code: 0, stderr: "" });
  const { written } = JSON.parse(stdout);
  t.match(log, /^\d+ attached\n/, "attached once");
  t.equal(log!.match(/attached/g)!.length, 1);
  const ranges = nested(t, log!.slice(0, written));
  t.same(new Set(ranges.map(({ name }) => name)), new Set(["encode", "step"]));

  const [encode] = named(ranges, /^encode$/);
  const [tower] = named(encode!.inside, /^vision 1$/);
  t.same(namesIn(tower!), ["vision", "projector", "copy"]);
  const [vision] = tower!.inside;
  const used = Math.max(...projector!.featureLayers);
  t.same(
    namesIn(vision!).filter((name) => name.startsWith("layer ")),
    layers(used),
  );
  for (const layer of named(vision!.inside, /^layer \d/)) t.same(namesIn(layer), VISION_LAYER, layer.name);

  const [prefill] = named(ranges, /^prefill$/);
  t.equal(namesIn(prefill!)[0], "embed");
  checkDecoder(t, prefill!, text.layers);

  const steps = ranges.filter(({ name }) => name === "step");
  t.ok(
    steps.every((step) => namesIn(step).every((name) => /^(prefill|decode|sample)$/.test(name))),
    "a step is made of stages",
  );
  const decodes = named(ranges, /^decode$/);
  t.equal(decodes.length, 5, "a step a token, but for the first");
  const seen = new Set<string>();
  let replayed = 0;
  for (const { inside } of decodes) {
    t.equal(inside.length, 1);
    const [pass] = inside;
    t.match(pass!.name, /^decode 1 x \d+$/, "named as it is recorded");
    if (seen.has(pass!.name)) {
      replayed++;
      t.same(
        pass!.inside,
        [],
        "neither recording nor replaying runs an operation where its name would be told",
      );
    } else {
      t.equal(namesIn(pass!)[0], "embed");
      checkDecoder(t, pass!, text.layers);
    }
    seen.add(pass!.name);
  }
  t.ok(replayed >= 2);
  t.same(namesIn(named(ranges, /^sample 1$/)[0]!), ["sample"]);

  const underProfile = nested(t, log!.slice(written));
  const passes = named(underProfile, /^decode \d/);
  t.equal(passes.length, 5);
  for (const pass of passes) checkDecoder(t, pass, text.layers);
});

t.test("a tool that cannot be used changes nothing", PATIENT, async (t) => {
  const attempts = {
    "no file": { NVTX_INJECTION64_PATH: join(folder, "none.so") },
    "no tool": { NVTX_INJECTION64_PATH: join(repositoryRoot, "build/Release/honeybee-simt.so") },
    refuses: { NVTX_INJECTION64_PATH: TOOL, HONEYBEE_TOOL_REFUSES: "1" },
  };
  for (const [name, env] of Object.entries(attempts)) {
    const { code, stderr, stdout, log } = await child(name, env);
    t.match({ code, stderr }, { code: 0, stderr: "" }, name);
    t.equal(JSON.parse(stdout).tokens, 6);
    t.equal(log, undefined, `${name}: nothing was written`);
  }
});
