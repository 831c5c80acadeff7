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

/** The connections of a worker: one to ask, and those that BullMQ makes of it, to wait for jobs. */
export class Connection {
  private readonly all: Redis[];

  private constructor(readonly redis: Redis) {
    this.all = [redis];
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (options) => {
      const copy = duplicate(options);
      this.all.push(copy);
      return copy;
    };
  }

  /**
   * Connects to Redis, trying again for as long as nobody answers; a connection that is lost comes back the same way, and
   * what was asked meanwhile is sent then.
   *
   * @throws HoneybeeError ERR_OPTION if Redis wants another user or password; the signal's reason
   */
  static async open(
    { Redis }: IoRedis,
    url: string,
    log: Log,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    signal?.throwIfAborted();
    const redis = new Redis(url, {
      maxRetriesPerRequest: null,
      retryStrategy: backOff,
      // A master that became a replica: the next connection finds the new one.
      reconnectOnError: ({ message }) => message.startsWith("READONLY"),
    });
    const connection = new Connection(redis);
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
      connection.end();
      throw error;
    } finally {
      if (abort) signal?.removeEventListener("abort", abort);
    }
    return connection;
  }

  /** Whether Redis can be told something now. */
  get isReady(): boolean {
    return this.redis.status === "ready";
  }

  /** Whether none of them waits for Redis to come back. */
  get isWhole(): boolean {
    return this.all.every(({ status }) => status === "ready" || status === "end");
  }

  /** For good; what waits to be sent is not sent any more. */
  end(): void {
    for (const redis of this.all) redis.disconnect();
  }
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
