import { KERNELS } from "./cuda-shapes.mjs";
import { predictedStep } from "./roofline.mjs";

/** @typedef {import("./cuda-inspect.mjs").KernelReport} KernelReport */

const KERNEL_COLUMNS = {
  kernel: ({ name }) => `\`${name}\``,
  arch: ({ arch }) => arch,
  threads: ({ threads }) => threads,
  registers: ({ registers }) => registers,
  spills: ({ spills }) => spills,
  "shared B": ({ sharedBytes }) => sharedBytes,
  occupancy: ({ occupancy }) => `${Math.round(100 * occupancy)} %`,
  instructions: ({ instructions }) => instructions,
  at: ({ size, known }) => size ?? (known ? "no official model" : "unknown"),
  MB: ({ bytes }) => (bytes === null ? "" : (bytes / 1e6).toPrecision(3)),
  GFLOP: ({ flops }) => (flops === null ? "" : (flops / 1e9).toPrecision(3)),
  "predicted µs": ({ predictedUs }) => predictedUs?.toFixed(1) ?? "",
};
const TEXT_COLUMNS = new Set(["kernel", "arch", "at", "step"]);

const STEP_COLUMNS = {
  step: ({ decoder }) => `${decoder} decode, batch 1, bf16`,
  launches: ({ launches }) => launches,
  "predicted µs": ({ us }) => us.toFixed(0),
  "tokens/s at most": ({ us }) => (1e6 / us).toFixed(0),
};

/** @param {KernelReport[]} kernels */
export const kernelTable = (kernels) => table(KERNEL_COLUMNS, kernels);

/**
 * The least time of whole decoding steps.
 *
 * @param {KernelReport[]} kernels of the whole library
 */
export const stepTable = (kernels) => table(STEP_COLUMNS, decodingSteps(kernels));

function table(columns, rows) {
  const names = Object.keys(columns);
  const rule = names.map((name) => (TEXT_COLUMNS.has(name) ? "---" : "---:"));
  const lines = rows.map((row) => Object.values(columns).map((cell) => cell(row)));
  return [names, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/**
 * The decoding steps that these kernels make up: bf16, the KV cache too, batch 1, on Hopper.
 *
 * @param {KernelReport[]} kernels
 * @returns {{decoder: string, launches: number, us: number}[]}
 */
export function decodingSteps(kernels) {
  const types = /\b(f32|f16|bf16|KvInt8|KvFp8)\b/g;
  const chosen = kernels.filter(
    ({ name, arch }) => arch === "sm_90a" && (name.match(types) ?? []).every((type) => type === "bf16"),
  );
  const rows = chosen.flatMap(({ sizes }) => sizes.filter(({ decoder }) => decoder));
  const decoders = [...new Set(rows.map(({ decoder }) => decoder))];
  return decoders.map((decoder) => ({
    decoder,
    ...predictedStep(rows.filter((row) => row.decoder === decoder)),
  }));
}

/**
 * The rows of cuda-shapes.mjs that no compiled kernel has.
 *
 * @param {KernelReport[]} kernels
 * @returns {string[]}
 */
export function staleShapes(kernels) {
  const compiled = new Set(kernels.map(({ name }) => name.split("<")[0]));
  return Object.keys(KERNELS).filter((name) => !compiled.has(name));
}
