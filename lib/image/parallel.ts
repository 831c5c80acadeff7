import { availableParallelism } from "node:os";
import { limitConcurrency } from "./limit.js";

/** Threads of libuv's pool, where sharp decodes: its default unless the variable says otherwise. */
const poolThreads = Number(process.env.UV_THREADPOOL_SIZE) || 4;

const cores = availableParallelism();

/** Requests that engines of this environment work on. */
let generating = 0;

/** Told by the engine, +1 when a request is submitted and -1 when it has ended. */
export function countGenerating(change: 1 | -1): void {
  generating += change;
}

/**
 * How many images are decoded at once: one a core while no engine works, always at least two so that one is decoded
 * while another is read or resized. With an engine at work its two first cores are left to it; on two cores one image
 * at a time keeps it fed, for preparing an image takes a hundredth of what encoding it takes.
 */
export function imagesAtOnce(): number {
  const wanted = generating > 0 ? Math.max(1, cores - 2) : Math.max(2, cores);
  return Math.min(wanted, poolThreads);
}

/** Starts the decoding of an image when its turn comes. */
export const oneOfFew = limitConcurrency(imagesAtOnce);
