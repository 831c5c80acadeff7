#include "core/backend.h"

namespace honeybee {
namespace {

// Every check names the operation and what it was given, in the words all devices share.
template <class... Parts>
void check(bool condition, const char* op, const Parts&... parts) {
  require(condition, ErrorCode::kOption, op, ": ", parts...);
}

void check_view(const char* op, const char* what, const Tensor& t) {
  check(t.rows >= 0 && t.cols >= 0 && t.stride >= t.cols, op, what, " has the impossible shape ",
        t.describe(), " with stride ", t.stride);
  check(t.data != nullptr || t.size() == 0, op, what, " ", t.describe(), " has no memory");
}

void check_activation(const char* op, const char* what, const Tensor& t) {
  check_view(op, what, t);
  check(t.dtype == Dtype::kF32 || t.dtype == Dtype::kBF16 || t.dtype == Dtype::kF16, op, what,
        " must hold floats, not ", dtype_name(t.dtype));
}

void check_same(const char* op, const char* what, const Tensor& t, const Tensor& like) {
  check_activation(op, what, t);
  check(t.rows == like.rows && t.cols == like.cols && t.dtype == like.dtype, op, what, " is ", t.describe(),
        ", expected ", like.describe());
}

void check_shape(const char* op, const char* what, const Tensor& t, int64_t rows, int64_t cols) {
  check(t.rows == rows && t.cols == cols, op, what, " is ", t.describe(), ", expected [", rows, ", ", cols,
        "]");
}

// A parameter vector: f32 and contiguous, [rows, cols].
void check_parameter(const char* op, const char* what, const Tensor& t, int64_t rows, int64_t cols) {
  check_view(op, what, t);
  check(t.dtype == Dtype::kF32 && t.contiguous(), op, what, " must be contiguous f32, got ", t.describe());
  check_shape(op, what, t, rows, cols);
}

void check_eps(const char* op, float eps) {
  check(eps >= 0.0f && eps < 1.0f, op, "eps ", eps, " is not in [0, 1)");
}

void check_linear(const char* op, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check(x.cols == w.in(), op, "x ", x.describe(), " does not match the weight [", w.out(), ", ", w.in(), "]");
  check_shape(op, "y", y, x.rows, w.out());
  if (bias != nullptr) check_parameter(op, "bias", *bias, 1, w.out());
}

void check_source(const char* op, const RowSource& source, Dtype dtype, bool quantized) {
  check(source.rows() > 0 && source.cols() > 0, op, "the matrix [", source.rows(), ", ", source.cols(),
        "] is empty");
  const auto is_float = [](Dtype d) { return d == Dtype::kF32 || d == Dtype::kBF16 || d == Dtype::kF16; };
  check(is_float(source.dtype()), op, "weights are read as f32, bf16 or f16, not ",
        dtype_name(source.dtype()));
  check(is_float(dtype) || (quantized && is_quantized(dtype)), op, "weights are f32, bf16",
        quantized ? ", f16, int8, int4 or fp8, not " : " or f16, not ", dtype_name(dtype));
}

void check_batch(const char* op, const PagedBatch& batch, const KvCache& cache, int64_t rows, int64_t layer) {
  const KvShape& shape = cache.shape();
  check(batch.rows() == rows, op, "the sequences cover ", batch.rows(), " rows of ", rows);
  check(layer >= 0 && layer < shape.layers, op, "layer ", layer, " of ", shape.layers);
  for (int64_t s = 0; s < batch.sequences(); s++) {
    const int64_t start = batch.start()[static_cast<size_t>(s)];
    if (start == -1) continue;
    check(start >= 0, op, "sequence ", s, " starts at position ", start);
    const int64_t used = (start + batch.rows(s) + kKvBlock - 1) / kKvBlock;
    check(used <= batch.max_blocks(), op, "sequence ", s, " needs ", used, " blocks, its table has ",
          batch.max_blocks());
    for (const int32_t block : batch.blocks(s).first(static_cast<size_t>(used))) {
      check(block >= 0 && block < shape.blocks, op, "sequence ", s, " names block ", block, " of ",
            shape.blocks);
    }
  }
}

// Row numbers or ids: i32 and contiguous, one a row.
void check_indices(const char* op, const char* what, const Tensor& t, int64_t rows) {
  check_view(op, what, t);
  check(t.dtype == Dtype::kI32 && t.contiguous(), op, what, " must be contiguous i32, got ", t.describe());
  check_shape(op, what, t, rows, 1);
}

}  // namespace

/// An operation under way, in the profile if one is taken, and a range. `work` says what it costs.
class Backend::Recorded {
 public:
  template <class Work>
  Recorded(const Backend& backend, const char* op, const Work& work)
      : backend_(backend), range_(backend.ranges(), op) {
    if (backend.recorder_ != nullptr) [[unlikely]]
      begin(op, work());
  }
  ~Recorded() {
    if (backend_.recorder_ != nullptr) [[unlikely]]
      end();
  }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

