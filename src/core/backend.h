#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/error.h"
#include "core/paged.h"
#include "core/profile.h"
#include "core/readback.h"
#include "core/resize_plan.h"
#include "core/row_source.h"
#include "core/sampling.h"
#include "core/tensor.h"
#include "core/weight.h"

namespace honeybee {

enum class Activation { kSilu, kGelu, kQuickGelu, kRelu };

/// The height and width of a feature grid; its cells are rows in row-major order.
struct Grid {
  int64_t height = 0;
  int64_t width = 0;
  int64_t cells() const { return height * width; }
};

/// Softmax(scale · q kᵀ) v without a mask, for `batch` independent items of `heads` heads.
struct AttentionShape {
  int64_t batch = 1;
  int64_t heads = 1;
  float scale = 1.0f;
  Dtype product = Dtype::kF32;  ///< kBF16 allows rounding q, k, v and the probabilities inside the products
};

/// Deformable attention (Zhu et al. 2021, equation 3) over `levels.size()` feature maps stacked in rows.
struct DeformableShape {
  int64_t batch = 1;
  int64_t heads = 1;
  int64_t points = 1;
  std::span<const Grid> levels;
};

/// Normalisation of pixels: (value / 255 - mean) / std per channel, RGB.
struct PixelScale {
  float mean[3];
  float std[3];
};

/// Memory of a backend; freed with the object. `data()` is null only for size 0.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* data() const = 0;
  virtual size_t bytes() const = 0;
};

/// A point in the work that a backend was given.
class Mark {
 public:
  virtual ~Mark() = default;
  /// Whether all work before it has ended; throws what it failed of.
  virtual bool reached() = 0;
  virtual void wait() = 0;
};

/// Times or counts operations that a device runs when it likes, for one profile.
class OpMeter {
 public:
  virtual ~OpMeter() = default;
  /// The operation with this number in the recorder is handed to the device between the two calls.
  virtual void begin(uint32_t op) = 0;
  virtual void end(uint32_t op) = 0;
  /// Waits for the device and tells the recorder what is known of each.
  virtual void tell() = 0;
};

/// A device that computes the network. The public methods check shapes and dtypes once for all devices, so
/// that each rejects the same bad input with the same words (Error kOption), then call the private virtual of
/// the same name. Activations are Tensors of `activation_dtype()`; vectors (biases, norm weights, tables that
/// are added) are f32 with one row per vector. Outputs may not overlap inputs unless an operation says "in
/// place". Methods are called from one thread at a time.
class Backend {
 public:
  virtual ~Backend() = default;

  /// "cpu", "cuda:0", "simt".
  virtual std::string name() const = 0;
  /// One line for people: the processor, the instruction sets or architecture in use, threads.
  virtual std::string description() const = 0;
  /// The dtype of activations beside weights of this dtype (f32 on the CPU whatever the weights).
  virtual Dtype activation_dtype(Dtype weights) const = 0;

  // Memory. Allocation is zeroed; Error(kOutOfMemory) says how much was asked for.
  virtual std::unique_ptr<Memory> allocate(size_t bytes) = 0;
  /// Bytes that can still be allocated.
  virtual size_t free_memory() const = 0;
  /// Between host memory and a tensor of the same dtype, row by row without gaps on the host side.
  virtual void upload(const void* host, const Tensor& target) = 0;
  virtual void download(const Tensor& source, void* host) = 0;
  /// For downloads that are not waited for at once; where a call is the operation they have ended by then.
  virtual std::unique_ptr<Readback> make_readback();

  /// Whether operations are queued in the order of their calls and run later: then it pays to ask for more
  /// before what came of the last ones is read.
  virtual bool queues() const { return false; }
  /// The end of what was asked for so far; null if all of it has ended already.
  virtual std::unique_ptr<Mark> mark() { return nullptr; }
  /// A second backend on the same device and memory, whose operations run beside this one's and may use what
  /// this one loaded; null where that gains nothing. It may not outlive this one.
  virtual std::unique_ptr<Backend> beside() { return nullptr; }

  // Weights, read slice by slice and laid out on the way. `dtype`: f32, bf16 or f16.
  /// For `linear`; int8, int4 and fp8 too (core/quantize.h).
  std::unique_ptr<Weight> load_matrix(const RowSource& source, Dtype dtype);
  /// For `embed`; kept as rows.
  std::unique_ptr<Weight> load_table(const RowSource& source, Dtype dtype);
  std::unique_ptr<KvCache> make_kv_cache(const KvShape& shape);
  std::unique_ptr<PagedBatch> make_batch(const BatchLimits& limits);
  std::unique_ptr<SamplingBatch> make_sampling_batch();

