#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "cuda/cublaslt.h"
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// Matrix products through cuBLASLt, on the stream of one backend.
class Products {
 public:
  /// Throws Error(kDevice) naming what was tried if there is no cuBLASLt.
  explicit Products(Cuda& cuda);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// y = x wᵀ (+ bias), or y += x wᵀ (+ bias), with float sums rounded once; f32 is multiplied as f32. x
  /// [rows, depth] f32, bf16, f16 or fp8, w [y.cols, depth] of the same, rows one after another; y in that
  /// dtype or f32, beside fp8 f32; bias null or [1, y.cols] in y's dtype: cuBLASLt adds no other. Rows of x,
  /// w and y, and the bias, begin at multiples of 16 bytes; y.cols beside fp8 is a multiple of 16. What is
  /// chosen for a shape is kept, so only the first product of a shape is slow.
  void multiply(const Tensor& x, const void* w, const Tensor* bias, const Tensor& y, bool accumulate);

 private:
  /// All that the choice of an algorithm depends on.
  struct Shape {
    int64_t rows, depth, outputs;
    int64_t x_stride, y_stride;
    Dtype factors, sums;
    bool bias;
    bool operator==(const Shape&) const = default;
  };
  struct ShapeHash {
    size_t operator()(const Shape& shape) const;
  };
  struct Plan;

  const Plan& plan(const Shape& shape);

  Cuda& cuda_;
  lt::Handle handle_ = nullptr;
  std::unordered_map<Shape, std::unique_ptr<Plan>, ShapeHash> plans_;
};

}  // namespace honeybee::cuda
