#include "core/bicubic_filters.h"

#include <algorithm>

namespace honeybee {

BicubicFilters::BicubicFilters(int in, int out, int first, int count) : outputs_(count) {
  const BicubicAxis axis(in, out, first, count);
  for (int i = 0; i < count; i++) taps_ = std::max(taps_, axis.end(i) - axis.begin(i));
  const auto width = static_cast<size_t>(count);
  table_.resize(width * (1 + static_cast<size_t>(taps_)));
  std::vector<int32_t> filter(static_cast<size_t>(taps_));
  for (int i = 0; i < count; i++) {
    const int begin = std::min(axis.begin(i), in - taps_);
    const int skipped = axis.begin(i) - begin;
    const int length = axis.end(i) - axis.begin(i);
    axis.weights(i, axis.begin(i), axis.end(i), filter.data());
    int32_t* const column = table_.data() + i;
    column[0] = begin;
    for (int t = 0; t < length; t++) {
      column[width * (1 + static_cast<size_t>(skipped + t))] = filter[static_cast<size_t>(t)];
    }
  }
}

}  // namespace honeybee
