import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runOrThrow, ScriptError } from "./process.mjs";

/** @typedef {import("./mutants-choose.mjs").Mutant} Mutant */
/** @typedef {{name: string, seconds: number, seen: Uint8Array}} SurveyedTest */
/** @typedef {"failed" | "fault" | "crashed" | "timeout" | "survived" | "unreached"} Verdict */

/** Bits of honeybee_mutant_seen (test/mutants/mutants.h). */
const REACHED = 1;
const COMPILED = 2;

/** Barriers and waits are missed in some orders only. */
const ORDERS = { usual: ["random:1"], concurrent: ["random:1", "forward", "reverse"] };

/**
 * The tests of a native test program that run on each device, by name.
 *
 * @param {string} program
 * @returns {Promise<string[]>}
 */
export async function opTests(program) {
  const listing = await runOrThrow(program, ["--list"]);
  return [...listing.matchAll(/^(\w+) \(each device\)$/gm)].map(([, name]) => name);
}

/**
 * Runs one test on the unmutated code: how long it takes, and which mutants it reaches.
 *
 * @param {{program: string, library: string}} under
 * @param {string} name
 * @returns {Promise<SurveyedTest>}
 * @throws {ScriptError} the test fails
 */
export async function survey(under, name) {
  const folder = mkdtempSync(join(tmpdir(), "honeybee-mutants-"));
  try {
    const file = join(folder, "seen");
    const start = performance.now();
    const end = await runTests(under, [name], { HONEYBEE_MUTANTS_SEEN: file, HONEYBEE_MUTANT: "0" }, 300);
    if (end.verdict !== "survived") throw new ScriptError(`${name} fails without a mutant:\n${end.output}`);
    return { name, seconds: (performance.now() - start) / 1000, seen: readFileSync(file) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Whether a mutant exists: not if no kernel of the file is made of its template, or the operands' types rule it out.
 *
 * @param {Mutant} mutant
 * @param {SurveyedTest[]} tests
 */
export const exists = ({ number }, tests) => tests.some(({ seen }) => seen[number] & COMPILED);

/**
 * Runs the tests that reach a mutant, with it chosen, until one fails.
 *
 * @param {{program: string, library: string}} under
 * @param {Mutant} mutant
 * @param {SurveyedTest[]} tests
 * @returns {Promise<Verdict>}
 */
export async function tryMutant(under, { number, change }, tests) {
  const reaching = tests.filter((test) => test.seen[number] & REACHED);
  if (reaching.length === 0) return "unreached";
  const limit = 5 + 3 * reaching.reduce((sum, { seconds }) => sum + seconds, 0);
  const names = reaching.map(({ name }) => name);
  const concurrent = change.operator === "barrier" || change.operator === "wait";
  for (const order of concurrent ? ORDERS.concurrent : ORDERS.usual) {
    const env = { HONEYBEE_MUTANT: String(number), HONEYBEE_SIMT_ORDER: order };
    const { verdict } = await runTests(under, names, env, limit);
    if (verdict !== "survived") return verdict;
  }
  return "survived";
}

/** A failed expectation or an exception, as soon as it happens. */
const FAILURE = /^ {2}\S+:\d+: (unexpected exception)?/m;

/** One run of the program; it is ended at the first failure. */
function runTests({ program, library }, names, env, limit) {
  return new Promise((done) => {
    const child = spawn(program, ["--device", "simt", ...names], {
      env: { ...process.env, HONEYBEE_SIMT_ORDER: "random:1", HONEYBEE_SIMT_LIBRARY: library, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, limit * 1000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
        if (FAILURE.test(output)) child.kill("SIGKILL");
      });
    }
    child.on("error", (error) => {
      output += error.message;
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ output, verdict: verdictOf(code, output, timedOut) });
    });
  });
}

function verdictOf(code, output, timedOut) {
  if (timedOut) return "timeout";
  const failure = FAILURE.exec(output);
  if (failure) return failure[1] ? "fault" : "failed";
  return code === 0 ? "survived" : "crashed";
}
