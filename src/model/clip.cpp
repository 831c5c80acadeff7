#include "model/clip.h"

#include <algorithm>
#include <cmath>

namespace honeybee {

ClipVision::ClipVision(const VisionConfig& config, WeightLoader& loader, Dtype dtype)
    : config_(config), dtype_(dtype) {
  const int64_t width = config.hidden_size;
  const int64_t patch = config.patch_size;
  const std::string embeddings = "vision.embeddings.";
  class_embedding_ = loader.parameter(embeddings + "class_embedding", {width});
  patch_embedding_ =
      loader.convolution(embeddings + "patch_embedding.weight", {width, 3, patch, patch}, dtype);
  position_embedding_ =
      loader.parameter(embeddings + "position_embedding.weight", {config.grid().cells() + 1, width});
  pre_norm_ = load_norm(loader, "vision.pre_layrnorm", width);  // spelled so in every checkpoint
  for (int64_t i = 0; i < config.layers; i++) {
    const std::string name = "vision.encoder.layers." + std::to_string(i) + ".";
    const std::string attention = name + "self_attn.";
    Layer layer;
    layer.norm1 = load_norm(loader, name + "layer_norm1", width);
    layer.qkv.weight = loader.matrix({{attention + "q_proj.weight", width},
                                      {attention + "k_proj.weight", width},
                                      {attention + "v_proj.weight", width}},
                                     width, dtype);
    layer.qkv.bias = loader.stacked({{attention + "q_proj.bias", width},
                                     {attention + "k_proj.bias", width},
                                     {attention + "v_proj.bias", width}});
    layer.out = load_linear(loader, attention + "out_proj", width, width, dtype);
    layer.norm2 = load_norm(loader, name + "layer_norm2", width);
    layer.fc1 = load_linear(loader, name + "mlp.fc1", config.intermediate_size, width, dtype);
    layer.fc2 = load_linear(loader, name + "mlp.fc2", width, config.intermediate_size, dtype);
    layers_.push_back(std::move(layer));
  }
}

// [images·(N + 1), Dv]: the class embedding and the patch embeddings of each image, plus their positions,
// normalised.
Tensor ClipVision::embed(const Run& run, const Tensor& rgb) const {
  const int64_t images = rgb.rows;
  const int64_t cells = config_.grid().cells();
  const int64_t width = config_.hidden_size;
  const Dtype activation = run.backend.activation_dtype(dtype_);
  const Tensor x = run.arena.matrix(images * (cells + 1), width, activation);
  {
    const Arena::Scope scope(run.arena);
    const Tensor patches =
        run.arena.matrix(images * cells, 3 * config_.patch_size * config_.patch_size, activation);
    run.backend.patchify(rgb, config_.pixels, config_.image_size, config_.patch_size, patches);
    const Tensor embedded = run.arena.matrix(images * cells, width, activation);
    run.backend.linear(patches, *patch_embedding_, nullptr, embedded);
    for (int64_t i = 0; i < images; i++) {
      run.backend.copy(class_embedding_.tensor, x.row_range(i * (cells + 1), 1));
      run.backend.copy(embedded.row_range(i * cells, cells), x.row_range(i * (cells + 1) + 1, cells));
    }
  }
  run.backend.add(position_embedding_.tensor, x);
  run.layer_norm(x, pre_norm_, config_.layer_norm_eps, x);
  return x;
}

void ClipVision::forward(const Run& run, const Layer& layer, int64_t images, const Tensor& x) const {
  const Arena::Scope scope(run.arena);
  const int64_t width = config_.hidden_size;
  const Tensor normed = run.arena.matrix(x.rows, width, x.dtype);
  run.layer_norm(x, layer.norm1, config_.layer_norm_eps, normed);
  const Tensor qkv = run.linear(normed, layer.qkv);
  const float scale = 1.0f / std::sqrt(static_cast<float>(width / config_.heads));
  run.backend.attention(qkv.col_range(0, width), qkv.col_range(width, width), qkv.col_range(2 * width, width),
                        {images, config_.heads, scale, dtype_ == Dtype::kBF16 ? Dtype::kBF16 : Dtype::kF32},
                        normed);
  run.linear_add(normed, layer.out, x);

  run.layer_norm(x, layer.norm2, config_.layer_norm_eps, normed);
  const Tensor inner = run.linear(normed, layer.fc1);
  run.backend.activate(config_.activation, inner);
  run.linear_add(inner, layer.fc2, x);
}

Features ClipVision::encode(const Run& run, const Tensor& rgb, const std::vector<int64_t>& layers) const {
  const int64_t images = rgb.rows;
  const int64_t cells = config_.grid().cells();
  const int64_t width = config_.hidden_size;
  Features features{{}, config_.grid(), images};
  for (size_t i = 0; i < layers.size(); i++) {
    features.levels.push_back(run.arena.matrix(images * cells, width, run.backend.activation_dtype(dtype_)));
  }
  const Arena::Scope scope(run.arena);
  const Tensor x = embed(run, rgb);
  const int64_t needed = *std::max_element(layers.begin(), layers.end());
  const int64_t last = run.trace != nullptr ? config_.layers : needed;
  for (int64_t state = 0; state <= last; state++) {
    run.check_interrupt();
    if (state > 0) {
      const PlaceScope place = run.in_layer(state - 1);
      forward(run, layers_[static_cast<size_t>(state - 1)], images, x);
    }
    run.watch("vision.layer." + std::to_string(state), {images, cells + 1, width}, x);
    for (size_t level = 0; level < layers.size(); level++) {
      if (layers[level] != state) continue;
      for (int64_t i = 0; i < images; i++) {
        run.backend.copy(x.row_range(i * (cells + 1) + 1, cells),
                         features.levels[level].row_range(i * cells, cells));
      }
    }
  }
  return features;
}

}  // namespace honeybee
