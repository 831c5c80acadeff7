#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Keys and values of one head lie in blocks of this many positions, in the cache as in the scratch copy of
/// plain attention: first the keys, so that one vector holds one dimension of neighbouring keys, then the
/// values, so that one vector holds neighbouring dimensions of one key:
///   f32    K [dim][16]          V [16][padded_dim]
///   bf16   K [dim / 2][16][2]   V [8][padded_dim][2]   (pairs of dimensions; pairs of keys)
///   int8   K [dim][16]          V [16][padded_dim], then the scales of 16 keys and of 16 values in f32
inline constexpr int64_t kKeyBlock = 16;

enum class KeyFormat : uint8_t { kF32, kBf16, kInt8 };

/// Where the parts of a block are, in bytes. Dimensions are padded for whole vectors of every instruction
/// set.
struct KeyLayout {
  constexpr KeyLayout(int64_t head_dim, KeyFormat format)
      : dim(head_dim),
        padded_dim((head_dim + 15) / 16 * 16),
        steps(format == KeyFormat::kBf16 ? (head_dim + 1) / 2 : head_dim),
        values_at(format == KeyFormat::kInt8 ? padded_dim * kKeyBlock : steps * kKeyBlock * 4),
        scales_at(values_at + kKeyBlock * padded_dim * value_size(format)),
        bytes(format == KeyFormat::kInt8 ? scales_at + 2 * kKeyBlock * 4 : scales_at) {}

  static constexpr int64_t value_size(KeyFormat format) {
    return format == KeyFormat::kInt8 ? 1 : format == KeyFormat::kBf16 ? 2 : 4;
  }

  int64_t dim;
  int64_t padded_dim;
  int64_t steps;      ///< rows of K: dimensions, or pairs of them
  int64_t values_at;  ///< offset of V
  int64_t scales_at;  ///< offset of the scales of int8
  int64_t bytes;      ///< of one block; a multiple of 64
};

/// Queries that are computed together. They share their keys: rows of one head or of the heads of a group.
inline constexpr int kQueryTile = 8;

/// Keys whose softmax is computed at once. Longer rows combine their ranges in order, so the result of a
/// query depends on the ranges (which begin at position 0) and on nothing else.
inline constexpr int64_t kKeyRange = 256;

struct QueryTile {
  const float* q[kQueryTile];
  float* out[kQueryTile];
  int64_t keys[kQueryTile];  ///< the query attends to positions 0 … keys - 1; at least 1
  int count;
};

struct KeyBlocks {
  const char* first;     ///< block 0 of this head
  int64_t stride;        ///< bytes from one block to the next
  const int32_t* table;  ///< block numbers by position / 16; null: 0, 1, 2, …
};

/// Floats of one partial result of a tile: per query padded_dim sums, the maximum and the sum of powers.
constexpr int64_t partial_size(int64_t padded_dim) { return kQueryTile * (padded_dim + 16); }
/// Floats of working memory of one thread.
constexpr int64_t attention_work_size(int64_t padded_dim) {
  return kQueryTile * (padded_dim + 2 * kKeyRange) + 2 * partial_size(padded_dim);
}

/// How a tile of queries attends to blocks of one dtype.
struct AttendKernels {
  /// All of a tile's keys.
  void (*attend)(const QueryTile& tile, const KeyBlocks& blocks, int64_t dim, float scale, float* work);
  /// One range only; `combine` turns the partial results of all ranges, in order, into the same bits.
  void (*attend_range)(const QueryTile& tile, const KeyBlocks& blocks, int64_t dim, float scale,
                       int64_t range, float* work, float* partial);
};

struct AttentionKernels {
  AttendKernels f32;
  AttendKernels bf16;      ///< queries and probabilities stay f32
  AttendKernels bf16_dot;  ///< both rounded to bf16 for the dot instruction; null without it
  AttendKernels int8;      ///< queries and probabilities stay f32
  void (*combine)(const QueryTile& tile, int64_t dim, const float* partials, int64_t ranges, float* work);
  /// Writes one key and value [dim] to position `slot` of a block.
  using Append = void (*)(const float* k, const float* v, int64_t dim, int64_t slot, char* block);
  Append append_f32;
  Append append_bf16;
  Append append_int8;  ///< codes of ±127; scale = max |x| / 127, NaN if a value is not finite
  /// x [dim] rotated by cos_sin [dim]: dim / 2 cosines, then sines. y may be x.
  void (*rope)(const float* x, const float* cos_sin, int64_t dim, float* y);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(AttentionKernels, attention_kernels)

#ifdef HB_ISA
#include "cpu/attention_tile.h"
#endif
