// Half an hour of a server's life: answers, streams, clients that leave, nonsense, half-closed sockets, and 2,000 connections
// that say nothing. Memory and descriptors stay flat, every answer is the same, nothing is held at the end. One JSON line;
// run with --expose-gc. HONEYBEE_SOAK_MINUTES sets how long.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { goldenCase, loadGolden, SHORT_PROMPT } from "../support/golden-model.js";
import { serve } from "../support/http-server.js";

const MINUTES = Number(process.env.HONEYBEE_SOAK_MINUTES ?? 30);
const SILENT = 2000;
/** Between two requests of a client: the soak is to last, not to press. */
const PAUSE_MS = 50;
/** For the last exchanges: a body has a minute to come. */
const LAST_MS = 90_000;
/** Measurements a minute; a window of them is a fifth of the whole. */
const PER_MINUTE = 6;

/** What clients saw. */
interface Seen {
  requests: number;
  streams: number;
  left: number;
  refused: number;
  broken: number;
  reopened: number;
  wrong: string[];
}

const url = `data:image/png;base64,${readFileSync(goldenCase("cabs-new").images![0]!).toString("base64")}`;
const content = [
  { type: "image_url", image_url: { url } },
  { type: "text", text: "What is this?" },
];
const CHAT = { messages: [{ role: "user", content }], max_tokens: 24 };
const COMPLETION = { prompt: SHORT_PROMPT, max_tokens: 24, n: 2, temperature: 1, seed: 5 };

/** Status and text of an answer; a stream that is left ends with what had come. */
function ask(port: number, path: string, body: string, leaves = false) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const asked = request({ host: "127.0.0.1", port, path, method: "POST", headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (!leaves) return;
        asked.destroy();
        resolve({ status: answer.statusCode!, text });
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, text }));
      answer.on("error", reject);
    });
    asked.on("error", reject).end(body);
  });
}

/** Everything but what differs from answer to answer of the same request. */
const same = (text: string) =>
  text.replaceAll(/"(id|created)":("[^"]*"|\d+)/g, "").replaceAll(/"cached_tokens":\d+/g, "");

/** The clients' process: does all of it until told to stop. */
async function clients(port: number): Promise<void> {
  const seen: Seen = { requests: 0, streams: 0, left: 0, refused: 0, broken: 0, reopened: 0, wrong: [] };
  let running = true;
  const first = new Map<string, string>();
  const lane = async (act: () => Promise<void>) => {
    while (running) {
      await act().catch((error) => seen.wrong.push(String(error)));
      await sleep(PAUSE_MS);
    }
  };
  const expectSame = async (path: string, body: object, count: "requests" | "streams") => {
    const { status, text } = await ask(port, path, JSON.stringify(body));
    seen[count]++;
    const key = path + JSON.stringify(body).slice(-60);
    if (!first.has(key)) first.set(key, same(text));
    if (status !== 200 || same(text) !== first.get(key))
      seen.wrong.push(`${path}: ${status} ${text.slice(0, 200)}`);
  };
  const nonsense: [string, string, number][] = [
    ["/v1/chat/completions", "{", 400],
    ["/v1/chat/completions", '{"messages":1}', 400],
    ["/v1/completions", '{"prompt":"x","temperature":"hot"}', 400],
    ["/v1/chat/completions", JSON.stringify({ ...CHAT, model: "other" }), 404],
    ["/v1/completions", JSON.stringify({ prompt: "word ".repeat(20_000) }), 400],
    ["/nowhere", "{}", 404],
  ];
  let turn = 0;
  /** A head that promises a body, half of which comes. */
  const half = () =>
    new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.on("data", () => {}).on("close", () => resolve());
      socket.write("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
      setTimeout(() => (turn % 2 ? socket.end() : socket.destroy()), 20);
    });
  const silent = () => {
    if (!running) return;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => {
      seen.reopened++;
      setTimeout(silent, 100);
    });
  };
  for (let i = 0; i < SILENT; i++) silent();
  const lanes = [
    ...[0, 1].map(() => lane(() => expectSame("/v1/chat/completions", { ...CHAT, stream: true }, "streams"))),
    lane(() => expectSame("/v1/chat/completions", CHAT, "requests")),
    lane(() => expectSame("/v1/completions", COMPLETION, "requests")),
    lane(async () => {
      await ask(
        port,
        "/v1/completions",
        JSON.stringify({ ...COMPLETION, max_tokens: 400, stream: true }),
        true,
      );
      seen.left++;
    }),
    lane(async () => {
      const [path, body, expected] = nonsense[turn++ % nonsense.length]!;
      const { status, text } = await ask(port, path, body);
      seen.refused++;
      if (status !== expected)
        seen.wrong.push(`${path} ${body.slice(0, 60)}: ${status} ${text.slice(0, 200)}`);
    }),
    lane(async () => {
      await half();
      seen.broken++;
    }),
  ];
  await once(process, "message");
  running = false;
  // What hangs is a finding too.
  const all = Promise.all(lanes).then(() => true);
  if (!(await Promise.race([all, sleep(LAST_MS, false)]))) seen.wrong.push("a client was not answered");
  process.send!(seen, () => process.exit());
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const files = () => readdirSync("/proc/self/fd").length;

