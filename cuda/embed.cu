#include "cuda/any_value.h"
#include "cuda/chunk.h"
#include "cuda/dequantize.h"
#include "cuda/e4m3.h"
#include "cuda/matrix.h"
#include "cuda/ops.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;

}  // namespace

// y[i] = table[ids[i]], zeros where the id is outside; table T [rows, cols] with rows of whole 16-byte words,
// ids i32, y any floating dtype [ids, cols].
// Llama 7B: cols 4096; 2 · cols · sizeof(T) an id, 16 KB in bf16: the launch decides while decoding, 34 MB
// and 8 µs on an H200 for a prefill of 2,048. A block of 256 threads an id; words where y is of T and
// aligned, else value by value.
template <class T>
__global__ void __launch_bounds__(kThreads)
    embed_kernel(const T* table, int64_t table_stride, int64_t table_rows, const int32_t* ids, void* y,
                 Dtype y_dtype, int64_t y_stride, int64_t cols, bool words) {
  const int64_t row = blockIdx.x;
  const int64_t id = ids[row];
  const bool inside = id >= 0 && id < table_rows;
  const T* const from = table + (inside ? id : 0) * table_stride;
  if (words) {
    T* const to = static_cast<T*>(y) + row * y_stride;
    constexpr int kSize = Vec<T>::kSize;
    for (int64_t c = static_cast<int64_t>(threadIdx.x) * kSize; c < cols; c += kThreads * kSize)
      store_vec(to + c, inside ? load_vec(from + c) : Vec<T>{});
  } else {
    for (int64_t c = threadIdx.x; c < cols; c += kThreads)
      store_as(y_dtype, y, row * y_stride + c, inside ? to_float(from[c]) : 0.0f);
  }
}

// y[i, order[k]] = scale · (code - zero) of place k of row ids[i], zeros where the id is outside; codes of
// any format, y any floating dtype [ids, in]. For heads that are tied to the table: once a token, the launch
// decides. A block of 256 threads an id, code by code.
__global__ void __launch_bounds__(kThreads)
    embed_codes_kernel(QuantizedRows table, Dtype format, int64_t table_rows, const int32_t* order,
                       const int32_t* ids, void* y, Dtype y_dtype, int64_t y_stride, int64_t cols) {
  const int64_t row = blockIdx.x;
  const int64_t id = ids[row];
  const bool inside = id >= 0 && id < table_rows;
  const auto* const codes = reinterpret_cast<const uint8_t*>(table.codes + (inside ? id : 0) * table.words);
  for (int64_t k = threadIdx.x; k < cols; k += kThreads) {
    const CodePlace place = code_place(format, k);
    const uint32_t code = codes[place.byte];
    float value = 0.0f;
    if (inside && format == Dtype::kInt4) {
      const uint32_t group = table.groups[id * table.group_count + (k / kUnitColumns >> table.group_shift)];
      value = group_scale(group) * (static_cast<float>(code >> place.shift & 15u) - group_zero(group));
    } else if (inside) {
      value = table.scales[id] *
              (format == Dtype::kInt8 ? static_cast<float>(code) - 128.0f : float_of_e4m3(code));
    }
    store_as(y_dtype, y, row * y_stride + (order != nullptr ? order[k] : k), value);
  }
}

void embed(Cuda& cuda, const Weight& table, const Tensor& ids, const Tensor& y) {
  if (const auto* const codes = dynamic_cast<const QuantizedMatrix*>(&table)) {
    launch(embed_codes_kernel, dim3(static_cast<unsigned>(y.rows)), kThreads, 0, cuda.stream, codes->rows(),
           codes->dtype(), codes->out(), codes->order(), ids.row<int32_t>(0), y.data, y.dtype, y.stride,
           y.cols);
    return;
  }
  const RowMatrix& matrix = row_matrix("embed", table);
  with_type(matrix.dtype(), [&]<class T>() {
    const bool words =
        y.dtype == matrix.dtype() && matrix.stride() == matrix.in() && vec_aligned<T>(y.data, y.stride);
    launch(embed_kernel<T>, dim3(static_cast<unsigned>(y.rows)), kThreads, 0, cuda.stream,
           static_cast<const T*>(matrix.data()), matrix.stride(), matrix.out(), ids.row<int32_t>(0), y.data,
           y.dtype, y.stride, y.cols, words);
  });
}

}  // namespace honeybee::cuda
