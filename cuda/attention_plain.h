#pragma once
#include "cuda/packed.h"
#include "cuda/softmax_fold.h"
#include "cuda/stored_row.h"
#include "cuda/warp.h"

/// Attention in float for any head dimension, the twin of attention_tile.h without tensor cores.
namespace honeybee::cuda {

/// The attention of 16 queries in one block of eight warps, two rows a warp. Keys and values, stored as C,
/// become floats in shared memory. A lane scores keys lane and lane + 32 of a tile and sums columns lane,
/// lane + 32, … The members mean what they mean in TensorTile.
template <class C>
class [[gnu::visibility("default")]] PlainTile {
 public:
  using Key = C;
  static constexpr int kThreads = 256;
  static constexpr int kRows = 16;
  static constexpr int kMaxDim = 256;

  static size_t shared_bytes(int dim, int /*stages*/) {
    return sizeof(float) * static_cast<size_t>(kTileKeys * (2 * dim + 1) + kRows * (dim + kTileKeys));
  }

  __device__ PlainTile(unsigned char* shared, int dim)
      : dim_(dim),
        keys_(reinterpret_cast<float*>(shared)),
        values_(keys_ + kTileKeys * (dim + 1)),
        queries_(values_ + kTileKeys * dim),
        powers_of_tile_(queries_ + kRows * dim) {}

  template <class Load>
  __device__ __forceinline__ void load_queries(int count, Load load) {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * dim_; i += kThreads) {
      const int row = i / dim_;
      queries_[i] = row < count ? load.template operator()<1>(row, i % dim_).values[0] : 0.0f;
    }
  }

  template <class Source, class KeysOf>
  __device__ __forceinline__ void attend(const Source& source, int begin, int end, float scale,
                                         KeysOf keys_of) {
    int limits[kRowsOfWarp];
    int longest = 0;
    for (int r = 0; r < kRowsOfWarp; r++) {
      limits[r] = keys_of(first_row() + r);
      longest = max(longest, limits[r]);
    }
    for (int first = begin; first < end; first += kTileKeys) {
      __syncthreads();  // all warps are done with the tile before
      fetch(source, first, end);
      __syncthreads();
      if (first < longest) take(first, min(kTileKeys, longest - first), scale, limits);
    }
  }

  template <class Visit>
  __device__ __forceinline__ void each_row(Visit visit) const {
    if (lane() != 0) return;
    for (int r = 0; r < kRowsOfWarp; r++) visit(first_row() + r, powers_[r], largest_[r]);
  }

  template <class Visit>
  __device__ __forceinline__ void each_value(Visit visit) const {
#pragma unroll
    for (int c = 0; c < kColumns; c++) {
      if (column(c) >= dim_) continue;
      for (int r = 0; r < kRowsOfWarp; r++)
        visit(first_row() + r, column(c), Chunk<1>{{sums_[r][c]}}, powers_[r]);
    }
  }

 private:
  static constexpr int kWarps = kThreads / 32;
  static constexpr int kRowsOfWarp = kRows / kWarps;
  static constexpr int kColumns = kMaxDim / 32;

  static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
  static __device__ __forceinline__ int warp() { return static_cast<int>(threadIdx.x) / 32; }
  static __device__ __forceinline__ int first_row() { return warp() * kRowsOfWarp; }
  static __device__ __forceinline__ int column(int c) { return 32 * c + lane(); }

  template <class Source>
  __device__ __forceinline__ void fetch(const Source& source, int first, int end) {
    for (int g = 0; g < kTileKeys / 16; g++) {
      const int64_t group = first + 16 * g < end ? source.group(first / 16 + g) : 0;
      for (int r = warp(); r < 16; r += kWarps) {
        const int key = 16 * g + r;
        const bool there = first + key < end;
        const StoredRow<C> k(source.keys + group, source.row_stride, r, there);
        const StoredRow<C> v(source.values + group, source.row_stride, r, there);
#pragma unroll
        for (int c = 0; c < kColumns; c++) {
          if (column(c) >= dim_) continue;
          keys_[key * (dim_ + 1) + column(c)] = k.value(column(c));
          values_[key * dim_ + column(c)] = v.value(column(c));
        }
      }
    }
  }

  // Powers of two of this warp's rows against the tile go to shared memory, what they add up to into `folds`.
  __device__ __forceinline__ void score(int first, float scale, const int (&limits)[kRowsOfWarp],
                                        Fold (&folds)[kRowsOfWarp]) {
    float scores[kRowsOfWarp][2] = {};
    const float* const near = keys_ + lane() * (dim_ + 1);
    const float* const far = near + 32 * (dim_ + 1);
    for (int i = 0; i < dim_; i++) {
      for (int r = 0; r < kRowsOfWarp; r++) {
        const float q = queries_[(first_row() + r) * dim_ + i];
        scores[r][0] = fmaf(q, near[i], scores[r][0]);
        scores[r][1] = fmaf(q, far[i], scores[r][1]);
      }
    }
    for (int r = 0; r < kRowsOfWarp; r++) {
      for (int k = 0; k < 2; k++) {
        const int key = first + lane() + 32 * k;
        scores[r][k] = key < limits[r] ? __fmul_rn(scores[r][k], scale) : -INFINITY;
      }
      const float largest = warp_max(fmaxf(scores[r][0], scores[r][1]));
      float* const powers = powers_of_tile_ + (first_row() + r) * kTileKeys;
      for (int k = 0; k < 2; k++) {
        scores[r][k] = exp2f(scores[r][k] - score_origin(largest));
        powers[lane() + 32 * k] = scores[r][k];
      }
      folds[r] = raise(largest_[r], largest);
      powers_[r] = folded(folds[r], powers_[r], warp_sum(scores[r][0] + scores[r][1]));
    }
    __syncwarp();
  }

  // `count` keys of the tile; what follows is masked for all rows of the warp.
  __device__ __forceinline__ void take(int first, int count, float scale, const int (&limits)[kRowsOfWarp]) {
    Fold folds[kRowsOfWarp];
    score(first, scale, limits, folds);
    float parts[kRowsOfWarp][kColumns] = {};
    for (int key = 0; key < count; key++) {
#pragma unroll
      for (int c = 0; c < kColumns; c++) {
        if (column(c) >= dim_) continue;
        const float v = values_[key * dim_ + column(c)];
        for (int r = 0; r < kRowsOfWarp; r++)
          parts[r][c] = fmaf(powers_of_tile_[(first_row() + r) * kTileKeys + key], v, parts[r][c]);
      }
    }
    for (int r = 0; r < kRowsOfWarp; r++) {
#pragma unroll
      for (int c = 0; c < kColumns; c++) sums_[r][c] = folded(folds[r], sums_[r][c], parts[r][c]);
    }
  }

  int dim_;
  float* keys_;            // [kTileKeys][dim + 1]: lanes read neighbouring keys from different banks
  float* values_;          // [kTileKeys][dim]
  float* queries_;         // [kRows][dim]
  float* powers_of_tile_;  // [kRows][kTileKeys]
  float sums_[kRowsOfWarp][kColumns] = {};
  float powers_[kRowsOfWarp] = {};
  float largest_[kRowsOfWarp] = {-INFINITY, -INFINITY};
};

}  // namespace honeybee::cuda
