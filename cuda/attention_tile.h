#pragma once
#include "cuda/packed.h"
#include "cuda/softmax_fold.h"
#include "cuda/stored_row.h"
#include "cuda/warp.h"
#include "device/ptx.h"

/// Attention on tensor cores: tiles of 16 queries a warp against tiles of kTileKeys keys in shared memory.
namespace honeybee::cuda {

/// Where 16-byte chunk `chunk` of a row lies in a tile whose rows have kDim 16-bit values (a power of two, at
/// least 64): the exclusive-or spreads the eight rows that ldmatrix reads at once over all banks. Hence
/// swizzled(row, a ^ b) == swizzled(row, a) ^ 8 * b, so that a lane's places are one exclusive-or apart.
template <int kDim>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kDim + ((chunk ^ (row % 8)) * 8);
}

__device__ __forceinline__ uint32_t packed_pair(float low, float high, __nv_bfloat16 /*type*/) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
__device__ __forceinline__ uint32_t packed_pair(float low, float high, __half /*type*/) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

/// The attention of 16·kWarps queries in one block, one object a thread. `C` is what keys and values are
/// stored as: bf16, f16 or codes, which become bf16. Queries and probabilities are rounded to the same dtype;
/// sums are float. Head dimensions are multiples of 16 up to kDim (64, 128 or 256). A lane holds rows lane /
/// 4 and lane / 4 + 8 of its warp, and of each eight columns the two that begin at 2·(lane % 4), as mma_16816
/// has them. Visible, so that kernels made with it have a symbol by which the simulator names them.
template <class C, int kDim, int kWarps>
class [[gnu::visibility("default")]] TensorTile {
 public:
  using Key = C;
  using Factor = FactorOf<C>;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kRows = 16 * kWarps;

  /// `stages`: 2 to load a tile of keys while another is computed, 1 if there is only one.
  static size_t shared_bytes(int /*dim*/, int stages) {
    return sizeof(Factor) * kDim * static_cast<size_t>(kRows + 2 * kTileKeys * stages);
  }

  __device__ TensorTile(unsigned char* shared, int dim)
      : dim_(dim), queries_(reinterpret_cast<Factor*>(shared)), keys_(queries_ + kRows * kDim) {}

  /// load.operator()<8>(row, column) gives neighbouring values of the first `count` rows.
  template <class Load>
  __device__ __forceinline__ void load_queries(int count, Load load) {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kThreads) {
      const int row = i / kChunks;
      const int chunk = i % kChunks;
      if (chunk * 8 >= dim_) continue;
      const Chunk<8> values = row < count ? load.template operator()<8>(row, chunk * 8) : Chunk<8> {};
      store_packed(queries_ + swizzled<kDim>(row, chunk), values);
    }
  }

  /// Takes keys begin … end - 1; `begin` is a multiple of kTileKeys. `source` has `keys`, `values`,
  /// `row_stride` and group(g), the offset of rows 16·g … 16·g + 15 in both. keys_of(row) is how many keys,
  /// from position 0, a row attends to; `scale` includes log2(e).
  template <class Source, class KeysOf>
  __device__ __forceinline__ void attend(const Source& source, int begin, int end, float scale,
                                         KeysOf keys_of) {
    const int row = first_row();
    const int limits[2] = {keys_of(row), keys_of(row + 8)};
    int longest = max(limits[0], limits[1]);
    for (int offset = 16; offset >= 4; offset >>= 1)
      longest = max(longest, __shfl_xor_sync(kAllLanes, longest, offset));
    fetch(source, begin, end, 0);
    int stage = 0;
    for (int first = begin; first < end; first += kTileKeys, stage ^= 1) {
      cp_async_wait<0>();
      __syncthreads();
      if (first + kTileKeys < end) fetch(source, first + kTileKeys, end, stage ^ 1);
      if (first < longest) take(stage, first, scale, limits);
    }
  }

  /// visit(row, sum of powers, largest score) once for each row, by one of its lanes.
  template <class Visit>
  __device__ __forceinline__ void each_row(Visit visit) const {
    if (threadIdx.x % 4 != 0) return;
    for (int half = 0; half < 2; half++) visit(first_row() + 8 * half, powers_[half], largest_[half]);
  }

  /// visit(row, column, Chunk<2> of weighted values, sum of powers) for what this thread holds.
  template <class Visit>
  __device__ __forceinline__ void each_value(Visit visit) const {
#pragma unroll
    for (int n = 0; n < kColumns; n++) {
      if (n * 8 >= dim_) continue;
      const int column = n * 8 + static_cast<int>(threadIdx.x) % 4 * 2;
      for (int half = 0; half < 2; half++)
        visit(first_row() + 8 * half, column, Chunk<2>{{sums_[n][2 * half], sums_[n][2 * half + 1]}},
              powers_[half]);
    }
  }

 private:
  static constexpr int kChunks = kDim / 8;   // 16 bytes each, in a row of shared memory
  static constexpr int kColumns = kDim / 8;  // fragments of 8 columns
  static constexpr int kKeySteps = kTileKeys / 16;
  static constexpr int kTile = kTileKeys * kDim;

  static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
  static __device__ __forceinline__ int first_row() {
    return static_cast<int>(threadIdx.x) / 32 * 16 + lane() / 4;
  }
  __device__ __forceinline__ Factor* stage_keys(int stage) const { return keys_ + 2 * stage * kTile; }

  // Starts the copies of one tile of keys and values, zeros from `end` on.
  template <class Source>
  __device__ __forceinline__ void fetch(const Source& source, int first, int end, int stage) {
    constexpr int kRowsAtOnce = kThreads / kChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kChunks;
    Factor* const keys = stage_keys(stage);
    int64_t groups[kKeySteps];
    for (int g = 0; g < kKeySteps; g++) groups[g] = first + 16 * g < end ? source.group(first / 16 + g) : 0;
    if (chunk * 8 < dim_) {
#pragma unroll
      for (int g = 0; g < kKeySteps; g++) {
#pragma unroll
        for (int r = static_cast<int>(threadIdx.x) / kChunks; r < 16; r += kRowsAtOnce) {
          const bool there = first + 16 * g + r < end;
          const int to = swizzled<kDim>(16 * g + r, chunk);
          const StoredRow<C> k(source.keys + groups[g], source.row_stride, r, there);
          const StoredRow<C> v(source.values + groups[g], source.row_stride, r, there);
          k.fetch(chunk * 8, keys + to);
          v.fetch(chunk * 8, keys + kTile + to);
        }
      }
    }
    cp_async_commit();
  }

  // scores [16, kTileKeys] of this warp: q kᵀ.
  __device__ __forceinline__ void multiply_keys(const Factor* keys, float (&scores)[2 * kKeySteps][4]) const {
    const Factor* const queries = queries_ + static_cast<int>(threadIdx.x) / 32 * 16 * kDim;
    const int q_at = swizzled<kDim>(lane() % 16, lane() / 16);
    const int k_at = swizzled<kDim>(lane() / 16 * 8 + lane() % 8, lane() / 8 % 2);
#pragma unroll
    for (int column = 0; column < kDim; column += 16) {
      if (column >= dim_) continue;
      uint32_t q[4];
      ldmatrix_x4(q, queries + (q_at ^ column));
#pragma unroll
      for (int g = 0; g < kKeySteps; g++) {
        uint32_t k[4];
        ldmatrix_x4(k, keys + 16 * g * kDim + (k_at ^ column));
        mma_16816(scores[2 * g], q, k[0], k[1], Factor());
        mma_16816(scores[2 * g + 1], q, k[2], k[3], Factor());
      }
    }
  }

  // Scores to powers of two in place, zero where masked; the largest score of each row.
  __device__ __forceinline__ void exponentiate(float (&scores)[2 * kKeySteps][4], int first, float scale,
                                               const int (&limits)[2], float (&largest)[2]) const {
    largest[0] = largest[1] = -INFINITY;
#pragma unroll
    for (int n = 0; n < 2 * kKeySteps; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int key = first + n * 8 + lane() % 4 * 2 + i % 2;
        scores[n][i] = key < limits[i / 2] ? __fmul_rn(scores[n][i], scale) : -INFINITY;
        largest[i / 2] = fmaxf(largest[i / 2], scores[n][i]);
      }
    }
    for (float& value : largest) {
      value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
      value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
    }
