/** Element types that the network computes from; others appear only in buffers that are ignored. */
export type StoredDtype = "F32" | "BF16" | "F16";

/** Where one tensor lies. The native loader re-checks the range and reads it in slices. */
export interface TensorRef {
  /** Canonical name: `vision.…`, `projector.…` or `llm.…`. */
  name: string;
  dtype: StoredDtype;
  shape: number[];
  /** Index into {@link Checkpoint.files}. */
  file: number;
  /** Byte position of the first element in the file. */
  offset: number;
  /** Bytes from the first to the end of the last element. */
  byteLength: number;
  /** In elements; only when the tensor is not contiguous row-major (dims of size 1 do not count). */
  strides?: number[];
  /** The tensor to use is W + scale · B · A; `a` is [r, in], `b` is [out, r], both contiguous. */
  lora?: LoraRef;
  /** A matrix that is stored as codes; its dtype is then F32, that of its values, and its range that of the codes. */
  quantized?: QuantizedRef;
}

/** The layouts of quantized matrices; src/model/quantized_source.h describes each. */
export type QuantizedLayout = "channels" | "blocks" | "gptq" | "awq" | "awq-rows";

/** Where the parts of a quantized matrix lie: value = scale · (code - zero). */
export interface QuantizedRef {
  layout: QuantizedLayout;
  codes: PartRef;
  scales: PartRef;
  /** Columns of one scale, of GPTQ and AWQ. */
  group?: number;
  /** Bits of a code, of GPTQ and AWQ. */
  bits?: number;
  zeros?: PartRef;
  /** The zero is the stored field; the field + 1 in its bits; or the field of the word with 1 added to every field. */
  zeroField?: "plain" | "plus-one" | "word-plus-ones";
  /** GPTQ's g_idx. */
  groups?: PartRef;
}

/** A tensor that only means something beside others. */
export interface PartRef extends Omit<TensorRef, "dtype" | "lora" | "quantized"> {
  /** In safetensors' spelling. */
  dtype: string;
}

/** A low-rank update of a [out, in] matrix. */
export interface LoraRef {
  a: TensorRef;
  b: TensorRef;
  scale: number;
}

/** The CLIP vision transformer. Sizes in pixels or channels. */
export interface VisionConfig {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  imageSize: number;
  patchSize: number;
  layerNormEps: number;
  activation: "quick_gelu" | "gelu";
  imageMean: [number, number, number];
  imageStd: [number, number, number];
}

/** The kinds of projector; a linear projector is an `mlp` of depth 1. */
export type ProjectorType = "mlp" | "resampler" | "c-abs" | "d-abs";

/** The projector between vision and language. Every field is present; 0, false or "none" where it does not apply. */
export interface ProjectorConfig {
  type: ProjectorType;
  /** Indices into hidden_states, 0 … vision layers; more than one only for d-abs. */
  featureLayers: number[];
  /** Width of the language model. */
  outputSize: number;
  /** M, visual tokens per image without eos rows. */
  visualTokens: number;
  /** K, learned rows appended after the visual tokens. */
  eosTokens: number;
  posEmb: boolean;
  prenorm: boolean;
  /** Width of c-abs and resampler, d_model of d-abs, vision width of mlp. */
  hiddenSize: number;
  /** mlp: linears; c-abs: blocks per stage; d-abs and resampler: layers. */
  depth: number;
  /** c-abs: linears of the readout. */
  mlpDepth: number;
  heads: number;
  /** d-abs: sampling points per head and level. */
  points: number;
  ffnSize: number;
  pooledTarget: "query" | "tgt" | "none";
  /** Between the linears of an mlp. */
  activation: "silu" | "gelu";
  /** Of the resampler's ffn_ln and of prenorm. */
  layerNormEps: number;
}

/** The Llama decoder. */
export interface TextConfig {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabSize: number;
  contextLength: number;
  rmsNormEps: number;
  ropeTheta: number;
  tieWordEmbeddings: boolean;
  bosId: number;
  eosIds: number[];
}

/** Which of the readable model families a checkpoint belongs to. */
export type ModelFamily = "honeybee" | "llava" | "llama";

/** Everything that determines the network; all config styles are normalised to it. */
export interface ModelConfig {
  family: ModelFamily;
  vision?: VisionConfig;
  projector?: ProjectorConfig;
  text: TextConfig;
  preprocessing: "squash" | "shortest-edge-crop";
}

/** An opened checkpoint: a validated table of byte ranges; no weight has been read. */
export interface Checkpoint {
  /** Real path of the folder that holds the weights (of the adapter, for LoRA). */
  path: string;
  /** In words, for `inspect`: "3 safetensors shards, new-style config". */
  layout: string;
  config: ModelConfig;
  /** Paths of the weight files. */
  files: string[];
  /** Size and modification time of each file, in the same order, when its header was read; as one opaque text. */
  versions: string[];
  /** By canonical name. */
  tensors: Map<string, TensorRef>;
  /** Ignored tensors and applied quirks, in words. */
  notes: string[];
  /** `quantization_config`, where some matrices are quantized. */
  quantization?: Record<string, unknown>;
  /** LLaVA: the id of the image placeholder in its vocabulary. */
  imageTokenId?: number;
  /** `data_config.template.name` of exp_config.yaml, when that file lies beside. */
  template?: string;
}
