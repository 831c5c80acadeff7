#include "cuda/attention_tiles.h"
#include "cuda/decode_attention.h"
#include "cuda/ops.h"
#include "device/launch.h"
#include "device/shared.h"

namespace honeybee::cuda {
namespace {

constexpr int kPrefillWarps = 4;

// Tiles of packed rows have slots in the order of sequences, numbered without knowing their lengths on the
// host: the tiles of a sequence begin at slot row_begin · group / kTileRows + sequence, which leaves room for
// all of them because rounding down twice loses less than one tile.
template <int kTileRows, class C>
__device__ __forceinline__ int64_t first_slot(const PagedCall<C>& call, int sequence) {
  return static_cast<int64_t>(call.batch.row_begin[sequence]) * call.group / kTileRows + sequence;
}

// The last sequence whose slots begin at or before `slot`.
template <int kTileRows, class C>
__device__ __forceinline__ int sequence_at(const PagedCall<C>& call, int64_t slot) {
  int low = 0;
  int high = call.sequences;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (first_slot<kTileRows>(call, middle) <= slot ? low : high) = middle;
  }
  return low;
}

bool one_row_each(const PagedBatch& batch) {
  for (int64_t s = 0; s < batch.sequences(); s++) {
    if (batch.rows(s) > 1) return false;
  }
  return true;
}

}  // namespace

// out = softmax(scale · q kᵀ) v over the positions up to a row's own, through block tables. q and out T
// [rows, heads · dim], cache C. 7B: 32 heads × 128; a prompt of 2,048 rows is 34 GFLOP a layer (half of the
// square), 44 µs on an H200, and reads 33.5 MB of keys and values once, 7.8 µs, the other times from L2; 144
// visual tokens and a question (200 rows) are 0.3 GFLOP, below what starting it costs. One block a tile of
// packed rows and kv head: tensor tiles have 64 rows in four warps and two stages of keys, 80 KB at dim 128,
// two blocks a multiprocessor. Of codes those are half the bytes; a thread makes bf16 of 128 of
// them a tile at dim 128 before it goes on multiplying, and only other blocks compute meanwhile. The grid
// depends on rows and sequences only, so that a recording holds for any division among them; slots without a
// tile exit. Late rows, which have the most keys, begin first. Any group, dimensions up to 256. C is the only
// dtype parameter; those of q and out are known at run time.
// (The second launch bound keeps ptxas from spilling on sm_86 and sm_89 to fit a third block.)
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    paged_attention_kernel(PagedCall<typename Tile::Key> call) {
  const int64_t slot = gridDim.x - 1 - blockIdx.x;
  const int sequence = sequence_at<Tile::kRows>(call, slot);
  const int64_t first = (slot - first_slot<Tile::kRows>(call, sequence)) * Tile::kRows;
  const auto kv_head = static_cast<int>(blockIdx.y);
  const PackedRows rows(call, sequence, kv_head, static_cast<int>(first), Tile::kRows);
  if (rows.count <= 0) return;
  if (rows.start < 0) return store_zeros(call, rows);

  HB_DYNAMIC_SHARED(unsigned char, shared);
  Tile tile(shared, call.dim);
  load_queries(tile, call, rows);
  tile.attend(call.keys_of(sequence, kv_head), 0, rows.keys(rows.count - 1), call.scale,
              [&](int r) { return rows.keys(r); });
  store_result(tile, call, rows);
}

namespace {

template <class C>
void attend(Cuda& cuda, const PagedCall<C>& call, const DeviceBatch& batch) {
  if (one_row_each(batch)) return decode_attention(cuda, call, batch.length_bound());
  with_attention_tile<C, kPrefillWarps>("paged_attention", call.dim, true, [&]<class Tile>() {
    const int64_t slots = batch.rows() * call.group / Tile::kRows + call.sequences;
    const dim3 grid(static_cast<unsigned>(slots), static_cast<unsigned>(call.kv_heads));
    launch(paged_attention_kernel<Tile>, grid, Tile::kThreads, Tile::shared_bytes(call.dim, 2), cuda.stream,
           call);
  });
}

}  // namespace

void paged_attention(Cuda& cuda, const Tensor& q, const KvCache& cache, const PagedBatch& batch,
                     int64_t layer, float scale, const Tensor& out) {
  const auto& blocks = static_cast<const BlockCache&>(cache);
  const auto& device_batch = static_cast<const DeviceBatch&>(batch);
  with_stored(cache.shape().dtype, [&]<class C>() {
    attend(cuda, PagedCall<C>(q, blocks, device_batch, layer, scale, out), device_batch);
  });
}

}  // namespace honeybee::cuda
