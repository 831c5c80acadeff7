#include "cuda/kv_cache.h"
#include "cuda/ops.h"
#include "cuda/packed.h"
#include "device/launch.h"

namespace honeybee::cuda {

/// One call of rope_append.
template <class T, class C>
struct RopeCall {
  Rows<T> q;
  Rows<const T> k;
  Rows<const T> v;
  const float* cos_sin;
  BatchArrays batch;
  C* keys;
  C* values;
  int64_t block_stride;
  int heads;
  int kv_heads;
  int dim;
};

namespace {

constexpr int kThreads = 128;
constexpr int kWide = 8;

// Elements i … i + kSize - 1 of both halves of one head: (x, y) → (x cos - y sin, y cos + x sin).
template <int kSize, class From, class To>
__device__ __forceinline__ void rotate(const From* from, const float* angles, int half, int i, To* to) {
  const Chunk<kSize> x = load_packed<kSize>(from + i);
  const Chunk<kSize> y = load_packed<kSize>(from + half + i);
  const Chunk<kSize> cos = load_packed<kSize>(angles + i);
  const Chunk<kSize> sin = load_packed<kSize>(angles + half + i);
  Chunk<kSize> low, high;
  for (int j = 0; j < kSize; j++) {
    low.values[j] = x.values[j] * cos.values[j] - y.values[j] * sin.values[j];
    high.values[j] = y.values[j] * cos.values[j] + x.values[j] * sin.values[j];
  }
  store_packed(to + i, low);
  store_packed(to + half + i, high);
}

template <int kSize, class From, class To>
__device__ __forceinline__ void copy_halves(const From* from, int half, int i, To* to) {
  store_packed(to + i, load_packed<kSize>(from + i));
  store_packed(to + half + i, load_packed<kSize>(from + half + i));
}

// The share of one thread: kSize elements of both halves of a query head, or of a key and value.
template <int kSize, class T, class C>
__device__ __forceinline__ void turn(const RopeCall<T, C>& call, int row, int sequence, int position) {
  const int half = call.dim / 2;
  const auto item = static_cast<int>(blockIdx.y * kThreads + threadIdx.x);
  const int head = item / (half / kSize);
  const int i = item % (half / kSize) * kSize;
  const float* const angles = call.cos_sin + static_cast<int64_t>(position) * call.dim;
  if (head < call.heads) {
    T* const q = call.q.row(row) + head * call.dim;
    rotate<kSize>(q, angles, half, i, q);
  } else if (head < call.heads + call.kv_heads) {
    const int kv_head = head - call.heads;
    const int64_t block = call.batch.blocks[sequence * call.batch.block_stride + position / kKvBlock];
    const int64_t to = block * call.block_stride + (kv_head * kKvBlock + position % kKvBlock) * call.dim;
    rotate<kSize>(call.k.row(row) + kv_head * call.dim, angles, half, i, call.keys + to);
    copy_halves<kSize>(call.v.row(row) + kv_head * call.dim, half, i, call.values + to);
  }
}

}  // namespace

// q rotated in place; k rotated and v to the cache (RoFormer, pairs half a head apart). q T [rows, heads ·
// dim], k, v T [rows, kv heads · dim], cos_sin f32 [positions, dim], cache C [blocks][kv heads][16][dim]. 7B:
// 32 heads × 128 of each. Bytes: q twice, k and v once, the cache once: 48 KB a row in bf16, 2,048 rows 100
// MB or 23 µs on an H200; in decode starting it decides. 6 operations a pair. A thread takes 8 neighbouring
// pairs (`wide`) or one, and 128 threads are a block: grid rows × items of a row. Any even head dimension. C
// is a second dtype because the cache may be kept smaller than activations, or larger: a cast in between
// would be another pass over k and v.
template <class T, class C>
__global__ void __launch_bounds__(kThreads) rope_append_kernel(RopeCall<T, C> call, bool wide) {
  const auto row = static_cast<int>(blockIdx.x);
  const int sequence = call.batch.sequence[row];
  const int start = call.batch.start[sequence];
  if (start < 0) return;
  const int position = start + row - call.batch.row_begin[sequence];
  if (wide) {
    turn<kWide>(call, row, sequence, position);
  } else {
    turn<1>(call, row, sequence, position);
  }
}

namespace {

template <class T, class C>
void append(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
            const DeviceBatch& batch, int64_t layer, const BlockCache& cache) {
  const int64_t dim = cache.shape().head_dim;
  const int64_t heads = q.cols / dim;
  const int64_t kv_heads = cache.shape().kv_heads;
  const bool wide =
      dim % (2 * kWide) == 0 && all_aligned<T>(q, k, v) && vec_aligned<float>(cos_sin.data, cos_sin.stride);
  const RopeCall<T, C> call{Rows<T>(q),
                            Rows<const T>(k),
                            Rows<const T>(v),
                            static_cast<const float*>(cos_sin.data),
                            batch.arrays(),
                            static_cast<C*>(cache.keys(layer)),
                            static_cast<C*>(cache.values(layer)),
                            cache.block_stride(),
                            static_cast<int>(heads),
                            static_cast<int>(kv_heads),
                            static_cast<int>(dim)};
  const int64_t items = (heads + kv_heads) * (dim / 2) / (wide ? kWide : 1);
  const dim3 grid(static_cast<unsigned>(q.rows), static_cast<unsigned>((items + kThreads - 1) / kThreads));
  launch(rope_append_kernel<T, C>, grid, kThreads, 0, cuda.stream, call, wide);
}

}  // namespace

void rope_append(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                 const PagedBatch& batch, int64_t layer, KvCache& cache) {
  const auto& blocks = static_cast<const BlockCache&>(cache);
  const auto& device_batch = static_cast<const DeviceBatch&>(batch);
  with_type(q.dtype, [&]<class T>() {
    if (cache.shape().dtype == Dtype::kF32) {
      append<T, float>(cuda, q, k, v, cos_sin, device_batch, layer, blocks);
    } else {
      append<T, __nv_bfloat16>(cuda, q, k, v, cos_sin, device_batch, layer, blocks);
    }
  });
}

}  // namespace honeybee::cuda
