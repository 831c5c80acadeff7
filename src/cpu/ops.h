#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "core/backend.h"
#include "cpu/cpu.h"

/// The operations of core/backend.h on the CPU; shapes and dtypes are checked before they are called. Each
/// group is one file.
namespace honeybee::cpu {

// linear.cpp
void linear(Cpu& cpu, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);
void linear_add(Cpu& cpu, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);

// packed_matrix.cpp
std::unique_ptr<Weight> load_matrix(Cpu& cpu, const RowSource& source, Dtype dtype);

// embed.cpp
std::unique_ptr<Weight> load_table(Cpu& cpu, const RowSource& source, Dtype dtype);
void embed(Cpu& cpu, const Weight& table, const Tensor& ids, const Tensor& y);

// norm.cpp
void layer_norm(Cpu& cpu, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                const Tensor& y);
void layer_norm_silu(Cpu& cpu, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y);
void add_layer_norm(Cpu& cpu, const Tensor& x, const Tensor& residual, const Tensor& weight,
                    const Tensor& bias, float eps, const Tensor& y);
void rms_norm(Cpu& cpu, const Tensor& x, const Tensor& weight, float eps, const Tensor& y);

// elementwise.cpp
void activate(Cpu& cpu, Activation activation, const Tensor& x);
void silu_mul(Cpu& cpu, const Tensor& x, const Tensor& y);
void add(Cpu& cpu, const Tensor& x, const Tensor& y);
void add_silu(Cpu& cpu, const Tensor& x, const Tensor& residual, const Tensor& y);
void copy(Cpu& cpu, const Tensor& x, const Tensor& y);
void gather_rows(Cpu& cpu, const Tensor& x, const Tensor& rows, const Tensor& y);

// attention.cpp
void attention(Cpu& cpu, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
               const Tensor& out);

// paged_attention.cpp
std::unique_ptr<KvCache> make_kv_cache(Cpu& cpu, const KvShape& shape);
void copy_block(Cpu& cpu, KvCache& cache, int64_t from, int64_t to);
void rope_append(Cpu& cpu, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                 const PagedBatch& batch, int64_t layer, KvCache& cache);
void paged_attention(Cpu& cpu, const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                     float scale, const Tensor& out);

// sampling.cpp
void sample(Cpu& cpu, const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens);
void token_logprobs(Cpu& cpu, const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                    const Tensor& values);

// resize.cpp
void resize_bicubic(Cpu& cpu, const Tensor& image, const ResizePlan& plan, const Tensor& rgb);

// patchify.cpp
void patchify(Cpu& cpu, const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
              const Tensor& patches);

// conv.cpp
void depthwise_conv3x3(Cpu& cpu, const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y);

// pool.cpp
void mean_rows(Cpu& cpu, const Tensor& x, const Tensor& y);
void gate_channels(Cpu& cpu, const Tensor& gate, const Tensor& x);
void adaptive_avg_pool(Cpu& cpu, const Tensor& x, Grid from, Grid to, const Tensor& y);

// deformable.cpp
void deformable_sample(Cpu& cpu, const Tensor& value, const Tensor& offsets, const Tensor& logits,
                       const Tensor& reference, const DeformableShape& shape, const Tensor& y);

}  // namespace honeybee::cpu
