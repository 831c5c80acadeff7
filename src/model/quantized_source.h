#pragma once
#include <memory>
#include <vector>

#include "core/row_source.h"
#include "model/file_store.h"

namespace honeybee {

/// A matrix [out, in] that is stored as codes, delivered as f32 and, where a backend can keep them, as codes:
///
///   kChannels  weight int8 or e4m3 [out, in], scale [out], [out, 1] or of all: compressed-tensors, fp8
///   kBlocks    weight e4m3 [out, in], scale [⌈out/128⌉, ⌈in/128⌉]: fp8 in blocks
///   kGptq      qweight of b = 2, 3, 4 or 8 bits [in·b/32, out], qzeros [G, out·b/32], scales [G, out], g_idx
///   [in]
///              (auto-gptq 0.7.1, gptqmodel 7.7.0); a column of qweight is one string of bits, lowest first
///   kAwq       qweight [in, out/8], qzeros [G, out/8], scales [G, out]; nibble i of word c is output
///              8c + [0, 2, 4, 6, 1, 3, 5, 7][i] (autoawq 0.2.9, "gemm")
///   kAwqRows   qweight [out, in/8], qzeros [out, Z], scales [out, 8·Z] in plain order (autoawq, "gemv")
///
/// The words of GPTQ and AWQ are held whole while the matrix is loaded: their rows are its columns. Throws
/// Error(kCheckpoint) naming file, tensor and what was expected.
std::unique_ptr<RowSource> open_quantized(const std::vector<WeightFile>& files, const TensorRef& tensor);

}  // namespace honeybee
