#include "napi/spec.h"

#include "model/file_store.h"
#include "model/random_store.h"
#include "napi/devices.h"
#include "napi/format.h"
#include "napi/image.h"
#include "napi/tensors.h"

namespace honeybee {
namespace {

constexpr int64_t kLongestContext = 100'000'000;
constexpr int64_t kWide = 1 << 24;  // beyond any width of a network; keeps products of two within 64 bits

VisionConfig read_vision(const ObjectReader& r) {
  VisionConfig c;
  c.hidden_size = r.integer("hiddenSize", 1, kWide);
  c.intermediate_size = r.integer("intermediateSize", 1, kWide);
  c.layers = r.integer("layers", 1, 10000);
  c.heads = r.integer("heads", 1, c.hidden_size);
  c.image_size = r.integer("imageSize", 1, 65536);
  c.patch_size = r.integer("patchSize", 1, c.image_size);
  c.layer_norm_eps = static_cast<float>(r.number("layerNormEps"));
  c.activation = read_activation(r.text("activation"), ErrorCode::kCheckpoint);
  const std::vector<double> mean = r.numbers("imageMean");
  const std::vector<double> std = r.numbers("imageStd");
  require(mean.size() == 3 && std.size() == 3, ErrorCode::kOption,
          "imageMean and imageStd need three numbers each");
  for (size_t i = 0; i < 3; i++) {
    c.pixels.mean[i] = static_cast<float>(mean[i]);
    c.pixels.std[i] = static_cast<float>(std[i]);
  }
  require(c.hidden_size % c.heads == 0, ErrorCode::kCheckpoint, "vision: ", c.heads,
          " heads do not divide the width ", c.hidden_size);
  return c;
}

ProjectorConfig read_projector(const ObjectReader& r, const VisionConfig& vision) {
  ProjectorConfig c;
  c.type = r.text("type");
  c.feature_layers = r.integers("featureLayers");
  c.output_size = r.integer("outputSize", 1, kWide);
  c.visual_tokens = r.integer("visualTokens", 1, kWide);
  c.eos_tokens = r.integer("eosTokens", 0, kWide);
  c.pos_emb = r.boolean_or("posEmb", false);
  c.prenorm = r.boolean_or("prenorm", false);
  c.hidden_size = r.integer("hiddenSize", 1, kWide);
  c.depth = r.integer("depth", 0, 10000);
  c.mlp_depth = r.integer("mlpDepth", 0, 10000);
  c.heads = r.integer("heads", 0, kWide);
  c.points = r.integer("points", 0, kWide);
  c.ffn_size = r.integer("ffnSize", 0, kWide);
  c.pooled_target = r.text("pooledTarget");
  c.activation = read_activation(r.text("activation"), ErrorCode::kCheckpoint);
  c.layer_norm_eps = static_cast<float>(r.number("layerNormEps"));
  require(!c.feature_layers.empty(), ErrorCode::kCheckpoint, "the projector names no feature layer");
  for (const int64_t layer : c.feature_layers) {
    require(layer >= 0 && layer <= vision.layers, ErrorCode::kCheckpoint, "feature layer ", layer,
            " is outside 0 … ", vision.layers);
  }
  const bool attends = c.type == "d-abs" || c.type == "resampler";
  require(!attends || (c.heads > 0 && c.hidden_size % c.heads == 0), ErrorCode::kCheckpoint,
          "projector: ", c.heads, " heads do not divide the width ", c.hidden_size);
  require(c.type != "mlp" || c.visual_tokens == vision.grid().cells(), ErrorCode::kOption,
          "a linear or MLP projector "
          "gives one token per patch, ",
          vision.grid().cells(), ", not ", c.visual_tokens);
  return c;
}

TextConfig read_text(const ObjectReader& r) {
  TextConfig c;
  c.hidden_size = r.integer("hiddenSize", 1, kWide);
  c.intermediate_size = r.integer("intermediateSize", 1, kWide);
  c.layers = r.integer("layers", 1, 10000);
  c.heads = r.integer("heads", 1, kWide);
  c.kv_heads = r.integer("kvHeads", 1, kWide);
  c.head_dim = r.integer("headDim", 2, kWide);
  c.vocab_size = r.integer("vocabSize", 1, kWide);
  c.context_length = r.integer("contextLength", 1, kLongestContext);
  c.rms_norm_eps = static_cast<float>(r.number("rmsNormEps"));
  c.rope_theta = r.number("ropeTheta");
  c.tied = r.boolean_or("tieWordEmbeddings", false);
  require(c.heads % c.kv_heads == 0, ErrorCode::kCheckpoint, "text: ", c.kv_heads, " kv heads do not divide ",
          c.heads, " heads");
  require(c.head_dim % 2 == 0, ErrorCode::kCheckpoint, "text: the head dimension ", c.head_dim, " is odd");
  return c;
}

}  // namespace

Dtype read_dtype(const std::string& name) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  fail(ErrorCode::kOption, "unknown dtype \"", name, "\"; known are f32, bf16 and f16");
}

