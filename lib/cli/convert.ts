import { type WrittenWeights, writeSafetensorsFolder } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import { checkModelOptions } from "../model/options.js";
import { resolveModel } from "../model/resolve.js";
import { type ModelFlags, modelOptions } from "./options.js";
import { interruptSignal, megabytes, Notes } from "./terminal.js";

export interface ConvertFlags extends ModelFlags {
  quiet?: boolean;
}

/** `honeybee convert`: any readable layout → one safetensors folder that loads faster, quantized on request. */
export async function convert(model: string, out: string, flags: ConvertFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const options = modelOptions(flags);
  checkModelOptions(options);
  const { checkpoint } = await resolveModel(model, options);
  if (!checkpoint) throw new HoneybeeError("ERR_OPTION", `${model} has no files to convert`);
  const begin = performance.now();
  let total = 0;
  let said = 0;
  await writeSafetensorsFolder(checkpoint, out, {
    weights: options.weights as WrittenWeights,
    signal: interruptSignal(),
    onProgress: ({ bytesDone, bytesTotal }) => {
      total = bytesTotal;
      const percent = Math.floor((bytesDone / bytesTotal) * 100);
      if (percent < said + 10) return;
      said = percent;
      notes.say(`${percent} % of ${megabytes(bytesTotal)}`);
    },
  });
  notes.say(`${out}: ${megabytes(total)} in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}
