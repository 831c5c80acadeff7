#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "fixture.h"

namespace honeybee::testing {

/// Values of a row that share a scale when they are rounded to 8 bits.
inline constexpr int64_t kUnit = 32;

/// Numbers that keep their value when a unit of them is rounded to ±127 times its scale, and in bf16 too.
inline std::vector<float> eights(Random& random, int64_t rows, int64_t cols) {
  std::vector<float> x;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < cols; k += kUnit) {
      const int64_t count = std::min(kUnit, cols - k);
      const float step = std::exp2(static_cast<float>(random.below(7) - 3));
      const int64_t largest = random.below(count);
      for (int64_t i = 0; i < count; i++)
        x.push_back(step * static_cast<float>(i == largest ? 127 : random.below(255) - 127));
    }
  }
  return x;
}

}  // namespace honeybee::testing
