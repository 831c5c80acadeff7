#include <string>

#include "simt_products.h"

/// What the simulator's cuBLASLt refuses.
namespace honeybee::testing {

TEST_SIMT(simt_cublaslt_refuses_bad_descriptors) {
  const Simulation simulation;
  lt::Desc desc = nullptr;
  EXPECT_BLAS(blas().MatmulDescCreate(&desc, lt::ComputeType::kF32, DataType::kF32));
  const int32_t operation = 1, no_operation = 7, gelu = 32;
  const auto set = [&](lt::DescAttribute attribute, const void* value, size_t bytes) {
    return blas().MatmulDescSetAttribute(desc, attribute, value, bytes);
  };
  EXPECT_BLAS(set(lt::DescAttribute::kTransA, &operation, 4));
  EXPECT_STATUS(set(lt::DescAttribute::kTransA, &operation, 8), Status::kInvalidValue);
  EXPECT_STATUS(set(lt::DescAttribute::kTransA, nullptr, 4), Status::kInvalidValue);
  EXPECT_STATUS(set(lt::DescAttribute::kTransB, &no_operation, 4), Status::kInvalidValue);
  EXPECT_STATUS(set(lt::DescAttribute::kEpilogue, &gelu, 4), Status::kInvalidValue);
  EXPECT_STATUS(set(lt::DescAttribute::kBiasPointer, &desc, 4), Status::kInvalidValue);
  EXPECT_STATUS(set(static_cast<lt::DescAttribute>(99), &operation, 4), Status::kInvalidValue);
  EXPECT_STATUS(blas().MatmulDescSetAttribute(nullptr, lt::DescAttribute::kTransA, &operation, 4),
                Status::kInvalidValue);
  EXPECT_BLAS(blas().MatmulDescDestroy(desc));
  EXPECT_STATUS(blas().MatmulDescDestroy(nullptr), Status::kInvalidValue);
  EXPECT_STATUS(blas().MatrixLayoutCreate(nullptr, DataType::kF32, 1, 1, 1), Status::kInvalidValue);
  EXPECT_STATUS(blas().Create(nullptr), Status::kInvalidValue);
  EXPECT_EQ(std::string(blas().GetStatusString(Status::kNotSupported)), "CUBLAS_STATUS_NOT_SUPPORTED");
  EXPECT_TRUE(blas().GetVersion() >= 130000);
}

TEST_SIMT(simt_cublaslt_refuses_what_does_not_fit) {
  const Simulation simulation;
  Products products;
  const Matrix a(DataType::kBf16, 6, 5), b(DataType::kBf16, 5, 4), d(DataType::kBf16, 6, 4);
  const Matrix wide(DataType::kF32, 6, 4), half(DataType::kF16, 5, 4), short_b(DataType::kBf16, 4, 4);
  const Matrix batch(DataType::kBf16, 6, 4, lt::Order::kColumn, 2);
  EXPECT_BLAS(products.choose(a, b, d, d));
  EXPECT_EQ(static_cast<int>(products.chosen.state), 0);
  EXPECT_STATUS(products.choose(a, short_b, d, d), Status::kInvalidValue);
  EXPECT_STATUS(products.choose(a, b, d, a), Status::kInvalidValue);
  EXPECT_STATUS(products.choose(a, b, batch, batch), Status::kInvalidValue);
  EXPECT_STATUS(products.choose(a, half, d, d), Status::kNotSupported);
  EXPECT_STATUS(products.choose(a, b, d, wide), Status::kNotSupported);
  const Matrix full(DataType::kF32, 6, 5), full_b(DataType::kF32, 5, 4);
  EXPECT_STATUS(products.choose(full, full_b, d, d), Status::kNotSupported);

  // A bias has the type of D.
  EXPECT_BLAS(products.set(lt::DescAttribute::kEpilogue, lt::Epilogue::kBias));
  EXPECT_BLAS(products.set(lt::DescAttribute::kBiasDataType, DataType::kF32));
  EXPECT_STATUS(products.choose(a, b, d, d), Status::kNotSupported);
  EXPECT_BLAS(products.choose(a, b, wide, wide));

  // 8-bit factors: A transposed, sides of 16, sums that are no codes.
  const Matrix codes(DataType::kE4m3, 32, 16), other(DataType::kE4m3, 32, 4), odd(DataType::kE4m3, 32, 8);
  const Matrix floats(DataType::kF32, 16, 4), odd_floats(DataType::kF32, 8, 4);
  const Matrix small(DataType::kE4m3, 16, 4);
  Products eights;
  EXPECT_STATUS(eights.choose(codes, other, floats, floats), Status::kInvalidValue);
  EXPECT_BLAS(eights.set(lt::DescAttribute::kTransA, lt::Operation::kTranspose));
  EXPECT_BLAS(eights.choose(codes, other, floats, floats));
  EXPECT_STATUS(eights.choose(odd, other, odd_floats, odd_floats), Status::kNotSupported);
  EXPECT_STATUS(eights.choose(codes, other, small, small), Status::kNotSupported);

  lt::Layout narrow = nullptr;
  EXPECT_BLAS(blas().MatrixLayoutCreate(&narrow, DataType::kBf16, 6, 5, 5));
  int found = 0;
  EXPECT_STATUS(blas().MatmulAlgoGetHeuristic(products.handle, products.desc, narrow, b.layout, d.layout,
                                              d.layout, products.preference, 1, &products.chosen, &found),
                Status::kInvalidValue);
  EXPECT_STATUS(blas().MatmulAlgoGetHeuristic(products.handle, products.desc, a.layout, b.layout, d.layout,
                                              d.layout, products.preference, 0, &products.chosen, &found),
                Status::kInvalidValue);
  EXPECT_BLAS(blas().MatrixLayoutDestroy(narrow));
}

TEST_SIMT(simt_cublaslt_holds_callers_to_the_algorithm) {
  const Simulation simulation;
  Products products;
  Matrix a(DataType::kF32, 6, 5), b(DataType::kF32, 5, 4), d(DataType::kF32, 6, 4);
  EXPECT_BLAS(products.choose(a, b, d, d));
  EXPECT_EQ(products.chosen.workspace_bytes, 0u);
  EXPECT_STATUS(
      blas().Matmul(products.handle, products.desc, nullptr, a.data, a.layout, b.data, b.layout,
                    &products.beta, d.data, d.layout, d.data, d.layout, nullptr, nullptr, 0, products.stream),
      Status::kInvalidValue);

  // Chosen for addresses at multiples of 256 bytes unless told otherwise.
  void* const begin = a.data;
  a.data = static_cast<char*>(begin) + 16;
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);
  products.promise_alignment(16);
  EXPECT_BLAS(products.choose(a, b, d, d));
  EXPECT_BLAS(products.multiply(a, b, d, d));
  a.data = static_cast<char*>(begin) + 4;
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);
  a.data = begin;

  // Chosen with a workspace, it needs one.
  products.allow_workspace(Products::kWorkspace);
  EXPECT_BLAS(products.choose(a, b, d, d));
  EXPECT_EQ(products.chosen.workspace_bytes, size_t{6 * 4 * 4});
  products.workspace_bytes = 95;
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);
  products.workspace_bytes = 96;
  EXPECT_BLAS(products.multiply(a, b, d, d));
  void* const workspace = products.workspace;
  products.workspace = static_cast<char*>(workspace) + 128;
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);
  products.workspace = workspace;

  // Chosen for another operation, and chosen by nobody.
  EXPECT_BLAS(products.set(lt::DescAttribute::kEpilogue, lt::Epilogue::kBias));
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);  // no bias
  EXPECT_BLAS(products.set(lt::DescAttribute::kBiasPointer, d.data));
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kNotSupported);
  products.chosen = {};
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kInvalidValue);
  EXPECT_CUDA(CUDA(StreamSynchronize)(products.stream));
}

