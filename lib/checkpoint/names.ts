import type { ModelFamily } from "./types.js";

const VISION =
  /^(embeddings\.(class_embedding|(patch|position)_embedding\.weight)|(pre_layrnorm|post_layernorm)\.(weight|bias)|encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|layer_norm[12]|mlp\.fc[12])\.(weight|bias))$/;
const LLM =
  /^((embed_tokens|norm|lm_head)\.weight|layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj|input_layernorm|post_attention_layernorm)\.weight)$/;
/** Buffers that older transformers releases stored and that are computed today. */
const OBSOLETE = /(^|\.)(position_ids|rotary_emb\.inv_freq)$/;

/**
 * The canonical name of a stored tensor: `vision.`, `projector.` or `llm.` and the inner name of the
 * reference modules; "obsolete" for buffers to drop in silence; undefined for a name nobody knows. What lies under a
 * projector is not judged here: the projector's own list of weights does that.
 */
export function canonicalName(family: ModelFamily, name: string): string | "obsolete" | undefined {
  if (OBSOLETE.test(name)) return "obsolete";
  const [part, inner] = split(family, name);
  switch (part) {
    case "vision":
      return VISION.test(inner) ? `vision.${inner}` : undefined;
    case "llm":
      return LLM.test(inner) ? `llm.${inner}` : undefined;
    case "projector":
      // The resampler's name for the same rows.
      return `projector.${inner === "vit_eos" ? "eos_tokens" : inner}`;
    default:
      return undefined;
  }
}

type Part = "vision" | "projector" | "llm" | "none";

const after = (name: string, prefix: string) =>
  name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
const dropOptional = (name: string, prefix: string) => after(name, prefix) ?? name;

function split(family: ModelFamily, name: string): [Part, string] {
  if (family === "llama") return ["llm", dropOptional(name, "model.")];
  const outer = family === "llava" ? dropOptional(name, "model.") : name;
  const vision = after(outer, family === "llava" ? "vision_tower." : "vision_model.");
  if (vision !== undefined) return ["vision", dropOptional(vision, "vision_model.")];
  const text = after(outer, "language_model.");
  if (text !== undefined) return ["llm", dropOptional(text, "model.")];
  if (family === "honeybee") {
    const projector = after(outer, "abstractor.");
    return projector === undefined ? ["none", ""] : ["projector", projector];
  }
  const linear = /^multi_modal_projector\.linear_([12])\.(weight|bias)$/.exec(outer);
  if (linear) return ["projector", `net.${linear[1] === "1" ? 0 : 2}.${linear[2]}`];
  return name === "lm_head.weight" ? ["llm", name] : ["none", ""];
}

/** The name under which the official implementation stores a canonical tensor; the inverse of {@link canonicalName}. */
export function storedName(family: ModelFamily, canonical: string): string {
  const dot = canonical.indexOf(".");
  const part = canonical.slice(0, dot);
  const inner = canonical.slice(dot + 1);
  const body = inner === "lm_head.weight" ? inner : `model.${inner}`;
  if (part === "llm") return family === "llama" ? body : `language_model.${body}`;
  if (family === "honeybee")
    return part === "vision" ? `vision_model.vision_model.${inner}` : `abstractor.${inner}`;
  if (part === "vision") return `vision_tower.vision_model.${inner}`;
  return `multi_modal_projector.${inner.replace("net.0", "linear_1").replace("net.2", "linear_2")}`;
}
