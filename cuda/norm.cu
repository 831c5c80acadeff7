#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "cuda/warp.h"
#include "device/launch.h"

namespace honeybee::cuda {

/// What layer_norm does to a normalised value.
enum class Finish { kPlain, kSilu };

namespace {

constexpr int kThreads = 256;

// Calls write(column, normalised chunk) for the chunks of this thread. Two passes for the statistics, because
// the mean of squares minus the square of the mean cancels; `load` gives a chunk of the row.
template <class T, class Load, class Write>
__device__ __forceinline__ void normalise(int64_t cols, const float* weight, const float* bias, float eps,
                                          Load load, Write write) {
  HB_SHARED(float, partial, [kThreads / 32]);
  const auto thread = static_cast<int>(threadIdx.x);
  float sum = 0.0f;
  for_each_chunk<T>(cols, thread, kThreads, [&]<int kSize>(int64_t c) {
    const Chunk<kSize> x = load.template operator()<kSize>(c);
    for (int i = 0; i < kSize; i++) sum += x.values[i];
  });
  const float mean = block_sum<kThreads>(sum, partial) / static_cast<float>(cols);
  float squares = 0.0f;
  for_each_chunk<T>(cols, thread, kThreads, [&]<int kSize>(int64_t c) {
    const Chunk<kSize> x = load.template operator()<kSize>(c);
    for (int i = 0; i < kSize; i++) squares += (x.values[i] - mean) * (x.values[i] - mean);
  });
  const float variance = block_sum<kThreads>(squares, partial) / static_cast<float>(cols);
  const float factor = 1.0f / sqrtf(variance + eps);
  for_each_chunk<T>(cols, thread, kThreads, [&]<int kSize>(int64_t c) {
    Chunk<kSize> y = load.template operator()<kSize>(c);
    for (int i = 0; i < kSize; i++) y.values[i] = (y.values[i] - mean) * factor * weight[c + i] + bias[c + i];
    write(c, y);
  });
}

}  // namespace

// y = finish((x - mean) / sqrt(var + eps) · weight + bias) per row; x, y T [rows, cols], weight, bias f32
// [cols]. ViT-L/14: [257 or 577 an image, 1024]; C-Abstractor (finish = SiLU): [576 or 256, 1024]. Bytes: x
// and y once, 2 · rows · cols · sizeof(T): 1.05 MB an image in bf16, 0.25 µs on an H200, so that the launch
// decides; the second and third pass find the row in L1.
// One block of 256 threads a row; any width.
template <class T, Finish kFinish>
__global__ void __launch_bounds__(kThreads)
    layer_norm_kernel(Rows<T> x, const float* weight, const float* bias, float eps, int64_t cols,
                      bool vectors, Rows<T> y) {
  const T* const from = x.row(blockIdx.x);
  T* const to = y.row(blockIdx.x);
  normalise<T>(
      cols, weight, bias, eps, [&]<int kSize>(int64_t c) { return load_chunk<kSize>(from + c, vectors); },
      [&]<int kSize>(int64_t c, Chunk<kSize> chunk) {
        if constexpr (kFinish == Finish::kSilu) {
          for (int i = 0; i < kSize; i++) chunk.values[i] = silu(chunk.values[i]);
        }
        store_chunk(to + c, chunk, vectors);
      });
}

// y = layer_norm(x + residual); x, residual, y T [rows, cols]; the sum is kept in float.
// Resampler and D-Abstractor: [144 … 576, 1024] f32, 3 · rows · cols · 4 bytes: 7 MB at most, 1.6 µs on an
// H200. One block of 256 threads a row; any width.
template <class T>
__global__ void __launch_bounds__(kThreads)
    add_layer_norm_kernel(Rows<T> x, Rows<T> residual, const float* weight, const float* bias, float eps,
                          int64_t cols, bool vectors, Rows<T> y) {
  const T* const from = x.row(blockIdx.x);
  const T* const other = residual.row(blockIdx.x);
  T* const to = y.row(blockIdx.x);
  normalise<T>(
      cols, weight, bias, eps,
      [&]<int kSize>(int64_t c) {
        Chunk<kSize> sum = load_chunk<kSize>(from + c, vectors);
        const Chunk<kSize> addend = load_chunk<kSize>(other + c, vectors);
        for (int i = 0; i < kSize; i++) sum.values[i] += addend.values[i];
        return sum;
      },
      [&]<int kSize>(int64_t c, const Chunk<kSize>& chunk) { store_chunk(to + c, chunk, vectors); });
}

// y = x / sqrt(mean(x²) + eps) · weight per row; x, y T [rows, cols], weight f32 [cols].
// Llama 7B: [1 … 2048, 4096], twice a layer. Bytes: 2 · rows · cols · sizeof(T), 16 KB a row in bf16: the
// launch decides while decoding; 33 MB and 8 µs on an H200 for a prefill of 2,048. One block of 256 threads a
// row; any width.
template <class T>
__global__ void __launch_bounds__(kThreads)
    rms_norm_kernel(Rows<T> x, const float* weight, float eps, int64_t cols, bool vectors, Rows<T> y) {
  HB_SHARED(float, partial, [kThreads / 32]);
  const T* const from = x.row(blockIdx.x);
  T* const to = y.row(blockIdx.x);
  const auto thread = static_cast<int>(threadIdx.x);
  float squares = 0.0f;
  for_each_chunk<T>(cols, thread, kThreads, [&]<int kSize>(int64_t c) {
    const Chunk<kSize> chunk = load_chunk<kSize>(from + c, vectors);
    for (int i = 0; i < kSize; i++) squares += chunk.values[i] * chunk.values[i];
  });
  const float mean = block_sum<kThreads>(squares, partial) / static_cast<float>(cols);
  const float factor = 1.0f / sqrtf(mean + eps);
  for_each_chunk<T>(cols, thread, kThreads, [&]<int kSize>(int64_t c) {
    Chunk<kSize> chunk = load_chunk<kSize>(from + c, vectors);
    for (int i = 0; i < kSize; i++) chunk.values[i] *= factor * weight[c + i];
    store_chunk(to + c, chunk, vectors);
  });
}

namespace {

template <Finish kFinish>
void launch_layer_norm(Cuda& cuda, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                       const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(layer_norm_kernel<T, kFinish>, static_cast<unsigned>(x.rows), kThreads, 0, cuda.stream, Rows<T>(x),
           weight.row<float>(0), bias.row<float>(0), eps, x.cols, all_aligned<T>(x, y), Rows<T>(y));
  });
}

}  // namespace

void layer_norm(Cuda& cuda, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                const Tensor& y) {
  launch_layer_norm<Finish::kPlain>(cuda, x, weight, bias, eps, y);
}

void layer_norm_silu(Cuda& cuda, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y) {
  launch_layer_norm<Finish::kSilu>(cuda, x, weight, bias, eps, y);
}

void add_layer_norm(Cuda& cuda, const Tensor& x, const Tensor& residual, const Tensor& weight,
                    const Tensor& bias, float eps, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(add_layer_norm_kernel<T>, static_cast<unsigned>(x.rows), kThreads, 0, cuda.stream, Rows<T>(x),
           Rows<T>(residual), weight.row<float>(0), bias.row<float>(0), eps, x.cols,
           all_aligned<T>(x, residual, y), Rows<T>(y));
  });
}

void rms_norm(Cuda& cuda, const Tensor& x, const Tensor& weight, float eps, const Tensor& y) {
  with_type(x.dtype, [&]<class T>() {
    launch(rms_norm_kernel<T>, static_cast<unsigned>(x.rows), kThreads, 0, cuda.stream, Rows<T>(x),
           weight.row<float>(0), eps, x.cols, all_aligned<T>(x, y), Rows<T>(y));
  });
}

}  // namespace honeybee::cuda
