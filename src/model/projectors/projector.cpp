#include "model/projectors/projector.h"

#include <cmath>

namespace honeybee {
namespace {

struct Row {
  const char* type;
  ProjectorFactory make;
};

constexpr Row kProjectors[] = {
    {"mlp", make_mlp},  // depth 1 is the linear projector
    {"resampler", make_resampler},
    {"c-abs", make_c_abstractor},
    {"d-abs", make_d_abstractor},
};

}  // namespace

std::unique_ptr<Projector> make_projector(const ProjectorConfig& config, const ProjectorInput& input,
                                          WeightLoader& loader, Dtype dtype) {
  std::string known;
  for (const Row& row : kProjectors) {
    if (config.type == row.type) return row.make(config, input, loader, dtype);
    known += (known.empty() ? "" : ", ") + std::string(row.type);
  }
  fail(ErrorCode::kCheckpoint, "unknown projector_type \"", config.type, "\"; known are ", known);
}

int64_t token_grid_side(int64_t visual_tokens) {
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(visual_tokens))));
  require(side > 0 && side * side == visual_tokens, ErrorCode::kOption, "visualTokens ", visual_tokens,
          " is no square number, as a grid of tokens needs");
  return side;
}

}  // namespace honeybee
