#pragma once
#include "engine/rates.h"
#include "model/config.h"

namespace honeybee::gpu {

/// What a piece of work cannot avoid: the weights and the KV cache that it reads, each once, and the
/// operations of its matrix products and attention, a multiply-add being two. As lib/model/cost.ts counts.
struct Work {
  double bytes = 0.0;
  double flops = 0.0;
};

/// All layers of the vision tower over `images` images.
Work vision_work(const VisionConfig& vision, int64_t images, Dtype weights);

/// `rows` tokens through the decoder, of which `last` want logits; `pairs` of a query and a key it attends
/// to; `cached` positions of the KV cache are read or written.
struct DecoderRows {
  int64_t rows = 0;
  int64_t last = 0;
  int64_t pairs = 0;
  int64_t cached = 0;
};
/// Of the decoder's weights, and of its KV cache.
struct DecoderDtypes {
  Dtype layers;
  Dtype head;
  Dtype kv;
};
Work decoder_work(const TextConfig& text, const DecoderRows& rows, const DecoderDtypes& dtypes);

/// The roofline (Williams, Waterman and Patterson 2009): the shortest time at these rates and which of them
/// sets it.
struct Ceiling {
  double seconds = 0.0;
  const char* rate = "";  ///< "copy" or "product"
};
Ceiling ceiling(const Work& work, const DeviceRates& rates);

}  // namespace honeybee::gpu
