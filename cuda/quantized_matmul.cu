#include "cuda/dequantize.h"
#include "cuda/gemv_tile.h"
#include "cuda/quantized_operands.h"
#include "cuda/quantized_products.h"
#include "device/launch.h"
#include "device/shared.h"

namespace honeybee::cuda {
namespace {

// A warp takes 32 outputs by 64 rows, four warps take 128 outputs of the same rows.
constexpr int kOutputWarps = 4;
constexpr int kOutputTiles = 2;
constexpr int kRowTiles = 8;
constexpr int kWarpOutputs = kOutputTiles * kTileOutputs;
constexpr int kWarpRows = kRowTiles * kTileRows;
constexpr int kOutputs = kOutputWarps * kWarpOutputs;
// Columns that lie in shared memory at once.
constexpr int kStageUnits = 4;
constexpr int kXWords = kStageUnits * kStepWords;

// Where word `word` of a row lies in a tile whose rows have kWords words: of two rows that one phase of a
// load meets, four words each, the second lies in the other half of the banks.
template <int kWords>
__device__ __forceinline__ int spread(int row, int word) {
  return row * kWords + (kWords > kStepWords ? word ^ (row % 2 * kStepWords) : word);
}

// Shared memory of a block: two stages of rows of x and of codes.
template <class Format, int kRowWarps>
struct Stages {
  static constexpr int kThreads = 32 * kOutputWarps * kRowWarps;
  static constexpr int kRows = kWarpRows * kRowWarps;
  static constexpr int kLines = kStageUnits / Format::kUnits;
  static constexpr int kCodeWords = kLines * kStepWords;
  static constexpr int kX = kRows * kXWords;
  static constexpr int kStage = kX + kOutputs * kCodeWords;
  static constexpr size_t kBytes = 2 * kStage * sizeof(uint4);

  // Starts the copies of columns 128·number … of the rows from `row` on and of the outputs from `output` on;
  // zeros for rows that do not exist, the last output again for outputs that do not.
  __device__ static __forceinline__ void fetch(const QuantizedOperands& o, int row, int64_t output,
                                               int number, uint4* stage) {
    constexpr int kXStep = kThreads / kXWords;
    const int x_word = static_cast<int>(threadIdx.x) % kXWords;
#pragma unroll 1
    for (int r = static_cast<int>(threadIdx.x) / kXWords; r < kRows; r += kXStep) {
      const bool valid = row + r < o.y.rows;
      const int64_t from = (valid ? row + r : 0) * o.x_stride + number * kXWords + x_word;
      cp_async_16(stage + spread<kXWords>(r, x_word), o.x + from, valid);
    }
    constexpr int kCodeStep = kThreads / kCodeWords;
    const int code_word = static_cast<int>(threadIdx.x) % kCodeWords;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) / kCodeWords; i < kOutputs; i += kCodeStep) {
      const int64_t from = min(output + i, o.y.outputs - 1) * o.w.words + number * kCodeWords + code_word;
      cp_async_16(stage + kX + spread<kCodeWords>(i, code_word), o.w.codes + from);
    }
    cp_async_commit();
  }
};

// Adds the products of one stage. `x` and `codes` are this warp's rows of the tiles, `groups` those of its
// lane; the first `tiles` tiles of rows exist.
template <class Format>
__device__ __forceinline__ void add_stage(const uint4* x, const uint4* codes,
                                          const uint32_t (&groups)[kStageUnits][2 * kOutputTiles], int tiles,
                                          float (&sums)[kOutputTiles][kRowTiles][4]) {
  constexpr int kCodeWords = kStageUnits / Format::kUnits * kStepWords;
#pragma unroll
  for (int unit = 0; unit < kStageUnits; unit++) {
    uint4 words[2 * kOutputTiles];
#pragma unroll
    for (int i = 0; i < 2 * kOutputTiles; i++)
      words[i] =
          codes[spread<kCodeWords>(8 * i + lane_group(), unit / Format::kUnits * kStepWords + lane_place())];
    const UnitFactor<Format> factors[kOutputTiles] = {
        {words[0], words[1], unit % Format::kUnits, groups[unit][0], groups[unit][1]},
        {words[2], words[3], unit % Format::kUnits, groups[unit][2], groups[unit][3]}};
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
      if (r >= tiles) continue;
      const uint4 rows = x[spread<kXWords>(r * kTileRows + lane_group(), unit * kStepWords + lane_place())];
#pragma unroll
      for (int i = 0; i < kOutputTiles; i++) factors[i].add(rows, sums[i][r]);
    }
  }
}

}  // namespace