 private:
  void begin(const char* op, const OpWork& work) {
    number_ = backend_.recorder_->begin(op, work);
    if (backend_.meter_ != nullptr && number_ != ProfileRecorder::kNoOp) backend_.meter_->begin(number_);
  }
  void end() {
    if (backend_.meter_ != nullptr && number_ != ProfileRecorder::kNoOp) backend_.meter_->end(number_);
    backend_.recorder_->end(number_);
  }

  const Backend& backend_;
  const RangeScope range_;
  uint32_t number_ = ProfileRecorder::kNoOp;
};

void Backend::profile(ProfileRecorder* recorder) {
  recorder_ = nullptr;
  if (const auto meter = std::move(meter_)) meter->tell();
  if (recorder == nullptr) return;
  meter_ = make_meter(*recorder);
  recorder_ = recorder;
}

void Backend::repeat(const std::string& key, const std::function<void()>& operations) {
  const RangeScope range(ranges(), key.c_str());
  if (recorder_ != nullptr) {
    operations();
  } else {
    do_repeat(key, operations);
  }
}

std::unique_ptr<Weight> Backend::load_matrix(const RowSource& source, Dtype dtype) {
  check_source("load_matrix", source, dtype, true);
  return do_load_matrix(source, dtype);
}

std::unique_ptr<Weight> Backend::load_table(const RowSource& source, Dtype dtype) {
  check_source("load_table", source, dtype, false);
  return do_load_table(source, dtype);
}

std::unique_ptr<KvCache> Backend::make_kv_cache(const KvShape& shape) {
  const char* op = "make_kv_cache";
  check(shape.layers > 0 && shape.kv_heads > 0 && shape.head_dim > 0 && shape.blocks > 0, op, "the shape ",
        shape.layers, " layers x ", shape.kv_heads, " heads x ", shape.head_dim, " x ", shape.blocks,
        " blocks has an empty side");
  const bool known = shape.dtype == Dtype::kF32 || shape.dtype == Dtype::kBF16 ||
                     shape.dtype == Dtype::kInt8 || shape.dtype == Dtype::kFp8;
  check(known, op, "dtype ", dtype_name(shape.dtype), " is not f32, bf16, int8 or fp8");
  return do_make_kv_cache(shape);
}

std::unique_ptr<PagedBatch> Backend::make_batch(const BatchLimits& limits) {
  check(limits.sequences > 0 && limits.rows > 0 && limits.blocks > 0, "make_batch", limits.sequences,
        " sequences, ", limits.rows, " rows, ", limits.blocks, " blocks");
  return do_make_batch(limits);
}

void Backend::linear(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  check_linear("linear", x, w, bias, y);
  if (x.rows == 0) return;
  const Recorded recorded(*this, "linear", [&] { return linear_work(x, w, y, false); });
  do_linear(x, w, bias, y);
}

void Backend::linear_add(const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  check_linear("linear_add", x, w, bias, y);
  if (x.rows == 0) return;
  const Recorded recorded(*this, "linear_add", [&] { return linear_work(x, w, y, true); });
  do_linear_add(x, w, bias, y);
}

void Backend::embed(const Weight& table, const Tensor& ids, const Tensor& y) {
  const char* op = "embed";
  check_activation(op, "y", y);
  check_indices(op, "ids", ids, y.rows);
  check_shape(op, "y", y, y.rows, table.in());
  if (y.rows == 0) return;
  const Recorded recorded(*this, "embed", [&] { return embed_work(table, y); });
  do_embed(table, ids, y);
}

void Backend::layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                         const Tensor& y) {
  const char* op = "layer_norm";
  check_activation(op, "x", x);
  check_same(op, "y", y, x);
  check_parameter(op, "weight", weight, 1, x.cols);
  check_parameter(op, "bias", bias, 1, x.cols);
  check_eps(op, eps);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "layer_norm", [&] { return moving(x, bytes_of(x, y)); });
  do_layer_norm(x, weight, bias, eps, y);
}