Dtype read_weight_dtype(const std::string& name) {
  for (const Dtype dtype : {Dtype::kInt8, Dtype::kInt4, Dtype::kFp8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return read_dtype(name);
}

Activation read_activation(const std::string& name, ErrorCode code) {
  if (name == "silu") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "relu") return Activation::kRelu;
  fail(code, "unknown activation \"", name, "\"; known are silu, gelu, quick_gelu and relu");
}

ModelConfig read_config(const ObjectReader& r) {
  ModelConfig config;
  if (r.has("vision")) {
    config.vision = read_vision(r.object("vision"));
    config.projector = read_projector(r.object("projector"), *config.vision);
  }
  config.text = read_text(r.object("text"));
  require(!config.projector || config.projector->output_size == config.text.hidden_size,
          ErrorCode::kCheckpoint, "the projector's output does not have the width of the language model");
  return config;
}

WeightDtypes read_dtypes(const ObjectReader& r) {
  const auto part = [&](const char* name) { return read_weight_dtype(r.text(name)); };
  return {part("vision"), part("projector"), part("text"), part("embedding"), part("head")};
}

SamplingOptions read_sampling(const ObjectReader& r) {
  SamplingOptions options;
  options.temperature = static_cast<float>(r.number_or("temperature", 0.0));
  options.top_k = static_cast<int32_t>(r.integer_or("topK", 0));
  options.top_p = static_cast<float>(r.number_or("topP", 1.0));
  options.min_p = static_cast<float>(r.number_or("minP", 0.0));
  options.repetition_penalty = static_cast<float>(r.number_or("repetitionPenalty", 1.0));
  options.presence_penalty = static_cast<float>(r.number_or("presencePenalty", 0.0));
  options.frequency_penalty = static_cast<float>(r.number_or("frequencyPenalty", 0.0));
  options.no_repeat_ngram_size = static_cast<int32_t>(r.integer_or("noRepeatNgramSize", 0));
  options.seed = static_cast<uint64_t>(r.integer_or("seed", 0));
  options.sequence = static_cast<uint32_t>(r.integer_or("sequence", 0));
  if (r.has("biasTokens")) {
    const std::vector<int64_t> tokens = r.integers("biasTokens");
    const std::vector<double> values = r.numbers("biasValues");
    require(tokens.size() == values.size(), ErrorCode::kOption,
            "logitBias: tokens and values differ in number");
    for (size_t i = 0; i < tokens.size(); i++) {
      options.logit_bias.emplace_back(static_cast<int32_t>(tokens[i]), static_cast<float>(values[i]));
    }
  }
  return options;
}

ResizePlan read_resize(const ObjectReader& r) {
  const auto side = [&](const char* name) { return static_cast<int>(r.integer(name, 1, kWide)); };
  return plan_resize(r.text("mode"), side("width"), side("height"), side("size"));
}

Request::EarlyStopping read_early_stopping(const std::string& when) {
  if (when == "yes") return Request::EarlyStopping::kYes;
  return when == "never" ? Request::EarlyStopping::kNever : Request::EarlyStopping::kNo;
}

Request read_request(const ObjectReader& r) {
  Request request;
  request.id = static_cast<uint64_t>(r.integer("id"));
  request.ids = r.typed_array<int32_t>("ids", napi_int32_array);
  for (const ObjectReader& image : r.objects("images")) {
    ImageInput input;
    if (image.has("tokens")) {
      input.tokens = image.typed_array<float>("tokens", napi_float32_array);
    } else {
      input.rgb = image.typed_array<uint8_t>("rgb", napi_uint8_array);
      if (image.has("resize")) input.resize = read_resize(image.object("resize"));
    }
    request.images.push_back(std::move(input));
  }
  request.sampling = read_sampling(r);
  if (r.has("history")) request.history = r.typed_array<int32_t>("history", napi_int32_array);
  for (const int64_t token : r.integers("stopTokens"))
    request.stop_tokens.push_back(static_cast<int32_t>(token));
  request.max_tokens = r.integer("maxTokens", 0, INT32_MAX);
  request.min_tokens = r.integer_or("minTokens", 0);
  request.beams.count = static_cast<int32_t>(r.integer_or("beams", 1));
  request.beams.answers = static_cast<int32_t>(r.integer_or("answers", 1));
  request.beams.length_penalty = static_cast<float>(r.number_or("lengthPenalty", 1.0));
  if (r.has("earlyStopping")) request.beams.early_stopping = read_early_stopping(r.text("earlyStopping"));
  request.prompt_lookup = static_cast<int32_t>(r.integer_or("promptLookup", 0));
  request.logprobs = static_cast<int32_t>(r.integer_or("logprobs", -1));
  request.prompt_logprobs = static_cast<int32_t>(r.integer_or("promptLogprobs", -1));
  if (r.has("format")) request.format = read_format(r.value("format"));
  request.trace = r.boolean_or("trace", false);
  request.raw_logits = r.integer_or("rawLogits", 0);
  request.salt = static_cast<uint64_t>(r.integer_or("salt", 0));
  request.priority = static_cast<int32_t>(r.integer_or("priority", 0));
  request.timeout = r.integer_or("timeout", 0);
  return request;
}

EngineOptions read_engine_options(const ObjectReader& r) {
  EngineOptions options;
  options.config = read_config(r.object("config"));
  options.dtypes = read_dtypes(r.object("weights"));
  options.kv_dtype = read_weight_dtype(r.text("kv"));
  options.context = r.integer("context", 1, kLongestContext);
  options.max_sequences = r.integer("maxSequences", 1, 65536);
  options.memory = static_cast<size_t>(r.integer_or("memory", 0));
  if (r.has("stepTrace")) options.step_trace = r.text("stepTrace");
  options.prefix_cache = r.boolean_or("prefixCache", true);
  if (r.has("imageCache")) options.image_cache = static_cast<size_t>(r.integer("imageCache"));

  options.backend = [device = read_device_options(r)] { return open_backend(device); };

  if (r.has("seed")) {
    const auto seed = static_cast<uint64_t>(r.integer("seed"));
    options.store = [seed] { return std::make_unique<RandomStore>(seed); };
  } else {
    const std::string folder = r.text("folder");
    const std::vector<std::string> files = r.texts("files");
    const std::vector<TensorRef> tensors = read_tensors(r.objects("tensors"));
    options.store = [folder, files, tensors] { return std::make_unique<FileStore>(folder, files, tensors); };
  }
  return options;
}

}  // namespace honeybee
