#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "core/tensor.h"
#include "cpu/cpu.h"

namespace honeybee::cpu {

/// Elements that make a piece of work worth handing to another thread: some microseconds of memory traffic.
inline constexpr int64_t kGrain = 8192;

/// Throws Error(kOption) naming the operation and the tensor unless all are f32, the only dtype activations
/// have on this backend.
inline void require_f32(const char* op, std::initializer_list<const Tensor*> tensors) {
  for (const Tensor* t : tensors) {
    require(t->dtype == Dtype::kF32, ErrorCode::kOption, op, ": activations on the CPU are f32, got ",
            t->describe());
  }
}

/// Calls fn(row) for each of `rows` rows of about `cols` elements of work, on all threads.
template <class Fn>
void for_each_row(Cpu& cpu, int64_t rows, int64_t cols, Fn fn) {
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, cols));
  cpu.pool.parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) fn(r);
  });
}

/// Calls fn(row, begin, count) for pieces that cover a rows × cols view, on all threads. Views without gaps
/// are cut as one long row.
template <class Fn>
void for_each_span(Cpu& cpu, int64_t rows, int64_t cols, bool contiguous, Fn fn) {
  if (!contiguous) return for_each_row(cpu, rows, cols, [&](int64_t r) { fn(r, int64_t{0}, cols); });
  cpu.pool.parallel_for(0, rows * cols, kGrain,
                        [&](int64_t begin, int64_t end) { fn(int64_t{0}, begin, end - begin); });
}

}  // namespace honeybee::cpu
