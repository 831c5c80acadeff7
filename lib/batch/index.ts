export { Batch } from "./batch.js";
export type { BatchOptions, BatchRequest, BatchResult, BatchStats } from "./types.js";