void Backend::layer_norm_silu(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                              const Tensor& y) {
  const char* op = "layer_norm_silu";
  check_activation(op, "x", x);
  check_same(op, "y", y, x);
  check_parameter(op, "weight", weight, 1, x.cols);
  check_parameter(op, "bias", bias, 1, x.cols);
  check_eps(op, eps);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "layer_norm_silu", [&] { return moving(x, bytes_of(x, y)); });
  do_layer_norm_silu(x, weight, bias, eps, y);
}

void Backend::add_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight,
                             const Tensor& bias, float eps, const Tensor& y) {
  const char* op = "add_layer_norm";
  check_activation(op, "x", x);
  check_same(op, "residual", residual, x);
  check_same(op, "y", y, x);
  check_parameter(op, "weight", weight, 1, x.cols);
  check_parameter(op, "bias", bias, 1, x.cols);
  check_eps(op, eps);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "add_layer_norm", [&] { return moving(x, bytes_of(x, residual, y)); });
  do_add_layer_norm(x, residual, weight, bias, eps, y);
}

void Backend::rms_norm(const Tensor& x, const Tensor& weight, float eps, const Tensor& y) {
  const char* op = "rms_norm";
  check_activation(op, "x", x);
  check_same(op, "y", y, x);
  check_parameter(op, "weight", weight, 1, x.cols);
  check_eps(op, eps);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "rms_norm", [&] { return moving(x, bytes_of(x, y)); });
  do_rms_norm(x, weight, eps, y);
}

void Backend::activate(Activation activation, const Tensor& x) {
  check_activation("activate", "x", x);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "activate", [&] { return moving(x, bytes_of(x, x)); });
  do_activate(activation, x);
}

void Backend::silu_mul(const Tensor& x, const Tensor& y) {
  const char* op = "silu_mul";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check(x.rows == y.rows && x.cols == 2 * y.cols && x.dtype == y.dtype, op, "x ", x.describe(),
        " must be twice as wide as y ", y.describe());
  if (y.size() == 0) return;
  const Recorded recorded(*this, "silu_mul", [&] { return moving(x, y, bytes_of(x, y)); });
  do_silu_mul(x, y);
}

void Backend::add(const Tensor& x, const Tensor& y) {
  const char* op = "add";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check(x.dtype == y.dtype || x.dtype == Dtype::kF32, op, "cannot add ", x.describe(), " to ", y.describe());
  check(x.cols == y.cols && (y.rows == 0 || (x.rows > 0 && y.rows % x.rows == 0)), op, "x ", x.describe(),
        " does not repeat into y ", y.describe());
  if (y.size() == 0) return;
  const Recorded recorded(*this, "add", [&] { return moving(x, y, bytes_of(x, y, y)); });
  do_add(x, y);
}

void Backend::add_silu(const Tensor& x, const Tensor& residual, const Tensor& y) {
  const char* op = "add_silu";
  check_activation(op, "x", x);
  check_same(op, "residual", residual, x);
  check_same(op, "y", y, x);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "add_silu", [&] { return moving(x, bytes_of(x, residual, y)); });
  do_add_silu(x, residual, y);
}

