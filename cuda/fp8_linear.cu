#include "cuda/e4m3.h"
#include "cuda/fp8_linear.h"
#include "cuda/packed.h"
#include "cuda/prepared_rows.h"
#include "cuda/products.h"
#include "cuda/warp.h"
#include "device/launch.h"
#include "device/shared.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kValues = static_cast<int>(kLaneColumns);  // of a thread at a time
// cuBLASLt takes 8-bit factors whose sides are multiples of it.
constexpr int64_t kFp8Outputs = 16;
constexpr int kFp8Scratch = 4;
constexpr int kScaleScratch = 5;

}  // namespace

// codes = e4m3(x / scale), scale = largest |x| of the row / 448; x bf16 [rows, depth], codes [rows, depth] in
// the order of quantized_layout.h, scales f32 [rows]. A prefill of Llama 7B, 2,048 rows of 4096 or 11008: 3 ·
// rows · depth bytes, 25 or 68 MB, 6 or 15 µs on an H200, and the row again from the cache. A block of 256
// threads a row, 8 values each.
__global__ void __launch_bounds__(kThreads)
    quantize_rows_kernel(const __nv_bfloat16* x, int64_t x_stride, uint8_t* codes, float* scales, int depth) {
  HB_SHARED(float, partial, [kThreads / 32]);
  const __nv_bfloat16* const from = x + blockIdx.x * x_stride;
  float largest = 0.0f;
  for (int k = static_cast<int>(threadIdx.x) * kValues; k < depth; k += kThreads * kValues) {
    const Chunk<kValues> chunk = load_packed<kValues>(from + k);
    for (const float value : chunk.values) largest = fmaxf(largest, fabsf(value));
  }
  largest = block_max<kThreads>(largest, partial);
  // Of a row that has no value worth a code the scale does not matter; it has to be one that divides.
  const float units = largest / kLargestE4m3;
  const float scale = units >= 0x1p-126f ? units : 1.0f;
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  uint8_t* const to = codes + static_cast<int64_t>(blockIdx.x) * depth;
  for (int k = static_cast<int>(threadIdx.x) * kValues; k < depth; k += kThreads * kValues) {
    const Chunk<kValues> chunk = load_packed<kValues>(from + k);
    uint32_t words[2] = {};
#pragma unroll
    for (int i = 0; i < kValues; i++) {
      const auto place = static_cast<uint32_t>(code_place(Dtype::kFp8, i).byte);
      words[place / 4] |= e4m3_of(chunk.values[i] / scale) << (place % 4 * 8);
    }
    *reinterpret_cast<uint2*>(to + code_place(Dtype::kFp8, k).byte) = make_uint2(words[0], words[1]);
  }
}

// y = sums · row scale · output scale (+ bias) or y += …; sums f32 [rows, out], scales f32 [rows] and [out],
// y any floating dtype. cuBLASLt would apply scales of whole matrices only, on most devices. A prefill of
// 2,048 rows, out 4096 or 22016: (4 + sizeof y) · rows · out bytes, 50 or 270 MB, 10 or 56 µs on an H200, a
// third of what the product takes. Blocks of 256 threads, 8 values each.
__global__ void __launch_bounds__(kThreads)
    scale_sums_kernel(AnyRows sums, const float* row_scales, const float* output_scales, const float* bias,
                      AnyRows y, bool accumulate, int64_t rows, int64_t outputs) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kValues;
  if (begin >= outputs) return;
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    Chunk<kValues> chunk = sums.load<kValues>(r, begin);
    Chunk<kValues> before{};
    if (accumulate) before = y.load<kValues>(r, begin);
    const float row_scale = row_scales[r];
#pragma unroll
    for (int i = 0; i < kValues; i++) {
      float sum = __fmul_rn(chunk.values[i], row_scale * output_scales[begin + i]);
      if (bias != nullptr) sum += bias[begin + i];
      chunk.values[i] = sum + before.values[i];
    }
    y.store(r, begin, chunk);
  }
}

bool has_fp8_product(const Cuda& cuda, const QuantizedMatrix& w) {
  return w.dtype() == Dtype::kFp8 && cuda.fp8_tensor_cores && w.out() % kFp8Outputs == 0;
}

void fp8_linear(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias, const Tensor& y,
                bool accumulate) {
  const Tensor codes = scratch_tensor(cuda, kFp8Scratch, Dtype::kFp8, x.rows, w.depth());
  const Tensor sums = scratch_tensor(cuda, kYScratch, Dtype::kF32, x.rows, w.out());
  auto* const scales = cuda.scratch<float>(kScaleScratch, x.rows);
  launch(quantize_rows_kernel, dim3(static_cast<unsigned>(x.rows)), kThreads, 0, cuda.stream,
         static_cast<const __nv_bfloat16*>(x.data), x.stride, static_cast<uint8_t*>(codes.data), scales,
         static_cast<int>(w.depth()));
  cuda.products->multiply(codes, w.rows().codes, nullptr, sums, false);
  launch(scale_sums_kernel, row_grid(y.rows, y.cols, kThreads * kValues), kThreads, 0, cuda.stream,
         AnyRows(sums), scales, w.rows().scales, bias != nullptr ? bias->row<float>(0) : nullptr, AnyRows(y),
         accumulate, y.rows, y.cols);
}

}  // namespace honeybee::cuda
