// Jobs of a BullMQ queue: what they become, how many run, where they go when a worker ends.
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { HoneybeeError, type Model } from "../lib/index.js";
import { type QueueWorkerOptions, startWorker } from "../lib/queue/index.js";
import type { WorkerModel } from "../lib/queue/worker.js";
import { endlessModel } from "./support/endless-model.js";
import { goldenCase, loadGolden, refused, SHORT_PROMPT } from "./support/golden-model.js";
import { goldenDataUrl, until } from "./support/http-server.js";
import { goldenPath } from "./support/paths.js";
import { Producer, WorkerProcess } from "./support/queue.js";
import { needsRedis, RedisServer } from "./support/redis.js";

let redis: RedisServer;
let model: Model;
t.before(async () => {
  if (needsRedis.skip) return;
  [redis, model] = await Promise.all([RedisServer.start(), loadGolden("cabs-new", { maxSequences: 4 })]);
});
t.teardown(async () => {
  await model?.dispose();
  await redis?.stop();
});

let queues = 0;
/** A queue of its own and what starts workers of it; all are closed at the end of the test. */
function queue(t: Test, url = redis.url) {
  const name = `queue-${queues++}`;
  const producer = new Producer(url, name);
  t.teardown(() => producer.close());
  const start = async (options: Partial<QueueWorkerOptions> = {}, host: WorkerModel = model) => {
    const worker = await startWorker(host, { url, name, lockSeconds: 0.5, ...options });
    t.teardown(() => worker.close({ now: true }));
    return worker;
  };
  return { name, producer, start };
}

/** A model whose answers are made by `generate`. */
const pretended = (generate: Model["generate"]): WorkerModel => ({
  info: model.info,
  tokenizer: model.tokenizer,
  chat: (request) => model.chat(request),
  generate,
});

const SHORT = { prompt: SHORT_PROMPT, raw: true, ignoreEos: true, maxTokens: 2 };

t.test("a job is a line of a batch, its result the answer to it", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  const golden = goldenCase("cabs-new");
  const body = { prompt: golden.prompt, images: [goldenDataUrl()], max_tokens: 32, ignore_eos: true };
  await producer.add("plain", { ...SHORT, prompt: golden.prompt, images: [goldenDataUrl()], maxTokens: 32 });
  await producer.add("file", { ...SHORT, id: "mine", prompt: golden.prompt, images: ["cabs-new.png"] });
  await producer.add("openai", { custom_id: "theirs", method: "POST", url: "/v1/completions", body });
  const messages = [{ role: "user", content: "Hi" }];
  await producer.add("chat", { custom_id: 7, url: "/v1/chat/completions", body: { messages } });
  const picture = golden.images![0]!;
  const worker = await start({ imageFolder: picture.slice(0, picture.lastIndexOf("/")) });
  await producer.add("image", { ...SHORT, prompt: golden.prompt, images: [picture] });

  const plain = (await producer.ended("plain")).returnvalue;
  t.match(plain, { id: "plain", tokens: golden.generate_ids, finishReason: "length" });
  t.equal(plain.usage.completionTokens, 32);
  const text = model.tokenizer.decode(golden.generate_ids);
  t.match((await producer.ended("openai")).returnvalue, {
    custom_id: "theirs",
    response: { status_code: 200, body: { object: "text_completion", choices: [{ text }] } },
    error: null,
  });
  t.match((await producer.ended("chat")).returnvalue, {
    custom_id: 7,
    response: { body: { object: "chat.completion", choices: [{ message: { role: "assistant" } }] } },
  });
  t.match((await producer.ended("image")).returnvalue, { tokens: golden.generate_ids.slice(0, 2) });
  t.match((await producer.ended("file")).failedReason, /^ERR_IMAGE: cabs-new.png is not in the image folder/);
  await worker.close(); // past the last event
  t.match(worker.stats, { answered: 4, failed: 1, retried: 0, givenBack: 0 });
});

t.test("what can never be answered fails at once, with its code", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  const jobs: [object, RegExp][] = [
    [{ ...SHORT, prompt: 5 }, /^ERR_OPTION: prompt must be a text, not 5/],
    [{ ...SHORT, maxToken: 5 }, /^ERR_OPTION: unknown option "maxToken"; did you mean "maxTokens"/],
    [[SHORT], /^ERR_OPTION: the data of a job must be an object/],
    [{ ...SHORT, id: {} }, /^ERR_OPTION: id must be a text or a number/],
    [{ ...SHORT, prompt: "x".repeat(50_000) }, /^ERR_CONTEXT_LENGTH: /],
    [{ ...SHORT, images: ["/etc/hostname"] }, /^ERR_IMAGE: \/etc\/hostname is no data: URL/],
    [{ ...SHORT, images: ["https://127.0.0.1/x.png"] }, /^ERR_IMAGE: /],
    [{ ...SHORT, prompt: "<image>", images: ["data:image/png;base64,AAAA"] }, /^ERR_IMAGE: /],
  ];
  for (const [i, [data]] of jobs.entries()) await producer.add(`bad ${i}`, data, { attempts: 9 });
  await start();
  for (const [i, [, reason]] of jobs.entries()) {
    const { failedReason, attemptsMade } = await producer.ended(`bad ${i}`);
    t.match(failedReason, reason);
    t.equal(attemptsMade, 1);
  }
});

