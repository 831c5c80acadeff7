import { readTextIfPresent } from "./json.js";

const MAX_YAML_BYTES = 2 ** 20;

/**
 * The prompt template a model was trained with: `data_config.template.name` of exp_config.yaml. A line scan over block mappings,
 * which is how the training code dumps its config; undefined for anything else.
 */
export async function readTemplateName(path: string): Promise<string | undefined> {
  const text = await readTextIfPresent(path, MAX_YAML_BYTES);
  const open: { indent: number; key: string }[] = [];
  for (const line of text?.split(/\r?\n/) ?? []) {
    const match = /^( *)([\w-]+):(?: +(.*?))? *$/.exec(line);
    if (!match) continue;
    const [, spaces, key, value] = match;
    const indent = spaces!.length;
    while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop();
    open.push({ indent, key: key! });
    if (value !== undefined && open.map((level) => level.key).join(".") === "data_config.template.name") {
      return /^(["']?)([\w.-]+)\1$/.exec(value.replace(/ +#.*$/, ""))?.[2];
    }
  }
  return undefined;
}
