#pragma once
#include <vector>

#include "model/config.h"
#include "model/run.h"

namespace honeybee {

/// What a projector sees: for each selected hidden state the patch rows of all images, CLS dropped.
struct Features {
  std::vector<Tensor> levels;  ///< each [images·grid.cells(), Dv]
  Grid grid;
  int64_t images = 0;
};

/// CLIP vision transformer (Radford et al. 2021; Hugging Face CLIPVisionModel without the pooled output).
class ClipVision {
 public:
  ClipVision(const VisionConfig& config, WeightLoader& loader, Dtype dtype);

  /// rgb u8 [images, S·S·3] → the hidden states `layers` (0 = after the pre-norm, i = raw output of layer i).
  /// Layers beyond the last one asked for are evaluated only when somebody watches. The result lives in the
  /// arena.
  Features encode(const Run& run, const Tensor& rgb, const std::vector<int64_t>& layers) const;

 private:
  struct Layer {
    Norm norm1;
    Linear qkv;
    Linear out;
    Norm norm2;
    Linear fc1;
    Linear fc2;
  };

  Tensor embed(const Run& run, const Tensor& rgb) const;
  void forward(const Run& run, const Layer& layer, int64_t images, const Tensor& x) const;

  VisionConfig config_;
  Dtype dtype_;
  Parameter class_embedding_;
  Parameter position_embedding_;
  std::unique_ptr<Weight> patch_embedding_;
  Norm pre_norm_;
  std::vector<Layer> layers_;
};

}  // namespace honeybee
