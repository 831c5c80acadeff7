#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace honeybee {

/// Weights are integers in units of 2^-22, as in Pillow's 8-bit resampler.
constexpr int kWeightBits = 22;

/// Where an accumulator starts, so that the final shift rounds to nearest.
constexpr int32_t kWeightHalf = 1 << (kWeightBits - 1);

/// The byte of an accumulator that started at kWeightHalf.
constexpr uint8_t weighted_byte(int32_t accumulator) {
  return static_cast<uint8_t>(std::clamp(accumulator >> kWeightBits, 0, 255));
}

/// The antialiased bicubic filter (a = -0.5) along one axis: `in` samples → `out` samples, of which
/// [first, first + count) are wanted. Weights are computed when asked for, so that an axis of hundreds of
/// millions of samples costs no more memory than its outputs.
class BicubicAxis {
 public:
  BicubicAxis(int in, int out, int first, int count);

  int count() const { return static_cast<int>(outputs_.size()); }

  /// Output `i` of the wanted range reads the inputs [begin(i), end(i)); both never decrease with i.
  int begin(int i) const { return outputs_[i].begin; }
  int end(int i) const { return outputs_[i].end; }

  /// Writes the fixed-point weights of the inputs [from, to), a part of [begin(i), end(i)), to `weights`.
  void weights(int i, int from, int to, int32_t* weights) const;

 private:
  struct Output {
    double center;
    double sum;
    int begin;
    int end;
  };

  double raw_weight(const Output& output, int input) const;

  double inverse_filter_scale_;
  std::vector<Output> outputs_;
};

}  // namespace honeybee
