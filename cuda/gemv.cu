#include "cuda/gemv.h"
#include "cuda/gemv_tile.h"
#include "device/launch.h"

namespace honeybee::cuda {

/// Words are 16 bytes.
struct GemvOperands {
  const uint4* x;    ///< [y.rows, words]
  int64_t x_stride;  ///< words
  const uint4* w;    ///< [y.outputs, words], without gaps
  int words;
  LinearTarget y;
};

namespace {

// How one lane of a warp multiplies a tile. Of 16-bit values it reads one row of x, and the tensor cores
// bring each row of x together with each of the weight.
template <class T>
struct Tile {
  static constexpr int kBlocks = 2;  // at least on a multiprocessor; leaves registers for all loads at once
  static constexpr int kSums = 4;
  using Operand = uint4;

  // Of the 8 rows from `first` on. Rows that do not exist repeat the last one; nobody stores their sums.
  __device__ static uint4 load(const GemvOperands& o, int first, int word, bool valid) {
    const int row = min(first + lane_group(), o.y.rows - 1);
    return valid ? o.x[row * o.x_stride + word] : uint4{};
  }

  __device__ static void add(const GemvOperands&, const uint4& upper, const uint4& lower, const uint4& x,
                             float (&sums)[kSums]) {
    mma_16816(sums, {upper.x, lower.x, upper.y, lower.y}, x.x, x.y, T());
    mma_16816(sums, {upper.z, lower.z, upper.w, lower.w}, x.z, x.w, T());
  }

  __device__ static void store(const float (&sums)[kSums], float* target, int pitch) {
    store_tile(sums, target, pitch);
  }
};

// Tensor cores would round f32: here a lane multiplies its four values of two outputs with all 8 rows.
template <>
struct Tile<float> {
  static constexpr int kBlocks = 1;
  static constexpr int kSums = 2 * kTileRows;
  // Only where x lies: 8 rows of each step would not fit the registers.
  struct Operand {
    const uint4* x;
    int rows;
  };

  __device__ static Operand load(const GemvOperands& o, int first, int word, bool valid) {
    return {o.x + first * o.x_stride + word, valid ? o.y.rows - first : 0};
  }

  __device__ static void add(const GemvOperands& o, const uint4& upper, const uint4& lower, const Operand& at,
                             float (&sums)[kSums]) {
#pragma unroll
    for (int r = 0; r < kTileRows; r++) {
      if (r >= at.rows) break;
      const uint4 x = at.x[r * o.x_stride];
      add_products(upper, x, sums[2 * r]);
      add_products(lower, x, sums[2 * r + 1]);
    }
  }

  __device__ static void store(const float (&sums)[kSums], float* target, int pitch) {
#pragma unroll
    for (int i = 0; i < kSums; i++) {
      float sum = sums[i];
      sum += __shfl_xor_sync(kAllLanes, sum, 1);
      sum += __shfl_xor_sync(kAllLanes, sum, 2);
      if (lane_place() == i % kStepWords) target[i / 2 * pitch + i % 2 * 8 + lane_group()] = sum;
    }
  }