// y = x (scale · (code - zero))ᵀ (+ bias) or y += …; x bf16 [rows, depth], codes [out, depth], bias f32, y
// any floating dtype. A prefill of Llama 7B, 2,048 rows, 2 · rows · out · in operations: gate and up 369
// GFLOP, 467 µs of an H200's tensor cores, the codes 90 MB and 21 µs. Codes travel to shared memory as they
// are and become bf16 in the registers of the warp that multiplies them: their order is that of mma's first
// factor already (quantized_layout.h), so a tile of bf16 in shared memory would be written and read for
// nothing. A lane turns 16 codes into factors for eight tiles of rows, about two instructions a code.
// mma.sync, not wgmma, which only Hopper has: there at most two thirds of its rate. Dequantizing the matrix
// for cuBLASLt would move 4 · out · in bytes more at any number of rows, 84 µs for gate and up, and take 180
// MB: by this count less from some 700 rows on, on Hopper alone. Blocks of 128 outputs by 64 rows in four
// warps, or by 128 rows in eight (kRowWarps 2), which halves what is read of the codes; two stages of 128
// columns, 96 KB with codes of 8 bits and 128 rows.
template <class Format, int kRowWarps>
__global__ void __launch_bounds__(32 * kOutputWarps * kRowWarps, kRowWarps == 1 ? 2 : 1)
    quantized_matmul_kernel(QuantizedOperands o) {
  using Tile = Stages<Format, kRowWarps>;
  HB_DYNAMIC_SHARED(uint4, shared);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int block_row = static_cast<int>(blockIdx.x) * Tile::kRows;
  const int64_t block_output = static_cast<int64_t>(blockIdx.y) * kOutputs;
  const int tile_row = warp / kOutputWarps * kWarpRows;
  const int tile_output = warp % kOutputWarps * kWarpOutputs;
  const int row = block_row + tile_row;
  const int64_t output = block_output + tile_output;
  const int tiles = max(0, min(kRowTiles, (o.y.rows - row + kTileRows - 1) / kTileRows));

  const uint32_t* group_rows[2 * kOutputTiles];
  for (int i = 0; i < 2 * kOutputTiles; i++)
    group_rows[i] = o.w.groups + min(output + 8 * i + lane_group(), o.y.outputs - 1) * o.w.group_count;

  float sums[kOutputTiles][kRowTiles][4] = {};
  const int stages = o.w.words / Tile::kCodeWords;
  Tile::fetch(o, block_row, block_output, 0, shared);
  for (int stage = 0; stage < stages; stage++) {
    uint32_t groups[kStageUnits][2 * kOutputTiles] = {};
    if constexpr (Format::kGrouped) {
#pragma unroll
      for (int u = 0; u < kStageUnits; u++) {
#pragma unroll
        for (int i = 0; i < 2 * kOutputTiles; i++)
          groups[u][i] = group_rows[i][(stage * kStageUnits + u) >> o.w.group_shift];
      }
    }
    cp_async_wait<0>();
    __syncthreads();
    if (stage + 1 < stages)
      Tile::fetch(o, block_row, block_output, stage + 1, shared + (stage + 1) % 2 * Tile::kStage);
    const uint4* const here = shared + stage % 2 * Tile::kStage;
    add_stage<Format>(here + tile_row * kXWords, here + Tile::kX + tile_output * Tile::kCodeWords, groups,
                      tiles, sums);
  }

  // By way of shared memory, so that a warp stores neighbouring outputs.
  __syncthreads();
  constexpr int kPitch = sums_pitch(kOutputs);
  static_assert(Tile::kRows * kPitch * sizeof(float) <= Tile::kBytes);
  auto* const finished = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
    for (int i = 0; i < kOutputTiles; i++)
      store_tile(sums[i][r], finished + (tile_row + r * kTileRows) * kPitch + tile_output + i * kTileOutputs,
                 kPitch);
  }
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x) % kOutputs;
  const int64_t own = block_output + column;
  if (own >= o.y.outputs) return;
  const float scale = Format::kGrouped ? 1.0f : o.w.scales[own];
  const int rows = min(Tile::kRows, o.y.rows - block_row);
  for (int r = static_cast<int>(threadIdx.x) / kOutputs; r < rows; r += Tile::kThreads / kOutputs)
    o.y.store(block_row + r, own, __fmul_rn(finished[r * kPitch + column], scale));
}

namespace {

template <class Format, int kRowWarps>
void launch_matmul(Cuda& cuda, const QuantizedOperands& operands) {
  using Tile = Stages<Format, kRowWarps>;
  const dim3 grid(static_cast<unsigned>((operands.y.rows + Tile::kRows - 1) / Tile::kRows),
                  static_cast<unsigned>((operands.y.outputs + kOutputs - 1) / kOutputs));
  launch(quantized_matmul_kernel<Format, kRowWarps>, grid, Tile::kThreads, Tile::kBytes, cuda.stream,
         operands);
}

}  // namespace

void quantized_matmul(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                      const Tensor& y, bool accumulate) {
  const QuantizedOperands operands(x, w, bias, y, accumulate);
  with_codes(w.dtype(), [&]<class Format>() {
    if (x.rows <= kWarpRows) {
      launch_matmul<Format, 1>(cuda, operands);
    } else {
      launch_matmul<Format, 2>(cuda, operands);
    }
  });
}

}  // namespace honeybee::cuda
