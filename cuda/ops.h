#pragma once
#include <cstdint>
#include <memory>

#include "core/backend.h"
#include "cuda/cuda.h"

/// The operations of core/backend.h on the GPU; shapes and dtypes are checked before they are called. Each
/// group is one file, named like its twin in src/cpu. All work is queued on cuda.stream.
namespace honeybee::cuda {

// linear.cpp (gemv.cu, products.cpp), quantized_linear.cpp (quantized_gemv.cu, quantized_matmul.cu)
void linear(Cuda& cuda, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);
void linear_add(Cuda& cuda, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);

// matrix.cpp, quantized_matrix.cpp
std::unique_ptr<Weight> load_matrix(Cuda& cuda, const RowSource& source, Dtype dtype);

// embed.cu
void embed(Cuda& cuda, const Weight& table, const Tensor& ids, const Tensor& y);

// norm.cu
void layer_norm(Cuda& cuda, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                const Tensor& y);
void layer_norm_silu(Cuda& cuda, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y);
void add_layer_norm(Cuda& cuda, const Tensor& x, const Tensor& residual, const Tensor& weight,
                    const Tensor& bias, float eps, const Tensor& y);
void rms_norm(Cuda& cuda, const Tensor& x, const Tensor& weight, float eps, const Tensor& y);

// elementwise.cu
void activate(Cuda& cuda, Activation activation, const Tensor& x);
void silu_mul(Cuda& cuda, const Tensor& x, const Tensor& y);
void add(Cuda& cuda, const Tensor& x, const Tensor& y);
void add_silu(Cuda& cuda, const Tensor& x, const Tensor& residual, const Tensor& y);
void copy(Cuda& cuda, const Tensor& x, const Tensor& y);
void gather_rows(Cuda& cuda, const Tensor& x, const Tensor& rows, const Tensor& y);

// attention.cu
void attention(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
               const Tensor& out);

// rope.cu, kv_cache.h
std::unique_ptr<KvCache> make_kv_cache(Cuda& cuda, const KvShape& shape);
std::unique_ptr<PagedBatch> make_batch(Cuda& cuda, const BatchLimits& limits);
void copy_block(Cuda& cuda, KvCache& cache, int64_t from, int64_t to);
void rope_append(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                 const PagedBatch& batch, int64_t layer, KvCache& cache);

// paged_attention.cu, decode_attention.cu
void paged_attention(Cuda& cuda, const Tensor& q, const KvCache& cache, const PagedBatch& batch,
                     int64_t layer, float scale, const Tensor& out);

// sampling.cu, logprobs.cu
std::unique_ptr<SamplingBatch> make_sampling_batch(Cuda& cuda);
void sample(Cuda& cuda, const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens);
void token_logprobs(Cuda& cuda, const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                    const Tensor& values);

// resize.cu
void resize_bicubic(Cuda& cuda, const Tensor& image, const ResizePlan& plan, const Tensor& rgb);

// patchify.cu
void patchify(Cuda& cuda, const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
              const Tensor& patches);

// conv.cu
void depthwise_conv3x3(Cuda& cuda, const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y);

// pool.cu
void mean_rows(Cuda& cuda, const Tensor& x, const Tensor& y);
void gate_channels(Cuda& cuda, const Tensor& gate, const Tensor& x);
void adaptive_avg_pool(Cuda& cuda, const Tensor& x, Grid from, Grid to, const Tensor& y);

// deformable.cu
void deformable_sample(Cuda& cuda, const Tensor& value, const Tensor& offsets, const Tensor& logits,
                       const Tensor& reference, const DeformableShape& shape, const Tensor& y);

}  // namespace honeybee::cuda
