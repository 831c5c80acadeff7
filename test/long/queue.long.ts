// Twenty kills (SIGKILL) of workers while 300 jobs run: every job is answered, none counts twice, and the answers are those
// of a run without kills. Prints one JSON line.
import { setTimeout as sleep } from "node:timers/promises";
import { randomNumbers } from "../support/batch-kills.js";
import { loadGolden, SHORT_PROMPT } from "../support/golden-model.js";
import { goldenPath } from "../support/paths.js";
import { Producer, WorkerProcess } from "../support/queue.js";
import { RedisServer } from "../support/redis.js";

const KILLS = 20;
const JOBS = 300;
/** A worker is killed at any moment up to so long after it began to take jobs. */
const WITHIN_MS = 2000;

const requestOf = (i: number) => ({
  prompt: `${SHORT_PROMPT}${i}`,
  raw: true,
  maxTokens: 20 + (i % 7) * 30,
});

const model = await loadGolden("cabs-new");
const expected = await Promise.all(
  Array.from({ length: JOBS }, (_, i) => {
    const { prompt, maxTokens } = requestOf(i);
    return model.generate({ prompt, maxTokens, ignoreEos: true }).result;
  }),
);
await model.dispose();

const redis = await RedisServer.start();
const producer = new Producer(redis.url);
const random = randomNumbers(20_261_130);
const start = () => new WorkerProcess(redis.url, goldenPath("models", "cabs-new"), "--max-sequences", "4");
/** Two at a time, so that a dead one's jobs can go on elsewhere at once. */
const workers = [start(), start()];
let atWork = 0;
try {
  for (let i = 0; i < JOBS; i++) await producer.add(`job ${i}`, requestOf(i));
  let kills = 0;
  while (kills < KILLS) {
    const doomed = workers.shift()!;
    workers.push(start());
    if (random() < 0.8) await doomed.said("taking jobs");
    await sleep(random() * WITHIN_MS);
    atWork += await producer.queue.getActiveCount();
    doomed.child.kill("SIGKILL");
    await doomed.ended;
    kills++;
    const { completed, failed, active, waiting } = await producer.queue.getJobCounts();
    process.stdout.write(
      `${kills} kills: ${completed} done, ${failed} failed, ${active} active, ${waiting} waiting\n`,
    );
  }
  while ((await producer.queue.getCompletedCount()) + (await producer.queue.getFailedCount()) < JOBS)
    await sleep(20);
  const jobs = await Promise.all(Array.from({ length: JOBS }, (_, i) => producer.queue.getJob(`job ${i}`)));
  const completions = await producer.completions();
  const wrong = jobs.filter((job, i) => job?.returnvalue?.tokens?.join() !== expected[i]!.tokens.join());
  const twice = [...completions.values()].filter((count) => count !== 1);
  const stalls = jobs.map((job) => job!.stalledCounter);
  const done = await producer.queue.getCompletedCount();
  console.log(
    JSON.stringify({
      name: `${KILLS} kills while ${JOBS} jobs run: none lost, none counted twice, the same answers as without`,
      passed: done === JOBS && wrong.length === 0 && twice.length === 0 && completions.size === JOBS,
      redis: /redis_version:(\S+)/.exec(await producer.redis.info("server"))?.[1],
      kills,
      jobs: JOBS,
      completed: done,
      countedTwice: twice.length,
      wrong: wrong.length,
      /** Jobs at work at the moments of the kills, of both workers. */
      atWork,
      stalledJobs: stalls.filter((count) => count > 0).length,
      mostStallsOfAJob: Math.max(...stalls),
    }),
  );
} finally {
  for (const { child } of workers) child.kill("SIGTERM");
  await Promise.all(workers.map(({ ended }) => ended));
  await producer.close();
  await redis.stop();
}
