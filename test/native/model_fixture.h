#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/arena.h"
#include "model/random_store.h"
#include "model/vlm.h"
#include "testing.h"

namespace honeybee::testing {

/// The projectors of the paper, by the names that `small_model` takes.
inline constexpr const char* kProjectorKinds[] = {"linear", "mlp", "resampler", "c-abs", "d-abs"};

/// A model of two layers each with this projector: 4 × 4 patches, grouped-query attention, widths that are no
/// multiple of a tile. What a kind does not say keeps the same value in all of them.
ModelConfig small_model(const std::string& kind);

/// Its weights: seeded random numbers, the same on every backend and exact in f32 and bf16.
std::unique_ptr<TensorStore> small_store();

/// The pixels of an image for `small_model`: seeded noise, u8 [56, 56, 3].
std::vector<uint8_t> noise_image(uint64_t seed);

/// The reference points of the network by name (those of `run --trace`), as floats.
using ReferencePoints = std::map<std::string, std::vector<float>>;

/// Encodes two images with the model of `small_store` in this dtype of weights, splices them into a prompt,
/// prefills it in one step and watches everything.
ReferencePoints watch_prompt(Backend& backend, const ModelConfig& config, Dtype dtype);

/// max |a - b| / max |b|, the measure of the golden tests. NaN if a is not finite somewhere.
double relative_distance(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace honeybee::testing
