#pragma once
#include <memory>

#include "model/clip.h"
#include "model/llama.h"
#include "model/projectors/projector.h"

namespace honeybee {

/// A whole model: vision tower, projector, language model; the first two are absent in a text-only one.
class Vlm {
 public:
  /// Without a backend the loader only lists the tensors.
  Vlm(const ModelConfig& config, const WeightDtypes& dtypes, WeightLoader& loader, int64_t positions,
      Backend* backend);

  /// rgb u8 [images, S·S·3] → visual tokens [images·(M + K), D] in the arena.
  Tensor encode_images(const Run& run, const Tensor& rgb) const;

  const Llama& llama() const { return llama_; }
  const ModelConfig& config() const { return config_; }
  /// M + K, or 0 without vision.
  int64_t tokens_per_image() const;

 private:
  ModelConfig config_;
  std::unique_ptr<ClipVision> vision_;
  std::unique_ptr<Projector> projector_;
  Llama llama_;
};

/// What loading this model would ask for.
std::vector<WeightLoader::Request> list_tensors(const ModelConfig& config, const WeightDtypes& dtypes);

}  // namespace honeybee
