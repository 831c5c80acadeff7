import { type Achieved, bandwidth, type Rates } from "../model/roofline.js";
import { byteRate, flopRate, milliseconds, percent } from "../profile/units.js";

/** What every row has. */
export interface Row extends Achieved {
  /** Dtype of the weights: of the vision tower for images, of the language model for tokens. */
  format: string;
  /** Requests at once. */
  batch: number;
  /** Median of the samples. */
  ms: number;
  samplesMs: number[];
}

export interface EncodeRow extends Row {
  /** Pixels a side. */
  size: number;
  /** Of all requests together. */
  imagesPerSecond: number;
}

export interface TokenRow extends Row {
  /** Of each request. */
  tokens: number;
  /** Of all requests together. */
  tokensPerSecond: number;
}

/** What a device reaches with weights of one dtype. */
export interface RateRow {
  dtype: string;
  /** Bytes read plus bytes written by a copy. */
  copyGigabytesPerSecond: number;
  /** Bytes of weights read to multiply one row. */
  readGigabytesPerSecond: number;
  /** Product of many rows. */
  gigaflopsPerSecond: number;
}

/** What `honeybee bench --json` prints. */
export interface Report {
  model: string;
  device: string;
  repeat: number;
  rates: RateRow[];
  /** The memory roof: the best of all copies and reads. */
  bandwidthGigabytesPerSecond: number;
  encode: EncodeRow[];
  prefill: TokenRow[];
  decode: TokenRow[];
}

export function emptyReport(model: string, repeat: number, rates: Rates): Report {
  return {
    model,
    device: "",
    repeat,
    rates: Object.entries(rates).map(([dtype, { copy, read, product }]) => ({
      dtype,
      copyGigabytesPerSecond: copy / 1e9,
      readGigabytesPerSecond: read / 1e9,
      gigaflopsPerSecond: product / 1e9,
    })),
    bandwidthGigabytesPerSecond: bandwidth(rates) / 1e9,
    encode: [],
    prefill: [],
    decode: [],
  };
}

/** The report as a Markdown table. */
export function markdown(report: Report): string {
  const products = report.rates.map(
    ({ dtype, gigaflopsPerSecond }) => `${flopRate(gigaflopsPerSecond)} in ${dtype}`,
  );
  const lines = [
    `${report.model}, ${report.device}, median of ${report.repeat}`,
    "",
    `Roofs measured here: memory ${byteRate(report.bandwidthGigabytesPerSecond)}, products ${products.join(", ")}.`,
    "",
    "| what | batch | format | time | rate | achieved | of the roofline |",
    "|---|---|---|---|---|---|---|",
  ];
  for (const row of report.encode) {
    lines.push(
      line(`encode ${row.size} px`, row, milliseconds(row.ms), `${row.imagesPerSecond.toFixed(2)} images/s`),
    );
  }
  for (const row of report.prefill) {
    lines.push(line(`prefill ${row.tokens}`, row, milliseconds(row.ms), tokenRate(row)));
  }
  for (const row of report.decode) {
    const step = `${milliseconds(row.ms / row.tokens)} a step`;
    lines.push(line(`decode ${row.tokens}`, row, step, tokenRate(row)));
  }
  return `${lines.join("\n")}\n`;
}

function line(what: string, row: Row, time: string, rate: string): string {
  const { format, batch, roof, rooflineShare, gigabytesPerSecond, gigaflopsPerSecond } = row;
  const reached = roof === "memory" ? byteRate(gigabytesPerSecond) : flopRate(gigaflopsPerSecond);
  const share = `${percent(rooflineShare, 0)} (${roof})`;
  return `| ${[what, batch, format, time, rate, reached, share].join(" | ")} |`;
}

const tokenRate = ({ tokensPerSecond }: TokenRow) => `${tokensPerSecond.toFixed(1)} tokens/s`;
