#include "model/llama.h"

#include <cmath>

namespace honeybee {
namespace {

// [positions, d]: cosines of the d/2 frequencies, then their sines. The angle is rounded to float before the
// cosine, as in the reference implementation, whose far positions differ visibly from exact ones.
Parameter rope_table(Backend& backend, int64_t positions, int64_t head_dim, double theta) {
  const int64_t half = head_dim / 2;
  std::vector<float> values(static_cast<size_t>(positions * head_dim));
  for (int64_t j = 0; j < half; j++) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_dim);
    const float frequency = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    for (int64_t p = 0; p < positions; p++) {
      const double angle = static_cast<float>(p) * frequency;
      values[static_cast<size_t>(p * head_dim + j)] = static_cast<float>(std::cos(angle));
      values[static_cast<size_t>(p * head_dim + half + j)] = static_cast<float>(std::sin(angle));
    }
  }
  Parameter table;
  table.memory = backend.allocate(values.size() * sizeof(float));
  table.tensor = {table.memory->data(), Dtype::kF32, positions, head_dim, head_dim};
  backend.upload(values.data(), table.tensor);
  return table;
}

}  // namespace

Llama::Llama(const TextConfig& config, WeightLoader& loader, const WeightDtypes& dtypes, int64_t positions,
             Backend* backend)
    : config_(config), dtype_(dtypes.text) {
  const int64_t width = config.hidden_size;
  const int64_t q = config.heads * config.head_dim;
  const int64_t kv = config.kv_heads * config.head_dim;
  if (!config.tied)
    table_ = loader.table("llm.embed_tokens.weight", config.vocab_size, width, dtypes.embedding);
  for (int64_t i = 0; i < config.layers; i++) {
    const std::string name = "llm.layers." + std::to_string(i) + ".";
    Layer layer;
    layer.norm1 = loader.parameter(name + "input_layernorm.weight", {width});
    layer.qkv = loader.matrix({{name + "self_attn.q_proj.weight", q},
                               {name + "self_attn.k_proj.weight", kv},
                               {name + "self_attn.v_proj.weight", kv}},
                              width, dtype_);
    layer.out = loader.matrix(name + "self_attn.o_proj.weight", width, q, dtype_);
    layer.norm2 = loader.parameter(name + "post_attention_layernorm.weight", {width});
    layer.gate_up = loader.matrix({{name + "mlp.gate_proj.weight", config.intermediate_size},
                                   {name + "mlp.up_proj.weight", config.intermediate_size}},
                                  width, dtype_);
    layer.down = loader.matrix(name + "mlp.down_proj.weight", width, config.intermediate_size, dtype_);
    layers_.push_back(std::move(layer));
  }
  norm_ = loader.parameter("llm.norm.weight", {width});
  head_ = loader.matrix(config.tied ? "llm.embed_tokens.weight" : "llm.lm_head.weight", config.vocab_size,
                        width, dtypes.head);
  if (backend != nullptr) cos_sin_ = rope_table(*backend, positions, config.head_dim, config.rope_theta);
}

void Llama::embed(const Run& run, const Tensor& ids, const Tensor& y) const {
  run.backend.embed(table_ != nullptr ? *table_ : *head_, ids, y);
}

void Llama::attend(const Run& run, const Layer& layer, int64_t index, const PagedBatch& batch, KvCache& cache,
                   const Tensor& x) const {
  const Arena::Scope scope(run.arena);
  const int64_t q_size = config_.heads * config_.head_dim;
  const int64_t kv_size = config_.kv_heads * config_.head_dim;
  const Tensor normed = run.arena.matrix(x.rows, config_.hidden_size, x.dtype);
  run.backend.rms_norm(x, layer.norm1.tensor, config_.rms_norm_eps, normed);
  const Tensor qkv = run.arena.matrix(x.rows, q_size + 2 * kv_size, x.dtype);
  run.backend.linear(normed, *layer.qkv, nullptr, qkv);
  const Tensor q = qkv.col_range(0, q_size);
  run.backend.rope_append(q, qkv.col_range(q_size, kv_size), qkv.col_range(q_size + kv_size, kv_size),
                          cos_sin_.tensor, batch, index, cache);
  const Tensor context = run.arena.matrix(x.rows, q_size, x.dtype);
  const float scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
  run.backend.paged_attention(q, cache, batch, index, scale, context);
  run.backend.linear_add(context, *layer.out, nullptr, x);
}

void Llama::feed_forward(const Run& run, const Layer& layer, const Tensor& x) const {
  const Arena::Scope scope(run.arena);
  const Tensor normed = run.arena.matrix(x.rows, config_.hidden_size, x.dtype);
  run.backend.rms_norm(x, layer.norm2.tensor, config_.rms_norm_eps, normed);
  const Tensor gate_up = run.arena.matrix(x.rows, 2 * config_.intermediate_size, x.dtype);
  run.backend.linear(normed, *layer.gate_up, nullptr, gate_up);
  const Tensor inner = run.arena.matrix(x.rows, config_.intermediate_size, x.dtype);
  run.backend.silu_mul(gate_up, inner);
  run.backend.linear_add(inner, *layer.down, nullptr, x);
}

void Llama::forward(const Run& run, const Tensor& x, const PagedBatch& batch, const Tensor& wanted,
                    KvCache& cache, const Tensor& logits) const {
  const int64_t count = wanted.rows;
  const Arena::Scope scope(run.arena);
  const Tensor last = run.arena.matrix(count, config_.hidden_size, x.dtype);
  for (size_t i = 0; i < layers_.size(); i++) {
    run.check_interrupt();
    const PlaceScope place = run.in_layer(static_cast<int64_t>(i));
    attend(run, layers_[i], static_cast<int64_t>(i), batch, cache, x);
    Tensor rows = x;
    if (i + 1 == layers_.size()) {
      // Behind the last attention only the rows whose logits are wanted still matter.
      run.backend.gather_rows(x, wanted, last);
      rows = last;
    }
    if (rows.rows > 0) feed_forward(run, layers_[i], rows);
    run.watch("llm.layer." + std::to_string(i + 1), {rows.rows, config_.hidden_size}, rows);
  }
  if (count == 0) return;
  run.backend.rms_norm(last, norm_.tensor, config_.rms_norm_eps, last);
  run.watch("llm.norm", {count, config_.hidden_size}, last);
  run.backend.linear(last, *head_, nullptr, logits);
  run.watch("llm.logits", {count, config_.vocab_size}, logits);
}

KvShape Llama::kv_shape(int64_t blocks, Dtype dtype) const {
  return {config_.layers, config_.kv_heads, config_.head_dim, blocks, dtype};
}

}  // namespace honeybee
