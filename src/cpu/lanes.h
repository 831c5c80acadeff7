#pragma once
#include "cpu/vec.h"

/// Loops over arrays of any length in vectors, for kernel files; see vec.h.
namespace honeybee::cpu::HB_ISA {

struct AllLanes {};
struct FirstLanes {
  int count;
};

HB_INLINE Vec load(const float* p, AllLanes) { return load(p); }
HB_INLINE Vec load(const float* p, FirstLanes lanes) { return load_n(p, lanes.count); }
HB_INLINE void store(float* p, Vec v, AllLanes) { store(p, v); }
HB_INLINE void store(float* p, Vec v, FirstLanes lanes) { store_n(p, v, lanes.count); }

alignas(64) inline constexpr float kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/// `v` in the first `count` lanes, `other` in the rest.
HB_INLINE Vec keep_first(Vec v, int count, Vec other) {
  return select_less(load(kLaneIndex), broadcast(static_cast<float>(count)), v, other);
}
HB_INLINE Vec keep(Vec v, AllLanes) { return v; }
HB_INLINE Vec keep(Vec v, FirstLanes lanes) { return keep_first(v, lanes.count, zero()); }

/// Calls body(i, lanes) for i = 0, kLanes, 2·kLanes, …; the last call covers the rest of `count`.
template <class Body>
HB_INLINE void for_each_vec(int64_t count, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, AllLanes{});
  if (i < count) body(i, FirstLanes{static_cast<int>(count - i)});
}

/// The sum over i of term(i, lanes), a Vec whose lanes beyond `count` are zero. Four partial sums hide the
/// latency of the addition.
template <class Term>
HB_INLINE float sum_vecs(int64_t count, Term term) {
  Vec sums[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int j = 0; j < 4; j++) sums[j] = sums[j] + term(i + j * kLanes, AllLanes{});
  }
  for (; i + kLanes <= count; i += kLanes) sums[0] = sums[0] + term(i, AllLanes{});
  if (i < count) sums[1] = sums[1] + term(i, FirstLanes{static_cast<int>(count - i)});
  return reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace honeybee::cpu::HB_ISA
