import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { kernelName, readKernels } from "./cuda-listing.mjs";
import { occupancyOf } from "./cuda-occupancy.mjs";
import { dynamicShared, workOf } from "./cuda-shapes.mjs";
import { cudaReaders, cudaToolkit } from "./cuda-toolkit.mjs";
import { runOrThrow, ScriptError } from "./process.mjs";
import { clearProgress, showProgress } from "./progress.mjs";
import { predictedUs } from "./roofline.mjs";

/**
 * @typedef {object} KernelReport
 * @property {string} name "gemv_kernel<bf16, 1>"
 * @property {string} arch "sm_90a"
 * @property {number} threads of a block
 * @property {number} registers of a thread
 * @property {number} spills bytes of a thread that lie in memory
 * @property {number} sharedBytes shared memory of a block
 * @property {number} occupancy 0…1: resident threads of those that a multiprocessor has room for
 * @property {number} instructions of the compiled code
 * @property {string | null} size the first of `sizes`, as are bytes, flops and predictedUs; null where there is none
 * @property {number | null} bytes
 * @property {number | null} flops
 * @property {number | null} predictedUs
 * @property {boolean} known whether cuda-shapes.mjs has the kernel, which may be at no size of the official models
 * @property {(import("./cuda-sizes.mjs").SizedWork & {predictedUs: number})[]} sizes
 */

/**
 * Reads every kernel out of a library or object file.
 *
 * @param {string} file
 * @returns {Promise<KernelReport[]>} by name and architecture
 * @throws {ScriptError} if it holds none
 */
export async function inspectLibrary(file) {
  const readers = await cudaReaders(await cudaToolkit());
  const env = { ...process.env, PATH: `${readers}${delimiter}${process.env.PATH}` }; // cuobjdump starts nvdisasm
  const dump = (option) => runOrThrow(join(readers, "cuobjdump"), [option, file], { env });
  showProgress(`reading ${file} …`);
  const compiled = readKernels({
    resources: await dump("--dump-resource-usage"),
    elf: await dump("-elf"),
    sass: await dump("-sass"),
  });
  clearProgress();
  if (compiled.length === 0) throw new ScriptError(`${file} holds no CUDA kernel.`);
  const names = demangle(compiled.map(({ symbol }) => symbol));
  const reports = compiled.map((kernel, index) => reportOf(kernel, kernelName(names[index])));
  const order = (a, b) => a.localeCompare(b, "en", { numeric: true });
  return reports.sort((a, b) => order(a.name, b.name) || order(a.arch, b.arch));
}

/** @returns {KernelReport} */
function reportOf({ symbol, ...compiled }, named) {
  const sharedBytes = compiled.sharedBytes + dynamicShared(named);
  const { occupancy } = occupancyOf(compiled.arch, { ...compiled, sharedBytes });
  const work = workOf(named);
  const sizes = (work ?? []).map((size) => ({ ...size, predictedUs: predictedUs(size) }));
  const { label = null, bytes = null, flops = null, predictedUs: us = null } = sizes[0] ?? {};
  const atFirst = { size: label, bytes, flops, predictedUs: us };
  return {
    name: named.name,
    ...compiled,
    sharedBytes,
    occupancy,
    ...atFirst,
    known: work !== undefined,
    sizes,
  };
}

function demangle(symbols) {
  const { status, stdout } = spawnSync("c++filt", { input: symbols.join("\n"), encoding: "utf8" });
  if (status !== 0) throw new ScriptError("c++filt is missing: install with `apt-get install binutils`.");
  return stdout.split("\n");
}
