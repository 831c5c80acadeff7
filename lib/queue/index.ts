export type { QueueWorkerOptions } from "./options.js";
export { QueueWorker, startWorker, type WorkerStats } from "./worker.js";
