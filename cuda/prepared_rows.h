#pragma once
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// Slots of scratch memory that products use; Products keeps its workspace in slot 3.
inline constexpr int kXScratch = 0;
inline constexpr int kYScratch = 1;
inline constexpr int kBiasScratch = 2;

/// Whether every row begins at a word of 16 bytes.
bool words_aligned(const Tensor& t);

/// A tensor [rows, cols] in scratch memory, its rows of whole words.
Tensor scratch_tensor(Cuda& cuda, int slot, Dtype dtype, int64_t rows, int64_t cols);

/// x [rows, in] as products read it: [rows, cols >= in] in their dtype, rows of whole, aligned words with
/// zeros from column `in` on. Only where the caller's is not that already is it copied, to slot kXScratch: 2
/// · rows · in values move, 0.6 MB an image for the patches of ViT-L/14, [256, 588] in bf16.
Tensor prepared_rows(Cuda& cuda, const Tensor& x, Dtype dtype, int64_t cols);

}  // namespace honeybee::cuda
