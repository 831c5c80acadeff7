/**
 * What one multiprocessor of each architecture has (CUDA C++ Programming Guide, "Technical Specifications per Compute
 * Capability"): threads, 32-bit registers, bytes of shared memory with the largest carve-out, resident blocks.
 */
const MULTIPROCESSORS = {
  80: { threads: 2048, registers: 65536, shared: 167936, blocks: 32 },
  86: { threads: 1536, registers: 65536, shared: 102400, blocks: 16 },
  89: { threads: 1536, registers: 65536, shared: 102400, blocks: 24 },
  90: { threads: 2048, registers: 65536, shared: 233472, blocks: 32 },
  100: { threads: 2048, registers: 65536, shared: 233472, blocks: 32 },
  120: { threads: 1536, registers: 65536, shared: 102400, blocks: 24 },
};

const WARP = 32;
/** Registers are handed to warps by 256, from one of four equal files; shared memory to blocks by 128 bytes. */
const REGISTER_UNIT = 256;
const REGISTER_FILES = 4;
const SHARED_UNIT = 128;
/** Shared memory of each block that the driver keeps for itself, from sm_80 on. */
export const DRIVER_SHARED = 1024;

const roundUp = (value, unit) => Math.ceil(value / unit) * unit;

/**
 * How much of a multiprocessor a kernel can fill: the arithmetic of the toolkit's cuda_occupancy.h.
 *
 * @param {string} arch "sm_90a"
 * @param {{threads: number, registers: number, sharedBytes: number}} kernel threads of a block, registers of a thread,
 *   static and dynamic shared memory of a block
 * @returns {{blocks: number, occupancy: number}} resident blocks, and their threads as a share (0…1) of those that
 *   the multiprocessor has room for
 * @throws {RangeError} for an architecture that is not in the table
 */
export function occupancyOf(arch, { threads, registers, sharedBytes }) {
  const limits = MULTIPROCESSORS[/^sm_(\d+)/.exec(arch)?.[1]];
  if (!limits) throw new RangeError(`no figures for ${arch}: add its multiprocessor to cuda-occupancy.mjs`);
  const warps = Math.ceil(threads / WARP);
  const warpsOfFile = Math.floor(
    limits.registers / REGISTER_FILES / roundUp(registers * WARP, REGISTER_UNIT),
  );
  const blocks = Math.min(
    limits.blocks,
    Math.floor(limits.threads / WARP / warps),
    Math.floor((warpsOfFile * REGISTER_FILES) / warps),
    Math.floor(limits.shared / roundUp(sharedBytes + DRIVER_SHARED, SHARED_UNIT)),
  );
  return { blocks, occupancy: (blocks * warps * WARP) / limits.threads };
}
