// The queue's connection: Redis that is late, goes and comes back, TLS; wrong options and packages that are not there.
import { readFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "node:tls";
import t from "tap";
import type { Model } from "../lib/index.js";
import { backOff } from "../lib/queue/connection.js";
import { startWorker } from "../lib/queue/index.js";
import { loadPackages } from "../lib/queue/packages.js";
import { retriesOf } from "../lib/queue/retries.js";
import { loadGolden, refused, SHORT_PROMPT } from "./support/golden-model.js";
import { until } from "./support/http-server.js";
import { repositoryRoot } from "./support/paths.js";
import { Producer } from "./support/queue.js";
import { needsRedis, RedisServer } from "./support/redis.js";

let model: Model;
t.before(async () => {
  model = await loadGolden("cabs-new", { maxSequences: 4 });
});
t.teardown(() => model.dispose());

const SHORT = { prompt: SHORT_PROMPT, raw: true, ignoreEos: true, maxTokens: 2 };

/** Keeps what a worker says of its connection. */
function listener() {
  const said: Record<string, unknown>[] = [];
  return { said, log: (record: { event: string }) => void (record.event === "queue" && said.push(record)) };
}

t.test(
  "Redis that comes late, goes and comes back: nothing is lost, nothing counts twice",
  needsRedis,
  async (t) => {
    const redis = await RedisServer.reserve();
    t.teardown(() => redis.stop());
    const { said, log } = listener();
    /** Connected or not, as it was told. */
    const states = () => said.map(({ connected }) => connected).filter((is) => is !== undefined);
    const starting = startWorker(model, { url: redis.url, lockSeconds: 0.5, log });
    await until(() => said.length > 0);
    t.match(said, [{ connected: false, message: /ECONNREFUSED/ }]);
    await redis.start();
    const worker = await starting;
    t.teardown(() => worker.close({ now: true }));
    const producer = new Producer(redis.url);
    t.teardown(() => producer.close());

    const ids = Array.from({ length: 40 }, (_, i) => `job ${i}`);
    for (const id of ids) await producer.add(id, { ...SHORT, maxTokens: 100 });
    for (const enough of [4, 12]) {
      await until(() => worker.stats.answered >= enough);
      await redis.kill();
      await sleep(700); // longer than a lock lives
      await redis.start();
      await until(() => states().at(-1) === true);
    }
    for (const id of ids) t.match((await producer.ended(id)).returnvalue, { id, finishReason: "length" });
    t.same(new Set((await producer.completions()).values()), new Set([1]));
    t.equal(await producer.queue.getCompletedCount(), ids.length);
    t.same(states().slice(0, 2), [false, true]);
    const lost = states().filter((is) => !is).length;
    t.ok(lost >= 3 && lost <= 9, `three times away, told ${lost} times and not at every try`);
    t.equal(worker.stats.failed, 0);
  },
);

t.test("a worker can be closed while Redis is away", needsRedis, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const { said, log } = listener();
  const away = () => said.at(-1)?.connected === false;
  const idle = await startWorker(model, { url: redis.url, log });
  await redis.kill();
  await until(away);
  await idle.close();
  t.equal(away(), true, "at once, if it has nothing to tell");

  await redis.start();
  const producer = new Producer(redis.url);
  t.teardown(() => producer.close());
  const busy = await startWorker(model, { url: redis.url, log });
  await producer.add("last", { ...SHORT, maxTokens: 300 });
  await until(() => model.stats().running > 0);
  await redis.kill();
  await until(away);
  const closed = busy.close();
  await redis.start();
  await closed;
  t.equal(busy.stats.answered, 1, "or when the last answer is told");
  t.match((await producer.ended("last")).returnvalue, { usage: { completionTokens: 300 } });

  const stuck = await startWorker(model, { url: redis.url, log });
  await producer.add("never", { ...SHORT, maxTokens: 1500 });
  await until(() => model.stats().running > 0);
  await redis.kill();
  await until(away);
  await stuck.close({ now: true });
  await until(() => model.stats().running === 0);
  t.equal(away(), true, "or without it, if it must be");
});