void Backend::copy(const Tensor& x, const Tensor& y) {
  const char* op = "copy";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check_shape(op, "y", y, x.rows, x.cols);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "copy", [&] { return moving(x, y, bytes_of(x, y)); });
  do_copy(x, y);
}

void Backend::gather_rows(const Tensor& x, const Tensor& rows, const Tensor& y) {
  const char* op = "gather_rows";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check_indices(op, "rows", rows, y.rows);
  check(x.cols == y.cols && x.dtype == y.dtype, op, "x is ", x.describe(), ", y is ", y.describe());
  if (y.size() == 0) return;
  const Recorded recorded(*this, "gather_rows", [&] { return moving(x, y, bytes_of(rows, y, y)); });
  do_gather_rows(x, rows, y);
}

void Backend::attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                        const Tensor& out) {
  const char* op = "attention";
  check_activation(op, "q", q);
  check_activation(op, "k", k);
  check_same(op, "v", v, k);
  check_same(op, "out", out, q);
  check(shape.batch > 0 && shape.heads > 0, op, shape.batch, " items of ", shape.heads, " heads");
  check(q.cols == k.cols && q.cols % shape.heads == 0, op, "q ", q.describe(), " and k ", k.describe(),
        " with ", shape.heads, " heads");
  check(q.rows % shape.batch == 0 && k.rows % shape.batch == 0, op, "q ", q.describe(), " and k ",
        k.describe(), " do not hold ", shape.batch, " items");
  check(k.rows > 0 || q.rows == 0, op, "there are no keys");
  check(shape.product == Dtype::kF32 || shape.product == Dtype::kBF16, op, "products are f32 or bf16");
  if (q.size() == 0) return;
  const Recorded recorded(*this, "attention",
                          [&] { return attention_work(q, k, shape.batch, shape.product); });
  do_attention(q, k, v, shape, out);
}

void Backend::rope_append(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                          const PagedBatch& batch, int64_t layer, KvCache& cache) {
  const char* op = "rope_append";
  const KvShape& shape = cache.shape();
  check_activation(op, "q", q);
  check_activation(op, "k", k);
  check_same(op, "v", v, k);
  check_shape(op, "k", k, q.rows, shape.kv_heads * shape.head_dim);
  check(q.cols % (shape.kv_heads * shape.head_dim) == 0, op, "q ", q.describe(), " is no multiple of ",
        shape.kv_heads, " kv heads of ", shape.head_dim);
  check(shape.head_dim % 2 == 0, op, "the head dimension ", shape.head_dim, " is odd");
  check_batch(op, batch, cache, q.rows, layer);
  check_parameter(op, "cos_sin", cos_sin, cos_sin.rows, shape.head_dim);
  check(batch.longest() <= cos_sin.rows, op, "position ", batch.longest() - 1, " is beyond the ",
        cos_sin.rows, " positions of the table");
  if (q.rows == 0) return;
  const Recorded recorded(*this, "rope_append", [&] { return rope_append_work(q, k, shape); });
  do_rope_append(q, k, v, cos_sin, batch, layer, cache);
}

void Backend::paged_attention(const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                              float scale, const Tensor& out) {
  const char* op = "paged_attention";
  const KvShape& shape = cache.shape();
  check_activation(op, "q", q);
  check_same(op, "out", out, q);
  check(q.cols % (shape.kv_heads * shape.head_dim) == 0, op, "q ", q.describe(), " is no multiple of ",
        shape.kv_heads, " kv heads of ", shape.head_dim);
  check_batch(op, batch, cache, q.rows, layer);
  if (q.rows == 0) return;
  const Recorded recorded(*this, "paged_attention", [&] { return paged_attention_work(q, shape, batch); });
  do_paged_attention(q, cache, batch, layer, scale, out);
}

std::unique_ptr<SamplingBatch> Backend::make_sampling_batch() { return do_make_sampling_batch(); }

