#include "model_fixture.h"

#include <algorithm>
#include <cmath>

#include "fixture.h"

namespace honeybee::testing {
namespace {

constexpr int64_t kImageSide = 56;
constexpr int64_t kPatch = 14;
constexpr int64_t kImages = 2;
constexpr int64_t kPositions = 64;
constexpr uint64_t kSeed = 20240514;

ProjectorConfig small_projector(const std::string& kind) {
  ProjectorConfig projector;
  projector.type = kind == "linear" ? "mlp" : kind;
  projector.feature_layers = {2};
  projector.output_size = 72;
  projector.visual_tokens = kind == "linear" || kind == "mlp" ? 16 : 4;
  projector.eos_tokens = 1;
  projector.pos_emb = true;
  projector.prenorm = kind == "mlp" || kind == "c-abs";
  projector.hidden_size = kind == "c-abs" ? 40 : 48;  // D-Abs and resampler keep the tower's width here
  projector.depth = kind == "linear" ? 1 : 2;
  projector.mlp_depth = 2;
  projector.heads = 3;
  projector.points = 4;
  projector.ffn_size = 56;
  projector.pooled_target = "query";
  return projector;
}

// The numbers of a RandomStore eight times as large. At the original's widths of thousands a deviation of
// 0.02 keeps signals their size; at these widths they would fade, and with them every error in what a layer
// adds.
class StrongStore final : public TensorStore {
 public:
  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) override {
    auto source = store_.open(name, shape);
    const bool random = shape.size() > 1 && source->dtype() == Dtype::kBF16;
    if (!random) return source;
    return std::make_unique<Source>(std::move(source));
  }

 private:
  class Source final : public RowSource {
   public:
    explicit Source(std::unique_ptr<RowSource> weak)
        : RowSource(weak->rows(), weak->cols(), Dtype::kBF16), weak_(std::move(weak)) {}
    void read(int64_t begin, int64_t count, void* target) const override {
      weak_->read(begin, count, target);
      auto* values = static_cast<uint16_t*>(target);
      for (int64_t i = 0; i < count * cols(); i++)
        values[i] = bf16_from_float(8.0f * float_from_bf16(values[i]));
    }

   private:
    std::unique_ptr<RowSource> weak_;
  };

  RandomStore store_{kSeed};
};

// -1 at the positions of the images' tokens, which lie between words.
std::vector<int32_t> prompt_ids(int64_t tokens_per_image) {
  std::vector<int32_t> ids = {1, 17, 33};
  for (int64_t i = 0; i < kImages; i++) {
    ids.insert(ids.end(), static_cast<size_t>(tokens_per_image), -1);
    ids.insert(ids.end(), {static_cast<int32_t>(40 + i), 9});
  }
  return ids;
}

// A random model on a backend, and what it needs to run a prompt.
class Watched {
 public:
  Watched(Backend& backend, const ModelConfig& config, Dtype dtype)
      : backend_(backend),
        arena_(backend),

        loader_(&backend, &store_),
        model_(config, WeightDtypes::all(dtype), loader_, kPositions, &backend),
        dtype_(dtype) {}

  ReferencePoints run() {
    const Trace trace = [this](const std::string& name, const TensorShape&, const Tensor& values) {
      points_[name] = download(values);
    };
    const Run run{backend_, arena_, &trace};
    prefill(run, encode(run));
    return std::move(points_);
  }

 private:
  Tensor encode(const Run& run) {
    const Tensor rgb = arena_.matrix(kImages, kImageSide * kImageSide * 3, Dtype::kU8);
    for (int64_t i = 0; i < kImages; i++) {
      const std::vector<uint8_t> pixels = noise_image(static_cast<uint64_t>(i));
      backend_.upload(pixels.data(), rgb.row_range(i, 1));
    }
    return model_.encode_images(run, rgb);
  }

