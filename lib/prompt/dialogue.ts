import { HoneybeeError } from "../errors.js";
import { IMAGE_TAG, MESSAGE_SYSTEM } from "./text.js";

/** One utterance of a LLaVA or ShareGPT record. */
export interface Utterance {
  from: string;
  value: string;
}

const ROLES: Readonly<Record<string, string>> = { human: "Human", user: "Human", gpt: "AI" };

/**
 * Renders a conversation of the LLaVA-150K data. The image tag gets a line of its own where it stands: before the
 * text, or behind it.
 */
export function renderLlavaDialogue(utterances: readonly Utterance[]): string {
  return render(utterances, (value) =>
    value
      .replaceAll(`\n${IMAGE_TAG}`, `${IMAGE_TAG}\n`)
      .replace(/<image>\n/g, (tag, at: number) => (at === 0 ? `${tag}Human: ` : `\nHuman: ${IMAGE_TAG}`)),
  );
}

/**
 * Renders a conversation of the ShareGPT data, which has no images: a literal tag loses its brackets. A first
 * utterance that is not the human's is left out.
 */
export function renderShareGptDialogue(utterances: readonly Utterance[]): string {
  const fromHuman = utterances[0]?.from === "human" ? utterances : utterances.slice(1);
  return render(fromHuman, (value) => value.replaceAll(IMAGE_TAG, "image"));
}

function render(utterances: readonly Utterance[], rewrite: (value: string) => string): string {
  const lines = utterances.map(({ from, value }) => {
    if (!Object.hasOwn(ROLES, from)) {
      const known = Object.keys(ROLES).join(", ");
      throw new HoneybeeError(
        "ERR_OPTION",
        `unknown role ${JSON.stringify(from)} in a dialogue; expected ${known}`,
      );
    }
    return `${ROLES[from]}: ${rewrite(value)}`;
  });
  return [MESSAGE_SYSTEM, ...lines].join("\n");
}
