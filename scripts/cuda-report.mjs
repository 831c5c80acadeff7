/**
 * What the compiler made of every CUDA kernel, and how fast it could be at most: registers, spills, shared memory,
 * occupancy, instructions; bytes, operations and the time an H200 needs for them at the sizes of the official models.
 * Needs no GPU. Builds what is missing. Fails if a kernel spills.
 *
 *   npm run cuda:report [-- FILE]   of build/Release/honeybee-cuda.so's sm_90a build, or of a library or object file
 *   --json      {"kernels": [{name, arch, registers, spills, sharedBytes, occupancy, instructions, bytes, flops,
 *               predictedUs, …}]}, and at every size, not only at the one that the table shows
 *   --release   of the build for every supported GPU
 *   --strict    fails too if a kernel's sizes are unknown, or the table has some that no kernel needs
 */
import { buildCuda, builtLibrary, CUDA_BUILDS } from "./support/cuda-build.mjs";
import { inspectLibrary } from "./support/cuda-inspect.mjs";
import { kernelTable, staleShapes, stepTable } from "./support/cuda-markdown.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { note } from "./support/progress.mjs";

const OPTIONS = ["--json", "--release", "--strict"];

async function ourLibrary(kind) {
  await buildCuda(kind);
  return builtLibrary(kind);
}

/** What is wrong, in lines. */
function faultsOf(kernels) {
  const spilling = kernels.filter(({ spills }) => spills > 0);
  const unknown = new Set(kernels.filter(({ known }) => !known).map(({ name }) => name));
  return {
    spills: spilling.map(
      ({ name, arch, spills }) => `${name} (${arch}) keeps ${spills} bytes a thread in memory`,
    ),
    unknown: [...unknown].map(
      (name) => `${name}: sizes unknown; add them to scripts/support/cuda-shapes.mjs`,
    ),
  };
}

await main(async (args) => {
  const unknown = args.find((arg) => arg.startsWith("--") && !OPTIONS.includes(arg));
  if (unknown) {
    throw new ScriptError(
      `cuda-report.mjs: unknown option ${unknown}; expected ${OPTIONS.join(", ")} or a file.`,
    );
  }
  const file = args.find((arg) => !arg.startsWith("--"));
  const kind = args.includes("--release") ? CUDA_BUILDS.release : CUDA_BUILDS.development;
  const kernels = await inspectLibrary(file ?? (await ourLibrary(kind)));
  if (args.includes("--json")) {
    console.log(JSON.stringify({ kernels }, null, 2));
  } else {
    console.log(kernelTable(kernels));
    if (!file) console.log(`\n${stepTable(kernels)}`);
  }

  const faults = faultsOf(kernels);
  if (!file)
    faults.unknown.push(...staleShapes(kernels).map((name) => `${name}: has sizes, but was not compiled`));
  for (const fault of Object.values(faults).flat()) note(fault);
  return faults.spills.length > 0 || (args.includes("--strict") && faults.unknown.length > 0) ? 1 : 0;
});
