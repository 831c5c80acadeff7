export { openCheckpoint } from "./open.js";
export type { WrittenWeights } from "./outputs.js";
export { RANDOM_MODEL_NAMES, type RandomModel, randomModel } from "./presets.js";
export type * from "./types.js";
export { type WriteOptions, type WriteProgress, writeSafetensorsFolder } from "./write.js";
