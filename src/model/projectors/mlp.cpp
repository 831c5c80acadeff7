#include "model/projectors/common.h"

namespace honeybee {
namespace {

/// Each feature on its own: depth 1 is the linear projector, depth 2 that of LLaVA-1.5 (which uses GELU).
class MlpProjector final : public Projector {
 public:
  MlpProjector(const ProjectorConfig& config, const ProjectorInput& input, WeightLoader& loader, Dtype dtype)
      : mlp_(loader, "projector.net", config.depth, input.width, config.output_size, config.activation,
             dtype),
        eos_(loader, config.eos_tokens, config.output_size) {
    if (config.prenorm) prenorm_ = load_norm(loader, "projector.prenorm", input.width);
    if (config.pos_emb)
      pos_emb_ = loader.parameter("projector.pos_emb", {1, input.grid.cells(), input.width});
  }

  Tensor project(const Run& run, const Features& features) const override {
    Tensor x = features.levels.front();
    if (prenorm_.weight.tensor.data != nullptr || pos_emb_.tensor.data != nullptr)
      x = copy_of(run, x, x.dtype);
    if (prenorm_.weight.tensor.data != nullptr) run.layer_norm(x, prenorm_, 1e-6f, x);
    if (pos_emb_.tensor.data != nullptr) run.backend.add(pos_emb_.tensor, x);
    return eos_.append(run, mlp_.forward(run, x), features.images);
  }

 private:
  Norm prenorm_;
  Parameter pos_emb_;
  Mlp mlp_;
  EosRows eos_;
};

}  // namespace

std::unique_ptr<Projector> make_mlp(const ProjectorConfig& config, const ProjectorInput& input,
                                    WeightLoader& loader, Dtype dtype) {
  return std::make_unique<MlpProjector>(config, input, loader, dtype);
}

}  // namespace honeybee
