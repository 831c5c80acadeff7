#pragma once
#include <memory>

#include "core/backend.h"

namespace honeybee::testing {

/// The naive computation of a network in the dtype of its weights, for tolerances: every operation computes
/// in float by the CPU's portable code, and its result is rounded to the dtype of the output. Unlike the CPU
/// backend, whose activations are always f32, it keeps them in the dtype of the weights, as GPUs do.
std::unique_ptr<Backend> make_rounding_backend();

}  // namespace honeybee::testing
