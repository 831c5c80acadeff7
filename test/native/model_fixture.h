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

/// A model of two layers of everything with one of the paper's projectors, "linear", "mlp", "resampler",
/// "c-abs" or "d-abs": 4 × 4 patches, grouped-query attention, widths that are no multiple of a tile.
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

/// max |a - b| / max |b|, the measure of the golden tests; NaN if a value of a is not finite. Equal sizes.
double largest_distance(const std::vector<float>& a, const std::vector<float>& b);

/// The same of the root of the mean square: what rounding does to it varies little.
double mean_distance(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace honeybee::testing
