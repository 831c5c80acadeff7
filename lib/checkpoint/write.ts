import { copyFile, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HoneybeeError } from "../errors.js";
import { elementBytes } from "./dtypes.js";
import { checkpointError } from "./fail.js";
import { fileExists } from "./json.js";
import {
  type Output,
  type OutputTensor,
  outputBytes,
  planOutputs,
  quantizationJson,
  type WrittenWeights,
} from "./outputs.js";
import type { Checkpoint } from "./types.js";
import { WeightFile } from "./weight-file.js";
import { configJson } from "./write-config.js";

export interface WriteProgress {
  bytesDone: number;
  bytesTotal: number;
}

export interface WriteOptions {
  /** After every slice of at most 8 MiB. */
  onProgress?: (progress: WriteProgress) => void;
  /** Where the weights came from, kept in the file's metadata; folder name and layout unless given. */
  describe?: string;
  /** What the weights become; default "auto", as they are stored. */
  weights?: WrittenWeights;
  /** Stops between two slices and removes what was written. */
  signal?: AbortSignal;
}

/** What belongs to a model beside config and weights. */
const COPIED_FILES = [
  "tokenizer.model",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "preprocessor_config.json",
  "processor_config.json",
];

/**
 * Writes a checkpoint of any layout as one safetensors file with config and tokenizer, the layout that loads fastest:
 * tensors in the order of the data path, contiguous, LoRA merged and rounded to the dtype of the base tensor.
 * config.json comes last, so an interrupted folder is never taken for a model.
 *
 * @param outFolder is created; it must not exist or be empty
 * @throws HoneybeeError ERR_OPTION when `outFolder` has content, ERR_CHECKPOINT when reading or writing fails
 */
export async function writeSafetensorsFolder(
  checkpoint: Checkpoint,
  outFolder: string,
  options: WriteOptions = {},
): Promise<void> {
  await claimFolder(outFolder);
  const weights = join(outFolder, "model.safetensors");
  const partial = `${weights}.partial`;
  try {
    await writeWeights(checkpoint, partial, options);
    await rename(partial, weights);
    await copyCompanions(checkpoint, outFolder);
    const quantization = quantizationJson(checkpoint, options.weights ?? "auto");
    const config = { ...configJson(checkpoint), ...(quantization && { quantization_config: quantization }) };
    await writeFile(join(outFolder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  } catch (error) {
    // The folder was empty when it was claimed: everything in it is ours.
    await rm(partial, { force: true });
    await rm(weights, { force: true });
    if (error instanceof HoneybeeError || options.signal?.aborted) throw error;
    throw checkpointError(`${outFolder} could not be written: ${(error as Error).message}`, error);
  }
}

async function claimFolder(outFolder: string): Promise<void> {
  try {
    await mkdir(outFolder, { recursive: true });
    if ((await readdir(outFolder)).length === 0) return;
  } catch (error) {
    throw new HoneybeeError("ERR_OPTION", `${outFolder} cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new HoneybeeError("ERR_OPTION", `${outFolder} is not empty; name a folder that does not exist yet.`);
}

async function writeWeights(checkpoint: Checkpoint, path: string, options: WriteOptions): Promise<void> {
  const outputs = planOutputs(checkpoint, options.weights ?? "auto").sort((a, b) => rank(a) - rank(b));
  const tensors = outputs.flatMap((output) => output.tensors);
  const bytesTotal = tensors.reduce((sum, tensor) => sum + outputBytes(tensor), 0);
  const sources: WeightFile[] = [];
  const target = await open(path, "w");
  try {
    for (const file of checkpoint.files) sources.push(await WeightFile.open(file));
    await target.appendFile(buildHeader(tensors, describeOrigin(checkpoint, options)));
    let bytesDone = 0;
    for (const output of outputs) {
      for await (const slice of output.read(sources)) {
        options.signal?.throwIfAborted();
        await target.appendFile(slice);
        bytesDone += slice.length;
        options.onProgress?.({ bytesDone, bytesTotal });
      }
    }
    await target.sync();
  } finally {
    await Promise.all([...sources, target].map((file) => file.close()));
  }
}

/**
 * Vision, projector, LLM; within each the wider dtype first, so that every tensor is aligned to its elements, and quantized
 * matrices, whose parts stay together, at the end.
 */
function rank({ part, tensors }: Output): number {
  const order = { vision: 0, projector: 1, llm: 2 };
  const last = tensors.length > 1 ? 16 : 0;
  return 32 * order[part] + last - (last ? 0 : elementBytes(tensors[0]!.dtype)!);
}

/** Where the weights came from, and what became of them. */
function describeOrigin(checkpoint: Checkpoint, { describe, weights = "auto" }: WriteOptions): string {
  const origin = describe ?? `${modelName(checkpoint.path)}: ${checkpoint.layout}`;
  return weights === "auto" ? origin : `${origin}; weights ${weights}`;
}

/** Length and JSON table, padded with spaces so that the data begins at a multiple of 64 bytes. */
function buildHeader(tensors: readonly OutputTensor[], origin: string): Buffer {
  const entries: [string, unknown][] = [["__metadata__", { format: "pt", honeybee_origin: origin }]];
  let position = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    const end = position + outputBytes(tensor);
    entries.push([name, { dtype, shape, data_offsets: [position, end] }]);
    position = end;
  }
  const json = JSON.stringify(Object.fromEntries(entries));
  const padded = Math.ceil((8 + Buffer.byteLength(json)) / 64) * 64;
  const header = Buffer.alloc(padded, " ");
  header.writeBigUInt64LE(BigInt(padded - 8));
  header.write(json, 8);
  return header;
}

/** `last/` says nothing; the folder above it has the model's name. */
function modelName(path: string): string {
  return basename(path) === "last" ? basename(dirname(path)) : basename(path);
}

/** An adapter's own files come before those of its base. */
async function copyCompanions({ path, files, template }: Checkpoint, outFolder: string): Promise<void> {
  for (const name of COPIED_FILES) {
    for (const folder of [path, dirname(files[0]!)]) {
      if (!(await fileExists(join(folder, name)))) continue;
      await copyFile(join(folder, name), join(outFolder, name));
      break;
    }
  }
  if (template !== undefined) {
    await writeFile(join(outFolder, "exp_config.yaml"), `data_config:\n  template:\n    name: ${template}\n`);
  }
}
