#include <algorithm>

#include "cpu/attention_kernels.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet f32_variants("attention", "f32");
VariantSet bf16_variants("attention", "bf16", {Isa::kAvx512Bf16});

// Keys and values of every head, copied into blocks.
struct PackedHeads {
  char* data;
  int64_t blocks;  // of one head of one item
  int64_t bytes;   // of one block

  char* block(int64_t head, int64_t b) const { return data + (head * blocks + b) * bytes; }
};

PackedHeads pack_heads(Cpu& cpu, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                       const KeyLayout& layout,
                       void (*append)(const float*, const float*, int64_t, int64_t, char*)) {
  const int64_t keys = k.rows / shape.batch;
  const int64_t blocks = (keys + kKeyBlock - 1) / kKeyBlock;
  const int64_t heads = shape.batch * shape.heads;
  const PackedHeads packed{cpu.scratch.get<char>(0, heads * blocks * layout.bytes), blocks, layout.bytes};
  for_each_row(cpu, heads * blocks, kKeyBlock * layout.dim, [&](int64_t i) {
    const int64_t head = i / blocks;
    const int64_t first = i % blocks * kKeyBlock;
    const int64_t row = head / shape.heads * keys + first;
    const int64_t col = head % shape.heads * layout.dim;
    for (int64_t slot = 0; slot < std::min(kKeyBlock, keys - first); slot++) {
      append(k.row<float>(row + slot) + col, v.row<float>(row + slot) + col, layout.dim, slot,
             packed.block(head, i % blocks));
    }
  });
  return packed;
}

}  // namespace

void attention(Cpu& cpu, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
               const Tensor& out) {
  require_f32("attention", {&q, &k, &v, &out});
  const bool dot = shape.product == Dtype::kBF16 && cpu.bf16_isa == Isa::kAvx512Bf16;
  const Isa isa = dot ? cpu.bf16_isa : cpu.isa;
  const AttentionKernels& kernels = attention_kernels(isa);
  const auto attend = dot ? kernels.bf16_dot.attend : kernels.f32.attend;
  (dot ? bf16_variants : f32_variants).ran(isa);

  const KeyLayout layout(q.cols / shape.heads, dot ? KeyFormat::kBf16 : KeyFormat::kF32);
  const PackedHeads packed =
      pack_heads(cpu, k, v, shape, layout, dot ? kernels.append_bf16 : kernels.append_f32);
  const int64_t work_size = attention_work_size(layout.padded_dim);
  float* work = cpu.scratch.get<float>(1, cpu.pool.threads() * work_size);
  const int64_t queries = q.rows / shape.batch;
  const int64_t tiles = (queries + kQueryTile - 1) / kQueryTile;
  cpu.pool.run(shape.batch * shape.heads * tiles, [&](int64_t task, int worker) {
    const int64_t head = task / tiles;
    const int64_t first = task % tiles * kQueryTile;
    const int64_t row = head / shape.heads * queries + first;
    const int64_t col = head % shape.heads * layout.dim;
    QueryTile tile;
    tile.count = static_cast<int>(std::min<int64_t>(kQueryTile, queries - first));
    for (int r = 0; r < tile.count; r++) {
      tile.q[r] = q.row<float>(row + r) + col;
      tile.out[r] = out.row<float>(row + r) + col;
      tile.keys[r] = k.rows / shape.batch;
    }
    attend(tile, {packed.block(head, 0), packed.bytes, nullptr}, layout.dim, shape.scale,
           work + worker * work_size);
  });
}

}  // namespace honeybee::cpu
