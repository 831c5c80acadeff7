#include <cmath>

#include "model/projectors/common.h"

namespace honeybee {
namespace {

constexpr float kNormEps = 1e-5f;
constexpr Dtype kExact = Dtype::kF32;  // the reference runs all of this in float32 whatever the model's dtype

/// D-Abstractor (paper, section 3.2): M learned queries, each with a reference point on the image, gather
/// features by deformable attention (Zhu et al. 2021); decoder layers of Hugging Face's Deformable DETR.
class DAbstractor final : public Projector {
 public:
  DAbstractor(const ProjectorConfig& config, const ProjectorInput& input, WeightLoader& loader)
      : config_(config) {
    const int64_t width = config.hidden_size;
    const int64_t queries = config.visual_tokens;
    const auto levels = static_cast<int64_t>(config.feature_layers.size());
    const bool pooled = config.pooled_target != "none";
    require(config.pooled_target == "query" || config.pooled_target == "tgt" || !pooled,
            ErrorCode::kCheckpoint, "unknown pooled_v_target \"", config.pooled_target,
            "\"; known are query, tgt and none");
    require(!pooled || levels == 1, ErrorCode::kCheckpoint, "pooled_v_target \"", config.pooled_target,
            "\" is defined for one feature level, this model has ", levels);
    if (pooled) side_ = token_grid_side(queries);
    table_ =
        loader.parameter("projector.query_position_embeddings.weight", {queries, pooled ? width : 2 * width});
    reference_ = loader.parameter("projector.reference_points", {1, queries, 2});
    if (config.pos_emb) pos_emb_ = loader.parameter("projector.v_pos_emb", {1, input.grid.cells(), width});
    if (levels > 1) level_emb_ = loader.parameter("projector.level_emb", {1, levels, 1, width});
    for (int64_t i = 0; i < levels && input.width != width; i++) {
      input_proj_.push_back(
          load_linear(loader, "projector.input_proj." + std::to_string(i), width, input.width, kExact));
    }
    for (int64_t i = 0; i < config.depth; i++) layers_.push_back(load_layer(loader, i, levels));
    eos_ = EosRows(loader, config.eos_tokens, width);
    if (width != config.output_size) {
      output_ = load_linear(loader, "projector.output_proj", config.output_size, width, kExact);
    }
  }

  Tensor project(const Run& run, const Features& features) const override {
    const int64_t images = features.images;
    const int64_t queries = config_.visual_tokens;
    const Tensor values = gather_values(run, features);
    Tensor x = run.arena.matrix(images * queries, config_.hidden_size, kExact);
    Tensor position = run.arena.matrix(images * queries, config_.hidden_size, kExact);
    make_queries(run, values, features, x, position);
    const std::vector<Grid> levels(features.levels.size(), features.grid);
    run.watch("projector.reference_points", {queries, 2}, reference_.tensor);
    for (size_t i = 0; i < layers_.size(); i++) {
      run.check_interrupt();
      const PlaceScope place = run.in_layer(static_cast<int64_t>(i));
      const std::string name = "projector.layer." + std::to_string(i + 1);
      forward(run, layers_[i], name, values, position, levels, images, x);
      run.watch(name, {images, queries, config_.hidden_size}, x);
    }
    Tensor out = eos_.append(run, x, images);
    if (output_.weight != nullptr) out = run.linear(out, output_);
    const Dtype activation = features.levels.front().dtype;
    return activation == kExact ? out : copy_of(run, out, activation);
  }

 private:
  struct Layer {
    Linear qk;
    Linear v;
    Linear attention_out;
    Norm attention_norm;
    Linear offsets_logits;
    Linear value;
    Linear sample_out;
    Norm sample_norm;
    Linear fc1;
    Linear fc2;
    Norm final_norm;
  };

  Layer load_layer(WeightLoader& loader, int64_t index, int64_t levels) const {
    const int64_t width = config_.hidden_size;
    const int64_t samples = config_.heads * levels * config_.points;
    const std::string name = "projector.layers." + std::to_string(index) + ".";
    const std::string self = name + "self_attn.";
    const std::string cross = name + "encoder_attn.";
    Layer layer;
    layer.qk.weight =
        loader.matrix({{self + "q_proj.weight", width}, {self + "k_proj.weight", width}}, width, kExact);
    layer.qk.bias = loader.stacked({{self + "q_proj.bias", width}, {self + "k_proj.bias", width}});
    layer.v = load_linear(loader, self + "v_proj", width, width, kExact);
    layer.attention_out = load_linear(loader, self + "out_proj", width, width, kExact);
    layer.attention_norm = load_norm(loader, name + "self_attn_layer_norm", width);
    layer.offsets_logits.weight = loader.matrix(
        {{cross + "sampling_offsets.weight", 2 * samples}, {cross + "attention_weights.weight", samples}},
        width, kExact);
    layer.offsets_logits.bias = loader.stacked(
        {{cross + "sampling_offsets.bias", 2 * samples}, {cross + "attention_weights.bias", samples}});
    layer.value = load_linear(loader, cross + "value_proj", width, width, kExact);
    layer.sample_out = load_linear(loader, cross + "output_proj", width, width, kExact);
    layer.sample_norm = load_norm(loader, name + "encoder_attn_layer_norm", width);
    layer.fc1 = load_linear(loader, name + "fc1", config_.ffn_size, width, kExact);
    layer.fc2 = load_linear(loader, name + "fc2", width, config_.ffn_size, kExact);
    layer.final_norm = load_norm(loader, name + "final_layer_norm", width);
    return layer;
  }

