#include "model/vlm.h"

namespace honeybee {

Vlm::Vlm(const ModelConfig& config, const WeightDtypes& dtypes, WeightLoader& loader, int64_t positions,
         Backend* backend)
    : config_(config),
      vision_(config.vision ? std::make_unique<ClipVision>(*config.vision, loader, dtypes.vision) : nullptr),
      projector_(config.vision && config.projector
                     ? make_projector(*config.projector, {config.vision->hidden_size, config.vision->grid()},
                                      loader, dtypes.projector)
                     : nullptr),
      llama_(config.text, loader, dtypes, positions, backend) {}

Tensor Vlm::encode_images(const Run& run, const Tensor& rgb) const {
  require(vision_ != nullptr && projector_ != nullptr, ErrorCode::kOption,
          "this model sees no images: it has no vision tower");
  const Features features = [&] {
    const PlaceScope place(run.backend.observers(), Stage::kVision);
    return vision_->encode(run, rgb, config_.projector->feature_layers);
  }();
  const int64_t images = features.images;
  const int64_t cells = features.grid.cells();
  const int64_t width = config_.vision->hidden_size;
  if (run.trace != nullptr) {
    const auto levels = static_cast<int64_t>(features.levels.size());
    if (levels == 1) {
      run.watch("vision.features", {images, cells, width}, features.levels.front());
    } else {
      const Tensor all = run.arena.matrix(images * levels * cells, width, features.levels.front().dtype);
      for (int64_t i = 0; i < images * levels; i++) {
        run.backend.copy(
            features.levels[static_cast<size_t>(i % levels)].row_range(i / levels * cells, cells),
            all.row_range(i * cells, cells));
      }
      run.watch("vision.features", {images, levels, cells, width}, all);
    }
  }
  run.check_interrupt();
  const PlaceScope place(run.backend.observers(), Stage::kProjector);
  const Tensor tokens = projector_->project(run, features);
  run.watch("projector.output", {images, tokens_per_image(), tokens.cols}, tokens);
  return tokens;
}

int64_t Vlm::tokens_per_image() const {
  return config_.projector ? config_.projector->visual_tokens + config_.projector->eos_tokens : 0;
}

std::vector<WeightLoader::Request> list_tensors(const ModelConfig& config, const WeightDtypes& dtypes) {
  WeightLoader loader(nullptr, nullptr);
  const Vlm model(config, dtypes, loader, 0, nullptr);
  return loader.requests();
}

}  // namespace honeybee
