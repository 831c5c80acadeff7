// The kernels of attention_kernels.h, which includes this file in kernel files.
#include "cpu/attention_products.h"

namespace honeybee::cpu::HB_ISA {

// A partial result of one query: out = sums / total after the last range.
struct Partial {
  float* sums;     // [padded_dim], relative to e^largest
  float* largest;  // of the scores
  float* total;    // of e^(score - largest); 0 when the range has no key for this query
};

HB_INLINE Partial partial_of(float* partials, int query, int64_t padded_dim) {
  float* sums = partials + query * (padded_dim + 16);
  return {sums, sums + padded_dim, sums + padded_dim + 1};
}

// Turns the `keys` scores of one query into powers relative to their maximum; zeros up to `padded`.
template <class Format>
HB_INLINE void softmax_range(float* scores, int64_t keys, int64_t padded, typename Format::Element* powers,
                             float* largest, float* total) {
  Vec maxima = broadcast(-__builtin_inff());
  const Vec lowest = maxima;
  const int64_t whole = keys / kLanes * kLanes;
  const int rest = static_cast<int>(keys - whole);
  for (int64_t i = 0; i < whole; i += kLanes) maxima = max(maxima, load(scores + i));
  if (rest > 0) maxima = max(maxima, keep_first(load(scores + whole), rest, lowest));
  const float top = reduce_max(maxima);
  Vec sums[2] = {zero(), zero()};
  int64_t i = 0;
  for (; i < whole; i += kLanes) {
    const Vec power = exp(load(scores + i) - broadcast(top));
    sums[i / kLanes % 2] = sums[i / kLanes % 2] + power;
    Format::store_element(powers + i, power);
  }
  if (rest > 0) {
    const Vec power = keep_first(exp(load(scores + i) - broadcast(top)), rest, zero());
    sums[i / kLanes % 2] = sums[i / kLanes % 2] + power;
    Format::store_element(powers + i, power);
    i += kLanes;
  }
  for (; i < padded; i += kLanes) Format::store_element(powers + i, zero());
  *largest = top;
  *total = reduce_add(sums[0] + sums[1]);
}

// Powers of the first `keys` keys times the scales of their values; scales behind them may be anything.
HB_INLINE void scale_powers(float* powers, int64_t keys, const char* const* block, const KeyLayout& layout) {
  for_each_vec(keys, [&](int64_t i, auto lanes) {
    const Vec scales = block_scales(block[i / kKeyBlock], layout, 1, i % kKeyBlock);
    store(powers + i, load(powers + i) * scales, lanes);
  });
}

// One range of `rows` (a power of two, the tile's count rounded up) queries into `partials`.
template <class Format, int rows>
HB_INLINE void range_of_rows(const QueryTile& tile, const KeyBlocks& blocks, const KeyLayout& layout,
                             float scale, int64_t range, const typename Format::Element* queries, float* work,
                             float* partials) {
  const int64_t begin = range * kKeyRange;
  int64_t keys = 0;
  for (int r = 0; r < tile.count; r++) keys = tile.keys[r] > keys ? tile.keys[r] : keys;
  keys = keys - begin < kKeyRange ? keys - begin : kKeyRange;
  const int64_t padded = (keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
  const char* block[kKeyRange / kKeyBlock];
  for (int64_t b = 0; b < padded / kKeyBlock; b++) {
    const int64_t index = begin / kKeyBlock + b;
    block[b] = blocks.first + (blocks.table == nullptr ? index : blocks.table[index]) * blocks.stride;
  }
  float* scores = work;
  auto* powers = reinterpret_cast<typename Format::Element*>(work + kQueryTile * kKeyRange);
  score_keys<Format, rows>(queries, Format::query_stride(layout), block, padded, layout, scale, scores);
  for (int r = 0; r < rows; r++) {
    const int64_t seen = r < tile.count ? tile.keys[r] - begin : 0;
    const Partial p = partial_of(partials, r, layout.padded_dim);
    const int64_t counted = seen < 0 ? 0 : seen < keys ? seen : keys;
    softmax_range<Format>(scores + r * kKeyRange, counted, padded, powers + r * kKeyRange, p.largest,
                          p.total);
    if constexpr (Format::kFormat == KeyFormat::kInt8)
      scale_powers(powers + r * kKeyRange, counted, block, layout);
  }
  weigh_values<Format, rows>(powers, block, keys, layout, partials, layout.padded_dim + 16);
}

template <class Format>
HB_INLINE void range_into(const QueryTile& tile, const KeyBlocks& blocks, const KeyLayout& layout,
                          float scale, int64_t range, const typename Format::Element* queries, float* work,
                          float* partials) {
  if (tile.count == 1) {
    range_of_rows<Format, 1>(tile, blocks, layout, scale, range, queries, work, partials);
  } else if (tile.count == 2) {
    range_of_rows<Format, 2>(tile, blocks, layout, scale, range, queries, work, partials);
  } else if (tile.count <= 4) {
    range_of_rows<Format, 4>(tile, blocks, layout, scale, range, queries, work, partials);
  } else {
    range_of_rows<Format, 8>(tile, blocks, layout, scale, range, queries, work, partials);
  }
}

// state += next, each relative to its own maximum. A query without a key in the range keeps its state.
HB_INLINE void merge(const QueryTile& tile, int64_t padded_dim, float* state, const float* next) {
  for (int r = 0; r < tile.count; r++) {
    const Partial to = partial_of(state, r, padded_dim);
    const Partial from = partial_of(const_cast<float*>(next), r, padded_dim);
    if (*from.total == 0.0f) continue;
    const float largest = *to.largest > *from.largest ? *to.largest : *from.largest;
    alignas(64) float factor[16];
    store(factor, exp(broadcast(*to.largest - largest)));
    const float old_factor = factor[0];
    store(factor, exp(broadcast(*from.largest - largest)));
    const float new_factor = factor[0];
    for (int64_t c = 0; c < padded_dim; c += kLanes) {
      store(to.sums + c,
            fma(load(to.sums + c), broadcast(old_factor), load(from.sums + c) * broadcast(new_factor)));
    }
    *to.largest = largest;
    *to.total = *to.total * old_factor + *from.total * new_factor;
  }
}

HB_INLINE void finish(const QueryTile& tile, int64_t dim, int64_t padded_dim, float* state) {
  for (int r = 0; r < tile.count; r++) {
    const Partial p = partial_of(state, r, padded_dim);
    const Vec factor = broadcast(1.0f / *p.total);
    for_each_vec(dim,
                 [&](int64_t i, auto lanes) { store(tile.out[r] + i, load(p.sums + i) * factor, lanes); });
  }
}

HB_INLINE int64_t ranges_of(const QueryTile& tile) {
  int64_t keys = 0;
  for (int r = 0; r < tile.count; r++) keys = tile.keys[r] > keys ? tile.keys[r] : keys;
  return (keys + kKeyRange - 1) / kKeyRange;
}

template <class Format>
HB_INLINE typename Format::Element* load_queries(const QueryTile& tile, const KeyLayout& layout,
                                                 float* work) {
  auto* queries = reinterpret_cast<typename Format::Element*>(work);
  for (int r = 0; r < kQueryTile; r++) {
    typename Format::Element* to = queries + r * Format::query_stride(layout);
    for (int64_t c = 0; c < layout.padded_dim; c += kLanes) {
      const int64_t rest = r < tile.count ? layout.dim - c : 0;
      const int lanes = static_cast<int>(rest < 0 ? 0 : rest < kLanes ? rest : kLanes);
      Format::store_element(to + c, lanes == 0 ? zero() : load_n(tile.q[r] + c, lanes));
    }
  }
  return queries;
}

template <class Format>
static void attend(const QueryTile& tile, const KeyBlocks& blocks, int64_t dim, float scale, float* work) {
  const KeyLayout layout(dim, Format::kFormat);
  const auto* queries = load_queries<Format>(tile, layout, work);
  float* state = work + kQueryTile * layout.padded_dim;
  float* next = state + partial_size(layout.padded_dim);
  float* scores = next + partial_size(layout.padded_dim);
  range_into<Format>(tile, blocks, layout, scale, 0, queries, scores, state);
  for (int64_t range = 1; range < ranges_of(tile); range++) {
    range_into<Format>(tile, blocks, layout, scale, range, queries, scores, next);
    merge(tile, layout.padded_dim, state, next);
  }
  finish(tile, dim, layout.padded_dim, state);
}

template <class Format>
static void attend_range(const QueryTile& tile, const KeyBlocks& blocks, int64_t dim, float scale,
                         int64_t range, float* work, float* partial) {
  const KeyLayout layout(dim, Format::kFormat);
  const auto* queries = load_queries<Format>(tile, layout, work);
  range_into<Format>(tile, blocks, layout, scale, range, queries, work + kQueryTile * layout.padded_dim,
                     partial);
}

static void combine(const QueryTile& tile, int64_t dim, const float* partials, int64_t ranges, float* work) {
  const KeyLayout layout(dim, KeyFormat::kF32);
  const int64_t size = partial_size(layout.padded_dim);
  for (int64_t i = 0; i < size; i++) work[i] = partials[i];
  for (int64_t range = 1; range < ranges; range++) {
    merge(tile, layout.padded_dim, work, partials + range * size);
  }
  finish(tile, dim, layout.padded_dim, work);
}

static void append_f32(const float* k, const float* v, int64_t dim, int64_t slot, char* block) {
  const KeyLayout layout(dim, KeyFormat::kF32);
  auto* keys = reinterpret_cast<float*>(block) + slot;
  auto* values = reinterpret_cast<float*>(block + layout.values_at) + slot * layout.padded_dim;
  for (int64_t i = 0; i < dim; i++) keys[i * kKeyBlock] = k[i];
  for_each_vec(dim, [&](int64_t i, auto lanes) { store(values + i, load(v + i, lanes), lanes); });
}

static void append_bf16(const float* k, const float* v, int64_t dim, int64_t slot, char* block) {
  const KeyLayout layout(dim, KeyFormat::kBf16);
  auto* keys = reinterpret_cast<uint16_t*>(block) + slot * 2;
  auto* values =
      reinterpret_cast<uint16_t*>(block + layout.values_at) + slot / 2 * layout.padded_dim * 2 + slot % 2;
  // A vector is rounded at once and its halves are spread; an odd dimension is paired with zero.
  for (int64_t c = 0; c < dim; c += kLanes) {
    const int lanes = static_cast<int>(dim - c < kLanes ? dim - c : kLanes);
    uint16_t key[kLanes];
    uint16_t value[kLanes];
    store_bf16(key, load_n(k + c, lanes));
    store_bf16(value, load_n(v + c, lanes));
    for (int i = 0; i < lanes; i += 2) __builtin_memcpy(keys + (c + i) / 2 * kKeyBlock * 2, key + i, 4);
    for (int i = 0; i < lanes; i++) values[(c + i) * 2] = value[i];
  }
}

// x as `dim` codes that lie `stride` apart; returns the scale.
static float quantize_head(const float* x, int64_t dim, int8_t* codes, int64_t stride) {
  Vec most = zero();
  Vec not_finite = zero();
  for_each_vec(dim, [&](int64_t i, auto lanes) {
    const Vec v = load(x + i, lanes);
    most = max(most, abs(v));
    not_finite = not_finite + (v - v);
  });
  const float scale = reduce_max(most) / 127.0f;
  const float spoiled = reduce_add(not_finite);
  const Vec inverse = broadcast(scale >= 0x1p-126f && spoiled == 0.0f ? 1.0f / scale : 0.0f);
  for (int64_t c = 0; c < dim; c += kLanes) {
    const int lanes = static_cast<int>(dim - c < kLanes ? dim - c : kLanes);
    alignas(64) float rounded[kLanes];
    store(rounded, round(load_n(x + c, lanes) * inverse));
    for (int i = 0; i < lanes; i++)
      codes[(c + i) * stride] = spoiled == 0.0f ? static_cast<int8_t>(rounded[i]) : int8_t{0};
  }
  return scale + spoiled;
}

static void append_int8(const float* k, const float* v, int64_t dim, int64_t slot, char* block) {
  const KeyLayout layout(dim, KeyFormat::kInt8);
  auto* const scales = reinterpret_cast<float*>(block + layout.scales_at);
  auto* const values = reinterpret_cast<int8_t*>(block + layout.values_at) + slot * layout.padded_dim;
  scales[slot] = quantize_head(k, dim, reinterpret_cast<int8_t*>(block) + slot, kKeyBlock);
  scales[kKeyBlock + slot] = quantize_head(v, dim, values, 1);
}

// The half-rotation convention: dimension i turns with dimension i + dim / 2.
static void rope(const float* x, const float* cos_sin, int64_t dim, float* y) {
  const int64_t half = dim / 2;
  for_each_vec(half, [&](int64_t i, auto lanes) {
    const Vec first = load(x + i, lanes);
    const Vec second = load(x + half + i, lanes);
    const Vec cosine = load(cos_sin + i, lanes);
    const Vec sine = load(cos_sin + half + i, lanes);
    store(y + i, first * cosine - second * sine, lanes);
    store(y + half + i, fma(second, cosine, first * sine), lanes);
  });
}

const AttentionKernels attention_kernels = {
    .f32 = {attend<F32Blocks>, attend_range<F32Blocks>},
    .bf16 = {attend<Bf16Blocks>, attend_range<Bf16Blocks>},
#ifdef HB_DOT_BLOCKS
    .bf16_dot = {attend<Bf16DotBlocks>, attend_range<Bf16DotBlocks>},
#else
    .bf16_dot = {nullptr, nullptr},
#endif
    .int8 = {attend<Int8Blocks>, attend_range<Int8Blocks>},
    .combine = combine,
    .append_f32 = append_f32,
    .append_bf16 = append_bf16,
    .append_int8 = append_int8,
    .rope = rope,
};

}  // namespace honeybee::cpu::HB_ISA
