/**
 * Checks honeybee on this machine's GPU, in at most four minutes once everything is built: every operation and whole
 * models against the CPU, the quick ones under compute-sanitizer, the goldens end to end. The table goes to
 * bench/results/gpu-check-<gpu>-<date>.md; the last line is `N passed, N failed`.
 *
 *   npm run gpu:check [-- --device simt] [-- FILTER …]
 *
 * The work is done by honeybee-gpu-check, which runs without Node too (bench/gpu/README.md).
 */
import { join } from "node:path";
import {
  buildCudaForThisGpu,
  buildGpuPrograms,
  deviceOf,
  GPU_CHECK,
  libraryEnvironment,
} from "./support/gpu-programs.mjs";
import { main, root, run } from "./support/process.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

await main(async (args) => {
  if (deviceOf(args).startsWith("cuda")) await buildCudaForThisGpu();
  await buildGpuPrograms();
  await buildTypeScript();
  const { code } = await run(join(root, GPU_CHECK), args, { env: libraryEnvironment(), inherit: true });
  return code;
});
