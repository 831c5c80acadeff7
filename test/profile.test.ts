// What a profile records, against counts from configurations, the costs of whole passes and the engine's own clock.
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { image, type Model } from "../lib/index.js";
import { decodeCost, encodeCost, prefillCost } from "../lib/model/cost.js";
import type { Profile, ProfileOp, Stage } from "../lib/profile/index.js";
import { goldenCase, loadGolden, refused, SHORT_PROMPT } from "./support/golden-model.js";

const TOKENS = 4;

const flopsOf = (ops: readonly ProfileOp[]) => ops.reduce((sum, { flops }) => sum + flops, 0);
const sumOf = (times: readonly { durationMs: number | null }[]) =>
  times.reduce((sum, { durationMs }) => sum + durationMs!, 0);
const total = (flops: Record<string, number>) => Object.values(flops).reduce((sum, count) => sum + count, 0);

function goldenRequest(name: string) {
  const { prompt, images } = goldenCase(name);
  return { prompt, images: images!.map((file) => image(file)), maxTokens: TOKENS, ignoreEos: true };
}

/** How often each operation occurs in a layer. */
function countIn(ops: readonly ProfileOp[], stage: Stage, layer: number | null): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const op of ops) {
    if (op.stage !== stage || op.layer !== layer) continue;
    counts[op.name] = (counts[op.name] ?? 0) + 1;
  }
  return counts;
}

/** The operations of a decoder layer, so many times. */
const decoderLayer = (times: number) => ({
  rms_norm: 2 * times,
  linear: 2 * times,
  rope_append: times,
  paged_attention: times,
  linear_add: 2 * times,
  silu_mul: times,
});
const visionLayer = { layer_norm: 2, linear: 2, attention: 1, linear_add: 2, activate: 1 };

for (const name of ["cabs-new", "dabs-query", "resampler", "linear"]) {
  t.test(`${name}: every operation is there, with its stage, its layer and its work`, async (t) => {
    const model = await loadGolden(name);
    t.teardown(() => model.dispose());
    const { info } = model;
    const { text, projector } = info.config;
    const { usage } = await model.generate(goldenRequest(name)).result;
    const { ops } = await model.profile({ ...goldenRequest(name), repeats: 1, roofs: false });
    const steps = Math.ceil(usage.promptTokens / 256);
    const last = text.layers - 1;
    for (let layer = 0; layer < last; layer++) {
      t.same(countIn(ops, "prefill", layer), decoderLayer(steps), `prefill, layer ${layer}`);
      t.same(countIn(ops, "decode", layer), decoderLayer(TOKENS - 1), `decode, layer ${layer}`);
    }
    t.same(countIn(ops, "decode", last), { ...decoderLayer(TOKENS - 1), gather_rows: TOKENS - 1 });
    t.same(countIn(ops, "decode", null), { embed: TOKENS - 1, rms_norm: TOKENS - 1, linear: TOKENS - 1 });
    t.same(countIn(ops, "sample", null), { sample: TOKENS });
    const used = Math.max(...projector!.featureLayers);
    for (let layer = 0; layer < used; layer++)
      t.same(countIn(ops, "vision", layer), visionLayer, `vision, layer ${layer}`);
    t.same(countIn(ops, "vision", used), {}, "layers that nobody needs are not there");

    const part = (...stages: Stage[]) => ops.filter(({ stage }) => stages.includes(stage));
    t.equal(flopsOf(part("vision", "projector")), total(encodeCost(info).flops));
    t.equal(flopsOf(part("prefill")), total(prefillCost(info, usage.promptTokens).flops));
    t.equal(flopsOf(part("decode")), total(decodeCost(info, TOKENS - 1, 1, usage.promptTokens).flops));
    for (const op of ops) checkLinear(t, op);
    t.ok(
      ops.every(({ bytes, flops, dtype }) => bytes > 0 && flops > 0 === (dtype === "f32")),
      "products have a dtype, all else has none",
    );
  });
}

