// The two products of attention over blocks of keys, q kᵀ and p v, for kernel files; see attention_kernels.h.
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

// Keys and values that a load makes floats: of f32, and of int8, whose scales join the scores and, those of
// values, the probabilities.
struct F32Lanes {
  static constexpr KeyFormat kFormat = KeyFormat::kF32;
  static constexpr int64_t kLaneBytes = 4;  // of a key in a row of K, and of a dimension in a row of V
  HB_INLINE static Vec lanes(const char* p) { return load(reinterpret_cast<const float*>(p)); }
};
struct Int8Lanes {
  static constexpr KeyFormat kFormat = KeyFormat::kInt8;
  static constexpr int64_t kLaneBytes = 1;
  HB_INLINE static Vec lanes(const char* p) { return load_i8(p); }
};

// Blocks of such. `Element` is what queries and probabilities are kept as.
template <class Format>
struct LaneBlocks : Format {
  using Element = float;
  using Format::kLaneBytes;
  using Format::lanes;

  HB_INLINE static int64_t query_stride(const KeyLayout& layout) { return layout.padded_dim; }
  HB_INLINE static void store_element(float* p, Vec v) { store(p, v); }

  // sums[r][j] += q[r][step] · key vector j
  template <int rows, int vecs>
  HB_INLINE static void score_step(const float* q, int64_t q_stride, const char* const (&keys)[vecs],
                                   int64_t step, Vec (&sums)[rows][vecs]) {
    Vec k[vecs];
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) k[j] = lanes(keys[j] + step * kKeyBlock * kLaneBytes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const Vec x = broadcast(q[r * q_stride + step]);
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) sums[r][j] = fma(x, k[j], sums[r][j]);
    }
  }

  // sums[r][j] += p[r][key] · value vector j, over `keys` keys of one block
  template <int rows, int vecs>
  HB_INLINE static void value_block(const float* p, const char* values, int64_t keys, int64_t padded_dim,
                                    Vec (&sums)[rows][vecs]) {
    for (int64_t key = 0; key < keys; key++, values += padded_dim * kLaneBytes) {
      Vec value[vecs];
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) value[j] = lanes(values + j * kLanes * kLaneBytes);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        const Vec x = broadcast(p[r * kKeyRange + key]);
#pragma GCC unroll 8
        for (int j = 0; j < vecs; j++) sums[r][j] = fma(x, value[j], sums[r][j]);
      }
    }
  }
};
using F32Blocks = LaneBlocks<F32Lanes>;
using Int8Blocks = LaneBlocks<Int8Lanes>;

// Blocks of bf16 that are widened on the way.
struct Bf16Blocks {
  using Element = float;
  static constexpr KeyFormat kFormat = KeyFormat::kBf16;
  static constexpr int64_t kLaneBytes = 4;

  HB_INLINE static int64_t query_stride(const KeyLayout& layout) { return layout.padded_dim; }
  HB_INLINE static void store_element(float* p, Vec v) { store(p, v); }

  template <int rows, int vecs>
  HB_INLINE static void score_step(const float* q, int64_t q_stride, const char* const (&keys)[vecs],
                                   int64_t step, Vec (&sums)[rows][vecs]) {
    Vec k_even[vecs];
    Vec k_odd[vecs];
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) {
      const Pairs k = load_pairs(reinterpret_cast<const uint16_t*>(keys[j] + step * 64));
      k_even[j] = even(k);
      k_odd[j] = odd(k);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const Vec x = broadcast(q[r * q_stride + 2 * step]);
      const Vec y = broadcast(q[r * q_stride + 2 * step + 1]);
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) sums[r][j] = fma(y, k_odd[j], fma(x, k_even[j], sums[r][j]));
    }
  }

  template <int rows, int vecs>
  HB_INLINE static void value_block(const float* p, const char* values, int64_t keys, int64_t padded_dim,
                                    Vec (&sums)[rows][vecs]) {
    const auto* v = reinterpret_cast<const uint16_t*>(values);
    for (int64_t key = 0; key < keys; key += 2, v += 2 * padded_dim) {
      const bool whole = key + 1 < keys;  // else the second key of the pair was never written
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) {
        const Pairs pair = load_pairs(v + j * 2 * kLanes);
        const Vec v_even = even(pair);
        const Vec v_odd = whole ? odd(pair) : zero();
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
          sums[r][j] = fma(broadcast(p[r * kKeyRange + key + 1]), v_odd,
                           fma(broadcast(p[r * kKeyRange + key]), v_even, sums[r][j]));
        }
      }
    }
  }
};

// The scales of the `first` … keys of a block of int8, of its keys (part 0) or values (1).
HB_INLINE Vec block_scales(const char* block, const KeyLayout& layout, int part, int64_t first) {
  return load(reinterpret_cast<const float*>(block + layout.scales_at) + part * kKeyBlock + first);
}

// Processors with tiles have the dot instruction at half the rate of the float one, so it is left out there.
#if defined(__AVX512BF16__) && !defined(__AMX_TILE__)
#define HB_DOT_BLOCKS
// Blocks of bf16 against queries and probabilities rounded to bf16.
struct Bf16DotBlocks {
  using Element = uint16_t;
  static constexpr KeyFormat kFormat = KeyFormat::kBf16;
  static constexpr int64_t kLaneBytes = 4;

  HB_INLINE static int64_t query_stride(const KeyLayout& layout) { return layout.padded_dim; }
  // The instruction takes subnormal values for zero, as the products do.
  HB_INLINE static void store_element(uint16_t* p, Vec v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }

