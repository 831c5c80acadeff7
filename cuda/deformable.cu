#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "cuda/warp.h"
#include "device/launch.h"

namespace honeybee::cuda {
/// The feature maps, as the kernel takes them.
struct Levels {
  static constexpr int kMost = 16;
  int count;
  int height[kMost];
  int width[kMost];
  int64_t first_cell[kMost];
  int64_t cells;
};

namespace {

constexpr int kWarps = 4;

Levels make_levels(std::span<const Grid> grids) {
  require(grids.size() <= Levels::kMost, ErrorCode::kOption, "deformable_sample: ", grids.size(),
          " levels, at most ", Levels::kMost, " are possible on this device");
  Levels levels{};
  for (const Grid& grid : grids) {
    levels.height[levels.count] = static_cast<int>(grid.height);
    levels.width[levels.count] = static_cast<int>(grid.width);
    levels.first_cell[levels.count++] = levels.cells;
    levels.cells += grid.cells();
  }
  return levels;
}

// The value of one channel at (x, y) in cells, bilinear, zero outside.
__device__ __forceinline__ float bilinear(const float* map, int64_t stride, int height, int width, float x,
                                          float y) {
  if (!(x > -1.0f && y > -1.0f && x < static_cast<float>(width) && y < static_cast<float>(height)))
    return 0.0f;
  const float left = floorf(x);
  const float top = floorf(y);
  const auto j = static_cast<int>(left);
  const auto i = static_cast<int>(top);
  const float right_share = x - left;
  const float bottom_share = y - top;
  const auto at = [&](int row, int column) {
    if (row < 0 || row >= height || column < 0 || column >= width) return 0.0f;
    return map[(static_cast<int64_t>(row) * width + column) * stride];
  };
  return (1.0f - bottom_share) * ((1.0f - right_share) * at(i, j) + right_share * at(i, j + 1)) +
         bottom_share * ((1.0f - right_share) * at(i + 1, j) + right_share * at(i + 1, j + 1));
}

}  // namespace

// y[q, h] = Σ over levels and points s of softmax(logits[q, h])[s] · bilinear(value_h, reference[q] · (W, H)
// + offsets[q, h, s] - 0.5) (Zhu et al. 2021, equation 3); everything f32: value [batch · Σcells, heads · d],
// offsets [batch · Q, heads · S · 2], logits [batch · Q, heads · S], reference [Q, 2], y [batch · Q, heads ·
// d]. D-Abstractor: 144 … 256 queries, 16 heads × 64, S = 4, maps of 16×16 or 24×24: value, offsets and y
// once, 3.5 MB an image: 0.8 µs on an H200; the 16 corner reads of a value come from L2. A warp computes 32
// channels of one query and head: its lanes hold the samples of a round and hand them to each other.
__global__ void __launch_bounds__(kWarps * 32)
    deformable_sample_kernel(Rows<const float> value, Rows<const float> offsets, Rows<const float> logits,
                             const float* reference, Levels levels, int heads, int points, int dim,
                             int64_t queries, int64_t warps, Rows<float> y) {
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const int64_t warp = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (warp >= warps) return;
  const int groups = (dim + 31) / 32;
  const auto channel = static_cast<int>(warp % groups) * 32 + lane;
  const auto head = static_cast<int>(warp / groups % heads);
  const int64_t row = warp / groups / heads;
  const int samples = levels.count * points;
  const float* const logit = logits.row(row) + static_cast<int64_t>(head) * samples;
  const float* const offset = offsets.row(row) + static_cast<int64_t>(head) * samples * 2;
  const float* const at = reference + row % queries * 2;

  float largest = -INFINITY;
  for (int s = lane; s < samples; s += 32) largest = fmaxf(largest, logit[s]);
  largest = warp_max(largest);
  float total = 0.0f;
  for (int s = lane; s < samples; s += 32) total += expf(logit[s] - largest);
  total = warp_sum(total);

  float sum = 0.0f;
  for (int first = 0; first < samples; first += 32) {
    const int mine = min(first + lane, samples - 1);
    const int level = mine / points;
    const float weight = expf(logit[mine] - largest) / total;
    const float x = at[0] * static_cast<float>(levels.width[level]) + offset[2 * mine] - 0.5f;
    const float y_pos = at[1] * static_cast<float>(levels.height[level]) + offset[2 * mine + 1] - 0.5f;
    for (int i = 0; i < min(32, samples - first); i++) {
      const int l = (first + i) / points;
      const float share = __shfl_sync(kAllLanes, weight, i);
      const float sample_x = __shfl_sync(kAllLanes, x, i);
      const float sample_y = __shfl_sync(kAllLanes, y_pos, i);
      if (channel >= dim) continue;
      const int64_t map = row / queries * levels.cells + levels.first_cell[l];
      sum += share * bilinear(value.row(map) + static_cast<int64_t>(head) * dim + channel, value.stride,
                              levels.height[l], levels.width[l], sample_x, sample_y);
    }
  }
  if (channel < dim) y.row(row)[static_cast<int64_t>(head) * dim + channel] = sum;
}

void deformable_sample(Cuda& cuda, const Tensor& value, const Tensor& offsets, const Tensor& logits,
                       const Tensor& reference, const DeformableShape& shape, const Tensor& y) {
  const int64_t dim = value.cols / shape.heads;
  const int64_t warps = y.rows * shape.heads * ((dim + 31) / 32);
  launch(deformable_sample_kernel, static_cast<unsigned>((warps + kWarps - 1) / kWarps), kWarps * 32, 0,
         cuda.stream, Rows<const float>(value), Rows<const float>(offsets), Rows<const float>(logits),
         reference.row<float>(0), make_levels(shape.levels), static_cast<int>(shape.heads),
         static_cast<int>(shape.points), static_cast<int>(dim), y.rows / shape.batch, warps, Rows<float>(y));
}

}  // namespace honeybee::cuda