/** A product from its shape: bytes of f32 read and written once. */
function checkLinear(t: Test, { name, shape, bytes, flops }: ProfileOp): void {
  if (name !== "linear" && name !== "linear_add") return;
  const [rows, depth, out, again] = /^\[(\d+), (\d+)\] × \[(\d+), (\d+)\] f32$/
    .exec(shape)!
    .slice(1)
    .map(Number);
  if (depth !== again) t.fail(`${shape} cannot be multiplied`);
  const results = name === "linear" ? 1 : 2;
  const values = rows! * depth! + out! * depth! + results * rows! * out!;
  if (bytes !== 4 * values || flops !== 2 * rows! * depth! * out!)
    t.fail(`${name} ${shape}: ${bytes}, ${flops}`);
}

const model: Model = await loadGolden("cabs-new");
t.teardown(() => model.dispose());

t.test("operations and gaps are the time of the engine's thread, its sleep left out", async (t) => {
  const before = model.stats().busyMs;
  const recording = model.startProfile({ roofs: false });
  for (let i = 0; i < 3; i++)
    await model.generate({ prompt: SHORT_PROMPT, maxTokens: 40, ignoreEos: true }).result;
  await sleep(300);
  const { wallMs, ops, gaps, clock } = await recording.stop();
  const busyMs = model.stats().busyMs - before;
  const sum = sumOf(ops) + sumOf(gaps);
  t.match(clock, /^(cycles|steady)$/);
  t.ok(Math.abs(sum - wallMs) <= 0.001 * wallMs, `${sum} of ${wallMs} ms`);
  // Turns alone are what the engine itself counts; where others take the processor from it between them, there is more.
  t.ok(sum >= 0.97 * busyMs, `${sum} ms, the engine was busy for ${busyMs}`);
  t.ok(sum <= busyMs + 250, "sleep is no part of it");
  const all = [...ops, ...gaps].sort((a, b) => a.startMs - b.startMs);
  t.ok(
    all.every(({ startMs }, i) => i === 0 || startMs >= all[i - 1]!.startMs + all[i - 1]!.durationMs! - 1e-6),
    "nothing overlaps",
  );
  t.same(new Set(gaps.map(({ name }) => name)), new Set(["schedule", "sample", "join", "host"]));
  t.equal(new Set(ops.map(({ step }) => step)).size, 40 * 3, "a step a token");
});

t.test("a profile changes no answer, and without one nothing is recorded", async (t) => {
  const request = { prompt: SHORT_PROMPT, maxTokens: 20, temperature: 1, seed: 5 };
  const { tokens } = await model.generate(request).result;
  const recording = model.startProfile({ roofs: false });
  t.same((await model.generate(request).result).tokens, tokens);
  t.ok((await recording.stop()).ops.length > 0);
  t.same((await model.generate(request).result).tokens, tokens);
  const idle = model.startProfile({ roofs: false });
  const { ops, phases } = await idle.stop();
  t.same([ops, phases], [[], []]);
});

// Measuring the device takes a second or two, and many on one that is busy.
t.test("repeats compute everything again", { timeout: 120_000 }, async (t) => {
  const { repeats, ops, wallMs, gaps, roofs } = await model.profile({
    ...goldenRequest("cabs-new"),
    repeats: 3,
  });
  t.equal(repeats.length, 3);
  t.equal(repeats[0]!.wallMs, wallMs);
  const names = [...new Set(ops.map(({ name }) => name))].sort();
  for (const repeat of repeats) t.same(Object.keys(repeat.ops).sort(), names);
  t.ok(Math.abs(Object.values(repeats[0]!.ops).reduce((a, b) => a + b) - (wallMs - sumOf(gaps))) < 1e-6);
  t.ok(roofs!.bytesPerSecond > 1e8 && roofs!.flopsPerSecond.f32! > 1e8, "measured on this machine");
  for (const { durationMs, bytes, flops, dtype, ...op } of ops) {
    const memory = (1000 * bytes) / roofs!.bytesPerSecond;
    const compute = dtype === null ? 0 : (1000 * flops) / roofs!.flopsPerSecond[dtype]!;
    const near = (a: number | null | undefined, b: number) => Math.abs(a! - b) <= 1e-9 * Math.abs(b);
    const isTold =
      near(op.gigabytesPerSecond, bytes / 1e6 / durationMs!) &&
      near(op.gigaflopsPerSecond, flops / 1e6 / durationMs!) &&
      near(op.rooflineShare, Math.max(memory, compute) / durationMs!) &&
      op.roof === (memory > compute ? "memory" : "compute");
    if (durationMs! > 0 && !isTold) t.fail(`${op.name} ${op.shape}`);
  }
  const chat = {
    messages: [{ role: "user" as const, content: "Hello" }],
    repeats: 1,
    maxTokens: 1,
    roofs: false,
  };
  t.equal((await model.profile(chat)).ops.filter(({ stage }) => stage === "decode").length, 0);
});

