#include "image/column_weights.h"

namespace honeybee {
namespace {

constexpr int64_t kMaxGroupTaps = 1 << 20;  // 4 MiB of packed weights

int block_count(int taps) { return (taps + WeightBlock::kTaps - 1) / WeightBlock::kTaps; }

}  // namespace

void pack_weights(const int32_t* weights, int count, WeightBlock* blocks) {
  for (int t = 0; t < block_count(count) * WeightBlock::kTaps; ++t) {
    blocks[t / WeightBlock::kTaps].set(t % WeightBlock::kTaps, t < count ? weights[t] : 0);
  }
}

ColumnWeights::ColumnWeights(const BicubicAxis& axis) : axis_(axis) {
  int64_t group_taps = 0;
  for (int x = 0; x < axis.count(); ++x) {
    const int64_t taps = axis.end(x) - axis.begin(x);
    if (groups_.empty() || group_taps + taps > kMaxGroupTaps) {
      groups_.push_back({x, 0});
      group_taps = 0;
    }
    ++groups_.back().count;
    group_taps += taps;
  }
}

const ColumnTaps* ColumnWeights::taps(const Group& group) {
  if (packed_first_ == group.first) return taps_.data();
  size_t total = 0;
  for (int i = 0; i < group.count; ++i) {
    const int x = group.first + i;
    total += block_count(axis_.end(x) - axis_.begin(x));
  }
  blocks_.resize(total);
  taps_.resize(group.count);
  std::vector<int32_t> weights;
  WeightBlock* next = blocks_.data();
  for (int i = 0; i < group.count; ++i) {
    const int x = group.first + i;
    const int begin = axis_.begin(x);
    const int count = axis_.end(x) - begin;
    weights.resize(count);
    axis_.weights(x, begin, begin + count, weights.data());
    pack_weights(weights.data(), count, next);
    taps_[i] = {begin, count, block_count(count), next};
    next += block_count(count);
  }
  packed_first_ = group.first;
  return taps_.data();
}

}  // namespace honeybee
