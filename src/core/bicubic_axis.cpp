#include "core/bicubic_axis.h"

#include <algorithm>
#include <cmath>

namespace honeybee {
namespace {

/// Keys' cubic with a = -0.5. The order of operations is Pillow's: the last bit of a weight depends on it.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

}  // namespace

BicubicAxis::BicubicAxis(int in, int out, int first, int count) {
  const double scale = static_cast<double>(in) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  inverse_filter_scale_ = 1.0 / filter_scale;
  outputs_.resize(count);
  for (int i = 0; i < count; ++i) {
    Output& output = outputs_[i];
    output.center = (first + i + 0.5) * scale;
    // Clamped as doubles: near 2^31 samples the sums do not fit an int. Truncation, not floor, as in Pillow.
    output.begin = static_cast<int>(std::max(0.0, output.center - support + 0.5));
    output.end = static_cast<int>(std::min<double>(in, output.center + support + 0.5));
    output.sum = 0.0;
    for (int input = output.begin; input < output.end; ++input) output.sum += raw_weight(output, input);
  }
}

double BicubicAxis::raw_weight(const Output& output, int input) const {
  // Pillow counts inputs from `begin`; the double sum (t + begin) is exact, so counting from 0 is the same.
  return cubic((input - output.center + 0.5) * inverse_filter_scale_);
}

void BicubicAxis::weights(int i, int from, int to, int32_t* weights) const {
  const Output& output = outputs_[i];
  for (int input = from; input < to; ++input) {
    double weight = raw_weight(output, input);
    if (output.sum != 0.0) weight /= output.sum;
    const double scaled = weight * (1 << kWeightBits);
    *weights++ = static_cast<int32_t>(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
  }
}

}  // namespace honeybee
