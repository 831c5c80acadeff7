import { copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { filesBelow, stamped } from "./freshness.mjs";
import { withLock } from "./lock.mjs";
import { root, run, ScriptError } from "./process.mjs";
import { clearProgress, note, showProgress, since } from "./progress.mjs";
import { buildEnvironment, requireToolchain } from "./toolchain.mjs";

/** Outside build/, which node-gyp cleans. */
const TREE = "build-cmake/Release";
/** Where node-gyp would put it, so that every loader's conventions hold. */
export const ADDON = "build/Release/honeybee.node";
export const NATIVE_TESTS = join(TREE, "honeybee-native-test");

const SOURCE = /\.(cpp|h|txt|cmake)$/;

function nativeInputs() {
  const folders = ["CMakeLists.txt", "cmake", "src", "test/native", "scripts/support/native.mjs"];
  return folders.flatMap((folder) => filesBelow(folder, SOURCE));
}

/**
 * Builds the addon, and on request the native test program in the same tree; at once when nothing changed.
 *
 * @param {{tests?: boolean}} options
 * @throws {ScriptError} a missing tool in one sentence, or the compiler's whole output
 */
export async function buildNative({ tests = false } = {}) {
  const targets = tests ? ["honeybee", "honeybee-native-test"] : ["honeybee"];
  const made = (target) =>
    stamped({
      stamp: join(TREE, `${target}.stamp`),
      inputs: nativeInputs(),
      products: [target === "honeybee" ? ADDON : NATIVE_TESTS],
      settings: `${process.env.CXX ?? ""} ${process.env.CXXFLAGS ?? ""}`,
    });
  if (targets.every((target) => made(target).fresh())) return;

  const env = buildEnvironment();
  requireToolchain(env);
  const start = performance.now();
  await withLock("build-cmake/lock", async () => {
    const stamps = targets.map((target) => [target, made(target)]).filter(([, stamp]) => !stamp.fresh());
    if (stamps.length === 0) return;
    const testsWanted = tests || existsSync(join(root, NATIVE_TESTS));
    await cmakeJs(["configure", `--CDHB_TESTS=${testsWanted ? "ON" : "OFF"}`], env, "configuring");
    for (const [target, stamp] of stamps) {
      const title = target === "honeybee" ? "building the addon" : "building the native tests";
      await cmakeJs(["build", "--target", target, "--parallel", jobs(env)], env, title);
      if (target === "honeybee") install(join(TREE, "honeybee.node"), ADDON);
      stamp.mark();
    }
    note(`built ${targets.join(" and ")} (${since(start)})`);
  });
}

/** CMake reads this variable itself; cmake-js would override it by an option. */
function jobs(env) {
  return env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
}

/** Renamed into place: a process that runs the old addon keeps its file. */
function install(from, to) {
  const target = join(root, to);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, from), `${target}.new`);
  renameSync(`${target}.new`, target);
}

async function cmakeJs(command, env, title) {
  const cli = createRequire(join(root, "package.json")).resolve("cmake-js/bin/cmake-js");
  const place = [
    "--directory",
    root,
    "--out",
    join(root, TREE),
    "--config",
    "Release",
    "--log-level",
    "error",
  ];
  showProgress(`${title} …`);
  const { code, output } = await run(process.execPath, [cli, ...command, ...place], {
    env,
    onLine: (line) => showStep(title, line),
  });
  clearProgress();
  if (code !== 0) throw new ScriptError(`${errorsOf(output)}\nhoneybee: ${title} failed (output above).`);
}

/** "[3/40] Building CXX object …/linear.cpp.o" from ninja, "[ 7%] Building …" from make. */
function showStep(title, line) {
  const step = /^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\].*?([^/\s]+?)(?:\.o)?$/.exec(line);
  if (!step) return;
  const [, index, count, percent, file] = step;
  showProgress(`${title}: ${index ? `${index} of ${count}` : `${percent} %`}  ${basename(file)}`);
}

/** Everything a build said but its progress lines and cmake-js's closing word. */
function errorsOf(output) {
  return output
    .split("\n")
    .filter((line) => !/^\[\s*\d+(\/\d+|%)\]|^ERR! OMG|^ERROR OMG/.test(line))
    .join("\n")
    .trim();
}
