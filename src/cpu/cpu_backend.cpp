#include "cpu/cpu_backend.h"

#include <cstring>

#include "cpu/linear_race.h"
#include "cpu/machine.h"
#include "cpu/ops.h"

namespace honeybee {
namespace {

using cpu::Isa;

struct IsaChoice {
  Isa isa;
  Isa bf16_isa;
};

// A forced instruction set is used for everything.
IsaChoice choose_isa(std::optional<Isa> wanted) {
  Isa forced;
  if (wanted) {
    require(cpu::isa_supported(*wanted), ErrorCode::kOption, "this machine cannot run ",
            cpu::isa_name(*wanted), ", its best instruction set is ", cpu::isa_name(cpu::best_isa()));
    return {*wanted, *wanted};
  }
  if (cpu::forced_isa(forced)) return {forced, forced};
  return {cpu::best_isa(), cpu::fastest_bf16_isa()};
}

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options) : CpuBackend(options, choose_isa(options.isa)) {}

  std::string name() const override { return "cpu"; }

  std::string description() const override {
    std::string text = cpu::processor_name() + ", " + cpu::isa_name(cpu_.isa);
    if (cpu_.bf16_isa != cpu_.isa)
      text += std::string(" (bf16 products: ") + cpu::isa_name(cpu_.bf16_isa) + ")";
    text += ", " + std::to_string(pool_.threads()) + (pool_.threads() == 1 ? " thread" : " threads");
    return text;
  }

  Dtype activation_dtype(Dtype) const override { return Dtype::kF32; }

  std::unique_ptr<Memory> allocate(size_t bytes) override { return std::make_unique<cpu::HostMemory>(bytes); }

  size_t free_memory() const override { return cpu::available_memory(); }

  void upload(const void* host, const Tensor& target) override {
    const size_t row_bytes = static_cast<size_t>(target.cols) * dtype_size(target.dtype);
    for (int64_t r = 0; r < target.rows; r++)
      std::memcpy(row(target, r), static_cast<const char*>(host) + static_cast<size_t>(r) * row_bytes,
                  row_bytes);
  }

  void download(const Tensor& source, void* host) override {
    const size_t row_bytes = static_cast<size_t>(source.cols) * dtype_size(source.dtype);
    for (int64_t r = 0; r < source.rows; r++)
      std::memcpy(static_cast<char*>(host) + static_cast<size_t>(r) * row_bytes, row(source, r), row_bytes);
  }

 private:
  CpuBackend(const CpuOptions& options, IsaChoice choice)
      : pool_(options.threads), cpu_{pool_, scratch_, choice.isa, choice.bf16_isa, options.batch_invariant} {}

  static char* row(const Tensor& t, int64_t r) { return static_cast<char*>(t.row_range(r, 1).data); }

  std::unique_ptr<Weight> do_load_matrix(const RowSource& source, Dtype dtype) override {
    return cpu::load_matrix(cpu_, source, dtype);
  }
  std::unique_ptr<Weight> do_load_table(const RowSource& source, Dtype dtype) override {
    return cpu::load_table(cpu_, source, dtype);
  }
  std::unique_ptr<KvCache> do_make_kv_cache(const KvShape& shape) override {
    return cpu::make_kv_cache(cpu_, shape);
  }
  void do_linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    cpu::linear(cpu_, x, w, bias, y);
  }
  void do_linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    cpu::linear_add(cpu_, x, w, bias, y);
  }
  std::unique_ptr<PagedBatch> do_make_batch(const BatchLimits& limits) override {
    return std::make_unique<PagedBatch>(limits);
  }
  void do_embed(const Weight& table, const Tensor& ids, const Tensor& y) override {
    cpu::embed(cpu_, table, ids, y);
  }
  void do_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y) override {
    cpu::layer_norm(cpu_, x, weight, bias, eps, y);
  }
  void do_layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                          const Tensor& y) override {
    cpu::layer_norm_silu(cpu_, x, weight, bias, eps, y);
  }
  void do_add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                         float eps, const Tensor& y) override {
    cpu::add_layer_norm(cpu_, x, residual, weight, bias, eps, y);
  }
  void do_rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y) override {
    cpu::rms_norm(cpu_, x, weight, eps, y);
  }
  void do_activate(Activation activation, const Tensor& x) override { cpu::activate(cpu_, activation, x); }
  void do_silu_mul(const Tensor& x, const Tensor& y) override { cpu::silu_mul(cpu_, x, y); }
  void do_add(const Tensor& x, const Tensor& y) override { cpu::add(cpu_, x, y); }
  void do_add_silu(const Tensor& x, const Tensor& residual, const Tensor& y) override {
    cpu::add_silu(cpu_, x, residual, y);
  }
  void do_copy(const Tensor& x, const Tensor& y) override { cpu::copy(cpu_, x, y); }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y) override {
    cpu::gather_rows(cpu_, x, rows, y);
  }
  void do_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                    const Tensor& out) override {
    cpu::attention(cpu_, q, k, v, shape, out);
  }
  void do_rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                      const PagedBatch& batch, int64_t layer, KvCache& cache) override {
    cpu::rope_append(cpu_, q, k, v, cos_sin, batch, layer, cache);
  }
  void do_paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                          float scale, const Tensor& out) override {
    cpu::paged_attention(cpu_, q, cache, batch, layer, scale, out);
  }
  void do_copy_block(KvCache& cache, int64_t from, int64_t to) override {
    cpu::copy_block(cpu_, cache, from, to);
  }
  std::unique_ptr<SamplingBatch> do_make_sampling_batch() override {
    return std::make_unique<SamplingBatch>();
  }
  void do_sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) override {
    cpu::sample(cpu_, logits, batch, tokens);
  }
  void do_token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                         const Tensor& values) override {
    cpu::token_logprobs(cpu_, logits, tokens, ids, values);
  }
  void do_resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb) override {
    cpu::resize_bicubic(cpu_, image, plan, rgb);
  }
  void do_patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                   const Tensor& patches) override {
    cpu::patchify(cpu_, rgb, scale, image_size, patch, patches);
  }
  void do_depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) override {
    cpu::depthwise_conv3x3(cpu_, x, weight, grid, y);
  }
  void do_mean_rows(const Tensor& x, const Tensor& y) override { cpu::mean_rows(cpu_, x, y); }
  void do_gate_channels(const Tensor& gate, const Tensor& x) override { cpu::gate_channels(cpu_, gate, x); }
  void do_adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y) override {
    cpu::adaptive_avg_pool(cpu_, x, from, to, y);
  }
  void do_deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                            const Tensor& reference, const DeformableShape& shape, const Tensor& y) override {
    cpu::deformable_sample(cpu_, value, offsets, logits, reference, shape, y);
  }

  cpu::ThreadPool pool_;
  cpu::Scratch scratch_;
  cpu::Cpu cpu_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<CpuBackend>(options);
}

}  // namespace honeybee
