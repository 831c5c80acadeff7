#pragma once
#include <string>

#include "outcome.h"

namespace honeybee::gpu {

/// Runs the compiled golden tests of whole models on a GPU, where Node and they are there: from the
/// repository's folder, after `npm run build` and `npm run cuda:build`. Passes nothing and says why where
/// they are not.
Outcome check_goldens(const std::string& device, double seconds);

}  // namespace honeybee::gpu
