// One row for each operation of core/backend.h: the names of its arguments, the shape of its answer, the
// call.
#include "napi/ops_table.h"

#include <algorithm>
#include <cmath>

#include "napi/spec.h"

namespace honeybee {
namespace {

constexpr int64_t kMany =
    1 << 20;  // beyond any count of heads, points or items; products stay within 64 bits
constexpr uint32_t kMostLevels = 64;
constexpr int64_t kLargestImage = 1 << 15;

using NormOp = void (Backend::*)(const Tensor&, const Tensor&, const Tensor&, float, const Tensor&);

float eps_of(const OpCall& c) { return static_cast<float>(c.arguments().number("eps")); }

// 1/√d unless it is given.
float scale_of(const OpCall& c, int64_t head_dim) {
  const double root = std::sqrt(static_cast<double>(std::max<int64_t>(head_dim, 1)));
  return static_cast<float>(c.arguments().number_or("scale", 1.0 / root));
}

int64_t count_of(const OpCall& c, const char* name) { return c.arguments().integer(name, 1, kMany); }

// Items stacked in the rows.
int64_t batch_of(const OpCall& c) { return c.arguments().has("batch") ? count_of(c, "batch") : 1; }

int64_t layer_of(const OpCall& c) { return c.arguments().has("layer") ? c.arguments().integer("layer") : 0; }

template <NormOp op>
void norm(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor weight = c.vector("weight");
  const Tensor bias = c.vector("bias");
  const float eps = eps_of(c);
  const Tensor y = c.result(x.rows, x.cols, x.dtype);
  c.run([&] { (c.backend().*op)(x, weight, bias, eps, y); });
}

void linear(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Weight& w = c.weight("w");
  const Tensor* const bias = c.vector_if_given("bias");
  const Tensor y = c.result(x.rows, w.out(), x.dtype);
  c.run([&] { c.backend().linear(x, w, bias, y); });
}

void linear_add(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Weight& w = c.weight("w");
  const Tensor* const bias = c.vector_if_given("bias");
  const Tensor y = c.in_place("y");
  c.run([&] { c.backend().linear_add(x, w, bias, y); });
}

void embed(OpCall& c) {
  const Weight& table = c.weight("table");
  const Tensor ids = c.indices("ids");
  const Dtype dtype = c.dtype_or("dtype", c.backend().activation_dtype(table.dtype()));
  const Tensor y = c.result(ids.rows, table.in(), dtype);
  c.run([&] { c.backend().embed(table, ids, y); });
}

void add_layer_norm(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor residual = c.matrix("residual");
  const Tensor weight = c.vector("weight");
  const Tensor bias = c.vector("bias");
  const float eps = eps_of(c);
  const Tensor y = c.result(x.rows, x.cols, x.dtype);
  c.run([&] { c.backend().add_layer_norm(x, residual, weight, bias, eps, y); });
}

void rms_norm(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor weight = c.vector("weight");
  const float eps = eps_of(c);
  const Tensor y = c.result(x.rows, x.cols, x.dtype);
  c.run([&] { c.backend().rms_norm(x, weight, eps, y); });
}

void activate(OpCall& c) {
  const Activation activation = read_activation(c.arguments().text("activation"), ErrorCode::kOption);
  const Tensor x = c.in_place("x");
  c.run([&] { c.backend().activate(activation, x); });
}

void silu_mul(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor y = c.result(x.rows, x.cols / 2, x.dtype);
  c.run([&] { c.backend().silu_mul(x, y); });
}

void add(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor y = c.in_place("y");
  c.run([&] { c.backend().add(x, y); });
}

void add_silu(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor residual = c.matrix("residual");
  const Tensor y = c.result(x.rows, x.cols, x.dtype);
  c.run([&] { c.backend().add_silu(x, residual, y); });
}

void copy(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor y = c.result(x.rows, x.cols, c.dtype_or("dtype", x.dtype));
  c.run([&] { c.backend().copy(x, y); });
}

void gather_rows(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor rows = c.indices("rows");
  const Tensor y = c.result(rows.rows, x.cols, x.dtype);
  c.run([&] { c.backend().gather_rows(x, rows, y); });
}

void attention(OpCall& c) {
  const Tensor q = c.matrix("q");
  const Tensor k = c.matrix("k");
  const Tensor v = c.matrix("v");
  AttentionShape shape;
  shape.batch = batch_of(c);
  shape.heads = count_of(c, "heads");
  shape.scale = scale_of(c, q.cols / shape.heads);
  shape.product = c.dtype_or("product", Dtype::kF32);
  const Tensor out = c.result(q.rows, q.cols, q.dtype);
  c.run([&] { c.backend().attention(q, k, v, shape, out); });
}

void rope_append(OpCall& c) {
  const Tensor q = c.in_place("q");
  const Tensor k = c.matrix("k");
  const Tensor v = c.matrix("v");
  const Tensor cos_sin = c.matrix("cosSin");
  const PagedBatch& batch = c.batch("batch");
  const int64_t layer = layer_of(c);
  KvCache& cache = c.cache("cache");
  c.run([&] { c.backend().rope_append(q, k, v, cos_sin, batch, layer, cache); });
}

void paged_attention(OpCall& c) {
  const Tensor q = c.matrix("q");
  const PagedBatch& batch = c.batch("batch");
  const int64_t layer = layer_of(c);
  const KvCache& cache = c.cache("cache");
  const float scale = scale_of(c, cache.shape().head_dim);
  const Tensor out = c.result(q.rows, q.cols, q.dtype);
  c.run([&] { c.backend().paged_attention(q, cache, batch, layer, scale, out); });
}

void patchify(OpCall& c) {
  const int64_t size = c.arguments().integer("imageSize", 1, kLargestImage);
  const int64_t patch = c.arguments().integer("patch", 1, size);
  const std::vector<double> mean = c.arguments().numbers("mean");
  const std::vector<double> std = c.arguments().numbers("std");
  require(mean.size() == 3 && std.size() == 3, ErrorCode::kOption,
          "patchify: mean and std need three numbers each, for red, green and blue");
  PixelScale scale;
  for (size_t i = 0; i < 3; i++) {
    scale.mean[i] = static_cast<float>(mean[i]);
    scale.std[i] = static_cast<float>(std[i]);
  }
  const Tensor rgb = c.bytes("rgb", size * size * 3);
  const int64_t side = size / patch;
  const Dtype dtype = c.dtype_or("dtype", Dtype::kF32);
  const Tensor patches = c.result(rgb.rows * side * side, 3 * patch * patch, dtype);
  c.run([&] { c.backend().patchify(rgb, scale, size, patch, patches); });
}

void depthwise_conv3x3(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor weight = c.matrix("weight");
  const Grid grid = OpCall::grid(c.arguments().object("grid"));
  const Tensor y = c.result(x.rows, x.cols, x.dtype);
  c.run([&] { c.backend().depthwise_conv3x3(x, weight, grid, y); });
}

void mean_rows(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Tensor y = c.result(batch_of(c), x.cols, x.dtype);
  c.run([&] { c.backend().mean_rows(x, y); });
}

void gate_channels(OpCall& c) {
  const Tensor gate = c.matrix("gate");
  const Tensor x = c.in_place("x");
  c.run([&] { c.backend().gate_channels(gate, x); });
}

void adaptive_avg_pool(OpCall& c) {
  const Tensor x = c.matrix("x");
  const Grid from = OpCall::grid(c.arguments().object("from"));
  const Grid to = OpCall::grid(c.arguments().object("to"));
  const Tensor y = c.result(x.rows / from.cells() * to.cells(), x.cols, x.dtype);
  c.run([&] { c.backend().adaptive_avg_pool(x, from, to, y); });
}

void deformable_sample(OpCall& c) {
  const std::vector<ObjectReader> sizes = c.arguments().objects("levels");
  require(sizes.size() <= kMostLevels, ErrorCode::kOption, "deformable_sample: ", sizes.size(),
          " levels, expected at most ", kMostLevels);
  std::vector<Grid> levels;
  for (const ObjectReader& size : sizes) levels.push_back(OpCall::grid(size));
  const Tensor value = c.matrix("value");
  const Tensor offsets = c.matrix("offsets");
  const Tensor logits = c.matrix("logits");
  const Tensor reference = c.matrix("reference");
  const DeformableShape shape{batch_of(c), count_of(c, "heads"), count_of(c, "points"), levels};
  const Tensor y = c.result(offsets.rows, value.cols, value.dtype);
  c.run([&] { c.backend().deformable_sample(value, offsets, logits, reference, shape, y); });
}

void resize_bicubic(OpCall& c) {
  const Grid size{c.arguments().integer("height", 1, kLargestImage),
                  c.arguments().integer("width", 1, kLargestImage)};
  const Tensor image = c.bytes("image", size.width * 3);
  require(image.rows == size.height, ErrorCode::kOption, "resize_bicubic: image has ", image.rows,
          " rows of ", size.width, " pixels, expected ", size.height);
  const ResizePlan plan = c.plan(size);
  const Tensor rgb = c.result(1, plan.window.height * plan.window.width * 3, Dtype::kU8);
  c.run([&] { c.backend().resize_bicubic(image, plan, rgb); });
}

void sample(OpCall& c) {
  const Tensor logits = c.matrix("logits");
  const SamplingBatch& batch = c.sampling("rows", logits.rows);
  const Tensor tokens = c.result(logits.rows, 1, Dtype::kI32);
  c.run([&] { c.backend().sample(logits, batch, tokens); });
}

void token_logprobs(OpCall& c) {
  const Tensor logits = c.matrix("logits");
  const Tensor tokens = c.indices("tokens");
  const int64_t top = c.arguments().integer("top", 0, logits.cols);
  const Tensor ids = c.second_result("ids", logits.rows, top, Dtype::kI32);
  const Tensor values = c.result(logits.rows, 1 + top, Dtype::kF32);
  c.run([&] { c.backend().token_logprobs(logits, tokens, ids, values); });
}

struct Row {
  const char* name;
  OpBody body;
};

constexpr Row kOps[] = {
    {"linear", linear},
    {"linear_add", linear_add},
    {"embed", embed},
    {"layer_norm", norm<&Backend::layer_norm>},
    {"layer_norm_silu", norm<&Backend::layer_norm_silu>},
    {"add_layer_norm", add_layer_norm},
    {"rms_norm", rms_norm},
    {"activate", activate},
    {"silu_mul", silu_mul},
    {"add", add},
    {"add_silu", add_silu},
    {"copy", copy},
    {"gather_rows", gather_rows},
    {"attention", attention},
    {"rope_append", rope_append},
    {"paged_attention", paged_attention},
    {"sample", sample},
    {"token_logprobs", token_logprobs},
    {"resize_bicubic", resize_bicubic},
    {"patchify", patchify},
    {"depthwise_conv3x3", depthwise_conv3x3},
    {"mean_rows", mean_rows},
    {"gate_channels", gate_channels},
    {"adaptive_avg_pool", adaptive_avg_pool},
    {"deformable_sample", deformable_sample},
};

}  // namespace

OpBody find_op(const std::string& name) {
  for (const Row& row : kOps) {
    if (name == row.name) return row.body;
  }
  fail(ErrorCode::kOption, "unknown operation \"", name, "\"");
}

}  // namespace honeybee
