#include <algorithm>
#include <cstring>

#include "cpu/kv_cache.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet f32_variants("paged_attention", "f32");
VariantSet bf16_variants("paged_attention", "bf16", {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAmx});
VariantSet append_f32_variants("rope_append", "f32");
VariantSet append_bf16_variants("rope_append", "bf16");
VariantSet dot_variants("paged_attention", "bf16-dot", {Isa::kAvx512Bf16});
VariantSet int8_variants("paged_attention", "int8");
VariantSet append_int8_variants("rope_append", "int8");

// The kernels for one dtype of cache, counted as run.
AttentionKernels::Append choose_append(Isa isa, Dtype cache) {
  const AttentionKernels& kernels = attention_kernels(isa);
  switch (cache) {
    case Dtype::kInt8:
      append_int8_variants.ran(isa);
      return kernels.append_int8;
    case Dtype::kBF16:
      append_bf16_variants.ran(isa);
      return kernels.append_bf16;
    default:
      append_f32_variants.ran(isa);
      return kernels.append_f32;
  }
}

const AttendKernels& choose_attend(Isa isa, Dtype cache, bool dot) {
  const AttentionKernels& kernels = attention_kernels(isa);
  if (cache == Dtype::kInt8) {
    int8_variants.ran(isa);
    return kernels.int8;
  }
  (dot ? dot_variants : cache == Dtype::kBF16 ? bf16_variants : f32_variants).ran(isa);
  return dot ? kernels.bf16_dot : cache == Dtype::kBF16 ? kernels.bf16 : kernels.f32;
}

// One call, as the tasks see it.
struct Call {
  const Tensor& q;
  const Tensor& out;
  const BlockCache& cache;
  const PagedBatch& batch;
  int64_t layer;
  int64_t group;  // query heads that share a kv head

  int64_t dim() const { return cache.layout().dim; }
  int64_t start(int64_t s) const { return batch.start()[static_cast<size_t>(s)]; }
  int64_t first_row(int64_t s) const { return batch.row_begin()[static_cast<size_t>(s)]; }
  int64_t rows(int64_t s) const { return start(s) < 0 ? 0 : batch.rows(s); }
  int64_t tiles(int64_t s) const { return (rows(s) * group + kQueryTile - 1) / kQueryTile; }
};

// Queries [first, first + kQueryTile) of one sequence and kv head, counted row by row, head by head.
struct TilePlace {
  int32_t sequence;
  int32_t kv_head;
  int64_t first;
};

QueryTile tile_at(const Call& call, const TilePlace& place) {
  const int64_t all = call.rows(place.sequence) * call.group;
  QueryTile tile;
  tile.count = static_cast<int>(std::min<int64_t>(kQueryTile, all - place.first));
  for (int i = 0; i < tile.count; i++) {
    const int64_t row = (place.first + i) / call.group;
    const int64_t head = place.kv_head * call.group + (place.first + i) % call.group;
    const int64_t at = call.first_row(place.sequence) + row;
    tile.q[i] = call.q.row<float>(at) + head * call.dim();
    tile.out[i] = call.out.row<float>(at) + head * call.dim();
    tile.keys[i] = call.start(place.sequence) + row + 1;
  }
  return tile;
}

KeyBlocks blocks_at(const Call& call, const TilePlace& place) {
  return {call.cache.block(call.layer, place.kv_head, 0), call.cache.stride(),
          call.batch.blocks(place.sequence).data()};
}

int64_t ranges_at(const QueryTile& tile) { return (tile.keys[tile.count - 1] + kKeyRange - 1) / kKeyRange; }

// Tiles of one sequence and head follow each other, because they read the same keys.
void place_tiles(const Call& call, TilePlace* places) {
  int64_t count = 0;
  for (int64_t s = 0; s < call.batch.sequences(); s++) {
    for (int64_t h = 0; h < call.cache.shape().kv_heads; h++) {
      for (int64_t t = 0; t < call.tiles(s); t++) {
        places[count++] = {static_cast<int32_t>(s), static_cast<int32_t>(h), t * kQueryTile};
      }
    }
  }
}

// Few tiles leave threads idle, so each range of keys becomes a task of its own. The partial results are
// combined in the order in which `attend` takes the ranges: the same bits.
void attend_split(Cpu& cpu, const Call& call, const AttentionKernels& kernels, const AttendKernels& attend,
                  const TilePlace* places, int64_t count, int64_t ranges, float scale) {
  const int64_t padded_dim = call.cache.layout().padded_dim;
  const int64_t work_size = attention_work_size(padded_dim);
  const int64_t size = partial_size(padded_dim);
  float* work = cpu.scratch.get<float>(1, cpu.pool.threads() * work_size);
  float* partials = cpu.scratch.get<float>(2, count * ranges * size);
  cpu.pool.run(count * ranges, [&](int64_t task, int worker) {
    const TilePlace& place = places[task / ranges];
    const QueryTile tile = tile_at(call, place);
    if (task % ranges >= ranges_at(tile)) return;
    attend.attend_range(tile, blocks_at(call, place), call.dim(), scale, task % ranges,
                        work + worker * work_size, partials + task * size);
  });
  for (int64_t i = 0; i < count; i++) {
    const QueryTile tile = tile_at(call, places[i]);
    kernels.combine(tile, call.dim(), partials + i * ranges * size, ranges_at(tile), work);
  }
}

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(Cpu&, const KvShape& shape) {
  require(shape.dtype != Dtype::kFp8, ErrorCode::kOption,
          "make_kv_cache: an fp8 cache is for GPUs; the CPU has f32, bf16 and int8");
  return std::make_unique<BlockCache>(shape);
}

