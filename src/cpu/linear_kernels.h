#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Output columns of a panel of a PackedMatrix, which holds weights as [k][64] (f32, f16) or [k/2][64][2]
/// (bf16), and of an Fp8Matrix, [k][64].
inline constexpr int kPanel = 64;

/// y[rows, cols] = x[rows, k] · panel (+ bias) (+ y): some rows of the product with one panel.
struct PanelProduct {
  const void* x = nullptr;      ///< float, or bf16 as the kernel wants it
  int64_t x_stride = 0;         ///< elements from row to row
  const void* panel = nullptr;  ///< zeros beyond the last row and column of the weight
  int64_t rows = 0;
  int64_t k = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int cols = kPanel;            ///< of this panel, 1 … 64
  const float* bias = nullptr;  ///< [cols], or null
  bool accumulate = false;      ///< add to y
};

/// A sum starts with y + bias and takes the products in the order of k, in every kernel and tile shape of one
/// instruction set: with float activations a row's bits depend on nothing but the row and the weight.
struct LinearKernels {
  using Kernel = void (*)(const PanelProduct&);
  Kernel f32;   ///< float activations
  Kernel f16;   ///< float activations
  Kernel bf16;  ///< float activations
  /// Float activations; the panel [k][64] holds e4m3 without NaN, and what is added is 2^-8 of the product.
  Kernel fp8;
  /// k rows, an even number, of such a panel to a bf16 panel that `bf16` multiplies to the same sums.
  void (*unpack_fp8)(const uint8_t* panel, int64_t k, uint16_t* target);
  /// bf16 activations, `k` even and zero padded; where `tiled`, k is a multiple of 32 and x is
  /// [rows/32][2][k/32][16][32] with zero rows at the end. Null where nothing multiplies bf16 by itself.
  Kernel bf16_rounded;
  bool tiled;
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(LinearKernels, linear_kernels)

#ifdef HB_ISA
#include "cpu/linear_body.h"
#ifdef __AMX_BF16__
#include "cpu/amx_tiles.h"
#include "cpu/linear_tiles.h"
#endif

namespace honeybee::cpu::HB_ISA {

extern const LinearKernels linear_kernels = {
    .f32 = panel_product<F32Weights>,
    .f16 = panel_product<F16Weights>,
    .bf16 = panel_product<Bf16Weights>,
    .fp8 = panel_product<Fp8Weights>,
    .unpack_fp8 = unpack_fp8,
#if defined(__AMX_BF16__)
    .bf16_rounded = tile_product<AmxTiles>,
    .tiled = true,
#elif defined(__AVX512BF16__)
    .bf16_rounded = panel_product<Bf16Pairs>,
    .tiled = false,
#else
    .bf16_rounded = nullptr,
    .tiled = false,
#endif
};

}  // namespace honeybee::cpu::HB_ISA
#endif
