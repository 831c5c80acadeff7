#include <cmath>

#include "model/projectors/common.h"

namespace honeybee {
namespace {

constexpr float kNormEps =
    1e-5f;  // of the norms around attention; the one inside the FFN has the configured eps

/// Perceiver-style resampler as in mPLUG-Owl: M learned queries attend to themselves and to the image
/// features.
class Resampler final : public Projector {
 public:
  Resampler(const ProjectorConfig& config, const ProjectorInput& input, WeightLoader& loader, Dtype dtype)
      : config_(config), dtype_(dtype) {
    const int64_t width = config.hidden_size;
    queries_ = loader.parameter("projector.query_tokens", {1, config.visual_tokens, width});
    if (config.pos_emb)
      pos_emb_ = loader.parameter("projector.pos_emb", {1, input.grid.cells(), input.width});
    input_ = load_linear(loader, "projector.visual_input_fc", width, input.width, dtype);
    for (int64_t i = 0; i < config.depth; i++) {
      const std::string name = "projector.encoder.layers." + std::to_string(i) + ".crossattention.";
      Layer layer;
      layer.norm_q = load_norm(loader, name + "norm1", width);
      layer.norm_kv = load_norm(loader, name + "normk", width);
      layer.query = load_linear(loader, name + "attention.query", width, width, dtype);
      layer.key_value.weight = loader.matrix(
          {{name + "attention.key.weight", width}, {name + "attention.value.weight", width}}, width, dtype);
      layer.key_value.bias =
          loader.stacked({{name + "attention.key.bias", width}, {name + "attention.value.bias", width}});
      layer.out = load_linear(loader, name + "output.out_proj", width, width, dtype);
      layer.norm2 = load_norm(loader, name + "output.norm2", width);
      const std::string mlp = name + "output.mlp.";
      layer.gate_up.weight = loader.matrix(
          {{mlp + "w1.weight", config.ffn_size}, {mlp + "w3.weight", config.ffn_size}}, width, dtype);
      layer.gate_up.bias =
          loader.stacked({{mlp + "w1.bias", config.ffn_size}, {mlp + "w3.bias", config.ffn_size}});
      layer.norm_ffn = load_norm(loader, mlp + "ffn_ln", config.ffn_size);
      layer.down = load_linear(loader, mlp + "w2", width, config.ffn_size, dtype);
      layers_.push_back(std::move(layer));
    }
    output_ = load_linear(loader, "projector.visual_output_fc", config.output_size, width, dtype);
    eos_ = EosRows(loader, config.eos_tokens, config.output_size);
  }

  Tensor project(const Run& run, const Features& features) const override {
    const int64_t images = features.images;
    Tensor seen = features.levels.front();
    if (pos_emb_.tensor.data != nullptr) {
      seen = copy_of(run, seen, seen.dtype);
      run.backend.add(pos_emb_.tensor, seen);
    }
    const Tensor values = run.linear(seen, input_);
    const Tensor q = run.arena.matrix(images * config_.visual_tokens, config_.hidden_size, values.dtype);
    for (int64_t i = 0; i < images; i++) {
      run.backend.copy(queries_.tensor, q.row_range(i * config_.visual_tokens, config_.visual_tokens));
    }
    for (size_t i = 0; i < layers_.size(); i++) {
      run.check_interrupt();
      const PlaceScope place = run.in_layer(static_cast<int64_t>(i));
      forward(run, layers_[i], values, images, q);
      run.watch("projector.layer." + std::to_string(i + 1),
                {images, config_.visual_tokens, config_.hidden_size}, q);
    }
    return eos_.append(run, run.linear(q, output_), images);
  }

 private:
  struct Layer {
    Norm norm_q;
    Norm norm_kv;
    Linear query;
    Linear key_value;
    Linear out;
    Norm norm2;
    Linear gate_up;
    Norm norm_ffn;
    Linear down;
  };

  void forward(const Run& run, const Layer& layer, const Tensor& values, int64_t images,
               const Tensor& q) const {
    const Arena::Scope scope(run.arena);
    const int64_t width = config_.hidden_size;
    const int64_t queries = q.rows / images;
    const int64_t cells = values.rows / images;

    // Keys and values come from [queries; features], both normalised.
    const Tensor both = run.arena.matrix(images * (queries + cells), width, q.dtype);
    const Tensor normed = run.arena.matrix(q.rows, width, q.dtype);
    run.layer_norm(q, layer.norm_q, kNormEps, normed);
    for (int64_t i = 0; i < images; i++) {
      const Tensor mine = both.row_range(i * (queries + cells), queries + cells);
      run.backend.copy(normed.row_range(i * queries, queries), mine.row_range(0, queries));
      run.layer_norm(values.row_range(i * cells, cells), layer.norm_kv, kNormEps,
                     mine.row_range(queries, cells));
    }
    const Tensor query = run.linear(normed, layer.query);
    const Tensor kv = run.linear(both, layer.key_value);
    const Tensor context = run.arena.matrix(q.rows, width, q.dtype);
    const float scale = 1.0f / std::sqrt(static_cast<float>(width / config_.heads));
    run.backend.attention(query, kv.col_range(0, width), kv.col_range(width, width),
                          {images, config_.heads, scale, dtype_ == Dtype::kBF16 ? Dtype::kBF16 : Dtype::kF32},
                          context);

    // The residual is the normalised query, not the query.
    run.linear_add(context, layer.out, normed);
    run.backend.copy(normed, q);
    run.layer_norm(normed, layer.norm2, kNormEps, normed);
    const Tensor gate_up = run.linear(normed, layer.gate_up);
    const Tensor inner = run.arena.matrix(q.rows, config_.ffn_size, q.dtype);
    run.backend.silu_mul(gate_up, inner);
    run.layer_norm(inner, layer.norm_ffn, config_.layer_norm_eps, inner);
    run.linear_add(inner, layer.down, q);
  }

  ProjectorConfig config_;
  Dtype dtype_;
  Parameter queries_;
  Parameter pos_emb_;
  Linear input_;
  std::vector<Layer> layers_;
  Linear output_;
  EosRows eos_;
};

}  // namespace

std::unique_ptr<Projector> make_resampler(const ProjectorConfig& config, const ProjectorInput& input,
                                          WeightLoader& loader, Dtype dtype) {
  return std::make_unique<Resampler>(config, input, loader, dtype);
}

}  // namespace honeybee
