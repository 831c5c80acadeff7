import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { buildStep, withoutSteps } from "./build-steps.mjs";
import { cudaToolkit } from "./cuda-toolkit.mjs";
import { requireSystemLibrariesOnly } from "./elf.mjs";
import { withLock } from "./lock.mjs";
import { root, run, runOrThrow, ScriptError, which } from "./process.mjs";
import { clearProgress, note, showProgress } from "./progress.mjs";
import { buildEnvironment, requireToolchain } from "./toolchain.mjs";

/** Beside the addon, which looks for it there. The last build, of either kind, is the one in use. */
export const CUDA_LIBRARY = "build/Release/honeybee-cuda.so";

/**
 * The two kinds of build, each with a tree of its own. 90a has instructions that no other architecture runs; the
 * last entry brings PTX too, which serves the GPUs to come.
 */
export const CUDA_BUILDS = {
  development: { tree: "build-cuda/development", architectures: ["90a-real"] },
  release: {
    tree: "build-cuda/release",
    architectures: ["80-real", "86-real", "89-real", "90a-real", "100-real", "120"],
  },
};

/** @typedef {typeof CUDA_BUILDS.release} CudaBuild */

/** The finished library of a build: stripped. */
export const builtLibrary = (/** @type {CudaBuild} */ build) => join(build.tree, "stripped/honeybee-cuda.so");

/** "sm_90a, sm_120, PTX 120" for CMake's "90a-real", "120". */
export const architectureNames = (architectures) =>
  architectures
    .flatMap((name) => (name.endsWith("-real") ? [`sm_${name.slice(0, -5)}`] : [`sm_${name}`, `PTX ${name}`]))
    .join(", ");

/**
 * Builds honeybee-cuda.so, compiling what changed, and puts it beside the addon.
 *
 * @param {CudaBuild} build
 * @returns {Promise<number>} its size in bytes
 * @throws {ScriptError} a missing tool in one sentence, the compiler's output, or what the library is wrongly linked to
 */
export async function buildCuda(build) {
  await make(build, "honeybee-cuda");
  const stripped = join(root, builtLibrary(build));
  mkdirSync(dirname(stripped), { recursive: true });
  await runOrThrow("strip", ["--strip-unneeded", "-o", stripped, join(root, build.tree, "honeybee-cuda.so")]);
  await requireSystemLibrariesOnly(stripped);
  install(stripped, join(root, CUDA_LIBRARY));
  return statSync(stripped).size;
}

/** Renamed into place: a process that runs the old library keeps its file. */
function install(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

/** Compiles what changed, for the compiler's word on every file: nothing is linked, and no error ends it. */
export const compileCuda = (build) => make(build, "honeybee-cuda-objects", { all: true });

async function make(build, target, { all = false } = {}) {
  const env = buildEnvironment();
  requireToolchain(env);
  const toolkit = await cudaToolkit();
  await withLock("build-cuda/lock", async () => {
    await configure(build, env, toolkit);
    const jobs = env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
    const keepGoing = generatorOf(env) === "Ninja" ? ["--", "-k", "0"] : ["--", "-k"];
    const command = ["--build", build.tree, "--target", target, "--parallel", jobs];
    await cmake([...command, ...(all ? keepGoing : [])], env, "compiling for CUDA");
  });
}

const generatorOf = (env) => (which("ninja", env.PATH) ? "Ninja" : "Unix Makefiles");

/** A tree made with another compiler, generator or place is made anew; CMake does not survive the change. */
async function configure(build, env, toolkit) {
  const generator = generatorOf(env);
  const hostCompiler = env.CUDAHOSTCXX ?? env.CXX;
  const options = {
    HB_ADDON: "OFF",
    HB_CUDA: "ON",
    HB_WERROR: env.CI === "true" ? "ON" : "OFF",
    CMAKE_CUDA_ARCHITECTURES: build.architectures.join(";"),
    CMAKE_CUDA_COMPILER: toolkit.nvcc,
    ...(hostCompiler ? { CMAKE_CUDA_HOST_COMPILER: hostCompiler } : {}),
  };
  const settings = JSON.stringify({ root, generator, version: toolkit.version, cxx: env.CXX, ...options });
  const record = join(root, build.tree, "honeybee-settings.json");
  if (existsSync(record) && readFileSync(record, "utf8") === settings) return;
  rmSync(join(root, build.tree), { recursive: true, force: true });
  const definitions = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  await cmake(["-S", ".", "-B", build.tree, "-G", generator, ...definitions], env, "configuring");
  writeFileSync(record, settings);
}

/** On a terminal one line that changes; elsewhere a line for each file. */
async function cmake(args, env, title) {
  showProgress(`${title} …`);
  const { code, output } = await run("cmake", args, {
    env,
    onLine: (line) => {
      const step = buildStep(line);
      if (!step) return;
      showProgress(`${title}: ${step.position}  ${step.file}`);
      if (!process.stderr.isTTY && step.action === "Building") note(`${step.position}  ${step.file}`);
    },
  });
  clearProgress();
  if (code !== 0) throw new ScriptError(`${withoutSteps(output)}\nhoneybee: ${title} failed (output above).`);
}
