/**
 * Builds honeybee-cuda.so, the CUDA backend, compiling what changed; a GPU is not needed. It lies beside the addon in
 * build/Release/, linked to nothing but the system's own libraries, which is checked.
 *
 *   npm run cuda:build                    for Hopper (sm_90a)
 *   npm run cuda:build -- --release       for every supported GPU: what `npm run release` packs
 *   npm run cuda:build -- --check         only compiles: warnings (in CI) and register spills are errors
 *
 * --if-possible  where no CUDA compiler is to be had, says so and succeeds
 */
import {
  architectureNames,
  buildCuda,
  CUDA_BUILDS,
  CUDA_LIBRARY,
  compileCuda,
} from "./support/cuda-build.mjs";
import { NoToolkit } from "./support/cuda-toolkit.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { note, since } from "./support/progress.mjs";

const OPTIONS = ["--release", "--check", "--if-possible"];

async function build(args) {
  const kind = args.includes("--release") ? CUDA_BUILDS.release : CUDA_BUILDS.development;
  const start = performance.now();
  const names = architectureNames(kind.architectures);
  if (args.includes("--check")) {
    await compileCuda(kind);
    note(`every CUDA source compiles for ${names} without spills (${since(start)})`);
    return;
  }
  const bytes = await buildCuda(kind);
  note(`${CUDA_LIBRARY}: ${(bytes / 1e6).toFixed(2)} MB, ${names} (${since(start)})`);
}

await main(async (args) => {
  const unknown = args.find((arg) => !OPTIONS.includes(arg));
  if (unknown)
    throw new ScriptError(`cuda-build.mjs: unknown option ${unknown}; expected ${OPTIONS.join(", ")}.`);
  try {
    await build(args);
  } catch (error) {
    if (!(error instanceof NoToolkit && args.includes("--if-possible"))) throw error;
    note(`skipped: ${error.message}`);
  }
});
