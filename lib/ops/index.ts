/**
 * `honeybee/ops`: each operation of the network on typed arrays, for tests, experiments and micro-benchmarks.
 *
 *     const ops = await openOps({ threads: 2 });
 *     const w = ops.weight(data, [out, inputs], "bf16");
 *     const { result, timings } = ops.timed(() => ops.linear(x, w), { repeat: 50 });
 *     ops.dispose();
 */
import { listDevices } from "../devices.js";
import { Ops } from "./ops.js";
import type { Device, OpsOptions } from "./types.js";

export { HoneybeeError } from "../errors.js";
export type { Ops } from "./ops.js";
export type { KvCache, Weight } from "./resources.js";
export type * from "./types.js";

/** The devices that `openOps` opens on this machine. */
export function devices(): Device[] {
  return listDevices()
    .filter(({ usable }) => usable)
    .map(({ name, description = "", isas }) => ({ name, description, isas }));
}

/**
 * Opens a device; the caller disposes of it.
 *
 * @throws HoneybeeError ERR_OPTION for an option out of range or an instruction set that this machine lacks, ERR_DEVICE
 *     for a device that is not in this build
 */
export async function openOps(options: OpsOptions = {}): Promise<Ops> {
  return new Ops(options);
}
