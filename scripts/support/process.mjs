import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** The repository (or the installed package) these scripts belong to. */
export const root = resolve(import.meta.dirname, "../..");

/** A failure that a person can act on: printed as its message alone, without a stack. */
export class ScriptError extends Error {}

/**
 * Runs a program and collects its output, stdout and stderr interleaved as they came.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, inherit?: boolean}} options
 *   onLine gets every complete line at once; inherit passes the output through instead of collecting it.
 * @returns {Promise<{code: number, output: string}>} code 127 when the program could not be started, 128 + n when
 *   signal n ended it (as shells say it).
 */
export function run(command, args, { cwd = root, env = process.env, onLine, inherit = false } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", inherit ? "inherit" : "pipe", inherit ? "inherit" : "pipe"],
    });
    let output = "";
    let rest = "";
    const take = (chunk) => {
      output += chunk;
      if (!onLine) return;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) onLine(line);
    };
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", take);
    child.on("error", (error) => done({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on("close", (code, signal) => {
      if (rest) onLine?.(rest);
      if (signal) output += `${command}: ended by ${signal}\n`;
      done({ code: code ?? 128, output });
    });
  });
}

/** As `run`, but a failure throws a ScriptError that shows the whole output. Returns the output. */
export async function runOrThrow(command, args, options = {}) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) {
    const said = output.trimEnd();
    throw new ScriptError(`${said}${said && "\n"}${[command, ...args].join(" ")}: exit code ${code}`);
  }
  return output;
}

/** The full path of a program on PATH, or undefined. */
export function which(name, path = process.env.PATH ?? "") {
  for (const folder of path.split(delimiter)) {
    if (!folder) continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {}
  }
  return undefined;
}

/** Runs a script's main function: a ScriptError becomes its message and exit code 1, anything else a stack. */
export async function main(body) {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    console.error(error instanceof ScriptError ? error.message : error);
    process.exitCode = 1;
  }
}
