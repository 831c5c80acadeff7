#include "image/resize.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/bicubic_axis.h"
#include "image/column_weights.h"

namespace honeybee {
namespace {

/// Input rows taken at a time: small enough for the first two caches, enough for most filters to fit inside.
constexpr int kBandRows = 64;

/// How many outputs can be begun and not yet finished at once: those that begin before output y ends, at
/// most.
int most_overlapping(const BicubicAxis& axis) {
  int most = 0;
  for (int y = 0, next = 0; y < axis.count(); ++y) {
    while (next < axis.count() && axis.begin(next) < axis.end(y)) ++next;
    most = std::max(most, next - y);
  }
  return most;
}

/// The vertical pass as a stream: bands of rows go in from top to bottom, finished output rows come out.
class VerticalPass {
 public:
  VerticalPass(const BicubicAxis& axis, int row_bytes, const ResizeKernels& kernels, uint8_t* out)
      : axis_(axis),
        row_bytes_(row_bytes),
        kernels_(kernels),
        out_(out),
        slots_(most_overlapping(axis)),
        accumulators_(size_t(slots_) * row_bytes) {}

  /// Input rows [first, last) of the picture; `in` is row `first`.
  void add(const uint8_t* in, ptrdiff_t stride, int first, int last) {
    for (int y = finished_; y < axis_.count() && axis_.begin(y) < last; ++y) {
      const int from = std::max(axis_.begin(y), first);
      const int to = std::min(axis_.end(y), last);
      int32_t* sums = accumulators_.data() + size_t(y % slots_) * row_bytes_;
      if (from == axis_.begin(y)) std::fill_n(sums, row_bytes_, kWeightHalf);
      if (from < to) {
        weights_.resize(to - from);
        axis_.weights(y, from, to, weights_.data());
        blocks_.resize((weights_.size() + WeightBlock::kTaps - 1) / WeightBlock::kTaps);
        pack_weights(weights_.data(), to - from, blocks_.data());
        kernels_.vertical(in + (from - first) * stride, stride, to - from, blocks_.data(), sums, row_bytes_);
      }
      if (axis_.end(y) > last) continue;
      kernels_.round(sums, out_ + size_t(y) * row_bytes_, row_bytes_);
      finished_ = y + 1;
    }
  }

 private:
  const BicubicAxis& axis_;
  int row_bytes_;
  const ResizeKernels& kernels_;
  uint8_t* out_;
  int slots_;
  std::vector<int32_t> accumulators_;  // of the outputs under way, output y in row y % slots_
  std::vector<int32_t> weights_;
  std::vector<WeightBlock> blocks_;
  int finished_ = 0;
};

}  // namespace

void resize_bicubic(const uint8_t* rgb, const ResizePlan& plan, uint8_t* out, ImageSimd simd,
                    const CancelFlag* cancelled) {
  check_plan(plan);
  const ResizeKernels& kernels = resize_kernels(simd);
  const ImageWindow& window = plan.window;
  const bool horizontal = plan.resized_width != plan.width;
  const bool vertical = plan.resized_height != plan.height;
  const ptrdiff_t in_stride = ptrdiff_t{3} * plan.width;
  const ptrdiff_t in_bytes = in_stride * plan.height;
  const int out_stride = 3 * window.width;

  const BicubicAxis columns(plan.width, plan.resized_width, window.left, horizontal ? window.width : 0);
  const BicubicAxis rows(plan.height, plan.resized_height, window.top, vertical ? window.height : 0);
  ColumnWeights column_weights(columns);
  VerticalPass vertical_pass(rows, out_stride, kernels, out);
  const int first_row = vertical ? rows.begin(0) : window.top;
  const int last_row = vertical ? rows.end(window.height - 1) : window.top + window.height;
  std::vector<uint8_t> band(horizontal && vertical ? size_t(kBandRows) * out_stride : 0);

  for (int first = first_row; first < last_row; first += kBandRows) {
    const int last = std::min(first + kBandRows, last_row);
    const uint8_t* in = rgb + first * in_stride;
    uint8_t* direct = out + ptrdiff_t{first - first_row} * out_stride;
    const uint8_t* strip = in + ptrdiff_t{3} * window.left;
    ptrdiff_t strip_stride = in_stride;
    if (horizontal) {
      uint8_t* target = vertical ? band.data() : direct;
      for (const ColumnWeights::Group& group : column_weights.groups()) {
        check_cancelled(cancelled);
        kernels.horizontal(in, in_stride, in_bytes - first * in_stride, last - first,
                           column_weights.taps(group), group.count, target + ptrdiff_t{3} * group.first,
                           out_stride);
      }
      strip = target;
      strip_stride = out_stride;
    }
    check_cancelled(cancelled);
    if (vertical) {
      vertical_pass.add(strip, strip_stride, first, last);
    } else if (!horizontal) {
      for (int y = 0; y < last - first; ++y)
        std::memcpy(direct + y * out_stride, strip + y * in_stride, out_stride);
    }
  }
}

void resize_bicubic(const uint8_t* rgb, int width, int height, int out_width, int out_height, uint8_t* out) {
  resize_bicubic(rgb, squash(width, height, out_width, out_height), out);
}

}  // namespace honeybee