  template <int rows, int vecs>
  HB_INLINE static void score_step(const uint16_t* q, int64_t q_stride, const char* const (&keys)[vecs],
                                   int64_t step, Vec (&sums)[rows][vecs]) {
    Pairs k[vecs];
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) k[j] = load_pairs(reinterpret_cast<const uint16_t*>(keys[j] + step * 64));
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const Pairs x = broadcast_pair(q + r * q_stride + 2 * step);
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) sums[r][j] = dot_pairs(k[j], x, sums[r][j]);
    }
  }

  template <int rows, int vecs>
  HB_INLINE static void value_block(const uint16_t* p, const char* values, int64_t keys, int64_t padded_dim,
                                    Vec (&sums)[rows][vecs]) {
    const auto* v = reinterpret_cast<const uint16_t*>(values);
    int64_t key = 0;
    for (; key + 1 < keys; key += 2, v += 2 * padded_dim) {
      Pairs value[vecs];
#pragma GCC unroll 8
      for (int j = 0; j < vecs; j++) value[j] = load_pairs(v + j * 2 * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        const Pairs x = broadcast_pair(p + r * kKeyRange + key);
#pragma GCC unroll 8
        for (int j = 0; j < vecs; j++) sums[r][j] = dot_pairs(value[j], x, sums[r][j]);
      }
    }
    if (key == keys) return;
    for (int j = 0; j < vecs; j++) {
      const Vec last = even(load_pairs(v + j * 2 * kLanes));  // its partner was never written
      for (int r = 0; r < rows; r++) {
        sums[r][j] = fma(even(broadcast_pair(p + r * kKeyRange + key)), last, sums[r][j]);
      }
    }
  }
};
#endif

// Vectors beside each of `rows` queries that keep the sums of a tile in registers.
constexpr int tile_vecs(int rows) {
#ifdef __AVX512F__
  return rows == 8 ? 2 : rows == 4 ? 4 : rows == 2 ? 4 : 8;
#else
  return rows == 8 ? 1 : rows == 4 ? 2 : 4;
#endif
}

template <class Format, int rows, int vecs>
HB_INLINE void score_vecs(const typename Format::Element* q, int64_t q_stride, const char* const* block,
                          int64_t first, const KeyLayout& layout, float scale, float* scores) {
  const char* keys[vecs];
  for (int j = 0; j < vecs; j++) {
    const int64_t key = first + j * kLanes;
    keys[j] = block[key / kKeyBlock] + key % kKeyBlock * Format::kLaneBytes;
  }
  Vec sums[rows][vecs];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) sums[r][j] = zero();
  }
  for (int64_t step = 0; step < layout.steps; step++) Format::score_step(q, q_stride, keys, step, sums);
#pragma GCC unroll 8
  for (int j = 0; j < vecs; j++) {
    const int64_t key = first + j * kLanes;
    Vec scales = broadcast(scale);
    if constexpr (Format::kFormat == KeyFormat::kInt8)
      scales = scales * block_scales(block[key / kKeyBlock], layout, 0, key % kKeyBlock);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) store(scores + r * kKeyRange + key, sums[r][j] * scales);
  }
}

/// scores [rows][kKeyRange] = scale · q kᵀ for `keys` keys, a multiple of kKeyBlock.
template <class Format, int rows>
HB_INLINE void score_keys(const typename Format::Element* q, int64_t q_stride, const char* const* block,
                          int64_t keys, const KeyLayout& layout, float scale, float* scores) {
  constexpr int kVecs = tile_vecs(rows);
  int64_t key = 0;
  for (; key + kVecs * kLanes <= keys; key += kVecs * kLanes) {
    score_vecs<Format, rows, kVecs>(q, q_stride, block, key, layout, scale, scores);
  }
  for (; key < keys; key += kLanes) {
    score_vecs<Format, rows, 1>(q, q_stride, block, key, layout, scale, scores);
  }
}

template <class Format, int rows, int vecs>
HB_INLINE void weigh_vecs(const typename Format::Element* p, const char* const* block, int64_t keys,
                          const KeyLayout& layout, int64_t first, float* out, int64_t out_stride) {
  Vec sums[rows][vecs];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) sums[r][j] = zero();
  }
  for (int64_t key = 0; key < keys; key += kKeyBlock) {
    const int64_t count = keys - key < kKeyBlock ? keys - key : kKeyBlock;
    Format::value_block(p + key, block[key / kKeyBlock] + layout.values_at + first * Format::kLaneBytes,
                        count, layout.padded_dim, sums);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
    for (int j = 0; j < vecs; j++) store(out + r * out_stride + first + j * kLanes, sums[r][j]);
  }
}

/// out [rows][padded_dim] = p v over `keys` keys; p [rows][kKeyRange].
template <class Format, int rows>
HB_INLINE void weigh_values(const typename Format::Element* p, const char* const* block, int64_t keys,
                            const KeyLayout& layout, float* out, int64_t out_stride) {
  constexpr int kVecs = tile_vecs(rows);
  int64_t c = 0;
  for (; c + kVecs * kLanes <= layout.padded_dim; c += kVecs * kLanes) {
    weigh_vecs<Format, rows, kVecs>(p, block, keys, layout, c, out, out_stride);
  }
  for (; c < layout.padded_dim; c += kLanes) {
    weigh_vecs<Format, rows, 1>(p, block, keys, layout, c, out, out_stride);
  }
}

}  // namespace honeybee::cpu::HB_ISA
