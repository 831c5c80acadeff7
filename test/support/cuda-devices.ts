import { listDevices } from "../../lib/devices.js";

/** Where the CUDA sources run: on a GPU where one answers, on the simulator everywhere; or as HONEYBEE_TEST_DEVICE says. */
export function cudaDevices(): string[] {
  const wanted = process.env.HONEYBEE_TEST_DEVICE;
  return listDevices()
    .filter(({ name, usable }) => usable && (wanted ? name === wanted : /^(simt|cuda:0)$/.test(name)))
    .map(({ name }) => name);
}
