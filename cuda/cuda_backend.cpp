#include "cuda/cuda_backend.h"

#include <string>

#include "cuda/devices.h"
#include "cuda/nvtx.h"
#include "cuda/ops.h"
#include "cuda/products.h"
#include "cuda/readback.h"
#include "cuda/recordings.h"
#include "cuda/staging.h"
#include "device/meter.h"

namespace honeybee {
namespace {

using cuda::Cuda;

class EventMark final : public Mark {
 public:
  explicit EventMark(cudaStream_t stream) { HB_CUDA(cudaEventRecord(event_, stream)); }

  bool reached() override {
    const cudaError_t status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) return false;
    HB_CUDA(status);
    return true;
  }
  void wait() override { HB_CUDA(cudaEventSynchronize(event_)); }

 private:
  cuda::Event event_;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(const BackendOptions& options, std::shared_ptr<cuda::Budget> budget)
      : options_(options),
        description_(cuda::find_device(options.index).description()),
        cuda_(options.index, std::move(budget), options.batch_invariant),
        recordings_(cuda_) {}

  std::string name() const override { return options_.name; }

  std::string description() const override { return description_; }

  Dtype activation_dtype(Dtype weights) const override {
    return is_quantized(weights) ? Dtype::kBF16 : weights;
  }

  std::unique_ptr<Memory> allocate(size_t bytes) override {
    return std::make_unique<cuda::DeviceMemory>(*cuda_.budget, bytes, cuda_.stream);
  }

  size_t free_memory() const override { return cuda_.budget->free(); }

  void upload(const void* host, const Tensor& target) override {
    if (target.size() == 0) return;
    cuda_.staging->upload(target.data, row_pitch(target), host, target.row_bytes(),
                          static_cast<size_t>(target.rows));
  }

  void download(const Tensor& source, void* host) override {
    if (source.size() == 0) return;
    HB_CUDA(cudaMemcpy2DAsync(host, source.row_bytes(), source.data, row_pitch(source), source.row_bytes(),
                              static_cast<size_t>(source.rows), cudaMemcpyDeviceToHost, cuda_.stream));
    HB_CUDA(cudaStreamSynchronize(cuda_.stream));
  }

  std::unique_ptr<Readback> make_readback() override { return std::make_unique<cuda::PinnedReadback>(cuda_); }

  // While work is recorded none of it runs: names of it would be told of nothing. What is replayed later has
  // the one name that `repeat` gives it.
  Ranges* ranges() const override { return cuda_.recording ? nullptr : ranges_; }

  bool queues() const override { return true; }

  bool records() const override { return true; }

  std::unique_ptr<Mark> mark() override { return std::make_unique<EventMark>(cuda_.stream); }

  std::unique_ptr<Backend> beside() override { return std::make_unique<CudaBackend>(options_, cuda_.budget); }

 private:
  static size_t row_pitch(const Tensor& t) {
    return t.rows > 1 ? static_cast<size_t>(t.stride) * dtype_size(t.dtype) : t.row_bytes();
  }

  void do_repeat(const std::string& key, const std::function<void()>& operations) override {
    recordings_.repeat(key, operations);
  }
  std::unique_ptr<OpMeter> make_meter(ProfileRecorder& recorder) override {
    return cuda::make_meter(cuda_, recorder);
  }
  std::unique_ptr<Weight> do_load_matrix(const RowSource& source, Dtype dtype) override {
    return cuda::load_matrix(cuda_, source, dtype);
  }
  std::unique_ptr<Weight> do_load_table(const RowSource& source, Dtype dtype) override {
    return cuda::load_matrix(cuda_, source, dtype);
  }
  std::unique_ptr<KvCache> do_make_kv_cache(const KvShape& shape) override {
    return cuda::make_kv_cache(cuda_, shape);
  }
  std::unique_ptr<PagedBatch> do_make_batch(const BatchLimits& limits) override {
    return cuda::make_batch(cuda_, limits);
  }
  void do_linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    cuda::linear(cuda_, x, w, bias, y);
  }
  void do_linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) override {
    cuda::linear_add(cuda_, x, w, bias, y);
  }
  void do_embed(const Weight& table, const Tensor& ids, const Tensor& y) override {
    cuda::embed(cuda_, table, ids, y);
  }
  void do_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y) override {
    cuda::layer_norm(cuda_, x, weight, bias, eps, y);
  }
  void do_layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                          const Tensor& y) override {
    cuda::layer_norm_silu(cuda_, x, weight, bias, eps, y);
  }
  void do_add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                         float eps, const Tensor& y) override {
    cuda::add_layer_norm(cuda_, x, residual, weight, bias, eps, y);
  }
  void do_rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y) override {
    cuda::rms_norm(cuda_, x, weight, eps, y);
  }
  void do_activate(Activation activation, const Tensor& x) override { cuda::activate(cuda_, activation, x); }
  void do_silu_mul(const Tensor& x, const Tensor& y) override { cuda::silu_mul(cuda_, x, y); }
  void do_add(const Tensor& x, const Tensor& y) override { cuda::add(cuda_, x, y); }
  void do_add_silu(const Tensor& x, const Tensor& residual, const Tensor& y) override {
    cuda::add_silu(cuda_, x, residual, y);
  }
  void do_copy(const Tensor& x, const Tensor& y) override { cuda::copy(cuda_, x, y); }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y) override {
    cuda::gather_rows(cuda_, x, rows, y);
  }
  void do_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                    const Tensor& out) override {
    cuda::attention(cuda_, q, k, v, shape, out);
  }
  void do_copy_block(KvCache& cache, int64_t from, int64_t to) override {
    cuda::copy_block(cuda_, cache, from, to);
  }
  void do_rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                      const PagedBatch& batch, int64_t layer, KvCache& cache) override {
    cuda::rope_append(cuda_, q, k, v, cos_sin, batch, layer, cache);
  }
  void do_paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                          float scale, const Tensor& out) override {
    cuda::paged_attention(cuda_, q, cache, batch, layer, scale, out);
  }
  std::unique_ptr<SamplingBatch> do_make_sampling_batch() override {
    return cuda::make_sampling_batch(cuda_);
  }
  void do_sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) override {
    cuda::sample(cuda_, logits, batch, tokens);
  }
  void do_token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                         const Tensor& values) override {
    cuda::token_logprobs(cuda_, logits, tokens, ids, values);
  }
  void do_resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb) override {
    cuda::resize_bicubic(cuda_, image, plan, rgb);
  }
  void do_patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                   const Tensor& patches) override {
    cuda::patchify(cuda_, rgb, scale, image_size, patch, patches);
  }
  void do_depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) override {
    cuda::depthwise_conv3x3(cuda_, x, weight, grid, y);
  }
  void do_mean_rows(const Tensor& x, const Tensor& y) override { cuda::mean_rows(cuda_, x, y); }
  void do_gate_channels(const Tensor& gate, const Tensor& x) override { cuda::gate_channels(cuda_, gate, x); }
  void do_adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y) override {
    cuda::adaptive_avg_pool(cuda_, x, from, to, y);
  }
  void do_deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                            const Tensor& reference, const DeformableShape& shape, const Tensor& y) override {
    cuda::deformable_sample(cuda_, value, offsets, logits, reference, shape, y);
  }

  BackendOptions options_;
  Ranges* const ranges_ = cuda::nvtx_ranges();
  std::string description_;
  Cuda cuda_;
  cuda::Recordings recordings_;
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const BackendOptions& options) {
  return std::make_unique<CudaBackend>(options, std::make_shared<cuda::Budget>(options.memory));
}

}  // namespace honeybee
