import { encodeChatPrompt } from "../model/prompt.js";
import { resolveModel } from "../model/resolve.js";
import { type GenerationFlags, type ModelFlags, modelOptions, promptOptions } from "./options.js";
import { requirePrompt, writeJson } from "./terminal.js";

export interface TokenizeFlags extends ModelFlags, GenerationFlags {
  prompt?: string;
  image?: string[];
  raw?: boolean;
  json?: boolean;
}

/** `honeybee tokenize`: ids and pieces of the rendered prompt, without loading weights. */
export async function tokenize(model: string, flags: TokenizeFlags): Promise<void> {
  const prompt = requirePrompt(flags.prompt);
  const resolved = await resolveModel(model, modelOptions(flags));
  const content = [...(flags.image ?? []).map((source) => ({ source })), prompt];
  const { ids } = encodeChatPrompt(
    resolved,
    flags.raw ? prompt : [{ role: "user", content }],
    promptOptions(flags),
  );
  const pieces = ids.map((id) => (id < 0 ? "<image>" : (resolved.tokenizer.pieces([id])[0] ?? "")));
  if (flags.json) {
    writeJson({ ids, pieces });
    return;
  }
  for (let i = 0; i < ids.length; ) {
    let end = i + 1;
    while (ids[i]! < 0 && ids[end] === ids[i]) end++;
    const label = ids[i]! < 0 ? `<image> × ${end - i}` : JSON.stringify(pieces[i]);
    process.stdout.write(`${String(i).padStart(5)}  ${String(ids[i]).padStart(6)}  ${label}\n`);
    i = end;
  }
}
