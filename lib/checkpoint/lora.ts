import { join, resolve } from "node:path";
import { formatShape } from "./dtypes.js";
import { checkpointError, quote } from "./fail.js";
import { Fields } from "./fields.js";
import { fileExists, isObject, readJsonIfPresent } from "./json.js";
import { canonicalName } from "./names.js";
import { noteIgnored, type TensorTable, toTensorRef } from "./reconcile.js";
import type { ModelFamily, TensorRef } from "./types.js";
import type { Weights } from "./weights.js";

/** The settings of a PEFT adapter that decide the merge (peft 0.8.2). */
export interface AdapterSettings {
  path: string;
  /** As stored; empty means `<parent>/base`. */
  baseName: string;
  rank: number;
  /** Of B·A: alpha / r, or alpha / √r for rank-stabilised LoRA. */
  scale: number;
}

/** Reads adapter_config.json; undefined when the folder is not an adapter. */
export async function readAdapterSettings(folder: string): Promise<AdapterSettings | undefined> {
  const path = join(folder, "adapter_config.json");
  const json = await readJsonIfPresent(path);
  if (json === undefined) return undefined;
  const fields = new Fields(path, json);
  if (fields.text("peft_type", "LORA") !== "LORA") throw fields.refuse("peft_type", '"LORA"');
  if (fields.text("bias", "none") !== "none") throw fields.refuse("bias", '"none"');
  for (const key of ["fan_in_fan_out", "use_dora"]) {
    if (fields.boolean(key, false)) throw fields.refuse(key, "false");
  }
  for (const key of ["rank_pattern", "alpha_pattern"]) {
    const pattern = fields.raw(key);
    if (pattern !== undefined && !(isObject(pattern) && Object.keys(pattern).length === 0))
      throw fields.refuse(key, "no pattern");
  }
  const rank = fields.integer("r", undefined, { max: 65536 });
  const alpha = fields.positive("lora_alpha", undefined, 1e6);
  const scale = alpha / (fields.boolean("use_rslora", false) ? Math.sqrt(rank) : rank);
  return { path, baseName: fields.text("base_model_name_or_path", ""), rank, scale };
}

/**
 * Finds the base model's folder: the recorded path, also relative to the adapter folder or to one of its two parents, then
 * `<parent>/base`. Hub names are not downloaded.
 */
export async function locateBase(folder: string, { path, baseName }: AdapterSettings): Promise<string> {
  const parents = [folder, resolve(folder, ".."), resolve(folder, "../..")];
  const named =
    baseName === "" || baseName.includes("\0") ? [] : parents.map((parent) => resolve(parent, baseName));
  const candidates = [...new Set([...named, resolve(folder, "../base")])];
  for (const candidate of candidates) {
    if (candidate !== folder && (await fileExists(join(candidate, "config.json")))) return candidate;
  }
  throw checkpointError(
    `${path}: the base model ${quote(baseName)} was not found; put its folder, with config.json, at ${candidates.at(-1)}.`,
  );
}

/**
 * Merges an adapter into the base's table: low-rank pairs become {@link TensorRef.lora}, tensors
 * saved in full (modules_to_save) replace those of the base.
 *
 * @param adapter its files count from `firstFile` on in the checkpoint's list
 */
export function applyAdapter(
  family: ModelFamily,
  base: TensorTable,
  adapter: Weights,
  firstFile: number,
  settings: AdapterSettings,
  notes: string[],
): void {
  const pairs = new Map<string, { a?: TensorRef; b?: TensorRef }>();
  const unknown: string[] = [];
  for (const raw of adapter.tensors) {
    const path = adapter.files[raw.file]!;
    const { module, part } = parseAdapterName(path, raw.name);
    const target = canonicalName(family, module);
    if (target === undefined || target === "obsolete") {
      if (part !== "full")
        throw checkpointError(`${path}: ${quote(raw.name)} adapts a layer that the model does not have.`);
      unknown.push(raw.name);
      continue;
    }
    const tensor = toTensorRef({ ...raw, file: raw.file + firstFile }, target, path);
    if (part === "full") {
      replaceTensor(base, tensor, path);
    } else {
      const pair = pairs.get(target) ?? {};
      if (pair[part] !== undefined) throw checkpointError(`${path} adapts ${target} twice.`);
      pair[part] = { ...tensor, name: `${target}.lora_${part}` };
      pairs.set(target, pair);
    }
  }
  noteIgnored(notes, unknown, "of the adapter that the network does not have");
  for (const [target, pair] of pairs) {
    base.set(target, adaptTensor(base.get(target), target, pair, settings));
  }
  notes.push(`merged LoRA of rank ${settings.rank} into ${pairs.size} matrices`);
}

/** `base_model.model.<module>.lora_A[.default].weight`, or `<module>[.modules_to_save.default].<tensor>` in full. */
function parseAdapterName(path: string, name: string): { module: string; part: "a" | "b" | "full" } {
  const inner = /^base_model\.model\.(.+)$/.exec(name)?.[1];
  if (inner === undefined) {
    throw checkpointError(
      `${path}: ${quote(name)} does not begin with base_model.model. as PEFT's names do.`,
    );
  }
  const low = /^(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(inner);
  if (low) return { module: `${low[1]}.weight`, part: low[2] === "A" ? "a" : "b" };
  if (/\.lora_/.test(inner))
    throw checkpointError(`${path}: ${quote(name)} is a kind of adapter that is not known.`);
  return { module: inner.replace(".modules_to_save.default.", "."), part: "full" };
}

function replaceTensor(base: TensorTable, tensor: TensorRef, path: string): void {
  const old = base.get(tensor.name);
  if (old !== undefined && formatShape(old.shape) !== formatShape(tensor.shape)) {
    throw checkpointError(
      `${path}: ${tensor.name} has the shape ${formatShape(tensor.shape)}, the base model's has ${formatShape(old.shape)}.`,
    );
  }
  base.set(tensor.name, tensor);
}

function adaptTensor(
  weight: TensorRef | undefined,
  target: string,
  { a, b }: { a?: TensorRef; b?: TensorRef },
  { path, rank, scale }: AdapterSettings,
): TensorRef {
  if (weight === undefined)
    throw checkpointError(`${path}: the base model lacks ${target}, which the adapter adapts.`);
  if (a === undefined || b === undefined) {
    throw checkpointError(`${path}: the adapter has only lora_${a === undefined ? "B" : "A"} of ${target}.`);
  }
  const [out, width] = weight.shape;
  const fits =
    weight.shape.length === 2 &&
    formatShape(a.shape) === formatShape([rank, width!]) &&
    formatShape(b.shape) === formatShape([out!, rank]);
  if (!fits || a.strides !== undefined || b.strides !== undefined) {
    throw checkpointError(
      `${path}: lora_A ${formatShape(a.shape)} and lora_B ${formatShape(b.shape)} of rank ${rank} do not fit ${target} ` +
        `${formatShape(weight.shape)}; contiguous [r, in] and [out, r] were expected.`,
    );
  }
  return { ...weight, lora: { a, b, scale } };
}
