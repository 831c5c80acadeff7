import type { Redis } from "ioredis";
import { HoneybeeError } from "../errors.js";
import type { Log } from "../server/log.js";
import { withoutPassword } from "./options.js";
import type { IoRedis } from "./packages.js";

const MOST_WAIT_MS = 10_000;

/** How Redis and Valkey say that they do not know who asks. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password)/;

/** Milliseconds before the nth try to connect: doubled each time, the last half by chance, so that many workers spread. */
export function backOff(tries: number): number {
  const whole = Math.min(MOST_WAIT_MS, 100 * 2 ** Math.min(tries, 10));
  return Math.round(whole * (0.5 + 0.5 * Math.random()));
}

/**
 * Connects to Redis, trying again for as long as nobody answers; a connection that is lost comes back the same way, and
 * what was asked meanwhile is sent then.
 *
 * @throws HoneybeeError ERR_OPTION if Redis wants another user or password; the signal's reason
 */
export async function connect(
  { Redis }: IoRedis,
  url: string,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<Redis> {
  signal?.throwIfAborted();
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: backOff,
    // A master that became a replica: the next connection finds the new one.
    reconnectOnError: ({ message }) => message.startsWith("READONLY"),
  });
  tellConnection(redis, withoutPassword(url), log);
  let abort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once("ready", resolve);
      redis.on("error", ({ message }: Error) => {
        if (!REFUSED.test(message)) return;
        const what = `${withoutPassword(url)} refuses this user or password: ${message}`;
        reject(new HoneybeeError("ERR_OPTION", what));
      });
      abort = () => reject(signal?.reason);
      signal?.addEventListener("abort", abort);
    });
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    if (abort) signal?.removeEventListener("abort", abort);
  }
  return redis;
}

/** Says when the connection is there and when it is lost, once each. */
function tellConnection(redis: Redis, queue: string, log: Log): void {
  let said = "";
  redis.on("error", ({ message }: Error) => {
    if (message !== said) log("error", "queue", { queue, connected: false, message });
    said = message;
  });
  redis.on("ready", () => {
    log("info", "queue", { queue, connected: true });
    said = "";
  });
}
