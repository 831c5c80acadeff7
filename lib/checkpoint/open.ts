import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type ConfigFiles, readConfigFiles, readImageTokenId, readModelConfig } from "./config.js";
import { checkpointError } from "./fail.js";
import { fileExists } from "./json.js";
import { type AdapterSettings, applyAdapter, locateBase, readAdapterSettings } from "./lora.js";
import { nameTensors, reconcile, type TensorTable } from "./reconcile.js";
import { readTemplateName } from "./template.js";
import type { Checkpoint } from "./types.js";
import { fileError } from "./weight-file.js";
import { readWeights, type Weights } from "./weights.js";

/**
 * Opens a checkpoint in any readable layout: Honeybee (both config styles, safetensors or torch zip, single or sharded),
 * a LoRA adapter over a base, Hugging Face LLaVA-1.5, Hugging Face Llama. Only headers are read.
 *
 * @param folder the folder with config.json or adapter_config.json, or the parent of `last/`
 * @throws HoneybeeError ERR_CHECKPOINT naming the file, the tensor or field, and what was expected. Whether every tensor
 *   of the network is there in its shape is checked when the network is built.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const path = await locateFolder(folder);
  const adapter = await readAdapterSettings(path);
  const baseFolder = adapter === undefined ? path : await locateBase(path, adapter);
  const configFiles = await readConfigFiles(baseFolder);
  const base = await readWeights(baseFolder);

  const notes = [...base.notes];
  const tensors = nameTensors(configFiles.family, base, configFiles.quantization, notes);
  const parts = [base];
  const { quantization, style } = configFiles;
  let layout = `${base.layout}, ${style}${quantization ? `, ${quantization.method}` : ""}`;
  if (adapter !== undefined) {
    const added = await mergeAdapter(path, adapter, configFiles, tensors, base.files.length, notes);
    parts.push(added);
    layout = `LoRA adapter (${added.layout}) over ${layout}`;
  }
  const config = readModelConfig(configFiles, (name) => tensors.get(name)?.shape);
  const template = await findTemplate(resolve(folder), path);
  return {
    path,
    layout,
    config: reconcile(config, tensors, notes),
    files: parts.flatMap(({ files }) => files),
    versions: parts.flatMap(({ versions }) => versions),
    tensors,
    notes,
    ...(config.family === "llava" && { imageTokenId: readImageTokenId(configFiles.root) }),
    ...(quantization !== undefined && { quantization: quantization.json }),
    ...(template !== undefined && { template }),
  };
}

async function mergeAdapter(
  folder: string,
  settings: AdapterSettings,
  { family }: ConfigFiles,
  tensors: TensorTable,
  firstFile: number,
  notes: string[],
): Promise<Weights> {
  const adapter = await readWeights(folder, "adapter_model", "adapter_model");
  applyAdapter(family, tensors, adapter, firstFile, settings, notes);
  notes.push(...adapter.notes);
  return adapter;
}

async function locateFolder(folder: string): Promise<string> {
  const real = await realpath(folder).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  for (const candidate of [real, join(real, "last")]) {
    for (const name of ["config.json", "adapter_config.json"]) {
      if (await fileExists(join(candidate, name))) return await realpath(candidate);
    }
  }
  throw checkpointError(
    `${folder} is not a checkpoint: neither it nor its folder "last" has a config.json or adapter_config.json.`,
  );
}

/** The training config lies beside the weights or in the parent of `last/`, which may be a link. */
async function findTemplate(folder: string, path: string): Promise<string | undefined> {
  const places = [folder, path, ...[folder, path].filter((place) => basename(place) === "last").map(dirname)];
  for (const place of places) {
    const name = await readTemplateName(join(place, "exp_config.yaml"));
    if (name !== undefined) return name;
  }
  return undefined;
}
