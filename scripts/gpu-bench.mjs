/**
 * Measures honeybee on this machine's GPU, or PyTorch at the same shapes; at most eight minutes each. Tables go to
 * bench/results/, row by row.
 *
 *   npm run gpu:bench [-- 7b|13b] [-- --device simt --tiny]    gpu-bench-<model>-<gpu>-<date>.{md,jsonl}
 *   npm run gpu:bench -- torch [7b|13b]                        gpu-torch-<model>-<gpu>-<date>.{md,jsonl}, beside the
 *                                                              newest rows of ours for that model
 *
 * See bench/gpu/README.md.
 */
import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { filesBelow } from "./support/freshness.mjs";
import {
  buildCudaForThisGpu,
  buildGpuPrograms,
  deviceOf,
  GPU_BENCH,
  libraryEnvironment,
} from "./support/gpu-programs.mjs";
import { main, root, run, ScriptError } from "./support/process.mjs";

async function benchOurs(args) {
  if (deviceOf(args).startsWith("cuda")) await buildCudaForThisGpu();
  await buildGpuPrograms();
  const { code } = await run(join(root, GPU_BENCH), args, { env: libraryEnvironment(), inherit: true });
  return code;
}

/** The newest rows of honeybee-gpu-bench for a model, or undefined. */
function newestRows(model) {
  const modified = (file) => statSync(join(root, file)).mtimeMs;
  return filesBelow("bench/results", /\.jsonl$/)
    .filter((file) => basename(file).startsWith(`gpu-bench-${model}-`))
    .sort((a, b) => modified(b) - modified(a))[0];
}

async function benchTorch(args) {
  const python = process.env.PYTHON ?? "python3";
  const probe = await run(python, ["-c", "import torch, transformers"]);
  if (probe.code !== 0) {
    throw new ScriptError(
      `${python} has no PyTorch with transformers: \`${python} -m pip install torch transformers\`, or name another with PYTHON.`,
    );
  }
  const rows = newestRows(args.includes("13b") ? "13b" : "7b");
  const ours = rows && !args.includes("--ours") ? ["--ours", rows] : [];
  const { code } = await run(python, ["bench/gpu/torch_bench.py", ...args, ...ours], { inherit: true });
  return code;
}

await main((args) => (args[0] === "torch" ? benchTorch(args.slice(1)) : benchOurs(args)));
