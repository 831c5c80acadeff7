#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/clip.h"
#include "model/config.h"
#include "model/run.h"

namespace honeybee {

/// Turns the features of images into visual tokens of the language model's width (paper, section 3). A new
/// one is a file beside this and a row in the table of projector.cpp.
class Projector {
 public:
  virtual ~Projector() = default;
  /// → [images·(M + K), Dl] in the arena, the tokens of an image together, its K eos rows last.
  virtual Tensor project(const Run& run, const Features& features) const = 0;
};

/// What a projector may ask about the model around it.
struct ProjectorInput {
  int64_t width = 0;  ///< Dv
  Grid grid;          ///< of the features
};

using ProjectorFactory = std::unique_ptr<Projector> (*)(const ProjectorConfig& config,
                                                        const ProjectorInput& input, WeightLoader& loader,
                                                        Dtype dtype);

/// The projector of config.type; Error(kCheckpoint) lists the known types if it is none of them.
std::unique_ptr<Projector> make_projector(const ProjectorConfig& config, const ProjectorInput& input,
                                          WeightLoader& loader, Dtype dtype);

std::unique_ptr<Projector> make_mlp(const ProjectorConfig& config, const ProjectorInput& input,
                                    WeightLoader& loader, Dtype dtype);
std::unique_ptr<Projector> make_resampler(const ProjectorConfig& config, const ProjectorInput& input,
                                          WeightLoader& loader, Dtype dtype);
std::unique_ptr<Projector> make_c_abstractor(const ProjectorConfig& config, const ProjectorInput& input,
                                             WeightLoader& loader, Dtype dtype);
std::unique_ptr<Projector> make_d_abstractor(const ProjectorConfig& config, const ProjectorInput& input,
                                             WeightLoader& loader, Dtype dtype);

/// The side of the square grid of M visual tokens; Error(kOption) if M is no square.
int64_t token_grid_side(int64_t visual_tokens);

}  // namespace honeybee
