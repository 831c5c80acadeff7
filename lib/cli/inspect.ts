import { availableParallelism } from "node:os";
import { listDevices } from "../devices.js";
import { describeModel, type ModelDescription } from "../model/info.js";
import { resolveModel } from "../model/resolve.js";
import { type ModelFlags, modelOptions } from "./options.js";
import { megabytes, writeJson } from "./terminal.js";

export interface InspectFlags extends ModelFlags {
  json?: boolean;
}

/** `honeybee inspect`: the machine, and a model without loading it. */
export async function inspect(model: string | undefined, flags: InspectFlags): Promise<void> {
  const options = modelOptions(flags);
  const description =
    model === undefined ? undefined : describeModel(await resolveModel(model, options), options);
  if (flags.json) {
    writeJson({ devices: listDevices(), ...(description ? { model: description } : {}) });
    return;
  }
  const lines = listDevices().flatMap(({ name, usable, description, reason, notes = [] }) => [
    `${name.padEnd(8)}${usable ? "yes  " : "no   "}${[description, reason].filter(Boolean).join(": ")}`,
    ...notes.map((note) => `${"".padEnd(13)}${note}`),
  ]);
  process.stdout.write(
    `devices (${availableParallelism()} cores)\n${lines.map((line) => `  ${line}\n`).join("")}`,
  );
  if (description) process.stdout.write(describe(description));
}

function describe(model: ModelDescription): string {
  const { vision, projector, text } = model.config;
  const rows: [string, string][] = [
    ["model", model.model],
    ["layout", model.layout],
    ["family", model.family],
  ];
  if (vision && projector) {
    rows.push([
      "vision",
      `ViT ${vision.layers} layers × ${vision.hiddenSize}, ${vision.heads} heads, ${vision.imageSize} px in patches of ${vision.patchSize}, features of layer ${projector.featureLayers.join(", ")}`,
    ]);
    const name = projector.type === "mlp" && projector.depth === 1 ? "linear" : projector.type;
    rows.push([
      "projector",
      `${name}, ${projector.visualTokens} visual tokens${projector.eosTokens > 0 ? ` + ${projector.eosTokens} eos rows` : ""}`,
    ]);
  }
  rows.push([
    "language",
    `Llama ${text.layers} layers × ${text.hiddenSize}, ${text.heads} heads (${text.kvHeads} kv), vocabulary ${text.vocabSize}, context ${model.context}`,
  ]);
  const { parameters, weights, weightBytesByFormat } = model;
  const count = (n: number) => `${(n / 1e6).toFixed(1)} M`;
  rows.push([
    "parameters",
    `${count(parameters.total)} (vision ${count(parameters.vision)}, projector ${count(parameters.projector)}, language ${count(parameters.text)})`,
  ]);
  const others = vision ? `vision ${weights.vision}, projector ${weights.projector}, ` : "";
  rows.push(["weights", `${weights.text} (${others}head ${weights.head})`]);
  rows.push([
    "memory",
    Object.entries(weightBytesByFormat)
      .map(([format, bytes]) => `${format} ${megabytes(bytes)}`)
      .join(", "),
  ]);
  rows.push(["KV cache", `${model.kv}, ${(model.kvBytesPerToken / 1024).toFixed(1)} KiB a token`]);
  if (model.missing.length > 0) rows.push(["missing", model.missing.join(", ")]);
  if (model.unused.length > 0) rows.push(["unused", model.unused.join(", ")]);
  for (const note of model.notes) rows.push(["note", note]);
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join("");
}