  /// Runs `operations`. A device that can records them under this key and from then on only starts the
  /// recording, which saves the cost of starting each: the caller promises that under one key they are always
  /// the same operations on the same tensors, weights and batches, whose contents alone change. They may not
  /// allocate, upload or download.
  /// While a profile is taken they simply run, so that each is seen. All of it is one range named by the key.
  void repeat(const std::string& key, const std::function<void()>& operations);
  /// Whether `repeat` gains anything: then it pays to pad a step to one of a few shapes.
  virtual bool records() const { return false; }

  /// Records every operation from now on in `recorder`, which outlives that; null ends it, once the device
  /// has told what it knows. Without one, as at first, it costs a branch an operation.
  void profile(ProfileRecorder* recorder);
  ProfileRecorder* profile() const { return recorder_; }
  /// Where the calling thread's work is named for a tool that listens: operations by this class, stages and
  /// layers by PlaceScope. Null where there is none.
  virtual Ranges* ranges() const { return nullptr; }
  Observers observers() const { return {recorder_, ranges()}; }

  // Products.
  /// y = x wᵀ (+ bias). x [M, in], w [out, in], bias [1, out] or null, y [M, out].
  void linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);
  /// y += x wᵀ (+ bias).
  void linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y);
  /// y[i] = row ids[i] of the table; also from a matrix made by load_matrix (tied heads). An id outside the
  /// table gives zeros. ids i32 [n, 1], y [n, in].
  void embed(const Weight& table, const Tensor& ids, const Tensor& y);

  // Rows.
  /// Per row (x - mean) / sqrt(var + eps) · weight + bias with the biased variance; statistics in float. In
  /// place allowed.
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, const Tensor& y);
  /// silu(layer_norm(x)). In place allowed.
  void layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, const Tensor& y);
  /// layer_norm(x + residual). In place allowed on either.
  void add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                      float eps, const Tensor& y);
  /// x / sqrt(mean(x²) + eps) · weight. In place allowed.
  void rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y);
  /// In place.
  void activate(Activation activation, const Tensor& x);
  /// y = silu(left half of x) ⊙ right half. x [M, 2F], y [M, F].
  void silu_mul(const Tensor& x, const Tensor& y);
  /// y[i] += x[i mod x.rows]; y.rows is a multiple of x.rows. x in y's dtype or f32.
  void add(const Tensor& x, const Tensor& y);
  /// y = silu(x + residual). In place allowed on either.
  void add_silu(const Tensor& x, const Tensor& residual, const Tensor& y);
  /// y = x, converting the dtype if they differ; strides may differ.
  void copy(const Tensor& x, const Tensor& y);
  /// y[i] = x[rows[i]]; zeros where the row is outside x. rows i32 [n, 1], y [n, cols] in x's dtype.
  void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y);

  // Attention.
  /// q, out [batch·Tq, heads·d]; k, v [batch·Tk, heads·d]. Views into wider rows are welcome.
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Tensor& out);
  /// Rotates q in place and writes the rotated k, and v, to the cache (RoFormer, half-rotation convention).
  /// q [T, heads·d], k and v [T, kv_heads·d]; cos_sin f32 [positions, d]: d/2 cosines, then d/2 sines of each
  /// position.
  void rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                   const PagedBatch& batch, int64_t layer, KvCache& cache);
  /// Causal attention of each row over its sequence's cache; query head h reads kv head h · kv_heads / heads.
  /// q, out [T, heads·d]. A row's result does not depend on what else is in the batch nor on how its sequence
  /// was cut.
  void paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                       float scale, const Tensor& out);

  /// The keys and values of block `from`, of all layers, to block `to`.
  void copy_block(KvCache& cache, int64_t from, int64_t to);

  // Choosing tokens.
  /// tokens[i] = the next token of row i of the batch, by warp_logits and choose_token (core/sampling.h); -1
  /// if its logits are not numbers or all are ruled out. logits f32 [n, V], tokens i32 [n, 1].
  void sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens);
  /// log softmax of each row of logits f32 [n, V]: at tokens[i] in column 0, then of the k likeliest,
  /// likeliest first (ties by id), whose numbers are `ids`. tokens i32 [n, 1], ids i32 [n, k], values f32 [n,
  /// 1 + k].
  void token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids, const Tensor& values);

  // Images and grids. `batch` items are stacked in rows.
  /// Pillow's antialiased bicubic resize, equal to the bit to resize_bicubic of src/image: image u8 [height,
  /// width·3] → rgb u8 [1, window.height·window.width·3], a row of what patchify takes. Error(kImage) for an
  /// impossible plan. Not to be recorded by `repeat`: it brings tables of weights along, 16 bytes for each
  /// row and column of the larger of the two pictures, and keeps the rows it reads at their new width.
  void resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb);
  /// rgb u8 [batch, S·S·3] → patches [batch·(S/p)², 3·p·p], normalised, channel-major inside a patch like the
  /// weight of a convolution.
  void patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                const Tensor& patches);
  /// 3×3, stride 1, zero padding 1, one filter a channel. weight f32 [9, C] (ky·3 + kx), x and y [batch·H·W,
  /// C].
  void depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y);
  /// y[b] = mean of the rows of item b. x [batch·R, C], y [batch, C].
  void mean_rows(const Tensor& x, const Tensor& y);
  /// x[b, r, c] *= sigmoid(gate[b, c]), in place. gate [batch, C], x [batch·R, C].
  void gate_channels(const Tensor& gate, const Tensor& x);
  /// Mean over the bins [floor(i·in/out), ceil((i+1)·in/out)) of each axis. x [batch·from, C], y [batch·to,
  /// C].
  void adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y);
  /// value [batch·Σcells, heads·d]; offsets [batch·Q, heads·levels·points·2] in cells (x, y); logits
  /// [batch·Q, heads·levels·points], softmax over levels·points; reference f32 [Q, 2] (x, y) in 0…1; y
  /// [batch·Q, heads·d]. Bilinear, align_corners false, zero outside. f32 only.
  void deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                         const Tensor& reference, const DeformableShape& shape, const Tensor& y);

 private:
  class Recorded;

  virtual void do_repeat(const std::string& key, const std::function<void()>& operations) {
    (void)key;
    operations();
  }
  /// For a device whose operations go on after their calls; null where a call is the operation.
  virtual std::unique_ptr<OpMeter> make_meter(ProfileRecorder& recorder) {
    (void)recorder;
    return nullptr;
  }
  virtual std::unique_ptr<Weight> do_load_matrix(const RowSource& source, Dtype dtype) = 0;
  virtual std::unique_ptr<Weight> do_load_table(const RowSource& source, Dtype dtype) = 0;
  virtual std::unique_ptr<KvCache> do_make_kv_cache(const KvShape& shape) = 0;
  virtual std::unique_ptr<PagedBatch> do_make_batch(const BatchLimits& limits) = 0;
  virtual void do_linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) = 0;
  virtual void do_linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) = 0;
  virtual void do_embed(const Weight& table, const Tensor& ids, const Tensor& y) = 0;
  virtual void do_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                             const Tensor& y) = 0;
  virtual void do_layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                                  const Tensor& y) = 0;
  virtual void do_add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight,
                                 const Tensor& bias, float eps, const Tensor& y) = 0;
  virtual void do_rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y) = 0;
  virtual void do_activate(Activation activation, const Tensor& x) = 0;
  virtual void do_silu_mul(const Tensor& x, const Tensor& y) = 0;
  virtual void do_add(const Tensor& x, const Tensor& y) = 0;
  virtual void do_add_silu(const Tensor& x, const Tensor& residual, const Tensor& y) = 0;
  virtual void do_copy(const Tensor& x, const Tensor& y) = 0;
  virtual void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y) = 0;
  virtual void do_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                            const Tensor& out) = 0;
  virtual void do_rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                              const PagedBatch& batch, int64_t layer, KvCache& cache) = 0;
  virtual void do_paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch,
                                  int64_t layer, float scale, const Tensor& out) = 0;
  virtual void do_copy_block(KvCache& cache, int64_t from, int64_t to) = 0;
  virtual std::unique_ptr<SamplingBatch> do_make_sampling_batch() = 0;
  virtual void do_sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) = 0;
  virtual void do_token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                                 const Tensor& values) = 0;
  virtual void do_resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb) = 0;
  virtual void do_patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                           const Tensor& patches) = 0;
  virtual void do_depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) = 0;
  virtual void do_mean_rows(const Tensor& x, const Tensor& y) = 0;
  virtual void do_gate_channels(const Tensor& gate, const Tensor& x) = 0;
  virtual void do_adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y) = 0;
  virtual void do_deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                                    const Tensor& reference, const DeformableShape& shape,
                                    const Tensor& y) = 0;

  ProfileRecorder* recorder_ = nullptr;
  std::unique_ptr<OpMeter> meter_;
};

}  // namespace honeybee
