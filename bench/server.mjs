/**
 * What HTTP costs beside the model: time to the first token, processor time of a token, and 500 streams at once with the
 * lateness of the event loop. The model is the smallest there is, so that the server shows; clients are a process of their
 * own. Prints Markdown.
 *
 *   node bench/server.mjs [MODEL] [--first 200] [--tokens 200] [--rounds 5] [--many 500]
 *
 * After `npm run build`; about a minute with the default model. A slow model wants fewer requests for the first token,
 * tokens a stream, rounds of 16 streams in turn with and without HTTP, and streams at once (0: none).
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { cpus } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const self = fileURLToPath(import.meta.url);
const PATH = "/v1/completions";
const PROMPT = "Human: What is the name of the cat?\nAI: ";
const STREAMS = 16;
const sorted = (values) => values.toSorted((a, b) => a - b);
const quantile = (values, share) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(share * values.length))];

/** One stream: milliseconds to its first event of a token, to its end, and how many events came. */
function stream(port, agent, tokens) {
  const body = JSON.stringify({ prompt: PROMPT, max_tokens: tokens, ignore_eos: true, stream: true });
  const headers = { "content-type": "application/json", "content-length": body.length };
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, host: "127.0.0.1", method: "POST", path: PATH, headers, agent },
      (response) => {
        let first;
        let events = 0;
        response.on("data", (part) => {
          first ??= performance.now() - begin;
          for (let at = part.indexOf("data: "); at >= 0; at = part.indexOf("data: ", at + 6)) events++;
        });
        response.on("end", () => resolve({ first, end: performance.now() - begin, events }));
      },
    );
    asked.on("error", reject).end(body);
  });
}

/** The clients' process: does what it is told and says what came of it. */
function clients() {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  process.on("message", async ({ port, streams, tokens, repeat }) => {
    const results = [];
    for (let i = 0; i < repeat; i++)
      results.push(
        ...(await Promise.all(Array.from({ length: streams }, () => stream(port, agent, tokens)))),
      );
    process.send(results);
  });
}

/** The same work without HTTP. */
async function direct(model, { streams, tokens, repeat }) {
  const one = async () => {
    const begin = performance.now();
    let first;
    for await (const _ of model.generate({ prompt: PROMPT, maxTokens: tokens, ignoreEos: true }))
      first ??= performance.now() - begin;
    return { first };
  };
  const results = [];
  for (let i = 0; i < repeat; i++) results.push(...(await Promise.all(Array.from({ length: streams }, one))));
  return results;
}

/** Runs work and adds what it took of this process's processor time, in microseconds. */
async function measured(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const before = process.cpuUsage();
  const begin = performance.now();
  const results = await work();
  const { user, system } = process.cpuUsage(before);
  delay.disable();
  return {
    results,
    cpu: user + system,
    ms: performance.now() - begin,
    lateMs: delay.percentile(99) / 1e6 - 1,
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      first: { type: "string", default: "200" },
      tokens: { type: "string", default: "200" },
      rounds: { type: "string", default: "5" },
      many: { type: "string", default: "500" },
    },
  });
  const [firsts, tokens, rounds, many] = ["first", "tokens", "rounds", "many"].map((key) =>
    Number(values[key]),
  );
  const { loadModel } = await import("../dist/lib/index.js");
  const { createServer } = await import("../dist/lib/server/index.js");
  const model = await loadModel(positionals[0] ?? join(self, "../../test/golden/models/cabs-new"));
  const server = createServer(model);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const child = fork(self, ["--clients"]);
  const ask = async (load) => {
    child.send({ port, ...load });
    const [results] = await once(child, "message");
    return results;
  };
  const warm = { streams: STREAMS, tokens: Math.min(tokens, 50), repeat: 1 };
  await direct(model, warm);
  await ask(warm);

  const single = { streams: 1, tokens: 2, repeat: firsts };
  const without = await direct(model, single);
  const over = await ask(single);
  const first = (results) =>
    quantile(
      results.map((result) => result.first),
      0.5,
    );

  const load = { streams: STREAMS, tokens, repeat: 1 };
  const pairs = [];
  for (let round = 0; round < rounds; round++)
    pairs.push({ plain: await measured(() => direct(model, load)), http: await measured(() => ask(load)) });
  const median = (of) => quantile(pairs.map(of), 0.5);
  const count = load.streams * load.tokens;
  const rate = ({ ms }) => (count / ms) * 1000;

  const figure = (value) => value.toFixed(2);
  console.log(`${cpus()[0].model}, ${cpus().length} threads, Node ${process.version}\n
| figure | value |
|---|---|
| first token, in the process (median of ${firsts}) | ${figure(first(without))} ms |
| first token, over HTTP, alone | ${figure(first(over))} ms |
| processor time of a token, ${STREAMS} at once, in the process (median of ${rounds}) | ${figure(median(({ plain }) => plain.cpu / count))} µs |
| the same over HTTP, clients apart | ${figure(median(({ http }) => http.cpu / count))} µs |
| tokens/s in the process, over HTTP | ${figure(median(({ plain }) => rate(plain)))}, ${figure(median(({ http }) => rate(http)))} |
| of the rate in the process, over HTTP | ${figure(100 * median(({ plain, http }) => plain.ms / http.ms))} % |`);
  if (many > 0) {
    const { results, lateMs } = await measured(() => ask({ streams: many, tokens: 100, repeat: 1 }));
    const ends = results.map(({ end }) => end);
    console.log(`| ${many} streams at once: answered | ${results.filter(({ events }) => events > 1).length} |
| their ends: first, median, last | ${figure(quantile(ends, 0))}, ${figure(quantile(ends, 0.5))}, ${figure(quantile(ends, 1))} ms |
| lateness of the event loop, p99 | ${figure(lateMs)} ms |`);
  }
  child.disconnect();
  server.close();
  await model.dispose();
}

if (process.argv[2] === "--clients") clients();
else await main();
