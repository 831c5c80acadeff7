#include <algorithm>

#include "cuda/attention_tiles.h"
#include "cuda/decode_attention.h"
#include "device/launch.h"
#include "device/shared.h"

namespace honeybee::cuda {

/// Parts of rows on their way from decode_attention_kernel to fold_parts_kernel.
struct Parts {
  float* values;  ///< [sequences][heads][count][dim]
  float2* sums;   ///< [sequences][heads][count]: sum of powers, largest score
  int count;      ///< of a row; 1: there is nothing to fold and no memory

  __device__ __forceinline__ int64_t at(int64_t sequence, int heads, int head) const {
    return (sequence * heads + head) * count;
  }
};

namespace {

constexpr int kFoldThreads = 128;

template <class C>
Parts parts_for(Cuda& cuda, const PagedCall<C>& call, int64_t length_bound) {
  const int64_t count = std::max<int64_t>(1, (length_bound + kTileKeys - 1) / kTileKeys);
  if (count == 1) return {nullptr, nullptr, 1};
  const int64_t all = static_cast<int64_t>(call.sequences) * call.kv_heads * call.group * count;
  return {cuda.scratch<float>(0, all * call.dim), cuda.scratch<float2>(1, all), static_cast<int>(count)};
}

}  // namespace

// One part of the softmax (softmax_fold.h) of the heads of each row: q T [sequences, heads · dim], keys and
// values C in blocks of 16. 7B: 32 heads × 128, in bf16 16 KB a token and layer, 0.52 MB over 32 layers, each
// read once with 16-byte copies: 2,048 tokens of a sequence are 33.5 MB a layer, 7.8 µs on an H200. One
// operation a byte and query head of the group; the 16 rows of a tensor tile make it 16, a tenth of what
// tensor cores can do meanwhile. The parts add 1.6 %, written here and read back mostly from L2. Grid:
// sequences × (kv heads · tiles of a group) × parts of 64 keys; parts behind a sequence's end exit. A tensor
// tile is one warp with 36 KB at dim 128: six blocks and 192 KB of copies under way on a multiprocessor.
// Codes are half of the bytes (and 4 bytes a key, 3 %), pass through registers, 8 at a time, and cost a
// conversion, a multiplication and half a rounding to bf16 each. Any group, dimensions up to 256. C is the
// only dtype parameter; those of q and out are known at run time.
// (The second launch bound keeps ptxas from spilling to fit more blocks than shared memory has room for.)
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    decode_attention_kernel(PagedCall<typename Tile::Key> call, Parts parts) {
  const auto sequence = static_cast<int>(blockIdx.x);
  const auto tiles = static_cast<int>(gridDim.y) / call.kv_heads;
  const auto kv_head = static_cast<int>(blockIdx.y) / tiles;
  const auto part = static_cast<int>(blockIdx.z);
  const PackedRows rows(call, sequence, kv_head, static_cast<int>(blockIdx.y) % tiles * Tile::kRows,
                        Tile::kRows);
  if (rows.count <= 0) return;
  if (rows.start < 0) {
    if (parts.count == 1) store_zeros(call, rows);
    return;
  }
  const int keys = rows.start + 1;
  const int begin = part * kTileKeys;
  if (begin >= keys) return;

  HB_DYNAMIC_SHARED(unsigned char, shared);
  Tile tile(shared, call.dim);
  load_queries(tile, call, rows);
  tile.attend(call.keys_of(sequence, kv_head), begin, min(begin + kTileKeys, keys), call.scale,
              [&](int r) { return rows.keys(r); });
  if (parts.count == 1) return store_result(tile, call, rows);

  const int heads = call.kv_heads * call.group;
  tile.each_row([&](int r, float powers, float largest) {
    if (r < rows.count) parts.sums[parts.at(sequence, heads, rows.head(r)) + part] = {powers, largest};
  });
  tile.each_value([&]<int kSize>(int r, int column, const Chunk<kSize>& sums, float /*powers*/) {
    if (r >= rows.count) return;
    float* const values = parts.values + (parts.at(sequence, heads, rows.head(r)) + part) * call.dim;
    for (int i = 0; i < kSize; i++) values[column + i] = sums.values[i];
  });
}

// out = the fold of each row's parts in order, divided by the sum of powers. Reads (dim + 2) floats a part
// and head: 0.5 MB a layer at 7B and 2,048 tokens, 0.1 µs on an H200, so that starting it decides. Grid:
// sequences × heads, 128 threads over the columns, any dim.
template <class C>
__global__ void __launch_bounds__(kFoldThreads) fold_parts_kernel(PagedCall<C> call, Parts parts) {
  const auto sequence = static_cast<int>(blockIdx.x);
  const auto head = static_cast<int>(blockIdx.y);
  const int row = call.batch.row_begin[sequence];
  if (row == call.batch.row_begin[sequence + 1]) return;
  // No part exists of padding, which starts at -1, and zeros remain.
  const int count = (call.batch.start[sequence] + kTileKeys) / kTileKeys;
  const int64_t first = parts.at(sequence, static_cast<int>(gridDim.y), head);
  for (int column = static_cast<int>(threadIdx.x); column < call.dim; column += kFoldThreads) {
    float largest = -INFINITY;
    float powers = 0.0f;
    float value = 0.0f;
#pragma unroll 8
    for (int64_t p = first; p < first + count; p++) {
      const float2 sums = parts.sums[p];
      const Fold fold = raise(largest, sums.y);
      powers = folded(fold, powers, sums.x);
      value = folded(fold, value, parts.values[p * call.dim + column]);
    }
    const float result = count > 0 ? value * (1.0f / powers) : 0.0f;
    call.out.template store<1>(row, head * call.dim + column, Chunk<1>{{result}});
  }
}

template <class C>
void decode_attention(Cuda& cuda, const PagedCall<C>& call, int64_t length_bound) {
  const Parts parts = parts_for(cuda, call, length_bound);
  const auto sequences = static_cast<unsigned>(call.sequences);
  with_attention_tile<C, 1>("paged_attention", call.dim, true, [&]<class Tile>() {
    const int tiles = (call.group + Tile::kRows - 1) / Tile::kRows;
    const dim3 grid(sequences, static_cast<unsigned>(call.kv_heads * tiles),
                    static_cast<unsigned>(parts.count));
    launch(decode_attention_kernel<Tile>, grid, Tile::kThreads, Tile::shared_bytes(call.dim, 1), cuda.stream,
           call, parts);
  });
  if (parts.count == 1) return;
  launch(fold_parts_kernel<C>, dim3(sequences, static_cast<unsigned>(call.kv_heads * call.group)),
         kFoldThreads, 0, cuda.stream, call, parts);
}

template void decode_attention(Cuda&, const PagedCall<float>&, int64_t);
template void decode_attention(Cuda&, const PagedCall<__nv_bfloat16>&, int64_t);
template void decode_attention(Cuda&, const PagedCall<KvInt8>&, int64_t);
template void decode_attention(Cuda&, const PagedCall<KvFp8>&, int64_t);

}  // namespace honeybee::cuda
