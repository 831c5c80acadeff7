import { DRIVER_SHARED } from "./cuda-occupancy.mjs";

/**
 * @typedef {object} CompiledKernel
 * @property {string} arch "sm_90a"
 * @property {string} symbol mangled
 * @property {number} threads of a block at most; 1024, which the compiler assumes, where the kernel does not say
 * @property {number} registers of a thread
 * @property {number} spills bytes of local memory of a thread: spilled registers and arrays that are not in any
 * @property {number} sharedBytes static shared memory of a block
 * @property {number} instructions without the padding behind the last
 */

/** The compiler's own assumption for a kernel without __launch_bounds__. */
const MOST_THREADS = 1024;

/** Listings of several architectures follow one another, each behind such a line. */
const ARCH = /^\s*(?:arch = |code for )(sm_\w+)/;

const keyOf = (arch, symbol) => `${arch} ${symbol}`;

/**
 * Kernels and what they use, from `cuobjdump --dump-resource-usage`.
 *
 * @param {string} listing
 * @returns {Map<string, Omit<CompiledKernel, "threads" | "instructions">>}
 */
export function readResources(listing) {
  const kernels = new Map();
  let arch;
  let symbol;
  for (const line of listing.split("\n")) {
    arch = ARCH.exec(line)?.[1] ?? arch;
    symbol = /^ Function (\S+):/.exec(line)?.[1] ?? symbol;
    if (!symbol || !/\bREG:/.test(line)) continue;
    const figure = (name) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    // From sm_90 on the figure has the driver's share in it.
    const driver = Number(/\d+/.exec(arch)[0]) >= 90 ? DRIVER_SHARED : 0;
    kernels.set(keyOf(arch, symbol), {
      arch,
      symbol,
      registers: figure("REG"),
      spills: figure("STACK") + figure("LOCAL"),
      sharedBytes: Math.max(0, figure("SHARED") - driver),
    });
    symbol = undefined;
  }
  return kernels;
}

/**
 * The __launch_bounds__ of kernels, from `cuobjdump -elf`: the attribute EIATTR_MAX_THREADS of .nv.info.<symbol>.
 *
 * @param {string} listing
 * @returns {Map<string, number>} threads
 */
export function readLaunchBounds(listing) {
  const bounds = new Map();
  let arch;
  let symbol;
  let expected = false;
  for (const line of listing.split("\n")) {
    arch = ARCH.exec(line)?.[1] ?? arch;
    symbol = /^\.nv\.info\.(\S+)/.exec(line)?.[1] ?? symbol;
    if (/\bEIATTR_(MAX_THREADS|REQNTID)\b/.test(line)) expected = true;
    const value = expected && /Value:\s+(0x\w+) (0x\w+) (0x\w+)/.exec(line);
    if (!value) continue;
    bounds.set(
      keyOf(arch, symbol),
      value.slice(1).reduce((product, extent) => product * Number(extent), 1),
    );
    expected = false;
  }
  return bounds;
}

/**
 * The number of machine instructions of kernels, from `cuobjdump -sass`.
 *
 * @param {string} listing
 * @returns {Map<string, number>}
 */
export function readInstructions(listing) {
  const counts = new Map();
  let arch;
  let key;
  for (const line of listing.split("\n")) {
    arch = ARCH.exec(line)?.[1] ?? arch;
    const symbol = /^\s*Function : (\S+)/.exec(line)?.[1];
    if (symbol) key = keyOf(arch, symbol);
    const instruction = /^\s*\/\*[0-9a-f]{4,}\*\/\s+(.*?)\s*;/.exec(line)?.[1];
    if (key && instruction && instruction !== "NOP") counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/**
 * Everything about every kernel of a library.
 *
 * @param {{resources: string, elf: string, sass: string}} listings
 * @returns {CompiledKernel[]}
 */
export function readKernels({ resources, elf, sass }) {
  const bounds = readLaunchBounds(elf);
  const instructions = readInstructions(sass);
  return [...readResources(resources)].map(([key, kernel]) => ({
    ...kernel,
    threads: bounds.get(key) ?? MOST_THREADS,
    instructions: instructions.get(key) ?? 0,
  }));
}

const SHORT_TYPES = [
  [/\b__nv_bfloat16\b/g, "bf16"],
  [/\b__half\b/g, "f16"],
  [/\bfloat\b/g, "f32"],
];

/**
 * A kernel's name as people write it, from its demangled symbol.
 *
 * @param {string} demangled "void honeybee::cuda::gemv_kernel<__nv_bfloat16, 2>(honeybee::cuda::GemvOperands)"
 * @returns {{name: string, base: string, args: string[]}} "gemv_kernel<bf16, 2>", "gemv_kernel", ["bf16", "2"]
 */
export function kernelName(demangled) {
  const plain = SHORT_TYPES.reduce(
    (text, [type, short]) => text.replace(type, short),
    demangled.replace(/^void /, "").replace(/honeybee::(cuda::)?/g, ""),
  );
  const base = /^[\w:]*/.exec(plain)[0] || plain;
  const args = templateArguments(plain.slice(base.length));
  return { name: args.length > 0 ? `${base}<${args.join(", ")}>` : base, base, args };
}

/** ["bf16", "Tile<f32, 2>"] of "<bf16, Tile<f32, 2> >(…)". */
function templateArguments(text) {
  const args = [];
  if (!text.startsWith("<")) return args;
  let depth = 0;
  let start = 1;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "<") depth++;
    if (text[i] === ">") depth--;
    const ends = depth === 0 || (depth === 1 && text[i] === ",");
    if (ends) args.push(text.slice(start, i).trim());
    if (ends) start = i + 1;
    if (depth === 0) break;
  }
  return args;
}
