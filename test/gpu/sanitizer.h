#pragma once
#include <map>
#include <string>

#include "outcome.h"

namespace honeybee::gpu {

/// Runs tests on a GPU under one tool of NVIDIA's compute-sanitizer: "memcheck", "racecheck", "synccheck". A
/// tool slows kernels down up to a hundredfold, so it gets the tests that were quickest without it, as many
/// as fit into `seconds`. `times`: seconds of each test alone. Passes nothing and says why where the tool is
/// not installed.
Outcome check_sanitizer(const std::string& tool, const std::string& device,
                        const std::map<std::string, double>& times, double seconds);

}  // namespace honeybee::gpu
