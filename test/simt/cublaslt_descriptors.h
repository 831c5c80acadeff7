#pragma once
#include <cstdint>
#include <optional>

#include "cuda/cublaslt.h"

/// What cuBLASLt's opaque handles stand for in the simulator.
namespace honeybee::cuda::lt {

struct Context {};

struct MatmulDescription {
  ComputeType compute;
  DataType scale;
  Operation trans_a = Operation::kNone;
  Operation trans_b = Operation::kNone;
  Epilogue epilogue = Epilogue::kDefault;
  const void* bias = nullptr;
  std::optional<DataType> bias_type = std::nullopt;  ///< unless set: that of D
};

struct MatrixLayout {
  DataType type;
  uint64_t rows;
  uint64_t cols;
  int64_t ld;
  Order order = Order::kColumn;
  int32_t batch = 1;
  int64_t batch_stride = 0;

  /// Elements from one row to the next, and from one column to the next.
  int64_t row_stride() const { return order == Order::kColumn ? 1 : ld; }
  int64_t col_stride() const { return order == Order::kColumn ? ld : 1; }
  bool operator==(const MatrixLayout&) const = default;
};

struct MatmulPreference {
  uint64_t max_workspace = 0;
  uint32_t alignment[4] = {256, 256, 256, 256};  ///< of A, B, C, D in bytes
};

/// Bytes of a value; 0 for a type that is none.
constexpr size_t size_of(DataType type) {
  switch (type) {
    case DataType::kF32:
      return 4;
    case DataType::kF16:
    case DataType::kBf16:
      return 2;
    case DataType::kE4m3:
      return 1;
  }
  return 0;
}

}  // namespace honeybee::cuda::lt
