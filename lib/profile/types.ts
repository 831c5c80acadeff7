/** What a profile says; src/core/profile.h records it. Times are milliseconds since the profile began. */

/** Part of the network, or of choosing tokens, that an operation worked for. */
export type Stage = "vision" | "projector" | "prefill" | "decode" | "sample";

/** One operation of a backend, or one kernel of a GPU. */
export interface ProfileOp {
  /** The operation of the backend ("linear"), or the kernel ("gemv_kernel"). */
  name: string;
  stage: Stage;
  /** Layer of its stage, from 0; null outside layers (embedding, head, sampling). */
  layer: number | null;
  /** Sizes, rows first: "[144, 2048] × [5632, 2048] bf16". */
  shape: string;
  /** Which step or pass of the engine it belonged to, from 0. */
  step: number;
  startMs: number;
  /** Null on the simulator, whose times mean nothing. */
  durationMs: number | null;
  /** Bytes that it cannot avoid moving, from its shapes. */
  bytes: number;
  /** Floating-point operations (a multiply-add is two), from its shapes. */
  flops: number;
  /** The dtype that its products are computed in, whose rate is its compute roof; null where nothing is multiplied. */
  dtype: string | null;
  /** What that work and time make, in files that honeybee writes; null where there is no time, or no roof to compare with. */
  gigabytesPerSecond?: number | null;
  gigaflopsPerSecond?: number | null;
  /** Its least time below the roofs by its time, and which roof binds. */
  rooflineShare?: number | null;
  roof?: "memory" | "compute" | null;
  /**
   * Counted by the simulator, else absent, of what it executes itself: barriers, warp-wide operations (shuffles, ldmatrix,
   * mma) and asynchronous copies; bytes are those of ldmatrix and of the copies.
   */
  counts?: { instructions: number; bytes: number; bankConflicts: number };
}

/** Time of the engine's thread that no operation explains, by what it did. */
export interface ProfileGap {
  name: "schedule" | "sample" | "join" | "host";
  step: number;
  startMs: number;
  durationMs: number;
}

/** When a request was in which phase. */
export interface ProfilePhase {
  /** Numbered as they arrived, from 0. */
  request: number;
  name: "queued" | "image" | "prefill" | "decode";
  startMs: number;
  durationMs: number;
}

/** A device's measured rates: copies and reads in bytes a second, products in operations a second by dtype. */
export interface ProfileRoofs {
  bytesPerSecond: number;
  flopsPerSecond: Record<string, number>;
}

export interface Profile {
  format: "honeybee-profile";
  version: 1;
  /** Version of the package. */
  honeybee: string;
  /** The device's one-line description. */
  device: string;
  model: string;
  /** ISO 8601. */
  date: string;
  /** How the times were taken: cycle counters, the steady clock where there are none, CUPTI, CUDA events, or not at all. */
  clock: "cycles" | "steady" | "cupti" | "events" | "none";
  /** Wall time of the engine's thread between first and last entry, less what it slept waiting for requests. */
  wallMs: number;
  /** The most operations that are recorded were reached, and it ends there; else absent. */
  isCut?: true;
  /** Operations that are left out because CUPTI did not tell when they ran; absent where there are none. */
  lostOps?: number;
  /** Kernels and copies whose records CUPTI dropped, so that some times are too short; absent where there are none. */
  droppedRecords?: number;
  /** Null where it could not be measured (the simulator). */
  roofs: ProfileRoofs | null;
  ops: ProfileOp[];
  gaps: ProfileGap[];
  phases: ProfilePhase[];
  /** The run repeated, for `--compare`: wall and per-operation time of each repeat; the first is the one listed above. */
  repeats: { wallMs: number; ops: Record<string, number> }[];
}
