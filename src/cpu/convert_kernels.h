#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Conversions of `count` values; source and target may not overlap.
struct ConvertKernels {
  void (*bf16_to_float)(const uint16_t* source, float* target, int64_t count);
  void (*f16_to_float)(const uint16_t* source, float* target, int64_t count);
  void (*float_to_bf16)(const float* source, uint16_t* target, int64_t count);
  void (*float_to_f16)(const float* source, uint16_t* target, int64_t count);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(ConvertKernels, convert_kernels)

#ifdef HB_ISA
#include "cpu/vec.h"

namespace honeybee::cpu::HB_ISA {

inline void bf16_to_float(const uint16_t* source, float* target, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(target + i, load_bf16(source + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) store_n(target + i, load_bf16_n(source + i, rest), rest);
}

inline void f16_to_float(const uint16_t* source, float* target, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(target + i, load_f16(source + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) store_n(target + i, load_f16_n(source + i, rest), rest);
}

inline void float_to_bf16(const float* source, uint16_t* target, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_bf16(target + i, load(source + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) store_bf16_n(target + i, load_n(source + i, rest), rest);
}

inline void float_to_f16(const float* source, uint16_t* target, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_f16(target + i, load(source + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) store_f16_n(target + i, load_n(source + i, rest), rest);
}

extern const ConvertKernels convert_kernels = {bf16_to_float, f16_to_float, float_to_bf16, float_to_f16};

}  // namespace honeybee::cpu::HB_ISA
#endif
