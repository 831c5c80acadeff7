#pragma once
#include <string>

#include "outcome.h"

namespace honeybee::gpu {

/// Runs the compiled golden tests of whole models on a device, where Node and they are there: from the
/// repository's folder, after `npm run build`. Passes nothing and says why where they are not.
Outcome check_goldens(const std::string& device, double seconds);

}  // namespace honeybee::gpu