t.test("a worker that waits for Redis can be stopped", async (t) => {
  const redis = await RedisServer.reserve();
  t.teardown(() => redis.stop());
  const reason = new Error("enough");
  await t.rejects(startWorker(model, { url: redis.url, signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const starting = startWorker(model, { url: redis.url, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await t.rejects(starting, reason);
});

t.test("rediss: speaks TLS, and only with whom it can trust", needsRedis, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const pem = (name: string) => readFileSync(join(repositoryRoot, "test", "support", "tls", name));
  const tls = createServer({ key: pem("key.pem"), cert: pem("cert.pem") }, (socket) => {
    const plain = connectPlain(redis.port, "127.0.0.1");
    for (const end of [socket, plain]) end.on("error", () => {});
    socket.pipe(plain).pipe(socket);
  });
  tls.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  t.teardown(() => tls.close());
  const url = `rediss://127.0.0.1:${(tls.address() as { port: number }).port}`;

  const { said, log } = listener();
  const controller = new AbortController();
  const distrusting = startWorker(model, { url, log, signal: controller.signal });
  await until(() => said.length > 0);
  controller.abort(new Error("enough"));
  await t.rejects(distrusting, /enough/);
  t.match(said, [{ connected: false, message: /self-signed|altnames/ }]);

  // The certificate of the tests is signed by nobody.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const worker = await startWorker(model, { url });
  const producer = new Producer(redis.url);
  await producer.add("one", SHORT);
  t.match((await producer.ended("one")).returnvalue, { id: "one" });
  await worker.close();
  await producer.close();
});

t.test("wrong options are named, passwords are not told", async (t) => {
  const start = (options: object) => startWorker(model, { url: "redis://127.0.0.1:1", ...options });
  await refused(t, start({ url: "127.0.0.1:6379" }), "ERR_OPTION", "redis:// or, for TLS, rediss://");
  await t.rejects(start({ url: "http://:s3cret@127.0.0.1" }), /^((?!s3cret).)*$/);
  await refused(t, start({ nam: "x" }), "ERR_OPTION", '"nam"', '"name"');
  await refused(t, start({ name: "a:b" }), "ERR_OPTION", "without colons");
  await refused(t, start({ concurrency: 0 }), "ERR_OPTION", "concurrency");
  await refused(t, start({ concurrency: 5 }), "ERR_OPTION", "runs 4 requests");
  await refused(t, start({ lockSeconds: 0 }), "ERR_OPTION", "lockSeconds");
  await refused(t, start({ maxStalls: -1 }), "ERR_OPTION", "maxStalls");
  await refused(t, start({ defaults: { maxToken: 5 } }), "ERR_OPTION", '"maxToken"', '"maxTokens"');
  await refused(t, start({ imageFolder: 5 }), "ERR_OPTION", "imageFolder");
});

t.test("a package that is not installed is named, with the command that installs it", async (t) => {
  const without = (missing: string) => (name: string) =>
    name === missing
      ? Promise.reject(Object.assign(new Error(), { code: "ERR_MODULE_NOT_FOUND" }))
      : import(name);
  for (const name of ["bullmq", "ioredis"])
    await refused(t, loadPackages(without(name)), "ERR_OPTION", name, "npm install bullmq@6 ioredis@5");
});

t.test("waiting doubles up to ten seconds, spread over its last half", (t) => {
  for (const [tries, whole] of [
    [1, 200],
    [3, 800],
    [7, 10_000],
    [10_000, 10_000],
  ] as const) {
    const waits = Array.from({ length: 50 }, () => backOff(tries));
    t.ok(Math.min(...waits) >= whole / 2 && Math.max(...waits) <= whole, `${tries}`);
    t.ok(new Set(waits).size > 10, "by chance");
  }
  t.end();
});

t.test("a job without attempts of its own has five", (t) => {
  t.match(retriesOf({ attempts: 0 }), { attempts: 5, backoff: { type: "exponential" } });
  t.match(retriesOf({}), { attempts: 5 });
  t.same(retriesOf({ attempts: 1, backoff: 5 }), { attempts: 1, backoff: 5 });
  t.end();
});
