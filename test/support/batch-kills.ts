// Kills batches at random moments and looks at what is left. Used by the short and the long test.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenPath, repositoryRoot } from "./paths.js";

const MAIN = join(repositoryRoot, "dist", "lib", "cli", "main.js");

/** A repeatable sequence of numbers in [0, 1) (Tommy Ettinger's mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes a batch of `count` lines: images with different questions, every eleventh a missing image, every 17th not JSON. */
export function writeRequests(path: string, count: number): void {
  const images = ["a", "b", "c"].map((name) => goldenPath("images", `${name}.png`));
  const lines = Array.from({ length: count }, (_, i) => {
    if (i % 17 === 16) return `{"id": "line ${i}`;
    const image = i % 11 === 10 ? "missing.png" : images[i % 3]!;
    return JSON.stringify({
      id: `line ${i}`,
      images: [image],
      prompt: `Question ${i}?`,
      maxTokens: 1 + (i % 7),
    });
  });
  writeFileSync(path, `${lines.join("\n")}\n`);
}

/** A running `honeybee batch` of cabs-new, one request at a time so that a kill finds it at work. */
export function startBatch(input: string, output: string, ...more: string[]): ChildProcess {
  const options = ["--weights", "f32", "--ignore-eos", "--max-sequences", "1", "--threads", "1", "--quiet"];
  const args = ["batch", goldenPath("models", "cabs-new"), input, output, ...options, ...more];
  return spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "ignore", "pipe"] });
}

/** Waits for the end; what it wrote to stderr is in the error of a failure. */
export async function finished(child: ChildProcess): Promise<void> {
  let said = "";
  child.stderr?.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`exit ${code}: ${said}`);
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/**
 * Starts the batch and kills it (SIGKILL): half of the time at any moment of its start, else up to `within` milliseconds
 * after it has written something.
 *
 * @returns whether it was killed before it was done
 */
export async function killBatch(
  input: string,
  output: string,
  random: () => number,
  within: number,
): Promise<boolean> {
  const before = sizeOf(output);
  const child = startBatch(input, output);
  const ended = once(child, "close");
  let over = false;
  ended.then(() => {
    over = true;
  });
  const pause = (ms: number) => Promise.race([new Promise((wake) => setTimeout(wake, ms)), ended]);
  if (random() < 0.25) await pause(random() * 600);
  else {
    while (!over && sizeOf(output) === before) await pause(2);
    await pause(random() * within);
  }
  const killed = child.kill("SIGKILL");
  await ended;
  return killed;
}

/** The answers, of each line what does not depend on the run: what was in the prefix cache does. */
export function readAnswers(output: string): string[] {
  const text = readFileSync(output, "utf8");
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line is torn");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) =>
      JSON.stringify(JSON.parse(line, (name, value) => (name === "cachedTokens" ? undefined : value))),
    );
}
