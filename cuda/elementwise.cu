#include "cuda/chunk.h"
#include "cuda/convert.h"
#include "cuda/ops.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
constexpr int kValuesPerBlock = kThreads * Vec<T>::kSize;

template <Activation kActivation>
__device__ __forceinline__ float activated(float x) {
  if constexpr (kActivation == Activation::kSilu) {
    return silu(x);
  } else if constexpr (kActivation == Activation::kGelu) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
  } else if constexpr (kActivation == Activation::kQuickGelu) {
    return __fdividef(x, 1.0f + expf(-1.702f * x));
  } else {
    return x > 0.0f || x != x ? x : 0.0f;
  }
}

// Calls body.template operator()<kSize>(row, column) for every chunk of [rows, cols] that falls to this
// thread of the grid made by row_grid.
template <class T, class Body>
__device__ __forceinline__ void for_each_in_grid(int64_t rows, int64_t cols, Body body) {
  const auto thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const auto threads = static_cast<int>(gridDim.x * kThreads);
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    for_each_chunk<T>(cols, thread, threads,
                      [&]<int kSize>(int64_t c) { body.template operator()<kSize>(r, c); });
  }
}

}  // namespace

// x = activation(x) in place; x T [rows, cols].
// ViT-L/14: quick-GELU of [257 or 577 an image, 4096]; 2 · rows · cols · sizeof(T), 4.2 MB an image of 257
// rows in bf16: 1 µs on an H200. Blocks of 256 threads, a vector of 16 bytes each.
template <class T, Activation kActivation>
__global__ void __launch_bounds__(kThreads)
    activate_kernel(Rows<T> x, int64_t rows, int64_t cols, bool vectors) {
  for_each_in_grid<T>(rows, cols, [&]<int kSize>(int64_t r, int64_t c) {
    Chunk<kSize> chunk = load_chunk<kSize>(x.row(r) + c, vectors);
    for (int i = 0; i < kSize; i++) chunk.values[i] = activated<kActivation>(chunk.values[i]);
    store_chunk(x.row(r) + c, chunk, vectors);
  });
}

// y = silu(left half of x) ⊙ right half; x T [rows, 2 · cols], y T [rows, cols].
// Llama 7B: [1 … 2048, 2 · 11008]; 3 · rows · cols · sizeof(T), 66 KB a row in bf16: the launch decides while
// decoding, 135 MB and 31 µs on an H200 for a prefill of 2,048. Blocks of 256 threads, a vector of 16 bytes
// each.
template <class T>
__global__ void __launch_bounds__(kThreads)
    silu_mul_kernel(Rows<T> x, Rows<T> y, int64_t rows, int64_t cols, bool vectors) {
  for_each_in_grid<T>(rows, cols, [&]<int kSize>(int64_t r, int64_t c) {
    Chunk<kSize> gate = load_chunk<kSize>(x.row(r) + c, vectors);
    const Chunk<kSize> up = load_chunk<kSize>(x.row(r) + cols + c, vectors);
    for (int i = 0; i < kSize; i++) gate.values[i] = silu(gate.values[i]) * up.values[i];
    store_chunk(y.row(r) + c, gate, vectors);
  });
}

// y[r] += x[r mod period]; y T [rows, cols], x X [period, cols], where X is T or float (position embeddings
// are kept in f32 whatever the activations). ViT-L/14: [257 or 577 an image, 1024]; 2 · rows · cols ·
// sizeof(T), 1 MB an image in bf16: the launch decides. Blocks of 256 threads, a vector of 16 bytes of y
// each.
template <class T, class X>
__global__ void __launch_bounds__(kThreads)
    add_kernel(Rows<X> x, int64_t period, Rows<T> y, int64_t rows, int64_t cols, bool vectors) {
  for_each_in_grid<T>(rows, cols, [&]<int kSize>(int64_t r, int64_t c) {
    Chunk<kSize> sum = load_chunk<kSize>(y.row(r) + c, vectors);
    const X* const from = x.row(r % period) + c;
    for (int i = 0; i < kSize; i++) sum.values[i] += to_float(from[i]);
    store_chunk(y.row(r) + c, sum, vectors);
  });
}