TEST_SIMT(simt_cublaslt_names_memory_that_is_not_there) {
  const Simulation simulation;
  Products products;
  const Matrix a(DataType::kF32, 6, 5), b(DataType::kF32, 5, 4), d(DataType::kF32, 6, 4);
  const DeviceArray<float> small(41);  // columns are 9 apart: the last of 30 values is the 42nd number
  EXPECT_BLAS(products.choose(a, b, d, d));
  EXPECT_BLAS(blas().Matmul(products.handle, products.desc, &products.alpha, small.data, a.layout, b.data,
                            b.layout, &products.beta, d.data, d.layout, d.data, d.layout,
                            &products.chosen.algo, nullptr, 0, products.stream));
  EXPECT_STATUS(CUDA(StreamSynchronize)(products.stream), cudaErrorLaunchFailure);
  EXPECT_TRUE(last_fault().starts_with("cublasLtMatmul: A takes 168 bytes from byte 0 of allocation "));
  EXPECT_STATUS(products.multiply(a, b, d, d), Status::kExecutionFailed);
}

TEST_SIMT(simt_cublaslt_leaves_nothing_behind) {
  const Simulation simulation;
  const int64_t before = live("descriptors");
  {
    const Products products;
    EXPECT_EQ(live("descriptors"), before + 3);
  }
  EXPECT_EQ(live("descriptors"), before);
  inject("other", 1);
  lt::Handle handle = nullptr;
  EXPECT_STATUS(blas().Create(&handle), Status::kNotInitialized);
}

}  // namespace honeybee::testing
