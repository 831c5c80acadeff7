#include "rounding_backend.h"

#include <vector>

#include "cpu/cpu_backend.h"

namespace honeybee::testing {
namespace {

// The values of a tensor of any floating dtype as floats.
class Floats {
 public:
  explicit Floats(const Tensor& from)
      : values_(static_cast<size_t>(from.size())),
        tensor_{values_.data(), Dtype::kF32, from.rows, from.cols, from.cols} {
    for (int64_t r = 0; r < from.rows; r++) {
      convert_to_float(from.dtype, row(from, r), tensor_.row<float>(r), static_cast<size_t>(from.cols));
    }
  }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  operator const Tensor&() const { return tensor_; }

  void round_to(const Tensor& target) const {
    for (int64_t r = 0; r < target.rows; r++) {
      convert_from_float(target.dtype, tensor_.row<float>(r), row(target, r),
                         static_cast<size_t>(target.cols));
    }
  }

 private:
  static void* row(const Tensor& tensor, int64_t r) { return tensor.row_range(r, 1).data; }

  std::vector<float> values_;
  Tensor tensor_;
};

// Lets `compute` work on the floats of `target`, then rounds them back into it.
template <class Compute>
void rounded_into(const Tensor& target, Compute compute) {
  const Floats floats(target);
  compute(floats);
  floats.round_to(target);
}

class RoundingBackend final : public Backend {
 public:
  std::string name() const override { return "rounding"; }
  std::string description() const override { return "naive rounding over " + cpu_->description(); }
  Dtype activation_dtype(Dtype weights) const override { return weights; }
  std::unique_ptr<Memory> allocate(size_t bytes) override { return cpu_->allocate(bytes); }
  size_t free_memory() const override { return cpu_->free_memory(); }
  void upload(const void* host, const Tensor& target) override { cpu_->upload(host, target); }
  void download(const Tensor& source, void* host) override { cpu_->download(source, host); }

 private:
  // Weights are stored in their dtype and multiplied in float: those of tests are bf16 numbers, so f32 keeps
  // them.
  std::unique_ptr<Weight> do_load_matrix(const RowSource& source, Dtype /*dtype*/) override {
    return cpu_->load_matrix(source, Dtype::kF32);
  }
  std::unique_ptr<Weight> do_load_table(const RowSource& source, Dtype /*dtype*/) override {
    return cpu_->load_table(source, Dtype::kF32);
  }
  std::unique_ptr<KvCache> do_make_kv_cache(const KvShape& shape) override {
    return cpu_->make_kv_cache(shape);
  }
  std::unique_ptr<PagedBatch> do_make_batch(const BatchLimits& limits) override {
    return cpu_->make_batch(limits);
  }
  std::unique_ptr<SamplingBatch> do_make_sampling_batch() override { return cpu_->make_sampling_batch(); }

  void do_linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->linear(Floats(x), w, bias, out); });
  }
  void do_linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->linear_add(Floats(x), w, bias, out); });
  }
  void do_embed(const Weight& table, const Tensor& ids, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->embed(table, ids, out); });
  }

  void do_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->layer_norm(Floats(x), weight, bias, eps, out); });
  }
  void do_layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                          const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->layer_norm_silu(Floats(x), weight, bias, eps, out); });
  }
  void do_add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                         float eps, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) {
      cpu_->add_layer_norm(Floats(x), Floats(residual), weight, bias, eps, out);
    });
  }
  void do_rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->rms_norm(Floats(x), weight, eps, out); });
  }
  void do_activate(Activation activation, const Tensor& x) override {
    rounded_into(x, [&](const Tensor& out) { cpu_->activate(activation, out); });
  }
  void do_silu_mul(const Tensor& x, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->silu_mul(Floats(x), out); });
  }
  void do_add(const Tensor& x, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->add(Floats(x), out); });
  }
  void do_add_silu(const Tensor& x, const Tensor& residual, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->add_silu(Floats(x), Floats(residual), out); });
  }
  void do_copy(const Tensor& x, const Tensor& y) override { Floats(x).round_to(y); }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->gather_rows(Floats(x), rows, out); });
  }

  void do_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                    const Tensor& out) override {
    AttentionShape exact = shape;
    exact.product = Dtype::kF32;
    rounded_into(out, [&](const Tensor& y) { cpu_->attention(Floats(q), Floats(k), Floats(v), exact, y); });
  }
  void do_copy_block(KvCache& cache, int64_t from, int64_t to) override { cpu_->copy_block(cache, from, to); }
  void do_rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                      const PagedBatch& batch, int64_t layer, KvCache& cache) override {
    rounded_into(q, [&](const Tensor& rotated) {
      cpu_->rope_append(rotated, Floats(k), Floats(v), cos_sin, batch, layer, cache);
    });
  }
  void do_paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                          float scale, const Tensor& out) override {
    rounded_into(out,
                 [&](const Tensor& y) { cpu_->paged_attention(Floats(q), cache, batch, layer, scale, y); });
  }
  void do_sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) override {
    cpu_->sample(logits, batch, tokens);
  }
  void do_token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                         const Tensor& values) override {
    cpu_->token_logprobs(logits, tokens, ids, values);
  }

  void do_resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb) override {
    cpu_->resize_bicubic(image, plan, rgb);
  }
  void do_patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                   const Tensor& patches) override {
    rounded_into(patches, [&](const Tensor& out) { cpu_->patchify(rgb, scale, image_size, patch, out); });
  }
  void do_depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->depthwise_conv3x3(Floats(x), weight, grid, out); });
  }
  void do_mean_rows(const Tensor& x, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->mean_rows(Floats(x), out); });
  }
  void do_gate_channels(const Tensor& gate, const Tensor& x) override {
    rounded_into(x, [&](const Tensor& out) { cpu_->gate_channels(Floats(gate), out); });
  }
  void do_adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y) override {
    rounded_into(y, [&](const Tensor& out) { cpu_->adaptive_avg_pool(Floats(x), from, to, out); });
  }
  void do_deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                            const Tensor& reference, const DeformableShape& shape, const Tensor& y) override {
    cpu_->deformable_sample(value, offsets, logits, reference, shape, y);
  }

  const std::unique_ptr<Backend> cpu_ = make_cpu_backend({.threads = 1, .isa = cpu::Isa::kPortable});
};

}  // namespace

std::unique_ptr<Backend> make_rounding_backend() { return std::make_unique<RoundingBackend>(); }

}  // namespace honeybee::testing