void Backend::copy_block(KvCache& cache, int64_t from, int64_t to) {
  const char* op = "copy_block";
  const int64_t blocks = cache.shape().blocks;
  check(from >= 0 && from < blocks && to >= 0 && to < blocks, op, "from block ", from, " to block ", to,
        " of a cache with ", blocks);
  if (from == to) return;
  const Recorded recorded(*this, op, [&] { return copy_block_work(cache.shape()); });
  do_copy_block(cache, from, to);
}

void Backend::sample(const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) {
  const char* op = "sample";
  check_parameter(op, "logits", logits, logits.rows, logits.cols);
  check_indices(op, "tokens", tokens, logits.rows);
  check(static_cast<int64_t>(batch.rows().size()) == logits.rows, op, "the batch has ", batch.rows().size(),
        " rows for logits ", logits.describe());
  if (logits.size() == 0) return;
  const Recorded recorded(*this, "sample", [&] { return moving(logits, tokens, bytes_of(logits, tokens)); });
  do_sample(logits, batch, tokens);
}

void Backend::token_logprobs(const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                             const Tensor& values) {
  const char* op = "token_logprobs";
  check_parameter(op, "logits", logits, logits.rows, logits.cols);
  check_indices(op, "tokens", tokens, logits.rows);
  check(ids.dtype == Dtype::kI32 && ids.contiguous() && ids.rows == logits.rows && ids.cols <= logits.cols,
        op, "ids must be contiguous i32 [", logits.rows, ", at most ", logits.cols, "], got ",
        ids.describe());
  check_parameter(op, "values", values, logits.rows, 1 + ids.cols);
  if (logits.size() == 0) return;
  const Recorded recorded(*this, "token_logprobs",
                          [&] { return moving(logits, values, bytes_of(logits, ids, values)); });
  do_token_logprobs(logits, tokens, ids, values);
}

void Backend::resize_bicubic(const Tensor& image, const ResizePlan& plan, const Tensor& rgb) {
  const char* op = "resize_bicubic";
  check_plan(plan);
  for (const auto& [what, t] : {std::pair{"image", &image}, {"rgb", &rgb}}) {
    check_view(op, what, *t);
    check(t->dtype == Dtype::kU8, op, what, " must be u8, got ", t->describe());
  }
  check_shape(op, "image", image, plan.height, int64_t{3} * plan.width);
  check_shape(op, "rgb", rgb, 1, int64_t{3} * plan.window.width * plan.window.height);
  const Recorded recorded(*this, "resize_bicubic", [&] { return moving(image, rgb, bytes_of(image, rgb)); });
  do_resize_bicubic(image, plan, rgb);
}

void Backend::patchify(const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
                       const Tensor& patches) {
  const char* op = "patchify";
  check_view(op, "rgb", rgb);
  check_activation(op, "patches", patches);
  check(patch > 0 && image_size > 0 && image_size % patch == 0, op, "image size ", image_size,
        " is no multiple of the patch ", patch);
  const int64_t side = image_size / patch;
  check(rgb.dtype == Dtype::kU8 && rgb.cols == image_size * image_size * 3, op, "rgb is ", rgb.describe(),
        ", expected u8 [batch, ", image_size * image_size * 3, "]");
  check_shape(op, "patches", patches, rgb.rows * side * side, 3 * patch * patch);
  for (const float std : scale.std) check(std > 0.0f, op, "a standard deviation of ", std);
  if (rgb.rows == 0) return;
  const Recorded recorded(*this, "patchify", [&] { return moving(rgb, patches, bytes_of(rgb, patches)); });
  do_patchify(rgb, scale, image_size, patch, patches);
}

void Backend::depthwise_conv3x3(const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) {
  const char* op = "depthwise_conv3x3";
  check_activation(op, "x", x);
  check_same(op, "y", y, x);
  check_parameter(op, "weight", weight, 9, x.cols);
  check(grid.height > 0 && grid.width > 0 && x.rows % grid.cells() == 0, op, "x ", x.describe(),
        " does not hold grids of ", grid.height, " x ", grid.width);
  if (x.size() == 0) return;
  const Recorded recorded(*this, "depthwise_conv3x3", [&] { return convolution_work(x, 9); });
  do_depthwise_conv3x3(x, weight, grid, y);
}

