import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { optionError } from "./check.js";
import { HoneybeeError } from "./errors.js";
import { callNative, native, packageRoot } from "./native.js";

/** The kinds of devices whose backend is a library apart. */
const LIBRARY_KINDS = ["cuda", "simt"] as const;
type LibraryKind = (typeof LIBRARY_KINDS)[number];

/** Where to compute: the device's name, and the library that drives it unless it is the CPU. */
export interface DeviceChoice {
  device: string;
  library?: string;
  /** Why `auto` did not choose a GPU. */
  note?: string;
}

/** One device of this machine, or the reason why there is none of its kind. */
export interface DeviceReport {
  /** What the option `device` takes. */
  name: string;
  usable: boolean;
  /** One line for people. */
  description?: string;
  /** Why it is not usable, and what to do. */
  reason?: string;
  /** What the option `isa` of honeybee/ops takes; empty where it does not apply. */
  isas: readonly string[];
  /** On what its library opens itself: the cuBLASLt in use, or all that was tried. */
  notes?: readonly string[];
}

/**
 * Every device that this build knows of, the CPU first. The simulator runs the CUDA code on the CPU: a test device,
 * listed where it was built.
 */
export function listDevices(): DeviceReport[] {
  const reports: DeviceReport[] = [];
  for (const { name, description, problem, isas } of nativeDevices(undefined))
    reports.push({ name, usable: problem === "", description, isas });
  for (const kind of LIBRARY_KINDS) {
    const library = libraryPath(kind);
    if (library === undefined) {
      if (kind === "cuda") reports.push({ name: kind, usable: false, reason: NO_CUDA_LIBRARY, isas: [] });
      continue;
    }
    let notes: string[] = [];
    try {
      notes = callNative(() => native.libraryNotes(library));
      for (const { name, description, problem, isas } of nativeDevices({ kind, path: library }))
        reports.push({
          name,
          usable: problem === "",
          description,
          isas,
          notes,
          ...(problem && { reason: problem }),
        });
    } catch (error) {
      reports.push({ name: kind, usable: false, reason: (error as Error).message, isas: [], notes });
    }
  }
  return reports;
}

/**
 * The device to use for what was asked. `auto` takes the first GPU that works, else the CPU.
 *
 * @param device auto, cpu, cuda, cuda:N or simt
 * @throws HoneybeeError ERR_DEVICE if the library of that device is not installed
 */
export function chooseDevice(device = "auto"): DeviceChoice {
  if (typeof device !== "string") throw optionError(`device must be a text, not ${JSON.stringify(device)}`);
  if (!/^(auto|cpu|simt|cuda(:\d+)?)$/.test(device)) {
    throw new HoneybeeError(
      "ERR_DEVICE",
      `device ${JSON.stringify(device)} is not known; there are auto, cpu, cuda, cuda:N and simt`,
    );
  }
  if (device === "cpu") return { device };
  if (device === "auto") {
    const gpus = listDevices().filter(({ name }) => name.startsWith("cuda"));
    const gpu = gpus.find(({ usable }) => usable);
    const library = libraryPath("cuda");
    if (gpu && library) return { device: gpu.name, library };
    return { device: "cpu", note: gpus.map(({ name, reason }) => `${name}: ${reason}`).join("; ") };
  }
  const kind: LibraryKind = device === "simt" ? "simt" : "cuda";
  const library = libraryPath(kind);
  if (library === undefined) {
    throw new HoneybeeError(
      "ERR_DEVICE",
      kind === "simt"
        ? "the simulator is not built here; it comes with `npm run build` in a checkout"
        : `device ${device} cannot be used: ${NO_CUDA_LIBRARY}`,
    );
  }
  return { device: device === "cuda" ? "cuda:0" : device, library };
}

const NO_CUDA_LIBRARY =
  "honeybee's CUDA library is not installed; `npm install honeybee-linux-x64-cuda`, or `npm run cuda:build` in a checkout";

/** The environment's, this checkout's, or that of the platform package; undefined where there is none. */
function libraryPath(kind: LibraryKind): string | undefined {
  const file = `honeybee-${kind}.so`;
  const named = process.env[`HONEYBEE_${kind.toUpperCase()}_LIBRARY`];
  if (named) return named;
  const built = join(packageRoot, "build", "Release", file);
  if (existsSync(built)) return built;
  const platform = `${process.platform}-${process.arch}`;
  try {
    const folder = createRequire(import.meta.url).resolve(`honeybee-${platform}-${kind}/package.json`);
    return join(dirname(folder), "prebuilds", platform, file);
  } catch {
    return undefined;
  }
}

function nativeDevices(library: { kind: LibraryKind; path: string } | undefined) {
  return callNative(() => native.listDevices(library?.kind, library?.path));
}
