import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { goldenPath } from "./paths.js";
import { type WritableTensor, writeSafetensors } from "./safetensors.js";

/** What to change in the copy of a golden checkpoint that is one safetensors file. */
export interface Edits {
  /** Changes config.json in place. */
  config?: (config: Record<string, unknown>) => void;
  /** Adds, replaces or deletes tensors. */
  tensors?: (tensors: Record<string, WritableTensor>) => void;
}

/** Copies a golden checkpoint into `folder` and edits it there. */
export function editedModel(name: string, folder: string, { config, tensors }: Edits): string {
  const copy = join(folder, name);
  cpSync(goldenPath("models", name), copy, {
    recursive: true,
    filter: (source) => !/^(trace|case)/.test(basename(source)),
  });
  if (config) {
    const file = join(copy, "config.json");
    const values = JSON.parse(readFileSync(file, "utf8"));
    config(values);
    writeFileSync(file, JSON.stringify(values));
  }
  if (tensors) {
    const file = join(copy, "model.safetensors");
    const table = readTensors(file);
    tensors(table);
    writeSafetensors(file, table);
  }
  return copy;
}

/** The language model of a golden checkpoint as a plain Hugging Face Llama folder. */
export function textModel(name: string, folder: string): string {
  return editedModel(name, folder, {
    config(values) {
      const text = values.text_config as object;
      for (const key of Object.keys(values)) delete values[key];
      Object.assign(values, text, { architectures: ["LlamaForCausalLM"], model_type: "llama" });
    },
    tensors(table) {
      for (const [key, tensor] of Object.entries(table)) {
        delete table[key];
        const inner = key.split("language_model.")[1];
        if (inner) table[inner] = tensor;
      }
    },
  });
}

/** The tensors of a safetensors file as raw bytes. */
function readTensors(file: string): Record<string, WritableTensor> {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const entries = Object.entries(header).map(
    ([
      key,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      return [key, { dtype, shape, data: bytes.subarray(start + begin, start + end) }] as const;
    },
  );
  return Object.fromEntries(entries);
}
