#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// A feature map whose cells are rows first_row, first_row + 1, … of an item's values.
struct SampleMap {
  int64_t height;
  int64_t width;
  int64_t first_row;
};

/// One query: its samples of every head.
struct DeformableQuery {
  const float* value;  ///< the item's rows, `stride` floats apart, heads · dim wide
  int64_t stride;
  int64_t heads;
  int64_t dim;
  const SampleMap* maps;
  int64_t levels;
  int64_t points;
  const float* offsets;    ///< [heads, levels, points, 2]
  const float* logits;     ///< [heads, levels, points]
  const float* reference;  ///< x, y in 0…1
};

struct DeformableKernels {
  /// out [heads · dim]
  void (*sample)(const DeformableQuery& query, float* out);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(DeformableKernels, deformable_kernels)

#ifdef HB_ISA
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

// Samples whose cells are looked up before their values are added.
inline constexpr int64_t kSampleChunk = 32;

struct WeightedCells {
  const float* cell[4 * kSampleChunk];
  float weight[4 * kSampleChunk];
  int count = 0;
};

// Adds the cells around (x, y), in cells with (0, 0) the centre of the first, that lie on the map. The
// comparisons come before any conversion to an integer and are false for NaN.
HB_INLINE void add_cells(const float* value, int64_t stride, const SampleMap& map, float x, float y,
                         float weight, WeightedCells& cells) {
  if (!(x > -1.0f && x < static_cast<float>(map.width))) return;
  if (!(y > -1.0f && y < static_cast<float>(map.height))) return;
  const float left = __builtin_floorf(x);
  const float top = __builtin_floorf(y);
  for (int dy = 0; dy < 2; dy++) {
    const int64_t row = static_cast<int64_t>(top) + dy;
    if (row < 0 || row >= map.height) continue;
    const float near_y = dy == 0 ? 1.0f - (y - top) : y - top;
    for (int dx = 0; dx < 2; dx++) {
      const int64_t col = static_cast<int64_t>(left) + dx;
      if (col < 0 || col >= map.width) continue;
      const float near_x = dx == 0 ? 1.0f - (x - left) : x - left;
      cells.cell[cells.count] = value + (map.first_row + row * map.width + col) * stride;
      cells.weight[cells.count++] = weight * near_y * near_x;
    }
  }
}

template <int vecs, class Lanes>
HB_INLINE void add_values(const WeightedCells& cells, int64_t c, Lanes lanes, float* out) {
  Vec sums[vecs];
  for (int j = 0; j < vecs; j++) sums[j] = load(out + c + j * kLanes, lanes);
  for (int i = 0; i < cells.count; i++) {
    const Vec weight = broadcast(cells.weight[i]);
    for (int j = 0; j < vecs; j++)
      sums[j] = fma(weight, load(cells.cell[i] + c + j * kLanes, lanes), sums[j]);
  }
  for (int j = 0; j < vecs; j++) store(out + c + j * kLanes, sums[j], lanes);
}

// out += Σ e^(logit - largest) · sample over samples [begin, begin + count); returns the sum of the powers.
HB_INLINE float add_samples(const DeformableQuery& q, int64_t head, int64_t begin, int64_t count,
                            float largest, float* out) {
  const int64_t first = head * q.levels * q.points + begin;
  alignas(64) float power[kSampleChunk];
  float total = 0.0f;
  for_each_vec(count, [&](int64_t i, auto lanes) {
    const Vec e = keep(exp(load(q.logits + first + i, lanes) - broadcast(largest)), lanes);
    store(power + i, e);
    total += reduce_add(e);
  });
  WeightedCells cells;
  for (int64_t s = 0; s < count; s++) {
    const SampleMap& map = q.maps[(begin + s) / q.points];
    const float* offset = q.offsets + (first + s) * 2;
    const float x = q.reference[0] * static_cast<float>(map.width) + offset[0] - 0.5f;
    const float y = q.reference[1] * static_cast<float>(map.height) + offset[1] - 0.5f;
    add_cells(q.value + head * q.dim, q.stride, map, x, y, power[s], cells);
  }
  constexpr int kVecs = 128 / kLanes > 8 ? 8 : 128 / kLanes;
  int64_t c = 0;
  for (; c + kVecs * kLanes <= q.dim; c += kVecs * kLanes) add_values<kVecs>(cells, c, AllLanes{}, out);
  for_each_vec(q.dim - c, [&](int64_t i, auto lanes) { add_values<1>(cells, c + i, lanes, out); });
  return total;
}

static void deformable_sample(const DeformableQuery& q, float* out) {
  const int64_t samples = q.levels * q.points;
  for (int64_t head = 0; head < q.heads; head++, out += q.dim) {
    const float* logits = q.logits + head * samples;
    float largest = logits[0];
    for (int64_t s = 1; s < samples; s++) largest = logits[s] > largest ? logits[s] : largest;
    for_each_vec(q.dim, [&](int64_t i, auto lanes) { store(out + i, zero(), lanes); });
    float total = 0.0f;
    for (int64_t s = 0; s < samples; s += kSampleChunk) {
      const int64_t count = samples - s < kSampleChunk ? samples - s : kSampleChunk;
      total += add_samples(q, head, s, count, largest, out);
    }
    for_each_vec(q.dim, [&](int64_t i, auto lanes) {
      store(out + i, load(out + i, lanes) / broadcast(total), lanes);
    });
  }
}

const DeformableKernels deformable_kernels = {deformable_sample};

}  // namespace honeybee::cpu::HB_ISA
#endif
