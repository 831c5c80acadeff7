#pragma once
#include <string>

#include "core/dtype.h"

namespace honeybee::gpu {

/// What `honeybee-gpu-bench` was asked to do.
struct Options {
  std::string model = "7b";     ///< "7b", "13b"
  std::string device = "cuda";  ///< as open_device takes it
  Dtype weights = Dtype::kBF16;
  bool tiny = false;  ///< every row at sizes of a few dozen: for tests
  std::string results = "bench/results";
  std::string commit;  ///< "": ask git
};

/// Throws Error(kOption) naming the argument that is wrong.
Options parse_options(int argc, char** argv);

extern const char* const kUsage;

}  // namespace honeybee::gpu