void Backend::mean_rows(const Tensor& x, const Tensor& y) {
  const char* op = "mean_rows";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check(x.cols == y.cols && x.dtype == y.dtype && y.rows > 0 && x.rows > 0 && x.rows % y.rows == 0, op, "x ",
        x.describe(), " does not split into the rows of y ", y.describe());
  const Recorded recorded(*this, "mean_rows", [&] { return moving(x, y, bytes_of(x, y)); });
  do_mean_rows(x, y);
}

void Backend::gate_channels(const Tensor& gate, const Tensor& x) {
  const char* op = "gate_channels";
  check_activation(op, "gate", gate);
  check_activation(op, "x", x);
  check(x.cols == gate.cols && x.dtype == gate.dtype && gate.rows > 0 && x.rows % gate.rows == 0, op, "x ",
        x.describe(), " does not split into the rows of gate ", gate.describe());
  if (x.size() == 0) return;
  const Recorded recorded(*this, "gate_channels", [&] { return moving(gate, x, bytes_of(gate, x, x)); });
  do_gate_channels(gate, x);
}

void Backend::adaptive_avg_pool(const Tensor& x, Grid from, Grid to, const Tensor& y) {
  const char* op = "adaptive_avg_pool";
  check_activation(op, "x", x);
  check_activation(op, "y", y);
  check(from.height > 0 && from.width > 0 && to.height > 0 && to.width > 0 && x.rows % from.cells() == 0, op,
        "x ", x.describe(), " does not hold grids of ", from.height, " x ", from.width);
  check(y.cols == x.cols && y.dtype == x.dtype && y.rows == x.rows / from.cells() * to.cells(), op, "y is ",
        y.describe(), ", expected [", x.rows / from.cells() * to.cells(), ", ", x.cols, "]");
  if (x.size() == 0) return;
  const Recorded recorded(*this, "adaptive_avg_pool", [&] { return moving(x, y, bytes_of(x, y)); });
  do_adaptive_avg_pool(x, from, to, y);
}

void Backend::deformable_sample(const Tensor& value, const Tensor& offsets, const Tensor& logits,
                                const Tensor& reference, const DeformableShape& shape, const Tensor& y) {
  const char* op = "deformable_sample";
  check(shape.batch > 0 && shape.heads > 0 && shape.points > 0 && !shape.levels.empty(), op, shape.batch,
        " items, ", shape.heads, " heads, ", shape.points, " points, ", shape.levels.size(), " levels");
  int64_t cells = 0;
  for (const Grid& level : shape.levels) {
    check(level.height > 0 && level.width > 0, op, "a level of ", level.height, " x ", level.width);
    cells += level.cells();
  }
  for (const auto& [what, t] :
       {std::pair{"value", &value}, {"offsets", &offsets}, {"logits", &logits}, {"y", &y}}) {
    check_activation(op, what, *t);
    check(t->dtype == Dtype::kF32, op, what, " must be f32");
  }
  const int64_t samples = shape.heads * static_cast<int64_t>(shape.levels.size()) * shape.points;
  check(value.rows == shape.batch * cells && value.cols % shape.heads == 0, op, "value is ", value.describe(),
        ", expected ", shape.batch * cells, " rows of ", shape.heads, " heads");
  check(y.rows % shape.batch == 0 && y.cols == value.cols, op, "y is ", y.describe());
  check_shape(op, "offsets", offsets, y.rows, samples * 2);
  check_shape(op, "logits", logits, y.rows, samples);
  check_parameter(op, "reference", reference, y.rows / shape.batch, 2);
  if (y.size() == 0) return;
  const Recorded recorded(*this, "deformable_sample",
                          [&] { return deformable_work(value, offsets, logits, y, samples / shape.heads); });
  do_deformable_sample(value, offsets, logits, reference, shape, y);
}

}  // namespace honeybee
