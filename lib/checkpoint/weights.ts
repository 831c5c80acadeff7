import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { checkpointError, quote, show } from "./fail.js";
import { isObject, readJsonIfPresent } from "./json.js";
import { readSafetensors } from "./safetensors.js";
import { readTorchZip } from "./torch-zip.js";
import { fileError, type RawTensor, type WeightFile, withWeightFile } from "./weight-file.js";

/** The tensors of a folder, from one file or from shards. */
export interface Weights {
  /** Paths, in the order that `file` of a tensor counts. */
  files: string[];
  /** {@link WeightFile.version} of each file. */
  versions: string[];
  tensors: (RawTensor & { file: number })[];
  /** "3 safetensors shards" */
  layout: string;
  notes: string[];
}

/** A 70B model has 30 shards. */
const MAX_SHARDS = 1000;

/**
 * Reads the tables of all weight files of a folder, looking in transformers' order: `<stem>.safetensors`, its index,
 * `<torchStem>.bin`, its index; then a single safetensors file of any name. Other files in the folder mean nothing.
 */
export async function readWeights(
  folder: string,
  stem = "model",
  torchStem = "pytorch_model",
): Promise<Weights> {
  const names = new Set(
    await readdir(folder).catch((error: unknown) => {
      throw fileError(folder, error);
    }),
  );
  for (const [single, kind] of [
    [`${stem}.safetensors`, "safetensors"],
    [`${torchStem}.bin`, "torch zip"],
  ] as const) {
    if (names.has(single)) return readSingle(folder, single, kind);
    const index = `${single}.index.json`;
    if (names.has(index)) return readShards(folder, index, kind);
  }
  const others = [...names].filter(
    (name) => name.endsWith(".safetensors") && !name.startsWith("adapter_model"),
  );
  if (others.length === 1) return readSingle(folder, others[0]!, "safetensors");
  throw checkpointError(
    others.length === 0
      ? `${folder} has no weights; ${stem}.safetensors or ${torchStem}.bin, or an index with its shards, was expected.`
      : `${folder} has ${others.length} safetensors files and no ${stem}.safetensors.index.json that says which to use.`,
  );
}

async function readSingle(folder: string, name: string, kind: string): Promise<Weights> {
  const path = join(folder, name);
  const { table, version } = await readTable(path);
  const tensors = table.map((tensor) => ({ ...tensor, file: 0 }));
  return { files: [path], versions: [version], tensors, layout: `single ${kind} file`, notes: [] };
}

async function readShards(folder: string, indexName: string, kind: string): Promise<Weights> {
  const indexPath = join(folder, indexName);
  const wanted = await readWeightMap(indexPath);
  const layout = `${wanted.size} ${kind} shards`;
  const result: Weights = { files: [], versions: [], tensors: [], layout, notes: [] };
  for (const [shard, names] of wanted) {
    const path = join(folder, shard);
    const { table, version } = await readTable(path);
    const found = new Set(table.map((tensor) => tensor.name));
    for (const name of names) {
      if (!found.has(name))
        throw checkpointError(`${indexPath} says that ${shard} holds ${quote(name)}, but it does not.`);
    }
    const file = result.files.push(path) - 1;
    result.versions.push(version);
    const listed = table.filter((tensor) => names.has(tensor.name));
    result.tensors.push(...listed.map((tensor) => ({ ...tensor, file })));
    if (listed.length < table.length) {
      result.notes.push(
        `${shard}: ${table.length - listed.length} tensors that the index does not name were ignored`,
      );
    }
  }
  return result;
}

/** The index turned round: shard name -> tensor names. */
async function readWeightMap(path: string): Promise<Map<string, Set<string>>> {
  const map = (await readJsonIfPresent(path))?.weight_map;
  if (!isObject(map)) throw checkpointError(`${path} has no weight_map from tensor names to files.`);
  const shards = new Map<string, Set<string>>();
  for (const [tensor, shard] of Object.entries(map)) {
    // A name with a separator could lead out of the folder.
    if (typeof shard !== "string" || !/^[^/\\\0]+$/.test(shard) || shard === "." || shard === "..") {
      throw checkpointError(
        `${path} maps ${quote(tensor)} to ${show(shard)}, which is not a plain file name.`,
      );
    }
    const names = shards.get(shard) ?? new Set();
    shards.set(shard, names.add(tensor));
    if (shards.size > MAX_SHARDS) throw checkpointError(`${path} names more than ${MAX_SHARDS} shards.`);
  }
  if (shards.size === 0) throw checkpointError(`${path} has an empty weight_map.`);
  return shards;
}

function readTable(path: string): Promise<{ table: RawTensor[]; version: string }> {
  const read = path.endsWith(".safetensors") ? readSafetensors : readTorchZip;
  return withWeightFile(path, async (file) => ({ table: await read(file), version: file.version }));
}