async function measure(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) throw new Error("run with --expose-gc, or garbage would look like a leak");
  const model = await loadGolden("cabs-new");
  const api = await serve(model, { log: false });
  const filesBefore = files();
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [String(api.port)]);
  const rss: number[] = [];
  const heap: number[] = [];
  const open: number[] = [];
  for (let i = 0; i < MINUTES * PER_MINUTE; i++) {
    await sleep(60_000 / PER_MINUTE);
    gc();
    const { rss: all, heapUsed, external } = process.memoryUsage();
    rss.push(all);
    heap.push(heapUsed + external);
    open.push(files());
    if (i % PER_MINUTE === 0)
      console.error(`minute ${i / PER_MINUTE}: ${all >> 20} MiB, ${open.at(-1)} descriptors`);
  }
  child.send("stop");
  const [seen] = (await once(child, "message")) as [Seen];
  await once(child, "exit");
  while ((await new Promise<number>((resolve) => api.server.getConnections((_, n) => resolve(n)))) > 0)
    await sleep(100);
  const { running, waiting, blocksUsed } = model.stats();
  // The first fifth is for caches to fill.
  const fifth = Math.max(1, Math.floor(rss.length / 5));
  const grown = (values: readonly number[]) =>
    median(values.slice(-fifth)) - median(values.slice(fifth, 2 * fifth));
  const filesAfter = files();
  const result = {
    name: `${MINUTES} minutes`,
    ...seen,
    wrong: seen.wrong.slice(0, 10),
    descriptors: { before: filesBefore, most: Math.max(...open), after: filesAfter, grown: grown(open) },
    rssBytes: median(rss),
    // The image, prompt and answer of one exchange in a hundred would be more.
    rssGrownBytes: grown(rss),
    heapGrownBytes: grown(heap),
    allowedBytes: 16 * 2 ** 20,
    held: { running, waiting, blocksUsed },
  };
  const passed =
    seen.wrong.length === 0 &&
    seen.streams > 0 &&
    seen.broken > 0 &&
    result.rssGrownBytes < result.allowedBytes &&
    result.heapGrownBytes < result.allowedBytes / 4 &&
    filesAfter <= filesBefore + 2 &&
    Math.max(...open) > SILENT &&
    running + waiting + blocksUsed === 0;
  console.log(JSON.stringify({ passed, ...result }));
  await api.close();
  await model.dispose();
  if (!passed) process.exitCode = 1;
}

const [port] = process.argv.slice(2);
await (port ? clients(Number(port)) : measure());