// y = silu(x + residual); all T [rows, cols].
// C-Abstractor: [576 or 256, 1024] a block; 3 · rows · cols · sizeof(T), 3.5 MB in bf16: 0.8 µs on an H200.
// Blocks of 256 threads, a vector of 16 bytes each.
template <class T>
__global__ void __launch_bounds__(kThreads)
    add_silu_kernel(Rows<T> x, Rows<T> residual, Rows<T> y, int64_t rows, int64_t cols, bool vectors) {
  for_each_in_grid<T>(rows, cols, [&]<int kSize>(int64_t r, int64_t c) {
    Chunk<kSize> sum = load_chunk<kSize>(x.row(r) + c, vectors);
    const Chunk<kSize> addend = load_chunk<kSize>(residual.row(r) + c, vectors);
    for (int i = 0; i < kSize; i++) sum.values[i] = silu(sum.values[i] + addend.values[i]);
    store_chunk(y.row(r) + c, sum, vectors);
  });
}

// y[i] = x[index[i]], zeros where the index is outside x; x T [x_rows, cols], index i32 [rows], y T [rows,
// cols]. The rows whose logits are wanted: [1 … 64, 4096], 16 KB a row in bf16: the launch decides. Blocks of
// 256 threads, a vector of 16 bytes each.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(Rows<T> x, int64_t x_rows, const int32_t* index, Rows<T> y, int64_t rows, int64_t cols,
                       bool vectors) {
  for_each_in_grid<T>(rows, cols, [&]<int kSize>(int64_t r, int64_t c) {
    const int64_t from = index[r];
    Chunk<kSize> chunk = {};
    if (from >= 0 && from < x_rows) chunk = load_chunk<kSize>(x.row(from) + c, vectors);
    store_chunk(y.row(r) + c, chunk, vectors);
  });
}

namespace {

template <Activation kActivation>
void launch_activate(Cuda& cuda, const Tensor& x) {
  with_type(x.dtype, [&]<class T>() {
    launch(activate_kernel<T, kActivation>, row_grid(x.rows, x.cols, kValuesPerBlock<T>), kThreads, 0,
           cuda.stream, Rows<T>(x), x.rows, x.cols, all_aligned<T>(x));
  });
}

}  // namespace

void activate(Cuda& cuda, Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::kSilu:
      return launch_activate<Activation::kSilu>(cuda, x);
    case Activation::kGelu:
      return launch_activate<Activation::kGelu>(cuda, x);
    case Activation::kQuickGelu:
      return launch_activate<Activation::kQuickGelu>(cuda, x);
    case Activation::kRelu:
      return launch_activate<Activation::kRelu>(cuda, x);
  }
}

void silu_mul(Cuda& cuda, const Tensor& x, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    const bool vectors = all_aligned<T>(x, y, x.col_range(y.cols, y.cols));
    launch(silu_mul_kernel<T>, row_grid(y.rows, y.cols, kValuesPerBlock<T>), kThreads, 0, cuda.stream,
           Rows<T>(x), Rows<T>(y), y.rows, y.cols, vectors);
  });
}

void add(Cuda& cuda, const Tensor& x, const Tensor& y) {
  with_type(y.dtype, [&]<class T>() {
    const auto launch_with = [&]<class X>() {
      launch(add_kernel<T, X>, row_grid(y.rows, y.cols, kValuesPerBlock<T>), kThreads, 0, cuda.stream,
             Rows<X>(x), x.rows, Rows<T>(y), y.rows, y.cols, all_aligned<T>(y));
    };
    if (x.dtype == y.dtype) {
      launch_with.template operator()<T>();
    } else {
      launch_with.template operator()<float>();
    }
  });
}

void add_silu(Cuda& cuda, const Tensor& x, const Tensor& residual, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(add_silu_kernel<T>, row_grid(x.rows, x.cols, kValuesPerBlock<T>), kThreads, 0, cuda.stream,
           Rows<T>(x), Rows<T>(residual), Rows<T>(y), x.rows, x.cols, all_aligned<T>(x, residual, y));
  });
}

void copy(Cuda& cuda, const Tensor& x, const Tensor& y) {
  if (x.dtype != y.dtype) return convert(cuda, x, y);
  const auto size = static_cast<size_t>(dtype_size(x.dtype));
  const auto pitch = [&](const Tensor& t) {
    return static_cast<size_t>(t.rows > 1 ? t.stride : t.cols) * size;
  };
  HB_CUDA(cudaMemcpy2DAsync(y.data, pitch(y), x.data, pitch(x), static_cast<size_t>(x.cols) * size,
                            static_cast<size_t>(x.rows), cudaMemcpyDeviceToDevice, cuda.stream));
}

void gather_rows(Cuda& cuda, const Tensor& x, const Tensor& rows, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(gather_rows_kernel<T>, row_grid(y.rows, y.cols, kValuesPerBlock<T>), kThreads, 0, cuda.stream,
           Rows<T>(x), x.rows, rows.row<int32_t>(0), Rows<T>(y), y.rows, y.cols, all_aligned<T>(x, y));
  });
}

}  // namespace honeybee::cuda
