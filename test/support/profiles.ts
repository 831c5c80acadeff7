import type { Profile, ProfileOp } from "../../lib/profile/index.js";

const op = (
  name: string,
  stage: ProfileOp["stage"],
  layer: number | null,
  [startMs, durationMs]: [number, number | null],
  [bytes, flops, dtype]: [number, number, string | null],
): ProfileOp => ({
  ...{ name, stage, layer, shape: "[2, 4] × [8, 4]", step: stage === "decode" ? 1 : 0 },
  ...{ startMs, durationMs, bytes, flops, dtype },
});

/**
 * A profile small enough to add up by hand: 10 GB/s and 100 GFLOP/s, so 10 MB or 100 MFLOP take a millisecond. Of 20 ms
 * of wall time operations explain 16 and gaps 3.
 */
export function smallProfile(): Profile {
  return {
    format: "honeybee-profile",
    version: 1,
    honeybee: "0.1.0",
    device: "a device by hand",
    model: "small",
    date: "2026-11-30T12:00:00.000Z",
    clock: "cycles",
    wallMs: 20,
    roofs: { bytesPerSecond: 10e9, flopsPerSecond: { f32: 100e9 } },
    ops: [
      // Images are encoded beside the prompt of another request.
      op("attention", "vision", 0, [1, 2], [10e6, 150e6, "f32"]), // 1 or 1.5 ms: compute
      op("linear", "prefill", 0, [0, 4], [20e6, 300e6, "f32"]), // 2 or 3 ms: compute
      op("rms_norm", "prefill", 0, [4, 1], [5e6, 2e6, null]), // 0.5 ms: memory
      op("linear", "prefill", 1, [5, 3], [20e6, 100e6, "f32"]), // 2 or 1 ms: memory
      op("linear", "decode", 0, [10, 4], [40e6, 8e6, "f32"]), // 4 ms: memory
      op("sample", "sample", null, [14, 2], [10e6, 0, null]), // 1 ms: memory
    ],
    gaps: [
      { name: "schedule", step: 0, startMs: 8, durationMs: 1.5 },
      { name: "host", step: 1, startMs: 16, durationMs: 1 },
      { name: "schedule", step: 1, startMs: 17, durationMs: 0.5 },
    ],
    phases: [
      { request: 0, name: "prefill", startMs: 0, durationMs: 8 },
      { request: 0, name: "decode", startMs: 10, durationMs: 6 },
      { request: 1, name: "queued", startMs: 0, durationMs: 1 },
      { request: 1, name: "image", startMs: 1, durationMs: 2 },
    ],
    repeats: [],
  };
}

/** The same run on the simulator, which counts 1000 instructions for the first operation, 2000 for the next … */
export function simulatedProfile(): Profile {
  const profile = smallProfile();
  return {
    ...profile,
    ...{ clock: "none", device: "the simulator", roofs: null },
    ops: profile.ops.map((each, i) => ({
      ...{ ...each, durationMs: null },
      counts: { instructions: 1000 * (i + 1), bytes: 256, bankConflicts: i },
    })),
  };
}