  void prefill(const Run& run, const Tensor& visual) {
    const Llama& llama = model_.llama();
    const std::vector<int32_t> host_ids = prompt_ids(model_.tokens_per_image());
    const auto rows = static_cast<int64_t>(host_ids.size());
    const Tensor ids = arena_.matrix(rows, 1, Dtype::kI32);
    backend_.upload(host_ids.data(), ids);
    const Tensor x = arena_.matrix(rows, llama.config().hidden_size, backend_.activation_dtype(dtype_));
    llama.embed(run, ids, x);
    for (int64_t r = 0, seen = 0; r < rows; r++) {
      if (host_ids[static_cast<size_t>(r)] < 0) backend_.copy(visual.row_range(seen++, 1), x.row_range(r, 1));
    }

    const std::vector<int32_t> row_begin = {0, static_cast<int32_t>(rows)};
    const std::vector<int32_t> start = {0};
    const std::vector<int32_t> blocks = {2, 0, 3, 1};
    const auto batch = backend_.make_batch({.sequences = 1, .rows = kPositions, .blocks = 4});
    batch->set(row_begin, start, blocks);
    const auto cache = backend_.make_kv_cache(
        llama.kv_shape(static_cast<int64_t>(blocks.size()), dtype_ == Dtype::kF32 ? dtype_ : Dtype::kBF16));
    std::vector<int32_t> every(host_ids.size());
    for (size_t i = 0; i < every.size(); i++) every[i] = static_cast<int32_t>(i);
    const Tensor wanted = arena_.matrix(rows, 1, Dtype::kI32);
    backend_.upload(every.data(), wanted);
    const Tensor logits = arena_.matrix(rows, llama.config().vocab_size, Dtype::kF32);
    llama.forward(run, x, *batch, wanted, *cache, logits);
    points_["llm.logits"] = download(logits);  // work on batch and cache has ended when they go
  }

  std::vector<float> download(const Tensor& values) {
    std::vector<char> raw(static_cast<size_t>(values.size()) * dtype_size(values.dtype));
    backend_.download(values, raw.data());
    std::vector<float> floats(static_cast<size_t>(values.size()));
    convert_to_float(values.dtype, raw.data(), floats.data(), floats.size());
    return floats;
  }

  Backend& backend_;
  Arena arena_;
  StrongStore store_;
  WeightLoader loader_;
  Vlm model_;
  Dtype dtype_;
  ReferencePoints points_;
};

}  // namespace

std::unique_ptr<TensorStore> small_store() { return std::make_unique<StrongStore>(); }

ModelConfig small_model(const std::string& kind) {
  ModelConfig config;
  VisionConfig vision;
  vision.hidden_size = 48;
  vision.intermediate_size = 88;
  vision.layers = 2;
  vision.heads = 3;
  vision.image_size = kImageSide;
  vision.patch_size = kPatch;
  vision.pixels = {{0.48f, 0.46f, 0.41f}, {0.27f, 0.26f, 0.28f}};
  config.vision = vision;
  config.projector = small_projector(kind);
  config.text.hidden_size = 72;
  config.text.intermediate_size = 104;
  config.text.layers = 2;
  config.text.heads = 6;
  config.text.kv_heads = 2;
  config.text.head_dim = 12;
  config.text.vocab_size = 131;
  config.text.context_length = kPositions;
  return config;
}

std::vector<uint8_t> noise_image(uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> pixels(static_cast<size_t>(kImageSide * kImageSide * 3));
  for (uint8_t& value : pixels) value = static_cast<uint8_t>(random.bits());
  return pixels;
}

ReferencePoints watch_prompt(Backend& backend, const ModelConfig& config, Dtype dtype) {
  return Watched(backend, config, dtype).run();
}

double largest_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0;
  double largest = 0.0;
  for (size_t i = 0; i < a.size(); i++) {
    if (!std::isfinite(a[i])) return NAN;
    difference = std::max(difference, std::fabs(static_cast<double>(a[i]) - b[i]));
    largest = std::max(largest, std::fabs(static_cast<double>(b[i])));
  }
  return difference / largest;
}

double mean_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0.0;
  double size = 0.0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    size += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(difference / size);
}

}  // namespace honeybee::testing
