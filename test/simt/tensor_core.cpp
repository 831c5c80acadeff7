#include "tensor_core.h"

#include <cstring>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "multiprocessor.h"
#include "sanitizers.h"

#ifdef SIMT_TSAN
extern "C" void __tsan_read16(void* address);
#endif

namespace honeybee::simt {

namespace {

struct LdmatrixOperands {
  const void* row;
  uint32_t registers[4];
};

struct MmaOperands {
  uint32_t a[4];
  uint32_t b[2];
  float c[4];
};

template <bool kTransposed>
SIMT_UNTRACED void execute_ldmatrix(Warp& warp, uint32_t /*mask*/) {
  Statistics& statistics = multiprocessor->statistics;
  statistics.ldmatrix++;
  for (int matrix = 0; matrix < 4; matrix++) {
    uint16_t values[8][8];
    unsigned readers[8] = {};  // of each group of four banks
    for (int row = 0; row < 8; row++) {
      const void* source = static_cast<LdmatrixOperands*>(warp.operands[matrix * 8 + row])->row;
      std::memcpy(values[row], source, 16);
      statistics.bank_conflicts += readers[reinterpret_cast<uintptr_t>(source) / 16 % 8]++;
    }
    for (int lane = 0; lane < 32; lane++) {
      const int row = lane / 4, col = lane % 4 * 2;
      const uint32_t low = kTransposed ? values[col][row] : values[row][col];
      const uint32_t high = kTransposed ? values[col + 1][row] : values[row][col + 1];
      static_cast<LdmatrixOperands*>(warp.operands[lane])->registers[matrix] = low | high << 16;
    }
  }
}

template <class T>
SIMT_UNTRACED inline float value_of(uint32_t bits) {
  T value;
  value.bits = static_cast<uint16_t>(bits);
  return static_cast<float>(value);
}

template <class T>
SIMT_UNTRACED void execute_mma(Warp& warp, uint32_t /*mask*/) {
  multiprocessor->statistics.mma++;
  float a[16][16], b[16][8], c[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const auto& own = *static_cast<const MmaOperands*>(warp.operands[lane]);
    const int g = lane / 4, t = lane % 4 * 2;
    for (int i = 0; i < 4; i++) {
      a[g + i % 2 * 8][t + i / 2 * 8] = value_of<T>(own.a[i] & 0xffffu);
      a[g + i % 2 * 8][t + i / 2 * 8 + 1] = value_of<T>(own.a[i] >> 16);
      c[g + i / 2 * 8][t + i % 2] = own.c[i];
    }
    for (int i = 0; i < 2; i++) {
      b[t + i * 8][g] = value_of<T>(own.b[i] & 0xffffu);
      b[t + i * 8 + 1][g] = value_of<T>(own.b[i] >> 16);
    }
  }
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++)
      for (int j = 0; j < 8; j++) c[i][j] += a[i][k] * b[k][j];
  for (int lane = 0; lane < 32; lane++) {
    auto& own = *static_cast<MmaOperands*>(warp.operands[lane]);
    for (int i = 0; i < 4; i++) own.c[i] = c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

template <class T>
SIMT_UNTRACED void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where) {
  MmaOperands operands;
  for (int i = 0; i < 4; i++) operands.a[i] = a[i];
  operands.b[0] = b0;
  operands.b[1] = b1;
  for (int i = 0; i < 4; i++) operands.c[i] = c[i];
  multiprocessor->collective(Operation::kMma, 0xffffffffu, &operands, execute_mma<T>, where);
  for (int i = 0; i < 4; i++) c[i] = operands.c[i];
}

/// A copy that the sanitizers book to the kernel's thread.
__attribute__((noinline)) void traced_copy(void* target, const void* source) {
  *static_cast<Bits16*>(target) = *static_cast<const Bits16*>(source);
}

SIMT_UNTRACED void require_shared(const void* pointer, Where where) {
  if (!multiprocessor->shared().holds(pointer))
    multiprocessor->fail({.kind = FaultKind::kNotShared, .where = where, .address = pointer});
}

SIMT_UNTRACED void require_aligned(const void* pointer, Where where) {
  if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0)
    multiprocessor->fail({.kind = FaultKind::kMisaligned, .where = where, .address = pointer});
}

alignas(16) constexpr Bits16 kZeros = {{0, 0}};
alignas(16) constexpr Bits16 kNaNs = {{~uint64_t{0}, ~uint64_t{0}}};

}  // namespace

SIMT_UNTRACED uint32_t shared_offset(const void* pointer, Where where) {
  require_shared(pointer, where);
  return static_cast<uint32_t>(multiprocessor->shared().offset(pointer));
}

SIMT_UNTRACED void async_copy(void* target, const void* source, Where where) {
  require_aligned(target, where);
  require_aligned(source, where);
  require_shared(target, where);
  Thread& thread = multiprocessor->thread();
  if (thread.copy_count == Multiprocessor::kMaxCopies)
    multiprocessor->fail({.kind = FaultKind::kTooManyCopies, .where = where});
  traced_copy(target, &kNaNs);
  multiprocessor->copies()[thread.copy_count++] = {target, source ? source : &kZeros, thread.copy_group};
  multiprocessor->statistics.async_copies++;
}

SIMT_UNTRACED void async_commit() { multiprocessor->thread().copy_group++; }

SIMT_UNTRACED void async_wait(int pending) {
  Thread& thread = multiprocessor->thread();
  AsyncCopy* const copies = multiprocessor->copies();
  int kept = 0;
  for (int i = 0; i < thread.copy_count; i++) {
    if (copies[i].group + static_cast<uint64_t>(pending) < thread.copy_group) {
      traced_copy(copies[i].target, copies[i].source);
    } else {
      copies[kept++] = copies[i];
    }
  }
  thread.copy_count = kept;
}

SIMT_UNTRACED void ldmatrix(uint32_t (&registers)[4], const void* row, bool transposed, Where where) {
  require_aligned(row, where);
  require_shared(row, where);
#ifdef SIMT_TSAN
  __tsan_read16(const_cast<void*>(row));  // booked to the lane that names the row
#endif
  LdmatrixOperands operands{row, {}};
  if (transposed) {
    multiprocessor->collective(Operation::kLdmatrixTransposed, 0xffffffffu, &operands, execute_ldmatrix<true>,
                               where);
  } else {
    multiprocessor->collective(Operation::kLdmatrix, 0xffffffffu, &operands, execute_ldmatrix<false>, where);
  }
  for (int i = 0; i < 4; i++) registers[i] = operands.registers[i];
}

SIMT_UNTRACED void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where) {
  mma<__nv_bfloat16>(c, a, b0, b1, where);
}

SIMT_UNTRACED void mma_f16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Where where) {
  mma<__half>(c, a, b0, b1, where);
}

}  // namespace honeybee::simt
