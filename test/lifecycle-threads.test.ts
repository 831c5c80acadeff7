// One engine for all the threads of a process that load the same model: counted, and freed after its last user.
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { loadModel, type Model } from "../lib/index.js";
import { editedModel } from "./support/edited-model.js";
import { endlessModel } from "./support/endless-model.js";
import { ENDLESS, goldenCase } from "./support/golden-model.js";
import { until } from "./support/http-server.js";
import { ModelThread } from "./support/model-thread.js";

const OPTIONS = { weights: "f32" } as const;

/** Weights that show in the memory of the process. */
const BIG = "random:1.1B-C-Abs-M144,layers=1,vision-layers=1";
const BIG_OPTIONS = { weights: "bf16", context: 256, imageCache: 0 } as const;

const folder = mkdtempSync(join(tmpdir(), "honeybee-threads-"));
const path = endlessModel(join(folder, "model"));
t.teardown(() => rmSync(folder, { recursive: true }));

/** Threads of engines in this process, as the kernel counts them. */
function engines(): number {
  const tasks = readdirSync("/proc/self/task");
  const name = (task: string) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim();
    } catch {
      return ""; // it has just ended
    }
  };
  return tasks.filter((task) => name(task) === "honeybee-engine").length;
}

const linuxOnly = process.platform === "linux" ? {} : { skip: "counts in /proc" };

t.test("several threads, one engine: one load, one set of figures", linuxOnly, async (t) => {
  const threads = await Promise.all([1, 2, 3].map(() => ModelThread.start()));
  const infos = await Promise.all(threads.map((thread) => thread.call("load", path, OPTIONS)));
  const model = await loadModel(path, OPTIONS);
  t.equal(engines(), 1);
  for (const info of infos) t.same(info, model.info, "the same load, with the same figures");

  const counts = [40, 50, 60];
  const answers = await Promise.all(threads.map((thread, i) => thread.call("answer", counts[i]!)));
  t.same(
    answers.map(({ length }) => length),
    counts,
  );
  t.equal(model.stats().generatedTokens, 150, "all of them were this engine's");

  for (const thread of threads) await thread.call("dispose");
  t.equal(engines(), 1, "a user is left");
  t.equal((await model.generate({ ...ENDLESS, maxTokens: 3 }).result).tokens.length, 3);
  await model.dispose();
  t.equal(engines(), 0, "and with the last it is gone");
  await Promise.all(threads.map((thread) => thread.terminate()));
});

t.test("several threads, one set of weights in memory, given back after the last", linuxOnly, async (t) => {
  const threads = await Promise.all([1, 2, 3].map(() => ModelThread.start()));
  const before = process.memoryUsage.rss();
  const infos = await Promise.all(threads.map((thread) => thread.call("load", BIG, BIG_OPTIONS)));
  const { weightBytes } = infos[0]!;
  const grown = process.memoryUsage.rss() - before;
  t.ok(
    grown > weightBytes && grown < 1.5 * weightBytes,
    `${grown} bytes for three users of ${weightBytes} bytes of weights`,
  );
  for (const thread of threads) await thread.call("dispose");
  const left = process.memoryUsage.rss() - before;
  t.ok(left < weightBytes / 2, `${left} bytes are left`);
  await Promise.all(threads.map((thread) => thread.terminate()));
});

t.test("a thread that is terminated in mid-request ends its requests alone", linuxOnly, async (t) => {
  const [doomed, other] = await Promise.all([ModelThread.start(), ModelThread.start()]);
  await doomed.call("load", path, OPTIONS); // the one that made the engine
  await other.call("load", path, OPTIONS);
  const model = await loadModel(path, OPTIONS);
  const expected = (await model.generate({ ...ENDLESS, maxTokens: 400 }).result).tokens;

  await Promise.all([doomed.call("begin", 1_000_000), doomed.call("begin", 1_000_000)]);
  const mine = model.generate({ ...ENDLESS, maxTokens: 400 });
  await mine.next();
  t.equal(model.stats().running, 3);
  const theirs = other.call("answer", 400);
  await doomed.terminate();
  await until(() => model.stats().running <= 2);
  t.same((await mine.result).tokens, expected);
  t.same(await theirs, expected);
  const { running, waiting, blocksUsed } = model.stats();
  t.same(
    { running, waiting, blocksUsed },
    { running: 0, waiting: 0, blocksUsed: 0 },
    "nothing is left of it",
  );

  await model.dispose();
  t.equal(engines(), 1);
  await other.call("begin", 1_000_000);
  await other.terminate();
  await until(() => engines() === 0);
  t.equal(engines(), 0, "a last user that is terminated frees the engine too");
});

t.test("a thread that is terminated while it loads or encodes", linuxOnly, async (t) => {
  const doomed = await ModelThread.start();
  void doomed.call("load", BIG, BIG_OPTIONS);
  await until(() => engines() === 1);
  const loading = loadModel(BIG, BIG_OPTIONS);
  await doomed.terminate();
  const model = await loading;
  t.equal(engines(), 1, "whoever waits for the same engine gets it");

  const encoding = await ModelThread.start();
  await encoding.call("load", BIG, BIG_OPTIONS);
  const picture = goldenCase("cabs-new").images![0]!;
  void encoding.call("encodeForever", picture);
  await until(() => model.stats().imagesEncoded > 2);
  await encoding.terminate();
  t.equal((await model.encodeImage(picture)).shape[0], model.info.tokensPerImage);
  const { imagesEncoded, running, waiting } = model.stats();
  await sleep(50);
  t.same([running, waiting, model.stats().imagesEncoded], [0, 0, imagesEncoded], "nothing goes on");
  await model.dispose();
  t.equal(engines(), 0);
});

t.test("the same model is the same files in the same state, by whatever path", linuxOnly, async (t) => {
  const source = editedModel("linear", join(folder, "files"), { tensors() {} });
  const file = join(source, "model.safetensors");
  utimesSync(file, 1_000_000_000, 1_000_000_000);
  const link = join(folder, "link");
  symlinkSync(source, link);
  const thread = await ModelThread.start();
  const users: Model[] = [await loadModel(source, OPTIONS)];
  await thread.call("load", link, OPTIONS);
  t.equal(engines(), 1, "by a link");
  users.push(await loadModel(source, { ...OPTIONS, context: 64 }));
  t.equal(engines(), 2, "another option");
  utimesSync(file, 1_000_000_001, 1_000_000_001);
  users.push(await loadModel(source, OPTIONS));
  t.equal(engines(), 3, "written to since");
  await thread.call("dispose");
  for (const user of users) await user.dispose();
  t.equal(engines(), 0);
  await thread.terminate();
});

t.test("a model that cannot be loaded fails in every thread and leaves nothing", linuxOnly, async (t) => {
  const broken = editedModel("linear", join(folder, "broken"), {
    tensors(table) {
      delete table["language_model.lm_head.weight"];
    },
  });
  const threads = await Promise.all([1, 2, 3].map(() => ModelThread.start()));
  const outcomes = await Promise.allSettled(threads.map((thread) => thread.call("load", broken, OPTIONS)));
  for (const outcome of outcomes)
    t.match(outcome, { status: "rejected", reason: { code: "ERR_CHECKPOINT" } });
  await until(() => engines() === 0);
  await Promise.all(threads.map((thread) => thread.terminate()));
});
