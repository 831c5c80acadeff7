import { HoneybeeError } from "../errors.js";

export type BullMq = typeof import("bullmq");
export type IoRedis = typeof import("ioredis");

/**
 * BullMQ and its Redis client, which are loaded only by those who take jobs from a queue.
 *
 * @param load how a package is imported; for tests
 * @throws HoneybeeError ERR_OPTION saying how to install what is missing
 */
export async function loadPackages(
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<{ bullmq: BullMq; ioredis: IoRedis }> {
  const [bullmq, ioredis] = await Promise.all(["bullmq", "ioredis"].map((name) => loadPackage(name, load)));
  return { bullmq: bullmq as BullMq, ioredis: ioredis as IoRedis };
}

async function loadPackage(name: string, load: (name: string) => Promise<unknown>): Promise<unknown> {
  try {
    return await load(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new HoneybeeError(
      "ERR_OPTION",
      `a queue needs the package ${name}, which is not installed; install both that it takes: npm install bullmq@6 ioredis@5`,
      { cause: error },
    );
  }
}
