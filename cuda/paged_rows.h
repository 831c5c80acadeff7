#pragma once
#include "cuda/kv_cache.h"
#include "cuda/packed.h"
#include "cuda/softmax_fold.h"

/// What prefill and decode attention share: one call as kernels see it.
namespace honeybee::cuda {

/// Keys and values of one sequence and kv head, 16 positions a block; of codes the scales lie behind each
/// block (stored_row.h).
template <class C>
struct PagedKeys {
  const C* keys;  ///< block 0 of the kv head
  const C* values;
  int64_t row_stride;
  const int32_t* table;  ///< block numbers of the sequence
  int64_t block_stride;

  __device__ __forceinline__ int64_t group(int number) const { return table[number] * block_stride; }
};

/// One call of paged_attention. The query heads of a kv head are packed into rows, so that its keys are read
/// once for all of them: packed row p of a sequence is query head p % group of row p / group.
template <class C>
struct PagedCall {
  AnyRows q;    ///< [rows, heads · dim]
  AnyRows out;  ///< like q
  const C* keys;
  const C* values;
  int64_t head_stride;   ///< elements from one head of a block to the next
  int64_t block_stride;  ///< elements from one block of the cache to the next
  BatchArrays batch;
  int sequences;
  int kv_heads;
  int group;  ///< query heads of a kv head
  int dim;
  float scale;  ///< of scores, times log2(e)

  PagedCall(const Tensor& queries, const BlockCache& cache, const DeviceBatch& device_batch, int64_t layer,
            float score_scale, const Tensor& output)
      : q(queries),
        out(output),
        keys(static_cast<const C*>(cache.keys(layer))),
        values(static_cast<const C*>(cache.values(layer))),
        head_stride(cache.head_stride()),
        block_stride(cache.block_stride()),
        batch(device_batch.arrays()),
        sequences(static_cast<int>(device_batch.sequences())),
        kv_heads(static_cast<int>(cache.shape().kv_heads)),
        group(static_cast<int>(queries.cols / (cache.shape().kv_heads * cache.shape().head_dim))),
        dim(static_cast<int>(cache.shape().head_dim)),
        scale(score_scale * kLog2E) {}

  __device__ __forceinline__ PagedKeys<C> keys_of(int sequence, int kv_head) const {
    const int64_t head = kv_head * head_stride;
    return {keys + head, values + head, dim, batch.blocks + sequence * batch.block_stride, block_stride};
  }
};

/// Neighbouring packed rows of one sequence and kv head, as many as a tile takes.
struct PackedRows {
  int row_begin;  ///< of the sequence
  int start;      ///< position of its first row; negative: padding
  int first;      ///< packed row
  int count;      ///< of them that exist; may be negative
  int group;
  int first_head;  ///< query head of packed row 0

  template <class C>
  __device__ PackedRows(const PagedCall<C>& call, int sequence, int kv_head, int first_row, int tile_rows)
      : row_begin(call.batch.row_begin[sequence]),
        start(call.batch.start[sequence]),
        first(first_row),
        count(min(tile_rows, (call.batch.row_begin[sequence + 1] - row_begin) * call.group - first_row)),
        group(call.group),
        first_head(kv_head * call.group) {}

  __device__ __forceinline__ int64_t row(int r) const { return row_begin + (first + r) / group; }
  __device__ __forceinline__ int head(int r) const { return first_head + (first + r) % group; }
  /// Keys that packed row `first + r` attends to; none if it does not exist.
  __device__ __forceinline__ int keys(int r) const { return r < count ? start + (first + r) / group + 1 : 0; }
};

/// Zeros for rows of padding.
template <class C>
__device__ __forceinline__ void store_zeros(const PagedCall<C>& call, const PackedRows& rows) {
  for (int i = static_cast<int>(threadIdx.x); i < rows.count * call.dim; i += static_cast<int>(blockDim.x)) {
    const int r = i / call.dim;
    call.out.template store<1>(rows.row(r), rows.head(r) * call.dim + i % call.dim, Chunk<1>{});
  }
}

template <class Tile, class C>
__device__ __forceinline__ void load_queries(Tile& tile, const PagedCall<C>& call, const PackedRows& rows) {
  tile.load_queries(rows.count, [&]<int kSize>(int r, int column) {
    return call.q.template load<kSize>(rows.row(r), rows.head(r) * call.dim + column);
  });
}

/// Weighted values divided by the sum of powers, to the output.
template <class Tile, class C>
__device__ __forceinline__ void store_result(const Tile& tile, const PagedCall<C>& call,
                                             const PackedRows& rows) {
  tile.each_value([&]<int kSize>(int r, int column, Chunk<kSize> sums, float powers) {
    if (r >= rows.count) return;
    const float factor = 1.0f / powers;
    for (float& value : sums.values) value *= factor;
    call.out.store(rows.row(r), rows.head(r) * call.dim + column, sums);
  });
}

}  // namespace honeybee::cuda
