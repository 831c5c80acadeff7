import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildStep, withoutSteps } from "./build-steps.mjs";
import { buildCuda, CUDA_BUILDS, CUDA_LIBRARY } from "./cuda-build.mjs";
import { filesBelow, stamped } from "./freshness.mjs";
import { withLock } from "./lock.mjs";
import { buildNative } from "./native.mjs";
import { root, run, ScriptError, which } from "./process.mjs";
import { clearProgress, note, showProgress, since } from "./progress.mjs";
import { buildEnvironment } from "./toolchain.mjs";

/** The native build's tree: the core is compiled once for all programs. */
const TREE = "build-cmake/Release";
const TARGETS = ["honeybee-gpu-bench", "honeybee-gpu-check"];

export const GPU_BENCH = join(TREE, "honeybee-gpu-bench");
export const GPU_CHECK = join(TREE, "honeybee-gpu-check");

/**
 * Builds honeybee-gpu-bench and honeybee-gpu-check, and the native tests that the latter runs; at once when nothing
 * changed. They compile without CUDA: the backend's library is opened when they run.
 *
 * @throws {ScriptError} a missing tool in one sentence, or the compiler's whole output
 */
export async function buildGpuPrograms() {
  await buildNative({ tests: true });
  const folders = [
    "CMakeLists.txt",
    "cmake",
    "src",
    "bench/gpu",
    "test/gpu",
    "scripts/support/gpu-programs.mjs",
  ];
  const stamp = stamped({
    stamp: join(TREE, "gpu-programs.stamp"),
    inputs: folders.flatMap((folder) => filesBelow(folder, /\.(cpp|h|txt|cmake|mjs)$/)),
    products: [GPU_BENCH, GPU_CHECK],
  });
  if (stamp.fresh()) return;
  const start = performance.now();
  await withLock("build-cmake/lock", async () => {
    await cmake(["-DHB_GPU_PROGRAMS=ON", TREE], "configuring");
    const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
    await cmake(["--build", TREE, "--parallel", jobs, "--target", ...TARGETS], "building the GPU programs");
    stamp.mark();
  });
  note(`built ${TARGETS.join(" and ")} (${since(start)})`);
}

async function cmake(args, title) {
  showProgress(`${title} …`);
  const onLine = (line) => {
    const step = buildStep(line);
    if (step) showProgress(`${title}: ${step.position}  ${step.file}`);
  };
  const { code, output } = await run("cmake", args, { env: buildEnvironment(), onLine });
  clearProgress();
  if (code !== 0) throw new ScriptError(`${withoutSteps(output)}\nhoneybee: ${title} failed (output above).`);
}

/**
 * Builds honeybee-cuda.so for the GPU of this machine: what Hopper alone runs where it is one, else for all.
 *
 * @throws {ScriptError} where no NVIDIA driver is loaded
 */
export async function buildCudaForThisGpu() {
  if (!["/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg"].some(existsSync) && !which("nvidia-smi")) {
    throw new ScriptError(
      "this machine has no NVIDIA driver: run on one with a GPU, or try the command on the simulator with `-- --device simt`.",
    );
  }
  const { code, output } = await run("nvidia-smi", ["--query-gpu=compute_cap", "--format=csv,noheader"]);
  const hopper =
    code === 0 &&
    output
      .trim()
      .split("\n")
      .every((capability) => capability.trim() === "9.0");
  await buildCuda(hopper ? CUDA_BUILDS.development : CUDA_BUILDS.release);
}

/** The environment in which the programs find the backend libraries that this checkout has built. */
export function libraryEnvironment() {
  const env = { ...process.env };
  const libraries = {
    HONEYBEE_CUDA_LIBRARY: CUDA_LIBRARY,
    HONEYBEE_SIMT_LIBRARY: "build/Release/honeybee-simt.so",
  };
  for (const [name, path] of Object.entries(libraries))
    if (existsSync(join(root, path))) env[name] ??= join(root, path);
  return env;
}

/** The value of `--device`, "cuda" where it is not given. */
export function deviceOf(args) {
  const index = args.indexOf("--device");
  return index < 0 ? "cuda" : (args[index + 1] ?? "");
}
