#include "cuda/attention_tiles.h"
#include "cuda/ops.h"
#include "device/launch.h"

namespace honeybee::cuda {

/// Keys and values of one item and head: rows `row_stride` apart.
template <class C>
struct StridedKeys {
  const C* keys;
  const C* values;
  int64_t row_stride;

  __device__ __forceinline__ int64_t group(int number) const { return 16 * number * row_stride; }
};

/// One call of attention.
template <class C>
struct AttentionCall {
  AnyRows q;    ///< [batch · queries, heads · dim]
  AnyRows out;  ///< like q
  const C* keys;
  const C* values;
  int64_t key_stride;  ///< of values too
  int queries;         ///< of one item
  int key_count;
  int dim;
  float scale;  ///< of scores, times log2(e)
};

namespace {

constexpr int kWarps = 4;

}  // namespace

// out = softmax(scale · q kᵀ) v without a mask, per item and head. q, out [batch · Tq, heads · d], k, v
// [batch · Tk, heads · d]. ViT-L/14: 16 heads × 64, Tq = Tk = 257 or 577; 0.27 or 1.36 GFLOP an image and
// layer, 0.34 or 1.7 µs on an H200; reads and writes 2.1 or 4.7 MB in bf16, 0.5 or 1.1 µs, k and v again for
// each tile from L2. Resampler and D-Abstractor: 144 … 256 queries on as many or 576 keys, f32 or bf16. One
// block a tile of queries, head and item: tensor tiles (bf16 and f16, d a multiple of 16) have 64 rows in
// four warps and two stages of 64 keys, 40 KB at d = 64; f32 is multiplied in f32 by PlainTile. d up to 256.
// (The second launch bound keeps ptxas from spilling on sm_86 and sm_89 to fit more blocks.)
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    attention_kernel(AttentionCall<typename Tile::Key> call) {
  const int first = static_cast<int>(blockIdx.x) * Tile::kRows;
  const int count = min(Tile::kRows, call.queries - first);
  const int column = static_cast<int>(blockIdx.y) * call.dim;
  const int64_t row = static_cast<int64_t>(blockIdx.z) * call.queries + first;
  const int64_t key = static_cast<int64_t>(blockIdx.z) * call.key_count * call.key_stride + column;

  HB_DYNAMIC_SHARED(unsigned char, shared);
  Tile tile(shared, call.dim);
  tile.load_queries(
      count, [&]<int kSize>(int r, int c) { return call.q.template load<kSize>(row + r, column + c); });
  tile.attend(StridedKeys<typename Tile::Key>{call.keys + key, call.values + key, call.key_stride}, 0,
              call.key_count, call.scale, [&](int r) { return r < count ? call.key_count : 0; });
  tile.each_value([&]<int kSize>(int r, int c, Chunk<kSize> sums, float powers) {
    if (r >= count) return;
    const float factor = 1.0f / powers;
    for (float& value : sums.values) value *= factor;
    call.out.store(row + r, column + c, sums);
  });
}

namespace {

// Tiles read keys and values with one stride, 16 bytes at a time.
template <class C>
bool readable(const Tensor& k, const Tensor& v) {
  return k.stride == v.stride && vec_aligned<C>(k.data, k.stride) && vec_aligned<C>(v.data, v.stride);
}

// A copy without gaps in scratch memory.
template <class C>
Tensor gathered(Cuda& cuda, int slot, const Tensor& x) {
  const Tensor y{cuda.scratch<C>(slot, x.size()), x.dtype, x.rows, x.cols, x.cols};
  copy(cuda, x, y);
  return y;
}

}  // namespace

void attention(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
               const Tensor& out) {
  const int64_t dim = q.cols / shape.heads;
  require(shape.batch <= 65535 && shape.heads <= 65535, ErrorCode::kOption, "attention: ", shape.batch,
          " items of ", shape.heads, " heads, at most 65535 of each are possible on a GPU");
  with_type(k.dtype, [&]<class C>() {
    const bool direct = readable<C>(k, v);
    const Tensor keys = direct ? k : gathered<C>(cuda, 0, k);
    const Tensor values = direct ? v : gathered<C>(cuda, 1, v);
    const bool vectors = readable<C>(keys, values);
    const AttentionCall<C> call{AnyRows(q),
                                AnyRows(out),
                                keys.row<C>(0),
                                values.row<C>(0),
                                keys.stride,
                                static_cast<int>(q.rows / shape.batch),
                                static_cast<int>(k.rows / shape.batch),
                                static_cast<int>(dim),
                                shape.scale * kLog2E};
    with_attention_tile<C, kWarps>("attention", dim, vectors, [&]<class Tile>() {
      const dim3 grid(static_cast<unsigned>((call.queries + Tile::kRows - 1) / Tile::kRows),
                      static_cast<unsigned>(shape.heads), static_cast<unsigned>(shape.batch));
      launch(attention_kernel<Tile>, grid, Tile::kThreads,
             Tile::shared_bytes(call.dim, call.key_count > kTileKeys ? 2 : 1), cuda.stream, call);
    });
  });
}

}  // namespace honeybee::cuda
