import type { Achieved } from "../model/roofline.js";
import type { ProfileRoofs } from "../profile/types.js";
import { byteRate, flopRate, milliseconds, rooflineText, roofText } from "../profile/units.js";

/** What `honeybee bench op --json` prints. */
export interface OpReport {
  op: string;
  /** Runs by the clock, whose median counts. */
  repeat: number;
  /** `roofs`: measured here; null on the simulator. */
  devices: { device: string; description: string; roofs: ProfileRoofs | null }[];
  rows: OpRow[];
}

export interface OpRow {
  device: string;
  shape: string;
  /** Of what --dtype tells. */
  dtype: string;
  /** Of the other matrices on this device. */
  matrixDtype: string;
  /** What it cannot avoid moving and computing. */
  bytes: number;
  flops: number;
  /** Null on the simulator. */
  times: ({ ms: number; samplesMs: number[] } & Omit<Achieved, "gigabytes" | "gigaflops">) | null;
  /**
   * From the first device's result: max|a - b| / max|b|, for whole numbers the share that differ; null on the first
   * device.
   */
  difference: number | null;
}

/** The report as a Markdown table. */
export function markdown({ op, repeat, devices, rows }: OpReport): string {
  const roofs = devices.map(
    ({ device, description, roofs }) =>
      `- ${device}: ${description}; ${roofs ? `roofs measured here: ${roofText(roofs)}` : "no times"}`,
  );
  const isCompared = devices.length > 1;
  const heads = ["device", "shape", "dtype", "matrices", "time", "bytes", "products", "of the roofline"];
  if (isCompared) heads.push(`difference from ${devices[0]!.device}`);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const lines = [
    `${op}, median of ${repeat}`,
    "",
    ...roofs,
    "",
    line(heads),
    line(heads.map(() => "---")).replaceAll(" ", ""),
    ...rows.map((row) => line([...cells(row), ...(isCompared ? [differenceText(row.difference)] : [])])),
  ];
  return `${lines.join("\n")}\n`;
}

function cells({ device, shape, dtype, matrixDtype, flops, times }: OpRow): string[] {
  const place = [device, shape, dtype, matrixDtype];
  if (!times) return [...place, "–", "–", "–", "–"];
  const { ms, gigabytesPerSecond, gigaflopsPerSecond, rooflineShare, roof } = times;
  return [
    ...place,
    milliseconds(ms),
    byteRate(gigabytesPerSecond),
    flops > 0 ? flopRate(gigaflopsPerSecond) : "–",
    rooflineText(rooflineShare, roof),
  ];
}

function differenceText(difference: number | null): string {
  if (difference === null) return "–";
  return difference === 0 ? "none" : difference.toExponential(1);
}
