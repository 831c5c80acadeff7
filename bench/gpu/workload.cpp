#include "workload.h"

namespace honeybee::gpu {
namespace {

VisionConfig vit_large(int64_t image_size) {
  VisionConfig vision;
  vision.hidden_size = 1024;
  vision.intermediate_size = 4096;
  vision.layers = 24;
  vision.heads = 16;
  vision.image_size = image_size;
  vision.patch_size = 14;
  vision.pixels = {{0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}};
  return vision;
}

TextConfig vicuna(bool large) {
  TextConfig text;
  text.hidden_size = large ? 5120 : 4096;
  text.intermediate_size = large ? 13824 : 11008;
  text.layers = large ? 40 : 32;
  text.heads = large ? 40 : 32;
  text.kv_heads = text.heads;
  text.head_dim = 128;
  text.vocab_size = 32000;
  text.context_length = 4096;
  return text;
}

ProjectorConfig projector(const std::string& type, const VisionConfig& vision, const TextConfig& text,
                          int64_t visual_tokens) {
  ProjectorConfig config;
  config.type = type;
  config.feature_layers = {vision.layers};
  config.output_size = text.hidden_size;
  config.visual_tokens = visual_tokens;
  config.pos_emb = true;
  config.hidden_size = vision.hidden_size;
  config.depth = type == "c-abs" ? 3 : 6;
  config.mlp_depth = 2;
  config.heads = 8;
  config.points = 4;
  config.ffn_size = 1024;
  config.pooled_target = "query";
  return config;
}

void shrink(Workload& work) {
  work.vision.hidden_size = 32;
  work.vision.intermediate_size = 48;
  work.vision.layers = 1;
  work.vision.heads = 2;
  work.vision.image_size = 42;
  work.text.hidden_size = 48;
  work.text.intermediate_size = 64;
  work.text.layers = 1;
  work.text.heads = work.text.kv_heads = 2;
  work.text.head_dim = 24;
  work.text.vocab_size = 96;
  work.c_abs = projector("c-abs", work.vision, work.text, 4);
  work.d_abs = projector("d-abs", work.vision, work.text, 4);
  work.c_abs.depth = work.d_abs.depth = 1;
  work.d_abs.ffn_size = 32;
  work.prompts = {5, 17};
  work.context = 20;
  work.samples = 1;
  work.sample_seconds = 0.0;
  work.rates = {.stream_bytes = 1 << 12, .width = 32, .rows = 4, .samples = 1, .sample_seconds = 0.0};
}

}  // namespace

Workload make_workload(const std::string& model, bool tiny) {
  const bool large = model == "13b";
  Workload work;
  work.title = large ? "13B, 336 px" : "7B, 224 px";
  work.vision = vit_large(large ? 336 : 224);
  work.text = vicuna(large);
  work.c_abs = projector("c-abs", work.vision, work.text, large ? 256 : 144);
  work.d_abs = projector("d-abs", work.vision, work.text, large ? 256 : 144);
  work.images = {1, 4, 16};
  work.prompts = {128, 512, 2048};
  work.sequences = {1, 8, 32, 64};
  work.context = 512;
  work.samples = 7;
  work.sample_seconds = 0.05;
  // Large enough for the widest device: a copy beyond any cache, a product that fills every multiprocessor.
  work.rates = {
      .stream_bytes = size_t{1} << 30, .width = 8192, .rows = 8192, .samples = 7, .sample_seconds = 0.05};
  if (tiny) {
    shrink(work);
    work.title += ", shrunk";
  }
  return work;
}

}  // namespace honeybee::gpu
