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

const SOURCE = /\.(cpp|cu|h|txt|cmake)$/;

/** What CMake makes: its title, where it goes, and the sources that it is made from. */
const TARGETS = {
  honeybee: {
    title: "building the addon",
    file: "honeybee.node",
    product: ADDON,
    folders: ["src"],
  },
  "honeybee-simt": {
    title: "building the simulator",
    file: "honeybee-simt.so",
    product: "build/Release/honeybee-simt.so",
    folders: ["src/core", "cuda", "test/simt"],
  },
  "honeybee-native-test": {
    title: "building the native tests",
    file: "honeybee-native-test",
    product: NATIVE_TESTS,
    folders: ["src", "cuda", "test/native"],
  },
};

const COMMON_INPUTS = ["CMakeLists.txt", "cmake", "scripts/support/native.mjs"];

function stampOf(target) {
  const { product, folders } = TARGETS[target];
  return stamped({
    stamp: join(TREE, `${target}.stamp`),
    inputs: [...COMMON_INPUTS, ...folders].flatMap((folder) => filesBelow(folder, SOURCE)),
    products: [product],
    settings: `${process.env.CXX ?? ""} ${process.env.CXXFLAGS ?? ""}`,
  });
}

/**
 * Builds the addon, in a checkout the simulator too, and on request the native test program, all in one tree; at once
 * when nothing changed.
 *
 * @param {{tests?: boolean}} options
 * @throws {ScriptError} a missing tool in one sentence, or the compiler's whole output
 */
export async function buildNative({ tests = false } = {}) {
  // The published package has no tests, and so no simulator.
  const simulator = existsSync(join(root, "test/simt"));
  const targets = ["honeybee"];
  if (simulator) targets.push("honeybee-simt");
  if (tests) targets.push("honeybee-native-test");
  if (targets.every((target) => stampOf(target).fresh())) return;

  const env = buildEnvironment();
  requireToolchain(env);
  const start = performance.now();
  await withLock("build-cmake/lock", async () => {
    const stale = targets.map((target) => [target, stampOf(target)]).filter(([, stamp]) => !stamp.fresh());
    if (stale.length === 0) return;
    const testsWanted = tests || existsSync(join(root, NATIVE_TESTS));
    const switches = [`--CDHB_TESTS=${onOff(testsWanted)}`, `--CDHB_SIMT=${onOff(simulator)}`];
    await cmakeJs(["configure", ...switches], env, "configuring");
    for (const [target, stamp] of stale) {
      const { title, file, product } = TARGETS[target];
      await cmakeJs(["build", "--target", target, "--parallel", jobs(env)], env, title);
      if (product !== join(TREE, file)) install(join(TREE, file), product);
      stamp.mark();
    }
    note(`built ${targets.join(", ")} (${since(start)})`);
  });
}

const onOff = (wanted) => (wanted ? "ON" : "OFF");

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
