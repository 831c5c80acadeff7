import { join } from "node:path";
import { checkpointError, show } from "./fail.js";
import { Fields } from "./fields.js";
import { isObject, type JsonObject, readJsonIfPresent } from "./json.js";
import type { QuantizedRef } from "./types.js";

/** How the words of a quantized checkpoint are to be read, as far as its tensors do not say. */
export interface Quantization {
  method: "gptq" | "awq" | "compressed-tensors" | "fp8";
  /** Of GPTQ's codes, where no tensor tells. */
  bits: number;
  /** Columns of one scale; undefined: all of a row, or what the shapes say. */
  groupSize?: number;
  zeroField: NonNullable<QuantizedRef["zeroField"]>;
  /** AWQ: rows of words are rows of the matrix ("gemv") and not its columns. */
  byRow: boolean;
  /** All settings as they are stored. */
  json: JsonObject;
}

/**
 * Reads what config.json, or a file beside it as older tools wrote, says of the quantization (auto-gptq 0.7.1, gptqmodel
 * 7.7.0, autoawq 0.2.9, compressed-tensors, vLLM's fp8); undefined when there is nothing.
 *
 * @throws HoneybeeError ERR_CHECKPOINT for a method or layout that is not read
 */
export async function readQuantization(folder: string, config: Fields): Promise<Quantization | undefined> {
  const own = config.raw("quantization_config");
  if (own !== undefined && !isObject(own)) throw config.refuse("quantization_config", "an object");
  const beside = await readBeside(folder);
  if (!isObject(own) && beside === undefined) return undefined;
  const all = { ...(isObject(own) && own), ...beside?.json };
  const fields = new Fields(`${config.where} quantization_config`, all);
  const method = fields.text("quant_method", beside?.method ?? "an unnamed method");
  const json = { ...all, quant_method: method };
  switch (method) {
    case "gptq":
      return { ...readGptq(fields), json };
    case "awq":
      return { ...readAwq(fields), json };
    case "compressed-tensors":
      fields.oneOf("format", ["int-quantized", "float-quantized"]);
      return { method, bits: 8, zeroField: "plain", byRow: false, json };
    case "fp8":
      if (!isBlock(fields.integers("weight_block_size", BLOCK)))
        throw fields.refuse("weight_block_size", show(BLOCK));
      return { method, bits: 8, zeroField: "plain", byRow: false, json };
    default:
      throw checkpointError(
        `${config.where}: the weights are quantized (${show(method)}), which is not read; GPTQ, AWQ, fp8 and ` +
          "compressed-tensors are, or use the original checkpoint.",
      );
  }
}

const BLOCK = [128, 128];

const isBlock = (sides: number[]) => sides.length === 2 && sides.every((side) => side === 128);

/** The files in which auto-gptq and early autoawq kept their settings. */
async function readBeside(folder: string): Promise<{ json: JsonObject; method: string } | undefined> {
  const gptq = await readJsonIfPresent(join(folder, "quantize_config.json"));
  if (gptq !== undefined) return { json: gptq, method: "gptq" };
  const old = await readJsonIfPresent(join(folder, "quant_config.json"));
  if (old === undefined) return undefined;
  const { w_bit: bits, q_group_size: group_size, ...rest } = old;
  if (bits === undefined) return { json: old, method: "gptq" };
  return { json: { bits, group_size, ...rest }, method: "awq" };
}

function readGptq(fields: Fields): Omit<Quantization, "json"> {
  if (fields.boolean("is_marlin_format", false)) throw fields.refuse("is_marlin_format", "false");
  const format = ["checkpoint_format", "format"].map((key) => fields.oneOf(key, ["gptq", "gptq_v2"], "gptq"));
  fields.oneOf("pack_dtype", ["int32"], "int32");
  const quantizer = fields.section("meta")?.raw("quantizer");
  const names = (Array.isArray(quantizer) ? quantizer : [quantizer]).map(String);
  return {
    method: "gptq",
    bits: fields.integer("bits", 4, { min: 2, max: 8 }),
    ...groupSize(fields),
    zeroField: format.includes("gptq_v2")
      ? "plain"
      : names.some((name) => name.startsWith("gptqmodel"))
        ? "word-plus-ones"
        : "plus-one",
    byRow: false,
  };
}

function readAwq(fields: Fields): Omit<Quantization, "json"> {
  if (fields.integer("bits", 4) !== 4) throw fields.refuse("bits", "4");
  if (!fields.boolean("zero_point", true)) throw fields.refuse("zero_point", "true");
  const version = fields.text("version", "gemm").toLowerCase();
  if (version !== "gemm" && version !== "gemv") throw fields.refuse("version", "gemm or gemv");
  fields.oneOf("backend", ["autoawq"], "autoawq");
  const { groupSize: size } = groupSize(fields);
  if (size === undefined) throw fields.refuse("group_size", "an integer of 1 to 1000000");
  return { method: "awq", bits: 4, groupSize: size, zeroField: "plain", byRow: version === "gemv" };
}

/** -1 is a whole column. */
function groupSize(fields: Fields): { groupSize?: number } {
  const size = fields.integer("group_size", -1, { min: -1 });
  if (size === 0) throw fields.refuse("group_size", "-1 or a positive integer");
  return size === -1 ? {} : { groupSize: size };
}
