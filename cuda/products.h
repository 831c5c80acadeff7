#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "cuda/cublaslt.h"
#include "cuda/matrix.h"

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
  /// [rows, w.stride()] in the weight's dtype with zeros beyond w.in(), y [rows, w.out()] in that dtype or
  /// f32, bias null or [1, w.out()] in y's dtype: cuBLASLt adds no other. Rows of x and y, and the bias,
  /// begin at multiples of 16 bytes. What is chosen for a shape is kept, so only the first product of a shape
  /// is slow.
  void multiply(const Tensor& x, const RowMatrix& w, const Tensor* bias, const Tensor& y, bool accumulate);

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
