#pragma once
#include "cpu/isa.h"

/// A kernel family is a struct of function pointers, for instance `struct NormKernels`, with one constant of
/// it in the namespace of each instruction set. Its header `<family>_kernels.h` has two parts: the struct and
/// HB_DECLARE_KERNELS(NormKernels, norm_kernels), which everyone sees; and, where HB_ISA is defined (in
/// kernels_<isa>.cpp), the bodies and `const NormKernels norm_kernels = {...};`, both in
/// `namespace honeybee::cpu::HB_ISA`. The dispatcher calls `norm_kernels(cpu.isa)`.
///
/// The bodies are compiled with wide instructions, so they may not instantiate anything whose inline copy the
/// linker could keep for the whole program: <immintrin.h>, <cstdint>, <cstddef> and builtins only.
#define HB_DECLARE_KERNELS(Table, name) \
  namespace honeybee::cpu {             \
  namespace portable {                  \
  extern const Table name;              \
  }                                     \
  namespace avx2 {                      \
  extern const Table name;              \
  }                                     \
  namespace avx512 {                    \
  extern const Table name;              \
  }                                     \
  namespace avx512bf16 {                \
  extern const Table name;              \
  }                                     \
  namespace amx {                       \
  extern const Table name;              \
  }                                     \
  inline const Table& name(Isa isa) {   \
    switch (isa) {                      \
      case Isa::kPortable:              \
        return portable::name;          \
      case Isa::kAvx2:                  \
        return avx2::name;              \
      case Isa::kAvx512:                \
        return avx512::name;            \
      case Isa::kAvx512Bf16:            \
        return avx512bf16::name;        \
      case Isa::kAmx:                   \
        return amx::name;               \
    }                                   \
    return portable::name;              \
  }                                     \
  }
