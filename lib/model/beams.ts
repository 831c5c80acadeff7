import { checkNumber, optionError } from "../check.js";
import type { GenerationOptions } from "./options.js";

export interface CheckedBeams {
  beams: number;
  lengthPenalty: number;
  earlyStopping: "no" | "yes" | "never";
}

/** Options that a beam search cannot have beside it. */
const NOT_BESIDE = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "stop",
  "logprobs",
  "promptLogprobs",
  "responseFormat",
] as const;

/**
 * @returns undefined for no beam search
 * @throws HoneybeeError ERR_OPTION naming the option at fault
 */
export function checkBeams(options: GenerationOptions): CheckedBeams | undefined {
  const beams = checkNumber("beams", options.beams) ?? 1;
  const lengthPenalty = checkNumber("lengthPenalty", options.lengthPenalty) ?? 1;
  const { earlyStopping = false } = options;
  if (earlyStopping !== "never" && typeof earlyStopping !== "boolean")
    throw optionError(`earlyStopping must be true, false or "never", not ${JSON.stringify(earlyStopping)}`);
  if (beams === 1) return undefined;
  if ((options.n ?? 1) > beams)
    throw optionError(`n is ${options.n}, more than the ${beams} answers that as many beams can give`);
  for (const name of NOT_BESIDE) {
    const value = options[name];
    const isOff = value === undefined || value === false || (name === "temperature" && value === 0);
    if (!isOff) throw optionError(`beams: a beam search has no ${name}; leave one out`);
  }
  return {
    beams,
    lengthPenalty,
    earlyStopping: earlyStopping === "never" ? "never" : earlyStopping ? "yes" : "no",
  };
}