t.test("the image folder is the only one that jobs can read", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  const folder = t.testdir({
    inside: { "link.png": t.fixture("symlink", "../outside.png") },
    "outside.png": "",
  });
  for (const [i, path] of ["../outside.png", "link.png", `${folder}/outside.png`].entries())
    await producer.add(`job ${i}`, { ...SHORT, images: [path] });
  await start({ imageFolder: `${folder}/inside` });
  for (const i of [0, 1, 2])
    t.match((await producer.ended(`job ${i}`)).failedReason, /^ERR_IMAGE: .* is outside the image folder/);
});

t.test("a passing trouble is met again", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  let tries = 0;
  const flaky = pretended((request) => {
    if (++tries % 3 !== 0) throw new HoneybeeError("ERR_OUT_OF_MEMORY", "not now");
    return model.generate(request);
  });
  const backoff = { type: "fixed", delay: 10 };
  await producer.add("thrice", SHORT, { attempts: 3, backoff });
  const worker = await start({ concurrency: 1 }, flaky);
  const answered = await producer.ended("thrice");
  t.match(answered, { returnvalue: { finishReason: "length" }, attemptsMade: 3 });
  await producer.add("twice", SHORT, { attempts: 2, backoff });
  t.match(await producer.ended("twice"), { failedReason: "ERR_OUT_OF_MEMORY: not now", attemptsMade: 2 });
  tries = 1;
  await producer.add("default", SHORT);
  t.match(await producer.ended("default"), { returnvalue: { finishReason: "length" }, attemptsMade: 2 });
  await worker.close();
  t.match(worker.stats, { answered: 2, failed: 1, retried: 4 });
});

t.test(
  "no more jobs are taken than the engine runs, and none is hidden from other workers",
  needsRedis,
  async (t) => {
    const { producer, start } = queue(t);
    const maxTokens = 60;
    for (let i = 0; i < 24; i++) await producer.add(`job ${i}`, { ...SHORT, maxTokens });
    const worker = await start();
    let most = 0;
    let atEngine = 0;
    while (worker.stats.answered < 24) {
      const { running, waiting } = model.stats();
      atEngine = Math.max(atEngine, running + waiting);
      most = Math.max(most, await producer.queue.getActiveCount());
    }
    t.equal(most, 4, "jobs at work");
    t.ok(atEngine <= 4 && atEngine > 1, `${atEngine} requests at the engine`);
    await refused(t, start({ concurrency: 5 }), "ERR_OPTION", "concurrency is 5", "runs 4 requests");
  },
);

t.test("a job that takes long tells how far it is", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  const host = pretended((request) => {
    const generation = model.generate(request);
    const next = generation.next.bind(generation);
    generation.next = async () => {
      await sleep(260);
      return next();
    };
    return generation;
  });
  await producer.add("slow", { ...SHORT, maxTokens: 5 });
  await start({}, host);
  const { progress } = await producer.ended("slow");
  const { tokens } = progress as { tokens: number };
  t.ok(tokens >= 3 && tokens <= 5, `${tokens} tokens`);
});

t.test("close finishes what runs and leaves the rest", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  for (let i = 0; i < 6; i++) await producer.add(`job ${i}`, { ...SHORT, maxTokens: 200 });
  const worker = await start({ concurrency: 2 });
  await until(() => model.stats().running === 2);
  await worker.close();
  const { completed, waiting, active } = await producer.queue.getJobCounts();
  t.equal(active, 0);
  t.equal(completed! + waiting!, 6);
  t.ok(completed! >= 2 && completed! <= 4, `${completed} were answered`);
  t.match(worker.stats, { answered: completed, failed: 0 });
});

