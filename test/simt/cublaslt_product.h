#pragma once
#include <cstdint>

#include "cuda/cublaslt.h"

namespace honeybee::simt {

/// A matrix in memory; strides in elements.
struct MatrixView {
  void* data;
  cuda::lt::DataType type;
  int64_t row_stride;
  int64_t col_stride;
};

/// D [m, n] = alpha · A [m, k] · B [k, n] + beta · C [m, n] + bias [m], with sums in float and one rounding
/// to the type of D. C is not read if beta is 0; it may be D. `bias.data` may be null.
struct Product {
  int64_t m;
  int64_t n;
  int64_t k;
  float alpha;
  float beta;
  MatrixView a;
  MatrixView b;
  MatrixView c;
  MatrixView d;
  MatrixView bias;
};

void multiply(const Product& product);

}  // namespace honeybee::simt
