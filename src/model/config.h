#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"

namespace honeybee {

/// CLIP ViT (Hugging Face CLIPVisionModel).
struct VisionConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t image_size = 0;  ///< S: pixels a side
  int64_t patch_size = 0;
  float layer_norm_eps = 1e-5f;
  Activation activation = Activation::kQuickGelu;
  PixelScale pixels{};

  Grid grid() const { return {image_size / patch_size, image_size / patch_size}; }
};

/// One struct for all projectors; a field that a projector does not know is ignored by it.
struct ProjectorConfig {
  std::string type;                     ///< a name of the table in model/projectors/projector.cpp
  std::vector<int64_t> feature_layers;  ///< hidden states of the vision tower, 0 = before layer 1
  int64_t output_size = 0;              ///< Dl, the width of the language model
  int64_t visual_tokens = 0;            ///< M
  int64_t eos_tokens = 0;               ///< K learned rows after the M
  bool pos_emb = false;
  bool prenorm = false;
  int64_t hidden_size = 0;  ///< C-Abs and resampler width, d_model of D-Abs
  int64_t depth = 0;        ///< MLP: linears; C-Abs: blocks of a stage; D-Abs and resampler: layers
  int64_t mlp_depth = 0;    ///< linears of the C-Abs readout
  int64_t heads = 0;
  int64_t points = 0;
  int64_t ffn_size = 0;
  std::string pooled_target;  ///< D-Abs: "query", "tgt" or "none"
  Activation activation = Activation::kSilu;
  float layer_norm_eps = 1e-6f;
};

/// Llama decoder (Hugging Face LlamaForCausalLM).
struct TextConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t context_length = 0;
  float rms_norm_eps = 1e-5f;
  double rope_theta = 10000.0;
  bool tied = false;  ///< lm_head is the embedding table
};

struct ModelConfig {
  std::optional<VisionConfig> vision;  ///< absent, with the projector, in a text-only model
  std::optional<ProjectorConfig> projector;
  TextConfig text;
};

/// The dtype that the weights of each part are packed in.
struct WeightDtypes {
  Dtype vision = Dtype::kBF16;
  Dtype projector = Dtype::kBF16;
  Dtype text = Dtype::kBF16;       ///< the matrices of the decoder's layers
  Dtype embedding = Dtype::kBF16;  ///< never quantized; unused where the head is tied to it
  Dtype head = Dtype::kBF16;

  static constexpr WeightDtypes all(Dtype dtype) { return {dtype, dtype, dtype, dtype, dtype}; }
};

}  // namespace honeybee
