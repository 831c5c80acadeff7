#include <type_traits>

#include "cuda/chunk.h"
#include "cuda/convert.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kValues = 8;  // of a thread: 16 bytes on the 16-bit side

// One or two words of 16 bytes.
template <class T>
struct alignas(16) Values {
  T values[kValues];
};

}  // namespace

// y = x in another dtype; x From [rows, cols], y To [rows, cols]. Two dtypes because converting from each to
// each other is the operation.
// Weights stored otherwise than wanted, by slices of 4 MiB: the bus to the device is 50 times slower than
// this. Activations: rows · cols · (sizeof(From) + sizeof(To)); [577, 1024] f32 to bf16 3.5 MB, 0.8 µs on an
// H200. Blocks of 256 threads, 8 values each; value by value where rows are not aligned.
template <class From, class To>
__global__ void __launch_bounds__(kThreads)
    convert_kernel(Rows<From> x, Rows<To> y, int64_t rows, int64_t cols, bool vectors) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kValues;
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    const From* const from = x.row(r) + begin;
    To* const to = y.row(r) + begin;
    if (vectors && begin + kValues <= cols) {
      const auto source = *reinterpret_cast<const Values<From>*>(from);
      Values<To> target;
      for (int i = 0; i < kValues; i++) target.values[i] = from_float<To>(to_float(source.values[i]));
      *reinterpret_cast<Values<To>*>(to) = target;
    } else {
      const int64_t count = cols - begin < kValues ? cols - begin : kValues;
      for (int64_t i = 0; i < count; i++) to[i] = from_float<To>(to_float(from[i]));
    }
  }
}

void convert(Cuda& cuda, const Tensor& x, const Tensor& y) {
  if (x.size() == 0) return;
  with_type(x.dtype, [&]<class From>() {
    with_type(y.dtype, [&]<class To>() {
      if constexpr (!std::is_same_v<From, To>) {
        const bool vectors = vec_aligned<From>(x.data, x.stride) && vec_aligned<To>(y.data, y.stride);
        launch(convert_kernel<From, To>, row_grid(x.rows, x.cols, kThreads * kValues), kThreads, 0,
               cuda.stream, Rows<From>(x), Rows<To>(y), x.rows, x.cols, vectors);
      } else {
        fail(ErrorCode::kOption, "convert: x and y are both ", dtype_name(x.dtype));
      }
    });
  });
}

}  // namespace honeybee::cuda
