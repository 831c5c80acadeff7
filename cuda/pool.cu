#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "device/launch.h"
#include "device/shared.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kChannels = 32;  // of a block of mean_rows: a warp reads that many neighbours
constexpr int kRowGroups = 16;

// The bin of output i of `to` over an axis of `from`: [floor(i · from / to), ceil((i + 1) · from / to)).
__device__ __forceinline__ int bin_begin(int i, int from, int to) {
  return static_cast<int>(static_cast<int64_t>(i) * from / to);
}
__device__ __forceinline__ int bin_end(int i, int from, int to) {
  return static_cast<int>((static_cast<int64_t>(i + 1) * from + to - 1) / to);
}

}  // namespace

/// A Grid as kernels take it.
struct GridSize {
  int height;
  int width;
  explicit GridSize(Grid grid) : height(static_cast<int>(grid.height)), width(static_cast<int>(grid.width)) {}
  __device__ __forceinline__ int64_t cells() const { return static_cast<int64_t>(height) * width; }
};

// y[b] = mean of rows of item b; x T [batch · rows, cols], y T [batch, cols] (squeeze-and-excite,
// C-Abstractor). [576 or 256 cells an image, 1024]: reads x once, 1.2 MB an image in bf16: 0.3 µs on an H200,
// the launch decides. Blocks of 32 channels × 16 groups of rows; groups are summed in shared memory in a
// fixed order.
template <class T>
__global__ void __launch_bounds__(kChannels* kRowGroups)
    mean_rows_kernel(Rows<T> x, int64_t rows, int64_t batch, int64_t cols, Rows<T> y) {
  HB_SHARED(float, sums, [kRowGroups][kChannels]);
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kChannels + threadIdx.x;
  for (int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    float sum = 0.0f;
    if (c < cols) {
      for (int64_t r = threadIdx.y; r < rows; r += kRowGroups) sum += to_float(x.row(b * rows + r)[c]);
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && c < cols) {
      float total = 0.0f;
      for (int group = 0; group < kRowGroups; group++) total += sums[group][threadIdx.x];
      y.row(b)[c] = from_float<T>(total / static_cast<float>(rows));
    }
    __syncthreads();
  }
}

// x[b, r, c] *= sigmoid(gate[b, c]) in place; gate T [batch, cols], x T [batch · rows, cols].
// [576 or 256 cells an image, 1024]: 2 · rows · cols · sizeof(T), 2.4 MB an image in bf16: 0.5 µs on an H200.
// Blocks of 256 threads, a vector of 16 bytes each.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gate_channels_kernel(Rows<T> gate, Rows<T> x, int64_t rows, int64_t all_rows, int64_t cols,
                         bool vectors) {
  const auto thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const auto threads = static_cast<int>(gridDim.x * kThreads);
  for (int64_t r = blockIdx.y; r < all_rows; r += gridDim.y) {
    for_each_chunk<T>(cols, thread, threads, [&]<int kSize>(int64_t c) {
      Chunk<kSize> chunk = load_chunk<kSize>(x.row(r) + c, vectors);
      const Chunk<kSize> factor = load_chunk<kSize>(gate.row(r / rows) + c, vectors);
      for (int i = 0; i < kSize; i++) chunk.values[i] *= 1.0f / (1.0f + expf(-factor.values[i]));
      store_chunk(x.row(r) + c, chunk, vectors);
    });
  }
}

// y[b, i, j] = mean of x over the bin of (i, j); x T [batch · from, cols], y T [batch · to, cols].
// C-Abstractor: 24×24 or 16×16 → 12×12 (M = 144) … 16×16 (M = 256), 1024 channels: x once, y once, 1.5 MB an
// image in bf16: 0.4 µs on an H200, the launch decides. Bins may overlap, and be single cells where `to` is
// larger. Blocks of 256 threads along the channels, a vector of 16 bytes each; one output cell a block row.
template <class T>
__global__ void __launch_bounds__(kThreads, 1)
    adaptive_avg_pool_kernel(Rows<T> x, GridSize from, GridSize to, Rows<T> y, unsigned outputs, int64_t cols,
                             bool vectors) {
  const auto thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const auto threads = static_cast<int>(gridDim.x * kThreads);
  const auto cells = static_cast<unsigned>(to.height * to.width);
  for (unsigned out = blockIdx.y; out < outputs; out += gridDim.y) {
    const unsigned item = out / cells;
    const auto cell = static_cast<int>(out % cells);
    const int top = bin_begin(cell / to.width, from.height, to.height);
    const int bottom = bin_end(cell / to.width, from.height, to.height);
    const int left = bin_begin(cell % to.width, from.width, to.width);
    const int right = bin_end(cell % to.width, from.width, to.width);
    const float share = 1.0f / static_cast<float>((bottom - top) * (right - left));
    for_each_chunk<T>(cols, thread, threads, [&]<int kSize>(int64_t c) {
      Chunk<kSize> sum = {};
      for (int i = top; i < bottom; i++) {
        for (int j = left; j < right; j++) {
          const int64_t row = item * from.cells() + static_cast<int64_t>(i) * from.width + j;
          const Chunk<kSize> chunk = load_chunk<kSize>(x.row(row) + c, vectors);
          for (int n = 0; n < kSize; n++) sum.values[n] += chunk.values[n];
        }
      }
      for (int n = 0; n < kSize; n++) sum.values[n] *= share;
      store_chunk(y.row(out) + c, sum, vectors);
    });
  }
}

void mean_rows(Cuda& cuda, const Tensor& x, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(mean_rows_kernel<T>, row_grid(y.rows, y.cols, kChannels), dim3(kChannels, kRowGroups), 0,
           cuda.stream, Rows<T>(x), x.rows / y.rows, y.rows, y.cols, Rows<T>(y));
  });
}

void gate_channels(Cuda& cuda, const Tensor& gate, const Tensor& x) {
  with_type(x.dtype, [&]<class T>() {
    launch(gate_channels_kernel<T>, row_grid(x.rows, x.cols, kThreads * Vec<T>::kSize), kThreads, 0,
           cuda.stream, Rows<T>(gate), Rows<T>(x), x.rows / gate.rows, x.rows, x.cols,
           all_aligned<T>(gate, x));
  });
}

void adaptive_avg_pool(Cuda& cuda, const Tensor& x, Grid from, Grid to, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(adaptive_avg_pool_kernel<T>, row_grid(y.rows, y.cols, kThreads * Vec<T>::kSize), kThreads, 0,
           cuda.stream, Rows<T>(x), GridSize(from), GridSize(to), Rows<T>(y), static_cast<unsigned>(y.rows),
           y.cols, all_aligned<T>(x, y));
  });
}

}  // namespace honeybee::cuda
