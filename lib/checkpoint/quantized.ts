import { formatShape } from "./dtypes.js";
import { checkpointError, quote } from "./fail.js";
import type { Quantization } from "./quantization.js";
import type { PartRef, QuantizedRef, TensorRef } from "./types.js";
import type { Weights } from "./weights.js";

type Raw = Weights["tensors"][number];

/** Settings of activations, which weights-only engines have no use for. */
const IGNORED = /\.(input_scale|output_scale|k_scale|v_scale)$/;
const WORDS = /^(.+)\.qweight$/;
const PART =
  /\.(qweight|qzeros|scales|g_idx|weight_scale|weight_scale_inv|weight_zero_point|weight_packed|weight_shape)$/;
const LEFTOVER = /\.(SCB|quant_state\.[\w.]+|absmax|nested_absmax|quant_map)$/;

/** A quantized matrix under the name of the weight that it stands for. */
export interface QuantizedMatrix extends TensorRef {
  quantized: QuantizedRef;
}

/**
 * Puts the parts of quantized matrices together: decided for each module by the tensors it has, not by the lists in the
 * config.
 *
 * @returns the matrices, named as `<module>.weight`, and all tensors that belong to none
 * @throws HoneybeeError ERR_CHECKPOINT naming file, tensor and what was expected
 */
export function gatherQuantized(
  weights: Weights,
  quantization: Quantization | undefined,
): { matrices: QuantizedMatrix[]; others: Raw[] } {
  const byName = new Map(weights.tensors.map((raw) => [raw.name, raw]));
  const gatherer = new Gatherer(weights, byName, quantization);
  const matrices: QuantizedMatrix[] = [];
  const others: Raw[] = [];
  for (const raw of weights.tensors) {
    const module = WORDS.exec(raw.name)?.[1];
    if (module !== undefined) matrices.push(gatherer.words(module, raw));
    else if (raw.name.endsWith(".weight") && (raw.dtype === "I8" || raw.dtype === "F8_E4M3"))
      matrices.push(gatherer.bytes(raw));
    else if (LEFTOVER.test(raw.name))
      throw gatherer.refuse(raw, "belongs to a kind of quantization that is not read");
    else if (!PART.test(raw.name) && !IGNORED.test(raw.name)) others.push(raw);
  }
  gatherer.refuseStrays();
  return { matrices, others };
}

class Gatherer {
  private readonly used = new Set<string>();

  constructor(
    private readonly weights: Weights,
    private readonly byName: ReadonlyMap<string, Raw>,
    private readonly quantization: Quantization | undefined,
  ) {}

  refuse(raw: Raw, problem: string): Error {
    return checkpointError(
      `${this.weights.files[raw.file]}: tensor ${quote(raw.name)} ${problem}; use the original checkpoint.`,
    );
  }

  /** GPTQ and AWQ: <module>.qweight, qzeros, scales, g_idx. */
  words(module: string, codes: Raw): QuantizedMatrix {
    const { quantization } = this;
    if (quantization === undefined || (quantization.method !== "gptq" && quantization.method !== "awq"))
      throw this.refuse(
        codes,
        "is GPTQ's or AWQ's, but config.json has no quantization_config that says which",
      );
    const zeros = this.part(codes, `${module}.qzeros`);
    const scales = this.part(codes, `${module}.scales`);
    const groups = this.byName.get(`${module}.g_idx`);
    if (groups !== undefined) this.used.add(groups.name);
    for (const raw of [codes, zeros, ...(groups ? [groups] : [])]) {
      if (raw.dtype !== "I32") throw this.refuse(raw, `is ${raw.dtype}, expected I32`);
    }
    const [rows, cols] = this.sides(codes);
    const [groupCount] = this.sides(scales);
    let shape: number[];
    let layout: QuantizedRef["layout"];
    let bits = 4;
    if (quantization.method === "awq") {
      layout = quantization.byRow ? "awq-rows" : "awq";
      shape = quantization.byRow ? [rows, 8 * cols] : [8 * cols, rows];
    } else {
      layout = "gptq";
      const inputs = groups?.shape[0] ?? (32 * rows) / quantization.bits;
      if (!Number.isInteger(inputs) || inputs < 1)
        throw this.refuse(codes, `has ${rows} rows, which ${quantization.bits} bits do not fill`);
      shape = [cols, inputs];
      bits = Math.floor((32 * rows) / inputs);
    }
    const inputs = shape[1]!;
    // Where the shapes and the settings disagree (GPTQ's "dynamic"), the shapes count.
    let group = quantization.groupSize ?? inputs;
    if (layout === "gptq" && Math.ceil(inputs / group) !== groupCount) group = Math.ceil(inputs / groupCount);
    const quantized: QuantizedRef = {
      layout,
      codes: part(codes),
      scales: part(this.floats(scales)),
      zeros: part(zeros),
      group,
      bits,
      zeroField: quantization.zeroField,
      ...(groups && layout === "gptq" && { groups: part(groups) }),
    };
    return matrix(`${module}.weight`, shape, quantized);
  }

  /** compressed-tensors and fp8: <module>.weight and weight_scale. */
  bytes(codes: Raw): QuantizedMatrix {
    const module = codes.name.slice(0, -".weight".length);
    const zero = this.byName.get(`${module}.weight_zero_point`);
    if (zero !== undefined) throw this.refuse(zero, "makes the weight asymmetric; symmetric int8 is read");
    const inverse = this.byName.get(`${module}.weight_scale_inv`);
    const scales = this.part(codes, inverse?.name ?? `${module}.weight_scale`);
    const [rows, cols] = this.sides(codes);
    const isBlocks = inverse !== undefined || (scales.shape.length === 2 && scales.shape[1]! > 1);
    if (isBlocks && codes.dtype === "I8")
      throw this.refuse(scales, `is ${formatShape(scales.shape)}, expected one scale or ${rows}`);
    return matrix(codes.name, [rows, cols], {
      layout: isBlocks ? "blocks" : "channels",
      codes: part(codes),
      scales: part(this.floats(scales)),
    });
  }

  /** Parts whose codes are missing: the words of another kind, or a damaged file. */
  refuseStrays(): void {
    for (const raw of this.weights.tensors) {
      const isPart = PART.test(raw.name) && !WORDS.test(raw.name);
      if (isPart && !this.used.has(raw.name)) throw this.refuse(raw, "has no codes beside it that are read");
    }
  }

  private part(codes: Raw, name: string): Raw {
    const raw = this.byName.get(name);
    if (raw === undefined) throw this.refuse(codes, `has no ${quote(name)} beside it`);
    this.used.add(name);
    return raw;
  }

  private floats(raw: Raw): Raw {
    if (!["F16", "BF16", "F32"].includes(raw.dtype))
      throw this.refuse(raw, `is ${raw.dtype}, expected F16, BF16 or F32`);
    return raw;
  }

  private sides(raw: Raw): [number, number] {
    if (raw.shape.length !== 2 || raw.shape.includes(0) || raw.strides !== undefined)
      throw this.refuse(raw, `is ${formatShape(raw.shape)}, expected a contiguous matrix`);
    return raw.shape as [number, number];
  }
}

const part = ({ name, dtype, shape, file, offset, byteLength, strides }: Raw): PartRef => ({
  name,
  dtype,
  shape,
  file,
  offset,
  byteLength,
  ...(strides && { strides }),
});

function matrix(name: string, shape: number[], quantized: QuantizedRef): QuantizedMatrix {
  const { file, offset, byteLength } = quantized.codes;
  return { name, dtype: "F32", shape, file, offset, byteLength, quantized };
}
