import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { HoneybeeError } from "../errors.js";
import { type AddedToken, checkAddedToken, checkTokenId, isObject, type TokenizerConfig } from "./config.js";
import { readJsonDecoder } from "./json-decoder.js";
import { anyOf, checkedText } from "./special.js";
import type { EncodeOptions, Tokenizer, TokenStream } from "./types.js";
import { type Token, Vocabulary } from "./vocabulary.js";

type Json = Record<string, unknown>;

/** The usual names, for a tokenizer.json without a tokenizer_config.json beside it. */
const USUAL_NAMES = {
  bos: ["<s>", "<|begin_of_text|>"],
  eos: ["</s>", "<|end_of_text|>", "<|endoftext|>"],
  unk: ["<unk>"],
  pad: ["<pad>", "[PAD]"],
};

/** Which of the file's rules an encoder leaves out. */
interface EncoderVariant {
  /** Takes special tokens in the text as ordinary text. */
  readonly ignoreSpecial: boolean;
  /** Puts no "▁" before the text. */
  readonly noPrefix: boolean;
}

/** A BPE vocabulary in the tokenizer.json format. */
export class JsonTokenizer implements Tokenizer {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly unkId: number | undefined;
  readonly padId: number | undefined;
  readonly chatTemplate: string | undefined;
  private readonly vocabulary: Vocabulary;
  private readonly special: RegExp | undefined;
  private readonly encoders = new Map<string, HuggingFaceTokenizer>();

  /** @param file the file's name, for messages */
  constructor(
    private readonly json: Json,
    config: TokenizerConfig,
    private readonly file: string,
  ) {
    const added = readAddedTokens(json, file);
    this.vocabulary = readVocabulary(json, added, file);
    this.special = anyOf(added.map(({ content }) => content));
    const role = (name: keyof typeof USUAL_NAMES) => {
      const configured = config.names[name];
      for (const text of configured === undefined ? USUAL_NAMES[name] : [configured]) {
        const id = this.vocabulary.id(text);
        if (id !== undefined) return id;
      }
      return undefined;
    };
    this.bosId = role("bos");
    this.eosId = role("eos");
    this.unkId = role("unk");
    this.padId = role("pad");
    this.chatTemplate = config.chatTemplate;
    this.encoder({ ignoreSpecial: false, noPrefix: false });
  }

  get vocabSize(): number {
    return this.vocabulary.size;
  }

  get specialIds(): readonly number[] {
    return this.vocabulary.specialIds;
  }

  encode(text: string, { parseSpecial = true, addSpecial = false }: EncodeOptions = {}): number[] {
    const checked = checkedText(text);
    return this.run({ ignoreSpecial: !parseSpecial, noPrefix: false }, checked, addSpecial);
  }

  encodeChunk(text: string): number[] {
    const checked = checkedText(text);
    const cut = this.special === undefined ? -1 : checked.search(this.special);
    if (cut < 0) return this.run({ ignoreSpecial: false, noPrefix: false }, checked);
    const head = this.run({ ignoreSpecial: false, noPrefix: false }, checked.slice(0, cut));
    return head.concat(this.run({ ignoreSpecial: false, noPrefix: true }, checked.slice(cut)));
  }

  decode(ids: Iterable<number>): string {
    return this.vocabulary.decode(ids);
  }

  pieces(ids: Iterable<number>): string[] {
    return this.vocabulary.pieces(ids);
  }

  stream(): TokenStream {
    return this.vocabulary.stream();
  }

  id(piece: string): number | undefined {
    return this.vocabulary.id(piece);
  }

  bytes(id: number, atStart?: boolean): Uint8Array {
    return this.vocabulary.bytes(id, atStart);
  }

  private run(variant: EncoderVariant, text: string, addSpecial = false): number[] {
    if (text === "" && !addSpecial) return [];
    const encoder = this.encoder(variant);
    const ids: number[] = this.guard(() => encoder.encode(text, { add_special_tokens: addSpecial }).ids);
    if (ids.every((id) => this.vocabulary.tokens[id] !== undefined)) return ids;
    throw new HoneybeeError(
      "ERR_TOKENIZER",
      `${this.file} has no token for a character of the text and no unknown token`,
    );
  }

  /** The encoder of a variant, made on first use. */
  private encoder(variant: EncoderVariant): HuggingFaceTokenizer {
    const key = `${variant.ignoreSpecial} ${variant.noPrefix}`;
    let encoder = this.encoders.get(key);
    if (encoder === undefined) {
      const json: Json = { ...this.json };
      if (variant.ignoreSpecial) json.added_tokens = [];
      if (variant.noPrefix) {
        json.normalizer = withoutPrefix(json.normalizer);
        json.pre_tokenizer = withoutPrefix(json.pre_tokenizer);
      }
      encoder = this.guard(() => new HuggingFaceTokenizer(json, {}));
      this.encoders.set(key, encoder);
    }
    return encoder;
  }

  /** Runs the library, which meets a damaged file with errors of every kind. */
  private guard<T>(operation: () => T): T {
    try {
      return operation();
    } catch (error) {
      const message = `${this.file} is no usable tokenizer: ${(error as Error).message}; download it again`;
      throw new HoneybeeError("ERR_TOKENIZER", message, { cause: error });
    }
  }
}

/** A normalizer or pre-tokenizer that no longer puts "▁" in front. */
function withoutPrefix(step: unknown): unknown {
  if (!isObject(step)) return step;
  if (step.type === "Metaspace") return { ...step, prepend_scheme: "never", add_prefix_space: false };
  if (step.type === "Prepend") return { ...step, prepend: "" };
  if (step.type !== "Sequence") return step;
  const list = step.normalizers === undefined ? "pretokenizers" : "normalizers";
  const steps = step[list];
  return Array.isArray(steps) ? { ...step, [list]: steps.map(withoutPrefix) } : step;
}

function readAddedTokens(json: Json, file: string): AddedToken[] {
  const added = json.added_tokens ?? [];
  if (!Array.isArray(added))
    throw new HoneybeeError("ERR_TOKENIZER", `${file}: added_tokens should be a list`);
  return added.map((entry: unknown) => {
    const { id, content, special } = isObject(entry) ? entry : {};
    return checkAddedToken(file, id, content, special);
  });
}

function readVocabulary(json: Json, added: readonly AddedToken[], file: string): Vocabulary {
  const model = json.model;
  if (!isObject(model) || (model.type ?? "BPE") !== "BPE") {
    const kind = isObject(model) ? String(model.type) : "missing";
    throw new HoneybeeError(
      "ERR_TOKENIZER",
      `${file}: its model is ${kind}; expected BPE, as Llama vocabularies are`,
    );
  }
  const { vocab, merges } = model;
  if (!isObject(vocab) || !Array.isArray(merges) || !merges.every(isMerge)) {
    throw new HoneybeeError("ERR_TOKENIZER", `${file}: its model needs a vocab object and a list of merges`);
  }
  const decoder = readJsonDecoder(json.decoder, file);
  const tokens: (Token | undefined)[] = [];
  const put = (id: number, token: Token) => {
    while (tokens.length < id) tokens.push(undefined);
    tokens[id] = token;
  };
  for (const [piece, id] of Object.entries(vocab)) put(checkTokenId(file, id), decoder.token(piece));
  for (const { id, content, special } of added) put(id, { ...decoder.addedToken(content), special });
  if (tokens.length === 0) throw new HoneybeeError("ERR_TOKENIZER", `${file}: its vocabulary is empty`);
  return new Vocabulary(tokens, decoder.rule);
}

function isMerge(merge: unknown): boolean {
  if (typeof merge === "string") return true;
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string");
}
