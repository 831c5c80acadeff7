#include "cuda/dequantize.h"
#include "cuda/gemv_tile.h"
#include "cuda/quantized_operands.h"
#include "cuda/quantized_products.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

// What a lane reads of the weight: rows 8·i + lane / 4 of the block's outputs.
template <int kTiles>
struct LaneRows {
  const uint4* codes[2 * kTiles];
  const uint32_t* groups[2 * kTiles];
};

// Adds the products of kSteps lines of the rows, from `line` on; the loads of codes start together.
template <class Format, int kTiles, int kSteps>
__device__ __forceinline__ void add_lines(const QuantizedOperands& o, const LaneRows<kTiles>& rows, int line,
                                          float (&sums)[kTiles][kTiles][4]) {
  constexpr int kUnits = Format::kUnits;
  uint4 codes[kSteps][2 * kTiles];
  uint32_t groups[kSteps][kUnits][2 * kTiles] = {};
#pragma unroll
  for (int s = 0; s < kSteps; s++) {
#pragma unroll
    for (int i = 0; i < 2 * kTiles; i++) {
      codes[s][i] = __ldcs(rows.codes[i] + (line + s) * kStepWords + lane_place());
      if constexpr (Format::kGrouped) {
#pragma unroll
        for (int u = 0; u < kUnits; u++)
          groups[s][u][i] = rows.groups[i][((line + s) * kUnits + u) >> o.w.group_shift];
      }
    }
  }
#pragma unroll
  for (int s = 0; s < kSteps; s++) {
#pragma unroll
    for (int u = 0; u < kUnits; u++) {
      const int word = ((line + s) * kUnits + u) * kStepWords + lane_place();
      uint4 x[kTiles];
#pragma unroll
      for (int r = 0; r < kTiles; r++) {
        // Rows that do not exist repeat the last one; nobody stores their sums.
        const int row = min(r * kTileRows + lane_group(), o.y.rows - 1);
        x[r] = o.x[row * o.x_stride + word];
      }
#pragma unroll
      for (int i = 0; i < kTiles; i++) {
        const UnitFactor<Format> factor(codes[s][2 * i], codes[s][2 * i + 1], u, groups[s][u][2 * i],
                                        groups[s][u][2 * i + 1]);
#pragma unroll
        for (int r = 0; r < kTiles; r++) factor.add(x[r], sums[r][i]);
      }
    }
  }
}

}  // namespace

// y = x (scale · (code - zero))ᵀ (+ bias) or y += …; x bf16 [rows, depth], codes [out, depth], bias f32, y
// any floating dtype. kTiles as gemv_kernel has them: 8 rows by 16 outputs a block, or 16 by 32. Decoding
// with Llama 7B, [out, in] as there: each code is read once for all rows, out · in bytes of int8 and fp8 and
// 4 · out for scales, 5/8 · out · in of int4 in groups of 32 (17/32 in groups of 128): 50, 17, 90, 45 and 131
// MB of int8, 12, 4, 21, 10 and 30 µs on an H200; int4 in groups of 32 takes 5/8 of it. A code costs about
// two instructions on its way to bf16, and the 2 · rows · out · in operations of bf16 less than a fifth of
// the tensor cores' time. Blocks of 256 threads. The 8 warps take turns along k, 256 bytes of each row at a
// time, and their sums are added in one order, so that the bits of a row do not depend on how many rows there
// are.
template <class Format, int kTiles>
__global__ void __launch_bounds__(kGemvThreads, 2) quantized_gemv_kernel(QuantizedOperands o) {
  constexpr int kRows = kTiles * kTileRows;
  constexpr int kOutputs = kTiles * kTileOutputs;
  constexpr int kPitch = sums_pitch(kOutputs);
  constexpr int kSteps = 2 / kTiles;  // lines whose words are on their way at once: 32 KiB a block
  constexpr int kBatchLines = kBatchWords / kStepWords;
  HB_SHARED(float, partial, [kGemvWarps][kRows * kPitch]);

  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kOutputs;
  LaneRows<kTiles> rows;
  for (int i = 0; i < 2 * kTiles; i++) {
    const int64_t output = min(first + 8 * i + lane_group(), o.y.outputs - 1);
    rows.codes[i] = o.w.codes + output * o.w.words;
    rows.groups[i] = o.w.groups + output * o.w.group_count;
  }

  float sums[kTiles][kTiles][4] = {};  // [rows][outputs]
  const int lines = o.w.words / kStepWords;
  for (int batch = warp * kBatchLines; batch < lines; batch += kGemvWarps * kBatchLines) {
    // Rows are whole lines, of bytes an even number.
    const int end = min(batch + kBatchLines, lines);
    int line = batch;
#pragma unroll 1
    for (; line + kSteps <= end; line += kSteps) add_lines<Format, kTiles, kSteps>(o, rows, line, sums);
    if (kSteps > 1 && line < end) add_lines<Format, kTiles, 1>(o, rows, line, sums);
  }

#pragma unroll
  for (int r = 0; r < kTiles; r++) {
#pragma unroll
    for (int i = 0; i < kTiles; i++)
      store_tile(sums[r][i], partial[warp] + r * kTileRows * kPitch + i * kTileOutputs, kPitch);
  }
  finish_sums<kRows, kOutputs>(partial, o.y, first,
                               [&](int64_t output) { return Format::kGrouped ? 1.0f : o.w.scales[output]; });
}

namespace {

template <class Format, int kTiles>
void launch_gemv(Cuda& cuda, const QuantizedOperands& operands) {
  constexpr int64_t kOutputs = kTiles * kTileOutputs;
  const auto blocks = static_cast<unsigned>((operands.y.outputs + kOutputs - 1) / kOutputs);
  launch(quantized_gemv_kernel<Format, kTiles>, blocks, kGemvThreads, 0, cuda.stream, operands);
}

}  // namespace

void quantized_gemv(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                    const Tensor& y, bool accumulate) {
  const QuantizedOperands operands(x, w, bias, y, accumulate);
  with_codes(w.dtype(), [&]<class Format>() {
    if (x.rows <= kTileRows) {
      launch_gemv<Format, 1>(cuda, operands);
    } else {
      launch_gemv<Format, 2>(cuda, operands);
    }
  });
}

}  // namespace honeybee::cuda
