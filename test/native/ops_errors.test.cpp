#include "fixture.h"

namespace honeybee::testing {

// The checks are shared by all devices; here each operation meets one input it must refuse by name.
TEST_OP(ops_refuse_wrong_shapes) {
  Fixture f(backend);
  const auto tensor = [&](int64_t rows, int64_t cols) { return f.output(Dtype::kF32, rows, cols); };
  const Tensor x = tensor(4, 8);
  const Tensor narrow = tensor(4, 7);
  const Tensor vector = f.parameter(std::vector<float>(8, 1.0f));
  const Tensor short_vector = f.parameter(std::vector<float>(7, 1.0f));
  const Tensor ints = f.output(Dtype::kI32, 4, 8);
  constexpr ErrorCode kOption = ErrorCode::kOption;
  EXPECT_ERROR(backend.layer_norm(x, short_vector, vector, 1e-5f, x), kOption, "layer_norm: weight");
  EXPECT_ERROR(backend.layer_norm_silu(x, vector, vector, 1e-5f, narrow), kOption, "layer_norm_silu: y");
  EXPECT_ERROR(backend.add_layer_norm(x, narrow, vector, vector, 1e-5f, x), kOption, "residual");
  EXPECT_ERROR(backend.rms_norm(x, vector, -1.0f, x), kOption, "eps");
  EXPECT_ERROR(backend.activate(Activation::kSilu, ints), kOption, "i32");
  EXPECT_ERROR(backend.silu_mul(x, narrow), kOption, "silu_mul");
  EXPECT_ERROR(backend.add(tensor(3, 8), x), kOption, "repeat");
  EXPECT_ERROR(backend.add_silu(x, narrow, x), kOption, "add_silu");
  EXPECT_ERROR(backend.copy(x, narrow), kOption, "copy");
  EXPECT_ERROR(backend.gather_rows(x, vector, x), kOption, "i32");
  EXPECT_ERROR(backend.gather_rows(x, f.indices({0, 1, 2}), x), kOption, "rows");
  EXPECT_ERROR(backend.attention(x, x, narrow, {.heads = 2}, x), kOption, "attention: v");
  EXPECT_ERROR(backend.attention(x, x, x, {.heads = 3}, x), kOption, "3 heads");
  EXPECT_ERROR(backend.depthwise_conv3x3(x, f.parameter(std::vector<float>(72), 9), {3, 3}, x), kOption,
               "3 x 3");
  EXPECT_ERROR(backend.mean_rows(x, tensor(3, 8)), kOption, "mean_rows");
  EXPECT_ERROR(backend.gate_channels(tensor(3, 8), x), kOption, "gate_channels");
  EXPECT_ERROR(backend.adaptive_avg_pool(x, {2, 2}, {1, 1}, x), kOption, "adaptive_avg_pool: y");
  EXPECT_ERROR(backend.patchify(x, {{0, 0, 0}, {1, 1, 1}}, 4, 3, x), kOption, "patch");
  const Grid level{2, 2};
  EXPECT_ERROR(backend.deformable_sample(x, x, x, x, {1, 2, 1, {&level, 1}}, x), kOption, "offsets");
}

TEST_OP(cache_refuses_wrong_batches) {
  const auto cache = backend.make_kv_cache({.layers = 1, .kv_heads = 1, .head_dim = 8, .blocks = 2});
  Fixture f(backend);
  const Tensor q = f.output(Dtype::kF32, 2, 8);
  const auto batch = backend.make_batch({.sequences = 1, .rows = 2, .blocks = 2});
  const std::vector<int32_t> row_begin{0, 2}, start{15}, one_block{0}, blocks{0, 5};
  batch->set(row_begin, start, blocks);
  EXPECT_ERROR(backend.paged_attention(q, *cache, *batch, 0, 1.0f, q), ErrorCode::kOption, "block 5 of 2");
  EXPECT_ERROR(backend.paged_attention(q, *cache, *batch, 1, 1.0f, q), ErrorCode::kOption, "layer 1 of 1");
  batch->set(row_begin, start, one_block);
  EXPECT_ERROR(backend.paged_attention(q, *cache, *batch, 0, 1.0f, q), ErrorCode::kOption, "needs 2 blocks");
  EXPECT_ERROR(batch->set({row_begin.data(), 1}, start, blocks), ErrorCode::kOption, "row_begin");
  EXPECT_ERROR(batch->set(std::vector<int32_t>{0, 3}, start, blocks), ErrorCode::kOption, "3 rows");
  EXPECT_ERROR(batch->set(row_begin, start, std::vector<int32_t>(3)), ErrorCode::kOption, "3 blocks");
  EXPECT_ERROR(backend.make_batch({.sequences = 0, .rows = 1, .blocks = 1}), ErrorCode::kOption,
               "make_batch");
  EXPECT_ERROR(backend.make_kv_cache({.layers = 0}), ErrorCode::kOption, "make_kv_cache");
}

}  // namespace honeybee::testing
