import { elementBytes, formatShape, isStoredDtype } from "./dtypes.js";
import { checkpointError, quote } from "./fail.js";
import { canonicalName } from "./names.js";
import type { Quantization } from "./quantization.js";
import { gatherQuantized } from "./quantized.js";
import type { ModelConfig, ModelFamily, ProjectorConfig, ProjectorType, TensorRef } from "./types.js";
import { patchCount } from "./vision-config.js";
import type { Weights } from "./weights.js";

/** Tensors by canonical name. */
export type TensorTable = Map<string, TensorRef>;

/** Gives stored tensors their canonical names; unknown ones become one note. */
export function nameTensors(
  family: ModelFamily,
  weights: Weights,
  quantization: Quantization | undefined,
  notes: string[],
): TensorTable {
  const table: TensorTable = new Map();
  const origin = new Map<string, string>();
  const unknown: string[] = [];
  const { matrices, others } = gatherQuantized(weights, quantization);
  const add = (stored: string, file: number, make: (name: string, path: string) => TensorRef) => {
    const path = weights.files[file]!;
    const name = canonicalName(family, stored);
    if (name === "obsolete") return;
    if (name === undefined) {
      unknown.push(stored);
      return;
    }
    const other = origin.get(name);
    if (other !== undefined)
      throw checkpointError(`${path}: ${quote(stored)} and ${quote(other)} are the same tensor.`);
    origin.set(name, stored);
    table.set(name, make(name, path));
  };
  for (const raw of others) add(raw.name, raw.file, (name, path) => toTensorRef(raw, name, path));
  for (const matrix of matrices) {
    add(matrix.name, matrix.file, (name, path) => {
      if (!name.startsWith("llm."))
        throw checkpointError(
          `${path}: ${quote(matrix.name)} is quantized; only matrices of the language model are read so.`,
        );
      return { ...matrix, name };
    });
  }
  noteIgnored(notes, unknown, "that the network does not have");
  return table;
}

/** Checks that a stored tensor has a dtype the network computes from. */
export function toTensorRef(raw: Weights["tensors"][number], name: string, path: string): TensorRef {
  const { dtype, ...rest } = raw;
  if (!isStoredDtype(dtype)) {
    throw checkpointError(
      `${path}: tensor ${quote(raw.name)} has the dtype ${dtype}; F32, BF16 or F16 was expected.`,
    );
  }
  return { ...rest, dtype, name };
}

/** One note for any number of ignored tensors. */
export function noteIgnored(notes: string[], names: readonly string[], why: string): void {
  if (names.length === 0) return;
  const shown = names.slice(0, 5).map(quote).join(", ");
  const more = names.length > 5 ? `, … (${names.length})` : "";
  notes.push(`ignored tensors ${why}: ${shown}${more}`);
}

/**
 * Brings config and tensors together: drops layers that the config does not have and a tied head, strips the obsolete
 * CLS row of position embeddings, takes the number of eos rows from the weights, and checks M against the learned queries.
 */
export function reconcile(config: ModelConfig, tensors: TensorTable, notes: string[]): ModelConfig {
  dropSurplus(config, tensors, notes);
  if (config.projector === undefined) return config;
  const projector = { ...config.projector, eosTokens: readEosRows(config.projector, tensors, notes) };
  checkQueries(projector, tensors);
  for (const name of ["projector.pos_emb", "projector.v_pos_emb"]) {
    if (projector.posEmb) dropClsRow(name, patchCount(config.vision!), tensors, notes);
  }
  return { ...config, projector };
}

function dropSurplus({ vision, text }: ModelConfig, tensors: TensorTable, notes: string[]): void {
  const beyond: string[] = [];
  for (const name of tensors.keys()) {
    const layer = /^(vision\.encoder|llm)\.layers\.(\d+)\./.exec(name);
    const layers = layer?.[1] === "llm" ? text.layers : (vision?.layers ?? 0);
    if (layer && Number(layer[2]) >= layers) beyond.push(name);
  }
  noteIgnored(notes, beyond, "of layers beyond those of the config");
  if (text.tieWordEmbeddings && tensors.has("llm.lm_head.weight")) {
    beyond.push("llm.lm_head.weight");
    notes.push("ignored the stored lm_head: the config ties it to the embeddings");
  }
  for (const name of beyond) tensors.delete(name);
}

/** Presence in the weights is authoritative: old and new code disagree on the default. */
function readEosRows(projector: ProjectorConfig, tensors: TensorTable, notes: string[]): number {
  const eos = tensors.get("projector.eos_tokens");
  if (eos !== undefined && eos.shape.length !== 3) {
    throw checkpointError(
      `projector.eos_tokens has the shape ${formatShape(eos.shape)}; [1, K, width] was expected.`,
    );
  }
  const rows = eos?.shape[1] ?? 0;
  if (rows > 4096) throw checkpointError(`projector.eos_tokens has ${rows} rows; a handful was expected.`);
  if (rows !== projector.eosTokens) {
    notes.push(
      `the weights have ${rows} eos rows where the config says ${projector.eosTokens}; the weights count`,
    );
  }
  return rows;
}

/** Where the projectors with learned queries keep them, and along which dim. C-Abs and mlp have none. */
const QUERIES: Partial<Record<ProjectorType, { name: string; axis: number }>> = {
  "d-abs": { name: "projector.query_position_embeddings.weight", axis: 0 },
  resampler: { name: "projector.query_tokens", axis: 1 },
};

function checkQueries({ type, visualTokens }: ProjectorConfig, tensors: TensorTable): void {
  const queries = QUERIES[type];
  const rows = queries && tensors.get(queries.name)?.shape[queries.axis];
  if (rows !== undefined && rows !== visualTokens) {
    throw checkpointError(
      `${queries!.name} has ${rows} learned queries, but the config says ${visualTokens} visual tokens. ` +
        "Config and weights belong to different models.",
    );
  }
}

/** [1, N+1, C] -> [1, N, C]: the first release added CLS's row and removed it later. */
function dropClsRow(name: string, patches: number, tensors: TensorTable, notes: string[]): void {
  const tensor = tensors.get(name);
  if (tensor === undefined || tensor.shape.length !== 3 || tensor.shape[1] !== patches + 1) return;
  const [batch, , width] = tensor.shape as [number, number, number];
  const bytes = elementBytes(tensor.dtype)!;
  const rowBytes = (tensor.strides?.[1] ?? width) * bytes;
  if (batch !== 1 || rowBytes > tensor.byteLength) return;
  tensors.set(name, {
    ...tensor,
    shape: [1, patches, width],
    offset: tensor.offset + rowBytes,
    byteLength: tensor.byteLength - rowBytes,
  });
  notes.push(`dropped the obsolete CLS row of ${name}`);
}
