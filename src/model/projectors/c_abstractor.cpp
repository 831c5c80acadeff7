#include <cmath>

#include "model/projectors/common.h"

namespace honeybee {
namespace {

constexpr float kNormEps =
    1e-5f;  // timm swaps the requested LayerNorm2d for its fused norm, whose default this is
constexpr float kPrenormEps = 1e-6f;
constexpr double kSqueezeRatio = 0.25;

/// RegNet bottleneck with depthwise convolution and squeeze-and-excite (Radosavovic et al. 2020, timm 0.9.8),
/// channel-last: a 1×1 convolution is a linear layer, LayerNorm2d a layer_norm of rows.
class Block {
 public:
  Block(WeightLoader& loader, const std::string& name, int64_t in, int64_t width, Dtype dtype)
      : width_(width) {
    // timm derives the squeezed width from the channels that enter the block, rounding halves to even.
    const auto squeezed = static_cast<int64_t>(std::nearbyint(kSqueezeRatio * static_cast<double>(in)));
    conv1_ = load_conv1x1(loader, name + "conv1", width, in, dtype);
    conv2_ = loader.depthwise3x3(name + "conv2.conv.weight", width);
    norm2_ = load_norm(loader, name + "conv2.bn", width);
    squeeze_ = {loader.convolution(name + "se.fc1.weight", {squeezed, width, 1, 1}, dtype),
                loader.parameter(name + "se.fc1.bias", {squeezed})};
    excite_ = {loader.convolution(name + "se.fc2.weight", {width, squeezed, 1, 1}, dtype),
               loader.parameter(name + "se.fc2.bias", {width})};
    conv3_ = load_conv1x1(loader, name + "conv3", width, width, dtype);
    if (in != width) shortcut_ = load_conv1x1(loader, name + "downsample", width, in, dtype);
  }

  /// [images·H·W, in] → [images·H·W, width] in the arena.
  Tensor forward(const Run& run, const Tensor& x, Grid grid) const {
    const Tensor out = run.arena.matrix(x.rows, width_, x.dtype);
    const Arena::Scope scope(run.arena);
    const Tensor y1 = run.arena.matrix(x.rows, width_, x.dtype);
    run.backend.linear(x, *conv1_.weight, nullptr, y1);
    run.backend.layer_norm_silu(y1, conv1_.norm.weight.tensor, conv1_.norm.bias.tensor, kNormEps, y1);

    const Tensor y2 = run.arena.matrix(x.rows, width_, x.dtype);
    run.backend.depthwise_conv3x3(y1, conv2_.tensor, grid, y2);
    run.backend.layer_norm_silu(y2, norm2_.weight.tensor, norm2_.bias.tensor, kNormEps, y2);

    const Tensor mean = run.arena.matrix(x.rows / grid.cells(), width_, x.dtype);
    run.backend.mean_rows(y2, mean);
    const Tensor squeezed = run.linear(mean, squeeze_);
    run.backend.activate(Activation::kSilu, squeezed);
    run.backend.gate_channels(run.linear(squeezed, excite_), y2);

    run.backend.linear(y2, *conv3_.weight, nullptr, out);
    run.layer_norm(out, conv3_.norm, kNormEps, out);
    Tensor residual = x;
    if (shortcut_.weight != nullptr) {
      residual = y1;
      run.backend.linear(x, *shortcut_.weight, nullptr, residual);
      run.layer_norm(residual, shortcut_.norm, kNormEps, residual);
    }
    run.backend.add_silu(out, residual, out);
    return out;
  }

 private:
  struct Conv1x1 {
    std::unique_ptr<Weight> weight;
    Norm norm;
  };

  static Conv1x1 load_conv1x1(WeightLoader& loader, const std::string& name, int64_t out, int64_t in,
                              Dtype dtype) {
    return {loader.convolution(name + ".conv.weight", {out, in, 1, 1}, dtype),
            load_norm(loader, name + ".bn", out)};
  }

  int64_t width_;
  Conv1x1 conv1_;
  Parameter conv2_;
  Norm norm2_;
  Linear squeeze_;
  Linear excite_;
  Conv1x1 conv3_;
  Conv1x1 shortcut_;  // only where the width changes
};

/// C-Abstractor (paper, section 3.2): L blocks, adaptive average pooling to the token grid, L blocks, then an
/// MLP.
class CAbstractor final : public Projector {
 public:
  CAbstractor(const ProjectorConfig& config, const ProjectorInput& input, WeightLoader& loader, Dtype dtype)
      : config_(config) {
    const int64_t side = token_grid_side(config.visual_tokens);
    tokens_ = {side, side};
    if (config.prenorm) prenorm_ = load_norm(loader, "projector.prenorm", input.width);
    if (config.pos_emb)
      pos_emb_ = loader.parameter("projector.pos_emb", {1, input.grid.cells(), input.width});
    stage1_ = load_stage(loader, "projector.net.0.", input.width, dtype);
    stage2_ = load_stage(loader, "projector.net.2.", config.hidden_size, dtype);
    const int64_t width = config.depth > 0 ? config.hidden_size : input.width;
    readout_ = Mlp(loader, "projector.readout", config.mlp_depth, width, config.output_size,
                   Activation::kSilu, dtype);
    eos_ = EosRows(loader, config.eos_tokens, config.output_size);
  }

  Tensor project(const Run& run, const Features& features) const override {
    const int64_t images = features.images;
    Tensor x = copy_of(run, features.levels.front(), features.levels.front().dtype);
    if (config_.prenorm) run.layer_norm(x, prenorm_, kPrenormEps, x);
    if (config_.pos_emb) run.backend.add(pos_emb_.tensor, x);
    int64_t layer = 0;  // a block
    for (const Block& block : stage1_) x = run_block(run, block, layer++, x, features.grid);
    run.watch("projector.stage1", {images, x.rows / images, x.cols}, x);
    const Tensor pooled = run.arena.matrix(images * tokens_.cells(), x.cols, x.dtype);
    run.backend.adaptive_avg_pool(x, features.grid, tokens_, pooled);
    run.watch("projector.pool", {images, tokens_.cells(), pooled.cols}, pooled);
    x = pooled;
    for (const Block& block : stage2_) x = run_block(run, block, layer++, x, tokens_);
    run.watch("projector.stage2", {images, tokens_.cells(), x.cols}, x);
    return eos_.append(run, readout_.forward(run, x), images);
  }

 private:
  static Tensor run_block(const Run& run, const Block& block, int64_t layer, const Tensor& x, Grid grid) {
    const PlaceScope place = run.in_layer(layer);
    return block.forward(run, x, grid);
  }

  std::vector<Block> load_stage(WeightLoader& loader, const std::string& name, int64_t in,
                                Dtype dtype) const {
    std::vector<Block> blocks;
    for (int64_t i = 0; i < config_.depth; i++) {
      blocks.emplace_back(loader, name + "b" + std::to_string(i + 1) + ".", i == 0 ? in : config_.hidden_size,
                          config_.hidden_size, dtype);
    }
    return blocks;
  }

  ProjectorConfig config_;
  Grid tokens_;
  Norm prenorm_;
  Parameter pos_emb_;
  std::vector<Block> stage1_;
  std::vector<Block> stage2_;
  Mlp readout_;
  EosRows eos_;
};

}  // namespace

std::unique_ptr<Projector> make_c_abstractor(const ProjectorConfig& config, const ProjectorInput& input,
                                             WeightLoader& loader, Dtype dtype) {
  return std::make_unique<CAbstractor>(config, input, loader, dtype);
}

}  // namespace honeybee