  // [images·levels·cells, d]: projected features with their position and level embeddings.
  Tensor gather_values(const Run& run, const Features& features) const {
    const auto levels = static_cast<int64_t>(features.levels.size());
    const int64_t cells = features.grid.cells();
    const Tensor values = run.arena.matrix(features.images * levels * cells, config_.hidden_size, kExact);
    for (int64_t level = 0; level < levels; level++) {
      const Arena::Scope scope(run.arena);
      Tensor x = copy_of(run, features.levels[static_cast<size_t>(level)], kExact);
      if (!input_proj_.empty()) x = run.linear(x, input_proj_[static_cast<size_t>(level)]);
      if (config_.pos_emb) run.backend.add(pos_emb_.tensor, x);
      if (levels > 1) run.backend.add(level_emb_.tensor.row_range(level, 1), x);
      for (int64_t i = 0; i < features.images; i++) {
        run.backend.copy(x.row_range(i * cells, cells),
                         values.row_range((i * levels + level) * cells, cells));
      }
    }
    return values;
  }

  // The content x and the position term of each query. For "query" the pooled features are the positions and
  // the learned table the content, for "tgt" the other way round; for "none" the table holds both.
  void make_queries(const Run& run, const Tensor& values, const Features& features, const Tensor& x,
                    const Tensor& position) const {
    const int64_t width = config_.hidden_size;
    const int64_t queries = config_.visual_tokens;
    const bool none = config_.pooled_target == "none";
    const bool query = config_.pooled_target == "query";
    const Tensor content = none ? table_.tensor.col_range(width, width) : table_.tensor;
    const Tensor place = none ? table_.tensor.col_range(0, width) : table_.tensor;
    if (!none) {
      run.backend.adaptive_avg_pool(values, features.grid, {side_, side_}, query ? position : x);
    }
    for (int64_t i = 0; i < features.images; i++) {
      if (none || query) run.backend.copy(content, x.row_range(i * queries, queries));
      if (none || !query) run.backend.copy(place, position.row_range(i * queries, queries));
    }
  }

  void forward(const Run& run, const Layer& layer, const std::string& name, const Tensor& values,
               const Tensor& position, const std::vector<Grid>& levels, int64_t images,
               const Tensor& x) const {
    const Arena::Scope scope(run.arena);
    const int64_t width = config_.hidden_size;
    const float scale = 1.0f / std::sqrt(static_cast<float>(width / config_.heads));
    const Tensor context = run.arena.matrix(x.rows, width, kExact);

    const Tensor z = copy_of(run, x, kExact);
    run.backend.add(position, z);
    const Tensor qk = run.linear(z, layer.qk);
    const Tensor v = run.linear(x, layer.v);
    run.backend.attention(qk.col_range(0, width), qk.col_range(width, width), v,
                          {images, config_.heads, scale, kExact}, context);
    add_norm(run, run.linear(context, layer.attention_out), layer.attention_norm, x);

    run.backend.copy(x, z);
    run.backend.add(position, z);
    const Tensor offsets_logits = run.linear(z, layer.offsets_logits);
    const int64_t samples = offsets_logits.cols / 3;
    const Tensor offsets = offsets_logits.col_range(0, 2 * samples);
    const Tensor logits = offsets_logits.col_range(2 * samples, samples);
    const auto maps = static_cast<int64_t>(levels.size());
    run.watch(name + ".sampling_offsets",
              {images, config_.visual_tokens, config_.heads, maps, config_.points, 2}, offsets);
    run.watch(name + ".sampling_logits", {images, config_.visual_tokens, config_.heads, maps, config_.points},
              logits);
    const Tensor value = run.linear(values, layer.value);
    run.backend.deformable_sample(value, offsets, logits, reference_.tensor,
                                  {images, config_.heads, config_.points, levels}, context);
    add_norm(run, run.linear(context, layer.sample_out), layer.sample_norm, x);

    const Tensor inner = run.linear(x, layer.fc1);
    run.backend.activate(Activation::kRelu, inner);
    add_norm(run, run.linear(inner, layer.fc2), layer.final_norm, x);
  }

  // x = norm(x + update)
  static void add_norm(const Run& run, const Tensor& update, const Norm& norm, const Tensor& x) {
    run.backend.add_layer_norm(x, update, norm.weight.tensor, norm.bias.tensor, kNormEps, x);
  }

  ProjectorConfig config_;
  int64_t side_ = 0;
  Parameter table_;
  Parameter reference_;
  Parameter pos_emb_;
  Parameter level_emb_;
  std::vector<Linear> input_proj_;
  std::vector<Layer> layers_;
  EosRows eos_;
  Linear output_;
};

}  // namespace

std::unique_ptr<Projector> make_d_abstractor(const ProjectorConfig& config, const ProjectorInput& input,
                                             WeightLoader& loader, Dtype /*always f32*/) {
  return std::make_unique<DAbstractor>(config, input, loader);
}

}  // namespace honeybee