void copy_block(Cpu&, KvCache& cache, int64_t from, int64_t to) {
  const auto& blocks = static_cast<const BlockCache&>(cache);
  for (int64_t layer = 0; layer < cache.shape().layers; layer++)
    std::memcpy(blocks.block(layer, 0, to), blocks.block(layer, 0, from),
                static_cast<size_t>(blocks.stride()));
}

void rope_append(Cpu& cpu, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                 const PagedBatch& batch, int64_t layer, KvCache& cache) {
  require_f32("rope_append", {&q, &k, &v});
  const auto& blocks = static_cast<const BlockCache&>(cache);
  const int64_t dim = blocks.layout().dim;
  const AttentionKernels& kernels = attention_kernels(cpu.isa);
  const auto append = choose_append(cpu.isa, cache.shape().dtype);
  float* rotated = cpu.scratch.get<float>(0, cpu.pool.threads() * dim);
  int32_t* sequence = cpu.scratch.get<int32_t>(1, q.rows);
  for (int64_t s = 0; s < batch.sequences(); s++) {
    std::fill_n(sequence + batch.row_begin()[static_cast<size_t>(s)], batch.rows(s), static_cast<int32_t>(s));
  }
  constexpr int64_t kRows = 8;
  cpu.pool.run((q.rows + kRows - 1) / kRows, [&](int64_t task, int worker) {
    float* key = rotated + worker * dim;
    for (int64_t r = task * kRows; r < std::min(q.rows, (task + 1) * kRows); r++) {
      const int64_t s = sequence[r];
      const int64_t start = batch.start()[static_cast<size_t>(s)];
      if (start < 0) continue;
      const int64_t position = start + r - batch.row_begin()[static_cast<size_t>(s)];
      const float* angles = cos_sin.row<float>(position);
      const int64_t number = batch.blocks(s)[static_cast<size_t>(position / kKvBlock)];
      for (float* head = q.row<float>(r); head < q.row<float>(r) + q.cols; head += dim) {
        kernels.rope(head, angles, dim, head);
      }
      for (int64_t h = 0; h < cache.shape().kv_heads; h++) {
        kernels.rope(k.row<float>(r) + h * dim, angles, dim, key);
        append(key, v.row<float>(r) + h * dim, dim, position % kKvBlock, blocks.block(layer, h, number));
      }
    }
  });
}

void paged_attention(Cpu& cpu, const Tensor& q, const KvCache& cache, const PagedBatch& batch, int64_t layer,
                     float scale, const Tensor& out) {
  require_f32("paged_attention", {&q, &out});
  const bool dot = cache.shape().dtype == Dtype::kBF16 && cpu.bf16_isa == Isa::kAvx512Bf16;
  const Isa isa = dot ? cpu.bf16_isa : cpu.isa;
  const AttentionKernels& kernels = attention_kernels(isa);
  const AttendKernels& attend = choose_attend(isa, cache.shape().dtype, dot);

  const int64_t dim = cache.shape().head_dim;
  const Call call{q,     out,   static_cast<const BlockCache&>(cache),
                  batch, layer, q.cols / (dim * cache.shape().kv_heads)};
  int64_t tiles = 0;
  int64_t ranges = 0;
  for (int64_t s = 0; s < batch.sequences(); s++) {
    tiles += call.tiles(s) * cache.shape().kv_heads;
    if (call.start(s) < 0) {
      for (int64_t r = 0; r < batch.rows(s); r++)
        std::fill_n(out.row<float>(call.first_row(s) + r), out.cols, 0.0f);
    } else {
      ranges = std::max(ranges, (call.start(s) + call.rows(s) + kKeyRange - 1) / kKeyRange);
    }
  }
  auto* places = cpu.scratch.get<TilePlace>(0, tiles);
  place_tiles(call, places);
  if (ranges > 1 && cpu.pool.threads() > 1 && tiles < 4 * cpu.pool.threads()) {
    return attend_split(cpu, call, kernels, attend, places, tiles, ranges, scale);
  }
  const int64_t work_size = attention_work_size(call.cache.layout().padded_dim);
  float* work = cpu.scratch.get<float>(1, cpu.pool.threads() * work_size);
  cpu.pool.run(tiles, [&](int64_t task, int worker) {
    attend.attend(tile_at(call, places[task]), blocks_at(call, places[task]), dim, scale,
                  work + worker * work_size);
  });
}

}  // namespace honeybee::cpu
