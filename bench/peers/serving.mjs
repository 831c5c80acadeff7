import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { root, ScriptError } from "../../scripts/support/process.mjs";
import { promptOf, REQUEST } from "./runtime.mjs";

/** Requests at once, and slots of llama.cpp's server. */
const TOGETHER = 8;
const START_SECONDS = 300;

/** tokens/s of llama.cpp's server for eight requests at once, from one warm-up and one round. */
export function servePeer(bin, model, threads) {
  const context = TOGETHER * 2 * (REQUEST.prompt + REQUEST.answer);
  return serve(
    join(bin, "llama-server"),
    ["-m", model, "-t", threads, "-tb", threads, "-np", TOGETHER, "-c", context, "--no-webui"],
    "/completion",
    (prompt) => ({
      // The ids of the bytes of both vocabularies: three special tokens, then the bytes.
      prompt: [1, ...Buffer.from(prompt).map((byte) => byte + 3)],
      n_predict: REQUEST.answer,
      ignore_eos: true,
      cache_prompt: false,
      temperature: 0,
    }),
    ({ tokens_predicted: tokens }) => tokens,
  );
}

/** The same of ours. */
export function serveUs(threads) {
  return serve(
    process.execPath,
    [
      join(root, "dist/lib/cli/main.js"),
      "serve",
      "random:1.1B-C-Abs-M144,vision-layers=1",
      "--weights",
      "bf16",
      "--threads",
      threads,
      "--quiet",
    ],
    "/v1/completions",
    (prompt) => ({ prompt, max_tokens: REQUEST.answer, ignore_eos: true }),
    ({ usage }) => usage.completion_tokens,
  );
}

/**
 * @param {(prompt: string) => object} bodyOf the body of a request
 * @param {(answer: object) => number} tokensOf how many tokens an answer has
 */
async function serve(program, args, path, bodyOf, tokensOf) {
  const port = await freePort();
  const server = spawn(program, [...args, "--port", port].map(String), { stdio: "ignore" });
  try {
    await ready(port, server);
    const once8 = () =>
      Promise.all(
        Array.from({ length: TOGETHER }, async () => {
          const tokens = tokensOf(await post(port, path, bodyOf(promptOf(REQUEST.prompt))));
          if (tokens !== REQUEST.answer)
            throw new ScriptError(`${program} answered with ${tokens} tokens and not ${REQUEST.answer}.`);
        }),
      );
    await post(port, path, bodyOf(promptOf(REQUEST.prompt)));
    const begin = performance.now();
    await once8();
    return (1000 * TOGETHER * REQUEST.answer) / (performance.now() - begin);
  } finally {
    if (server.exitCode === null) {
      server.kill();
      await once(server, "exit");
    }
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

async function ready(port, server) {
  for (let second = 0; second < START_SECONDS; second++) {
    if (server.exitCode !== null)
      throw new ScriptError(`${server.spawnargs.join(" ")} ended with code ${server.exitCode}.`);
    if ((await send(port, "GET", "/health").catch(() => ({ status: 0 }))).status === 200) return;
    await setTimeout(1000);
  }
  throw new ScriptError(`${server.spawnfile} was not ready within ${START_SECONDS} s.`);
}

async function post(port, path, body) {
  const { status, text } = await send(port, "POST", path, JSON.stringify(body));
  if (status !== 200) throw new ScriptError(`${path} answered ${status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** No time limit, which fetch would have. */
function send(port, method, path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
      answer.on("error", reject);
    });
    asked.on("error", reject).end(body);
  });
}