t.test("closed at once, a worker gives its jobs back", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  const endless = await loadGolden("cabs-new", { context: 2000, maxSequences: 4 });
  for (let i = 0; i < 5; i++) await producer.add(`job ${i}`, { ...SHORT, maxTokens: i < 2 ? 700 : 2 });
  const worker = await start({ concurrency: 2 }, endless);
  await until(() => endless.stats().running === 2);
  await worker.close({ now: true });
  t.match(worker.stats, { answered: 0, failed: 0, givenBack: 2 });
  t.match(await producer.queue.getJobCounts(), { active: 0, completed: 0, failed: 0, waiting: 5 });
  t.match(endless.stats(), { running: 0, waiting: 0 });
  await endless.dispose();

  const lost = await start({ concurrency: 2 }, endless);
  await until(() => lost.stats.givenBack > 0);
  t.match(await producer.queue.getJobCounts(), { failed: 0, completed: 0 }, "so does one without its model");
  await start();
  for (let i = 0; i < 5; i++)
    t.match((await producer.ended(`job ${i}`)).returnvalue, { finishReason: "length" });
});

t.test("a job counts once, however often it is added or answered", needsRedis, async (t) => {
  const { producer, start } = queue(t);
  let release: (() => void) | undefined;
  const stuck = pretended((request) => {
    const generation = model.generate(request);
    const { result } = generation;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    return Object.assign(generation, {
      next: () => held.then(() => ({ value: undefined, done: true as const })),
      result: result.then((whole) => ({ ...whole, text: "of the one that was taken for dead" })),
    });
  });
  await producer.add("once", SHORT);
  await producer.add("once", { ...SHORT, prompt: "another" });
  const slow = await start({ concurrency: 1, lockSeconds: 0.5 }, stuck);
  await until(() => release !== undefined);
  // As if the first had been without a processor for longer than its lock.
  t.equal(await producer.redis.del(`${producer.queue.toKey("once")}:lock`), 1);
  await start({ concurrency: 1 });
  const { returnvalue } = await producer.ended("once");
  release!();
  await slow.close();
  t.not(returnvalue.text, "of the one that was taken for dead");
  t.same((await producer.ended("once")).returnvalue, returnvalue, "the answer that counts does not change");
  t.same([...(await producer.completions())], [["once", 1]]);
  t.equal(slow.stats.answered, 0);
});

t.test("jobs of a killed worker go on elsewhere", needsRedis, async (t) => {
  const { name, producer, start } = queue(t);
  const path = endlessModel(t.testdir());
  for (let i = 0; i < 4; i++) await producer.add(`job ${i}`, { ...SHORT, maxTokens: 300 });
  const doomed = new WorkerProcess(redis.url, path, "--name", name, "--max-sequences", "2");
  await doomed.said("taking jobs");
  while ((await producer.queue.getActiveCount()) < 2) await sleep(5);
  doomed.child.kill("SIGKILL");
  t.equal(await doomed.ended, "SIGKILL");
  await start({ lockSeconds: 0.5 });
  const stalled: number[] = [];
  for (let i = 0; i < 4; i++) {
    const job = await producer.ended(`job ${i}`);
    t.match(job.returnvalue, { usage: { completionTokens: 300 } });
    stalled.push(job.stalledCounter);
  }
  t.ok(stalled.filter((count) => count === 1).length >= 1, `stalled: ${stalled}`);
});

t.test("the command: a password, TERM, exit codes", needsRedis, async (t) => {
  const secret = await RedisServer.start({ password: "s3cret" });
  t.teardown(() => secret.stop());
  const producer = new Producer(secret.url);
  t.teardown(() => producer.close());
  const wrong = new WorkerProcess(secret.url.replace("s3cret", "guess"));
  const usage = new WorkerProcess("http://127.0.0.1", goldenPath("models", "cabs-new"), "--concurrency", "1");
  const worker = new WorkerProcess(secret.url, endlessModel(t.testdir()), "--max-sequences", "1");
  await producer.add("a", { ...SHORT, maxTokens: 400 });
  while ((await producer.queue.getActiveCount()) < 1) await sleep(5);
  await producer.add("b", SHORT);
  worker.child.kill("SIGTERM");
  t.equal(await worker.ended, 0);
  t.match((await producer.ended("a")).returnvalue, { usage: { completionTokens: 400 } }, "it was finished");
  t.equal(await producer.queue.getWaitingCount(), 1);
  const said = worker.stderr.split("\n").filter((line) => line.startsWith("{"));
  t.match(said.map((line) => JSON.parse(line)).at(-1), { event: "job", job: "a", status: "answered" });
  t.match(worker.stderr, /1 jobs answered, 0 failed/);
  t.equal(await wrong.ended, 2);
  t.match(wrong.stderr, /honeybee: redis:\/\/127.0.0.1:\d+ refuses this user or password/);
  t.notMatch(worker.stderr + wrong.stderr, /s3cret|guess/, "passwords are not told");
  t.equal(await usage.ended, 2);
  t.match(usage.stderr, /must begin with redis:\/\//);
});
