#pragma once
#include "cuda/values.h"

/// Softmax over keys that come in tiles. Each tile gives a part of its own (largest score m, Σ 2^(s - m),
/// Σ 2^(s - m) v), and a row's result is the fold of its parts from position 0 on. A part depends on its tile
/// alone, so a row has the same bits whether one block folds its tiles or several blocks share them, and
/// whatever else is computed at the same time. Scores are in units of log 2: scaled by log2(e) beforehand.
namespace honeybee::cuda {

/// Keys of a part; tiles begin at multiples of it.
inline constexpr int kTileKeys = 64;

inline constexpr float kLog2E = 1.44269504088896341f;

/// How much of the sums so far, and of the part's, goes into the new sums.
struct Fold {
  float keep;
  float take;
};

/// What to subtract from scores before 2^: their maximum, or anything if all are masked.
__device__ __forceinline__ float score_origin(float largest) { return largest == -INFINITY ? 0.0f : largest; }

/// Raises `largest` to the part's maximum. Both may be -infinity (nothing seen).
__device__ __forceinline__ Fold raise(float& largest, float part) {
  const float next = fmaxf(largest, part);
  const float origin = score_origin(next);
  const Fold fold{exp2f(largest - origin), exp2f(part - origin)};
  largest = next;
  return fold;
}

/// Rounded alike wherever it is inlined.
__device__ __forceinline__ float folded(const Fold& fold, float sum, float part) {
  return fmaf(fold.take, part, __fmul_rn(fold.keep, sum));
}

}  // namespace honeybee::cuda