 private:
  __device__ static void add_products(const uint4& w, const uint4& x, float& sum) {
    sum = fmaf(__uint_as_float(w.x), __uint_as_float(x.x), sum);
    sum = fmaf(__uint_as_float(w.y), __uint_as_float(x.y), sum);
    sum = fmaf(__uint_as_float(w.z), __uint_as_float(x.z), sum);
    sum = fmaf(__uint_as_float(w.w), __uint_as_float(x.w), sum);
  }
};

// Adds the products of kSteps steps from `begin` on. All their words exist if kWhole: loads that depend on no
// condition start together.
template <class T, int kTiles, int kSteps, bool kWhole>
__device__ __forceinline__ void add_steps(const GemvOperands& o, const uint4* const (&w)[2 * kTiles],
                                          int begin, float (&sums)[kTiles][kTiles][Tile<T>::kSums]) {
  uint4 weights[kSteps][2 * kTiles];
  typename Tile<T>::Operand x[kSteps][kTiles];
#pragma unroll
  for (int s = 0; s < kSteps; s++) {
    const int word = begin + s * kStepWords + lane_place();
    const bool valid = kWhole || word < o.words;
#pragma unroll
    for (int i = 0; i < 2 * kTiles; i++) weights[s][i] = valid ? __ldcs(w[i] + word) : uint4{};
#pragma unroll
    for (int r = 0; r < kTiles; r++) x[s][r] = Tile<T>::load(o, r * kTileRows, word, valid);
  }
#pragma unroll
  for (int s = 0; s < kSteps; s++) {
#pragma unroll
    for (int r = 0; r < kTiles; r++) {
#pragma unroll
      for (int i = 0; i < kTiles; i++)
        Tile<T>::add(o, weights[s][2 * i], weights[s][2 * i + 1], x[s][r], sums[r][i]);
    }
  }
}

}  // namespace

// y = x wᵀ (+ bias) or y += x wᵀ (+ bias); x T [rows, in], w T [out, in], bias f32, y any floating dtype.
// kTiles tiles of rows and of outputs: 8 rows of x by 16 outputs a block, or 16 by 32, so that x stays at
// half the bytes of w. Decoding with Llama 7B, [out, in]: qkv [12288, 4096], o [4096, 4096], gate and up
// [22016, 4096], down [4096, 11008], head [32000, 4096]. The weight is read once for all rows: out · in ·
// sizeof(T), in bf16 101, 34, 180, 90 and 262 MB: 23, 8, 42, 21 and 61 µs on an H200, 3.07 ms a token; the 2
// · rows · out · in operations take the tensor cores less than a tenth of that. Blocks of 256 threads. The 8
// warps take turns along k, 256 bytes of each row at a time, and their sums are added in one order, so that
// the bits of a row do not depend on how many rows there are.
template <class T, int kTiles>
__global__ void __launch_bounds__(kGemvThreads, Tile<T>::kBlocks) gemv_kernel(GemvOperands o) {
  constexpr int kRows = kTiles * kTileRows;
  constexpr int kOutputs = kTiles * kTileOutputs;
  // Steps whose words are on their way at once: 4 KiB a warp, 32 KiB a block.
  constexpr int kSteps = kBatchWords / kStepWords / kTiles;
  constexpr int kPitch = sums_pitch(kOutputs);
  HB_SHARED(float, partial, [kGemvWarps][kRows * kPitch]);

  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kOutputs;
  const uint4* w[2 * kTiles];
#pragma unroll
  for (int i = 0; i < 2 * kTiles; i++)
    w[i] = o.w + min(first + 8 * i + lane_group(), o.y.outputs - 1) * o.words;

  float sums[kTiles][kTiles][Tile<T>::kSums] = {};  // [rows][outputs]
  for (int batch = warp * kBatchWords; batch < o.words; batch += kGemvWarps * kBatchWords) {
    const int end = min(batch + kBatchWords, o.words);
#pragma unroll 1
    for (int begin = batch; begin < end; begin += kSteps * kStepWords) {
      if (begin + kSteps * kStepWords <= end) {
        add_steps<T, kTiles, kSteps, true>(o, w, begin, sums);
      } else {
        add_steps<T, kTiles, kSteps, false>(o, w, begin, sums);
      }
    }
  }

#pragma unroll
  for (int r = 0; r < kTiles; r++) {
#pragma unroll
    for (int i = 0; i < kTiles; i++) {
      float* const target = partial[warp] + r * kTileRows * kPitch + i * kTileOutputs;
      Tile<T>::store(sums[r][i], target, kPitch);
    }
  }
  finish_sums<kRows, kOutputs>(partial, o.y, first, [](int64_t) { return 1.0f; });
}

namespace {

template <class T, int kTiles>
void launch_gemv(Cuda& cuda, const GemvOperands& operands) {
  constexpr int64_t kOutputs = kTiles * kTileOutputs;
  const auto blocks = static_cast<unsigned>((operands.y.outputs + kOutputs - 1) / kOutputs);
  launch(gemv_kernel<T, kTiles>, blocks, kGemvThreads, 0, cuda.stream, operands);
}

}  // namespace

void gemv(Cuda& cuda, const Tensor& x, const RowMatrix& w, const Tensor* bias, const Tensor& y,
          bool accumulate) {
  with_type(w.dtype(), [&]<class T>() {
    const GemvOperands operands{.x = static_cast<const uint4*>(x.data),
                                .x_stride = x.stride / Vec<T>::kSize,
                                .w = static_cast<const uint4*>(w.data()),
                                .words = static_cast<int>(w.stride() / Vec<T>::kSize),
                                .y = LinearTarget(bias, y, accumulate)};
    if (x.rows <= kTileRows) {
      launch_gemv<T, 1>(cuda, operands);
    } else {
      launch_gemv<T, 2>(cuda, operands);
    }
  });
}

}  // namespace honeybee::cuda
