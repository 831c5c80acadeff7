#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "tensor_core.h"

/// The twins of the device's PTX wrappers; see there for what each does.
namespace honeybee::cuda {

inline uint32_t shared_address(const void* pointer, SIMT_HERE) { return simt::shared_offset(pointer, where); }

/// `target` reads as NaN from now until the wait; `source` is read at the wait.
inline void cp_async_16(void* target, const void* source, bool valid = true, SIMT_HERE) {
  simt::async_copy(target, valid ? source : nullptr, where);
}

inline void cp_async_commit() { simt::async_commit(); }

template <int kPending>
inline void cp_async_wait() {
  simt::async_wait(kPending);
}

inline void ldmatrix_x4(uint32_t (&registers)[4], const void* row, SIMT_HERE) {
  simt::ldmatrix(registers, row, false, where);
}

inline void ldmatrix_x4_transposed(uint32_t (&registers)[4], const void* row, SIMT_HERE) {
  simt::ldmatrix(registers, row, true, where);
}

inline void mma_16816(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __nv_bfloat16,
                      SIMT_HERE) {
  simt::mma_bf16(c, a, b0, b1, where);
}

inline void mma_16816(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __half, SIMT_HERE) {
  simt::mma_f16(c, a, b0, b1, where);
}

}  // namespace honeybee::cuda
