#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "fixture.h"

namespace honeybee::testing {

/// What an operation should give, and how far from it an implementation may be.
struct Expected {
  std::vector<double> values;
  double tolerance = 0.0;
};

/// Runs a reference loop in double and again naively in float with its result rounded to `dtype`. The
/// tolerance is twice the largest error of the naive run plus one unit in the last place of the largest
/// value, so that a loop that happens to be exact does not forbid rounding at all.
///
///   expected(dtype, [&]<class T>() { return reference::layer_norm<T>(x, …); })
template <class Loop>
Expected expected(Dtype dtype, Loop loop) {
  const std::vector<double> exact = loop.template operator()<double>();
  const std::vector<float> naive = rounded(loop.template operator()<float>(), dtype);
  double error = 0.0;
  double largest = 0.0;
  for (size_t i = 0; i < exact.size(); i++) {
    error = std::max(error, std::fabs(static_cast<double>(naive[i]) - exact[i]));
    largest = std::max(largest, std::fabs(exact[i]));
  }
  const double unit = dtype == Dtype::kBF16 ? 0x1p-8 : dtype == Dtype::kF16 ? 0x1p-11 : 0x1p-23;
  return {exact, 2.0 * error + unit * largest};
}

}  // namespace honeybee::testing
