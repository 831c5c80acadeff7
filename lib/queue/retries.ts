import type { JobsOptions } from "bullmq";
import { type ErrorCode, HoneybeeError } from "../errors.js";
import type { BullMq } from "./packages.js";

/** What another attempt may not meet again. */
const PASSING: readonly ErrorCode[] = ["ERR_OUT_OF_MEMORY", "ERR_DEVICE", "ERR_OVERLOADED"];

/** How often a job is tried whose producer does not say: five times within about 15 seconds. */
const DEFAULT = { attempts: 5, backoff: { type: "exponential", delay: 1000 } };

/** The attempts that a job has. */
export function retriesOf({ attempts, backoff }: JobsOptions): Pick<JobsOptions, "attempts" | "backoff"> {
  return attempts ? { attempts, backoff } : DEFAULT;
}

/** The error that ends an attempt, its code in front: one after which there is no other if the request is at fault. */
export function endOfAttempt(error: unknown, { UnrecoverableError }: BullMq): Error {
  if (!(error instanceof HoneybeeError))
    return new Error(`ERR_UNKNOWN: ${error instanceof Error ? error.message : String(error)}`);
  const text = `${error.code}: ${error.message}`;
  return PASSING.includes(error.code) ? new Error(text) : new UnrecoverableError(text);
}