#pragma unroll
    for (int n = 0; n < 2 * kKeySteps; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) scores[n][i] = exp2f(scores[n][i] - score_origin(largest[i / 2]));
    }
  }

  // Folds p v into the sums, 32 columns at a time so that few registers hold parts.
  __device__ __forceinline__ void multiply_values(const Factor* values, const uint32_t (&p)[kKeySteps][4],
                                                  const Fold (&folds)[2]) {
    const int v_at = swizzled<kDim>(lane() % 16, lane() / 16);
#pragma unroll
    for (int n = 0; n < kColumns; n += 4) {
      if (n * 8 >= dim_) continue;
      float part[4][4] = {};
#pragma unroll
      for (int g = 0; g < kKeySteps; g++) {
#pragma unroll
        for (int pair = 0; pair < 4; pair += 2) {
          const int column = (n + pair) * 8;
          if (column >= dim_) continue;
          uint32_t v[4];
          ldmatrix_x4_transposed(v, values + 16 * g * kDim + (v_at ^ column));
          mma_16816(part[pair], p[g], v[0], v[1], Factor());
          mma_16816(part[pair + 1], p[g], v[2], v[3], Factor());
        }
      }
#pragma unroll
      for (int i = 0; i < 16; i++) {
        float& sum = sums_[n + i / 4][i % 4];
        sum = folded(folds[i % 4 / 2], sum, part[i / 4][i % 4]);
      }
    }
  }

  __device__ __forceinline__ void take(int stage, int first, float scale, const int (&limits)[2]) {
    float scores[2 * kKeySteps][4] = {};
    multiply_keys(stage_keys(stage), scores);
    float largest[2];
    exponentiate(scores, first, scale, limits, largest);
    // Accumulators of two neighbouring fragments are laid out like a factor of 16 keys.
    uint32_t p[kKeySteps][4];
    for (int g = 0; g < kKeySteps; g++) {
      for (int i = 0; i < 4; i++) {
        const float (&fragment)[4] = scores[2 * g + i / 2];
        p[g][i] = packed_pair(fragment[i % 2 * 2], fragment[i % 2 * 2 + 1], Factor());
      }
    }
    // The sum of the powers as they are after rounding: a column of ones beside the values.
    const uint32_t ones = packed_pair(1.0f, 1.0f, Factor());
    float powers[4] = {};
    for (int g = 0; g < kKeySteps; g++) mma_16816(powers, p[g], ones, ones, Factor());
    Fold folds[2];
    for (int half = 0; half < 2; half++) {
      folds[half] = raise(largest_[half], largest[half]);
      powers_[half] = folded(folds[half], powers_[half], powers[2 * half]);
    }
    multiply_values(stage_keys(stage) + kTile, p, folds);
  }

  int dim_;
  Factor* queries_;  // [kRows][kDim], swizzled
  Factor* keys_;     // [stages][2: keys, values][kTileKeys][kDim], swizzled
  float sums_[kColumns][4] = {};
  float powers_[2] = {};
  float largest_[2] = {-INFINITY, -INFINITY};
};

}  // namespace honeybee::cuda
