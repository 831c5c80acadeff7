/**
 * Finds a CUDA compiler or makes one from pinned PyPI wheels, and prints its folder: what `npm run cuda:build`
 * compiles with. At once when it is there. Looks at CUDACXX, CUDA_HOME, CUDA_PATH, PATH and /usr/local/cuda first.
 *
 *   npm run cuda:toolkit [-- --extras]     --extras adds cuobjdump and nvdisasm, for `npm run cuda:report`
 *
 * HONEYBEE_CUDA_DIR  where to put the wheels instead of .cache/cuda-toolkit
 */
import { cudaReaders, cudaToolkit } from "./support/cuda-toolkit.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { note } from "./support/progress.mjs";

await main(async (args) => {
  const unknown = args.find((arg) => arg !== "--extras");
  if (unknown)
    throw new ScriptError(`cuda-toolkit.mjs: unknown option ${unknown}; expected --extras or nothing.`);
  const toolkit = await cudaToolkit();
  if (args.includes("--extras")) await cudaReaders(toolkit);
  note(`nvcc ${toolkit.version}, from ${toolkit.origin}`);
  console.log(toolkit.root);
});
