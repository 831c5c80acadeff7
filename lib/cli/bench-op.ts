import { checkNumber, optionError } from "../check.js";
import { WEIGHT_BYTES } from "../model/cost.js";
import { achieved, measureRates, type Rates, roofsOf } from "../model/roofline.js";
import type { WeightDtype } from "../model/spec.js";
import { type Ops, openOps, type WeightFormat } from "../ops/index.js";
import type { ProfileRoofs } from "../profile/types.js";
import type { BenchOpFlags } from "./bench-op-options.js";
import { markdown, type OpReport, type OpRow } from "./bench-op-report.js";
import {
  type Answer,
  type Bytes,
  findOp,
  Maker,
  type OpCase,
  readShape,
  type Sizes,
  shapeText,
} from "./op-cases/index.js";
import { Notes, writeJson } from "./terminal.js";

/**
 * `honeybee bench op`: one operation on random numbers, at each shape, in each dtype, on each device; the median of
 * `repeat` runs after a warm-up beside what the device reaches, and how far results differ from those of the first
 * device. The simulator's results are compared, its times mean nothing.
 */
export async function benchOp(name: string, flags: BenchOpFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const op = findOp(name);
  checkNumber("repeat", flags.repeat);
  const dtypes = flags.dtype ?? [op.dtypes[0]!];
  for (const dtype of dtypes) {
    if (!op.dtypes.includes(dtype as WeightFormat))
      throw optionError(
        `--dtype: the ${op.dtypeOf} of ${name} are in ${op.dtypes.join(", ")}, not "${dtype}"`,
      );
  }
  const works = (flags.shape ?? [shapeText(op.sizes)]).flatMap((shape) => {
    const sizes = readShape(name, shape);
    return dtypes.map((dtype) => ({ sizes, dtype: dtype as WeightFormat }));
  });
  const report: OpReport = { op: name, repeat: flags.repeat, devices: [], rows: [] };
  const firsts: Answer[] = [];
  for (const device of flags.device) {
    const ops = await openOps({ device, threads: flags.threads, isa: flags.isa });
    try {
      const bench = new OpBench(op, ops, flags, notes);
      const roofs = await bench.measureRoofs(works);
      report.devices.push({ device: ops.info.device, description: ops.info.description, roofs });
      for (const [i, { sizes, dtype }] of works.entries()) {
        const { answer, row } = bench.run(sizes, dtype);
        const first = firsts[i];
        if (!first) firsts[i] = answer;
        report.rows.push({ ...row, difference: first ? difference(answer, first) : null });
      }
    } finally {
      ops.dispose();
    }
  }
  if (flags.json) writeJson(report);
  else process.stdout.write(markdown(report));
}

/** One device. */
class OpBench {
  #rates: Rates | undefined;

  constructor(
    private readonly op: OpCase,
    private readonly ops: Ops,
    private readonly flags: BenchOpFlags,
    private readonly notes: Notes,
  ) {}

  /** @returns null on the simulator */
  async measureRoofs(works: readonly { sizes: Sizes; dtype: WeightFormat }[]): Promise<ProfileRoofs | null> {
    const { device } = this.ops.info;
    if (device === "simt") return null;
    const multiplied = works.flatMap(({ sizes, dtype }) =>
      Object.keys(this.op.work(sizes, this.bytes(dtype)).flops),
    );
    // What moves bytes only needs the bandwidth, which every dtype tells.
    const dtypes = multiplied.length > 0 ? multiplied : ["f32"];
    this.notes.say(`measuring what ${device} reaches …`);
    this.#rates = await measureRates(
      { device, threads: this.flags.threads },
      new Set(dtypes as WeightDtype[]),
    );
    return roofsOf(this.#rates);
  }

  run(sizes: Sizes, dtype: WeightFormat): { answer: Answer; row: Omit<OpRow, "difference"> } {
    const bytes = this.bytes(dtype);
    const { device } = this.ops.info;
    const shape = shapeText(sizes);
    this.notes.say(`${device}: ${shape} in ${dtype} …`);
    const call = this.op.prepare(new Maker(this.ops, dtype, bytes.matrixDtype), sizes);
    const row = { device, shape, dtype, matrixDtype: bytes.matrixDtype };
    const work = this.op.work(sizes, bytes);
    if (!this.#rates) {
      const flops = Object.values(work.flops).reduce((sum, count) => sum + count, 0);
      return { answer: call(), row: { ...row, bytes: work.bytes, flops, times: null } };
    }
    const { result, timings } = this.ops.timed(call, { repeat: this.flags.repeat });
    const { ms, samples } = timings[0]!;
    const reached = achieved(work, this.#rates, ms);
    const { gigabytes, gigaflops, ...times } = reached;
    return {
      answer: result,
      row: {
        ...row,
        ...{ bytes: work.bytes, flops: gigaflops * 1e9 },
        times: { ms, samplesMs: [...samples], ...times },
      },
    };
  }

  /** Matrices are in the dtype asked for where the device has it, else in f32; beside codes they are f16 where it can. */
  private bytes(dtype: WeightFormat): Bytes {
    const wanted = dtype === "int8" || dtype === "int4" || dtype === "fp8" ? "f16" : dtype;
    const matrixDtype = this.ops.info.dtypes.includes(wanted) ? wanted : "f32";
    return { matrix: WEIGHT_BYTES[matrixDtype], kept: WEIGHT_BYTES[dtype], dtype, matrixDtype };
  }
}

/** max|a - b| / max|b| of floats; of whole numbers the share that differ. */
export function difference(answer: Answer, first: Answer): number {
  let [apart, largest, different] = [0, 0, 0];
  for (const [i, value] of first.entries()) {
    // What is not a number stays that.
    apart = Math.max(apart, Math.abs(value - answer[i]!));
    largest = Math.max(largest, Math.abs(value));
    if (value !== answer[i]) different++;
  }
  if (different === 0) return 0;
  return first instanceof Float32Array ? apart / largest : different / first.length;
}
