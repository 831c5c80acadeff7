#include "work.h"

namespace honeybee::gpu {
namespace {

// Of a weight; int4 in groups of 32 with 4 bytes each.
double weight_bytes(Dtype dtype) {
  return dtype == Dtype::kInt4 ? 0.5 + 4.0 / 32.0 : static_cast<double>(dtype_size(dtype));
}

class Counter {
 public:
  explicit Counter(Dtype weights) : weight_bytes_(weight_bytes(weights)) {}

  /// Of the products from here on.
  void set_weights(Dtype weights) { weight_bytes_ = weight_bytes(weights); }

  /// `count` weights [out, in], each multiplied with `rows` rows.
  void product(int64_t rows, int64_t in, int64_t out, int64_t count = 1) {
    const double values = static_cast<double>(in) * static_cast<double>(out) * static_cast<double>(count);
    work.flops += 2.0 * static_cast<double>(rows) * values;
    work.bytes += weight_bytes_ * values;
  }
  /// q kᵀ and the product with v of all heads, together `width` wide.
  void attention(int64_t pairs, int64_t width, int64_t count) {
    work.flops += 4.0 * static_cast<double>(pairs) * static_cast<double>(width) * static_cast<double>(count);
  }

  Work work;

 private:
  double weight_bytes_;
};

}  // namespace

Work vision_work(const VisionConfig& vision, int64_t images, Dtype weights) {
  const int64_t cells = vision.grid().cells();
  const int64_t rows = images * (cells + 1);
  const int64_t width = vision.hidden_size;
  Counter counter(weights);
  counter.product(images * cells, 3 * vision.patch_size * vision.patch_size, width);
  counter.product(rows, width, width, 4 * vision.layers);
  counter.product(rows, width, vision.intermediate_size, 2 * vision.layers);
  counter.attention(rows * (cells + 1), width, vision.layers);
  return counter.work;
}

Work decoder_work(const TextConfig& text, const DecoderRows& rows, const DecoderDtypes& dtypes) {
  const int64_t q = text.heads * text.head_dim;
  const int64_t kv_width = text.kv_heads * text.head_dim;
  Counter counter(dtypes.layers);
  counter.product(rows.rows, text.hidden_size, q + 2 * kv_width, text.layers);
  counter.product(rows.rows, q, text.hidden_size, text.layers);
  counter.product(rows.rows, text.hidden_size, text.intermediate_size, 3 * (text.layers - 1));
  // Behind the last attention only the rows whose logits are wanted go on.
  counter.product(rows.last, text.hidden_size, text.intermediate_size, 3);
  counter.set_weights(dtypes.head);
  counter.product(rows.last, text.hidden_size, text.vocab_size);
  counter.attention(rows.pairs, q, text.layers);
  counter.work.bytes +=
      static_cast<double>(rows.cached * 2 * kv_width * text.layers) * static_cast<double>(dtype_size(dtypes.kv));
  return counter.work;
}

Ceiling ceiling(const Work& work, const DeviceRates& rates) {
  const double moving = work.bytes / rates.copy;
  const double computing = work.flops / rates.product;
  return moving > computing ? Ceiling{moving, "copy"} : Ceiling{computing, "product"};
}

}  // namespace honeybee::gpu
