#pragma once
#include <cstdint>

#include "collectives.h"

/// What the PTX wrappers of device/ptx.h do on the host.
namespace honeybee::simt {

/// The address of `pointer` within shared memory; a fault if it lies elsewhere.
uint32_t shared_offset(const void* pointer, Where where);

/// 16 bytes from `source` (zeros if null) to shared memory at the wait for this thread's open group.
void async_copy(void* target, const void* source, Where where);
void async_commit();
/// Performs all but the `pending` youngest committed groups.
void async_wait(int pending);

void ldmatrix(uint32_t (&registers)[4], const void* row, bool transposed, Where where);
void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where);
void mma_f16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where);

}  // namespace honeybee::simt
