#pragma once
#include <cstdint>

namespace honeybee::cpu {

/// target[c][r] = source[r][c] for 32-bit elements, strides in elements; rows and cols are multiples of 4.
inline void transpose_words(const uint32_t* source, int64_t source_stride, int64_t rows, int64_t cols,
                            uint32_t* target, int64_t target_stride) {
  using Quad = uint32_t __attribute__((vector_size(16)));
  const auto load = [](const uint32_t* p) {
    Quad v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  };
  const auto store = [](uint32_t* p, Quad v) { __builtin_memcpy(p, &v, sizeof v); };
  for (int64_t c = 0; c < cols; c += 4) {
    for (int64_t r = 0; r < rows; r += 4) {
      const uint32_t* const from = source + r * source_stride + c;
      const Quad a = load(from);
      const Quad b = load(from + source_stride);
      const Quad d = load(from + 2 * source_stride);
      const Quad e = load(from + 3 * source_stride);
      const Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const Quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Quad de_low = __builtin_shufflevector(d, e, 0, 4, 1, 5);
      const Quad de_high = __builtin_shufflevector(d, e, 2, 6, 3, 7);
      uint32_t* const to = target + c * target_stride + r;
      store(to, __builtin_shufflevector(ab_low, de_low, 0, 1, 4, 5));
      store(to + target_stride, __builtin_shufflevector(ab_low, de_low, 2, 3, 6, 7));
      store(to + 2 * target_stride, __builtin_shufflevector(ab_high, de_high, 0, 1, 4, 5));
      store(to + 3 * target_stride, __builtin_shufflevector(ab_high, de_high, 2, 3, 6, 7));
    }
  }
}

}  // namespace honeybee::cpu
