#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../../cuda/cublaslt.h"
#include "../simt/cuda_bf16.h"
#include "../simt/cuda_fp16.h"
#include "fixture.h"
#include "simt_runtime.h"

/// Matrices and descriptors for tests of the simulator's cuBLASLt.
namespace honeybee::testing {

namespace lt = cuda::lt;
using lt::DataType;
using lt::Status;

/// The simulator library's functions.
inline const lt::Functions& blas() {
  static const lt::Functions functions = [] {
    lt::Functions table;
#define LOOK_UP(name, result, parameters) \
  table.name = reinterpret_cast<decltype(table.name)>(simt_symbol("cublasLt" #name));
    HB_CUBLASLT_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    return table;
  }();
  return functions;
}

#define EXPECT_BLAS(call) EXPECT_STATUS(call, Status::kSuccess)

inline size_t value_size(DataType type) {
  return type == DataType::kF32 ? 4 : type == DataType::kE4m3 ? 1 : 2;
}

inline float value_at(const std::byte* data, DataType type, int64_t i) {
  const std::byte* at = data + i * static_cast<int64_t>(value_size(type));
  float number;
  uint16_t bits;
  if (type == DataType::kF32) {
    std::memcpy(&number, at, 4);
    return number;
  }
  if (type == DataType::kE4m3) return float_from_fp8(std::to_integer<uint8_t>(*at));
  std::memcpy(&bits, at, 2);
  return type == DataType::kBf16 ? __bfloat162float(__ushort_as_bfloat16(bits))
                                 : __half2float(__ushort_as_half(bits));
}

inline void set_value(std::byte* data, DataType type, int64_t i, float value) {
  std::byte* at = data + i * static_cast<int64_t>(value_size(type));
  if (type == DataType::kE4m3) {
    *at = std::byte{fp8_from_float(value)};
    return;
  }
  const uint16_t bits = type == DataType::kBf16 ? __bfloat16_as_ushort(__float2bfloat16(value))
                                                : __half_as_ushort(__float2half(value));
  std::memcpy(at, type == DataType::kF32 ? static_cast<const void*>(&value) : &bits, value_size(type));
}

/// A batch of matrices with gaps between columns (rows, in row order) and between matrices, full of NaN.
class Matrix {
 public:
  Matrix(DataType type, int64_t rows, int64_t cols, lt::Order order = lt::Order::kColumn, int32_t batch = 1)
      : type(type), rows(rows), cols(cols), batch(batch), order(order) {
    const bool by_column = order == lt::Order::kColumn;
    // Columns of 8-bit values begin at multiples of 16.
    ld = (by_column ? rows : cols) + (type == DataType::kE4m3 ? 16 : 3);
    stride = ld * (by_column ? cols : rows) + 5;
    bytes_.assign(static_cast<size_t>(stride * batch) * value_size(type), std::byte{0xff});
    EXPECT_CUDA(cuda_malloc(&data, bytes_.size()));
    EXPECT_BLAS(blas().MatrixLayoutCreate(&layout, type, static_cast<uint64_t>(rows),
                                          static_cast<uint64_t>(cols), ld));
    EXPECT_BLAS(blas().MatrixLayoutSetAttribute(layout, lt::LayoutAttribute::kOrder, &order, sizeof order));
    EXPECT_BLAS(
        blas().MatrixLayoutSetAttribute(layout, lt::LayoutAttribute::kBatchCount, &batch, sizeof batch));
    EXPECT_BLAS(blas().MatrixLayoutSetAttribute(layout, lt::LayoutAttribute::kStridedBatchOffset, &stride,
                                                sizeof stride));
    upload();
  }
  ~Matrix() {
    blas().MatrixLayoutDestroy(layout);
    CUDA(Free)(data);
  }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  void fill(Random& random) {
    for_each([&](int64_t i) { set_value(bytes_.data(), type, i, random.uniform(-1, 1)); });
    upload();
  }
  float at(int32_t item, int64_t row, int64_t col) const {
    return value_at(bytes_.data(), type, index(item, row, col));
  }
  void download() { EXPECT_CUDA(CUDA(Memcpy)(bytes_.data(), data, bytes_.size(), cudaMemcpyDeviceToHost)); }
  /// Whether the gaps still hold what they were filled with.
  bool gaps_are_untouched() const {
    std::vector<std::byte> gaps = bytes_;
    Matrix& self = const_cast<Matrix&>(*this);
    self.for_each([&](int64_t i) {
      std::memset(gaps.data() + i * static_cast<int64_t>(value_size(type)), 0xff, value_size(type));
    });
    return gaps == std::vector<std::byte>(gaps.size(), std::byte{0xff});
  }

  DataType type;
  int64_t rows, cols, ld, stride;
  int32_t batch;
  lt::Order order;
  void* data = nullptr;
  lt::Layout layout = nullptr;

 private:
  int64_t index(int32_t item, int64_t row, int64_t col) const {
    return item * stride + (order == lt::Order::kColumn ? row + col * ld : row * ld + col);
  }
  template <class Body>
  void for_each(Body body) {
    for (int32_t item = 0; item < batch; item++) {
      for (int64_t row = 0; row < rows; row++) {
        for (int64_t col = 0; col < cols; col++) body(index(item, row, col));
      }
    }
  }
  void upload() { EXPECT_CUDA(CUDA(Memcpy)(data, bytes_.data(), bytes_.size(), cudaMemcpyHostToDevice)); }

  std::vector<std::byte> bytes_;
};

/// The descriptors of a product and everything cublasLtMatmul takes beside matrices.
struct Products {
  Products() {
    EXPECT_BLAS(blas().Create(&handle));
    EXPECT_BLAS(blas().MatmulDescCreate(&desc, lt::ComputeType::kF32, DataType::kF32));
    EXPECT_BLAS(blas().MatmulPreferenceCreate(&preference));
    EXPECT_CUDA(cuda_malloc(&workspace, kWorkspace));
  }
  ~Products() {
    CUDA(Free)(workspace);
    blas().MatmulPreferenceDestroy(preference);
    blas().MatmulDescDestroy(desc);
    blas().Destroy(handle);
  }
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  template <class T>
  Status set(lt::DescAttribute attribute, const T& value) {
    return blas().MatmulDescSetAttribute(desc, attribute, &value, sizeof value);
  }
  void promise_alignment(uint32_t bytes) {
    for (const auto attribute :
         {lt::PreferenceAttribute::kMinAlignmentBytesA, lt::PreferenceAttribute::kMinAlignmentBytesB,
          lt::PreferenceAttribute::kMinAlignmentBytesC, lt::PreferenceAttribute::kMinAlignmentBytesD})
      EXPECT_BLAS(blas().MatmulPreferenceSetAttribute(preference, attribute, &bytes, sizeof bytes));
  }
  void allow_workspace(uint64_t bytes) {
    EXPECT_BLAS(blas().MatmulPreferenceSetAttribute(preference, lt::PreferenceAttribute::kMaxWorkspaceBytes,
                                                    &bytes, sizeof bytes));
  }
  Status choose(const Matrix& a, const Matrix& b, const Matrix& c, const Matrix& d) {
    int found = 0;
    return blas().MatmulAlgoGetHeuristic(handle, desc, a.layout, b.layout, c.layout, d.layout, preference, 1,
                                         &chosen, &found);
  }
  Status multiply(const Matrix& a, const Matrix& b, const Matrix& c, const Matrix& d) {
    return blas().Matmul(handle, desc, &alpha, a.data, a.layout, b.data, b.layout, &beta, c.data, c.layout,
                         d.data, d.layout, &chosen.algo, workspace, workspace_bytes, stream);
  }

  static constexpr size_t kWorkspace = 1 << 16;
  lt::Handle handle = nullptr;
  lt::Desc desc = nullptr;
  lt::Preference preference = nullptr;
  lt::Heuristic chosen{};
  void* workspace = nullptr;
  size_t workspace_bytes = kWorkspace;
  float alpha = 1;
  float beta = 0;
  TestStream stream;
};

}  // namespace honeybee::testing