t.test("requests have phases in their order, one that goes on up to the end", async (t) => {
  const recording = model.startProfile({ roofs: false });
  await model.generate(goldenRequest("cabs-new")).result;
  const endless = model.generate({ prompt: SHORT_PROMPT, maxTokens: 400, ignoreEos: true });
  await endless.next();
  const { phases }: Profile = await recording.stop();
  await endless.return();
  const names = (request: number) =>
    phases.filter((phase) => phase.request === request).map(({ name }) => name);
  t.match(names(0).join(" "), /^queued (image )?prefill decode$/);
  t.same(names(1), ["queued", "prefill", "decode"]);
  t.ok(phases.every(({ startMs, durationMs }) => startMs >= 0 && durationMs >= 0));
});

t.test("one that is full says so and ends there", async (t) => {
  const recording = model.startProfile({ mostOps: 25, roofs: false });
  await model.generate(goldenRequest("cabs-new")).result;
  const { ops, gaps, wallMs, isCut } = await recording.stop();
  t.equal(ops.length, 25);
  t.equal(isCut, true);
  t.ok(Math.abs(sumOf(ops) + sumOf(gaps) - wallMs) <= 0.001 * wallMs, "its wall time ends there too");
});

t.test("the simulator counts, recorded steps too, and times nothing", async (t) => {
  const simulated = await loadGolden("linear", { device: "simt", weights: "bf16", context: 64 });
  t.teardown(() => simulated.dispose());
  const { layers } = simulated.info.config.text;
  const request = { prompt: "Hi", maxTokens: TOKENS, ignoreEos: true };
  const { clock, roofs, ops, gaps } = await simulated.profile({ ...request, repeats: 1 });
  t.same([clock, roofs, gaps], ["none", null, []]);
  t.ok(
    ops.every(
      ({ durationMs, counts, rooflineShare }) => durationMs === null && rooflineShare === null && counts,
    ),
  );
  for (let layer = 0; layer < layers - 1; layer++)
    t.same(countIn(ops, "decode", layer), decoderLayer(TOKENS - 1), `decode, layer ${layer}`);
  const named = (name: string, stage: Stage) => ops.filter((op) => op.name === name && op.stage === stage);
  t.ok(
    named("rms_norm", "decode").every(({ counts }) => counts!.instructions > 0),
    "sums of rows take shuffles",
  );
  t.ok(named("copy", "prefill").every(({ counts }) => counts!.bytes === 0));
  const [first, ...others] = named("rms_norm", "decode").map(({ counts }) => counts);
  for (const counts of others) t.same(counts, first, "the same work, the same counts");
});

t.test("what cannot be profiled is said kindly", async (t) => {
  await refused(t, model.profile({ prompt: "a", repeats: 0 }), "ERR_OPTION", "repeats");
  await refused(t, model.profile({ prompt: "a", topK: -1 }), "ERR_OPTION", "topK");
  await refused(t, () => model.startProfile({ mostOps: 0.5 }), "ERR_OPTION", "mostOps");
  const recording = model.startProfile({ roofs: false });
  await refused(t, () => model.startProfile({ roofs: false }), "ERR_OVERLOADED", "already");
  await refused(t, model.profile({ prompt: "a", maxTokens: 1 }), "ERR_OVERLOADED", "already");
  await recording.stop();
  t.equal(await recording.stop(), await recording.stop(), "stopping again is no mistake");
  const controller = new AbortController();
  const aborted = model.profile({
    prompt: SHORT_PROMPT,
    maxTokens: 400,
    ignoreEos: true,
    signal: controller.signal,
  });
  controller.abort(new Error("enough"));
  await t.rejects(aborted, /enough/);
  await model.startProfile({ roofs: false }).stop();

  const short = await loadGolden("linear", { threads: 1 });
  const orphan = short.startProfile();
  await short.dispose();
  await refused(t, orphan.stop(), "ERR_DISPOSED", "disposed");
  await refused(t, () => short.startProfile(), "ERR_DISPOSED", "disposed");
});
