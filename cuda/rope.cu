#include <algorithm>

#include "cuda/kv_cache.h"
#include "cuda/ops.h"
#include "cuda/packed.h"
#include "cuda/stored_row.h"
#include "cuda/warp.h"
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
  int64_t head_stride;
  int64_t block_stride;
  int heads;
  int kv_heads;
  int dim;
};

namespace {

constexpr int kThreads = 128;
constexpr int kWide = 8;

// Elements i … i + kSize - 1 of both halves of one head.
template <int kSize>
struct Halves {
  Chunk<kSize> low, high;
};

template <int kSize, class From>
__device__ __forceinline__ Halves<kSize> load_halves(const From* from, int half, int i) {
  return {load_packed<kSize>(from + i), load_packed<kSize>(from + half + i)};
}

// (x, y) → (x cos - y sin, y cos + x sin).
template <int kSize, class From>
__device__ __forceinline__ Halves<kSize> load_rotated(const From* from, const float* angles, int half,
                                                      int i) {
  const auto [x, y] = load_halves<kSize>(from, half, i);
  const auto [cos, sin] = load_halves<kSize>(angles, half, i);
  Halves<kSize> rotated;
  for (int j = 0; j < kSize; j++) {
    rotated.low.values[j] = x.values[j] * cos.values[j] - y.values[j] * sin.values[j];
    rotated.high.values[j] = y.values[j] * cos.values[j] + x.values[j] * sin.values[j];
  }
  return rotated;
}

template <int kSize, class To>
__device__ __forceinline__ void store_halves(const Halves<kSize>& halves, int half, int i, To* to) {
  store_packed(to + i, halves.low);
  store_packed(to + half + i, halves.high);
}

// One row of the cache as codes, by a warp that visits it twice; load(i) gives element i of both halves. The
// rule of the CPU's append_int8: scale = largest / kLargest, code = the nearest to x · (1 / scale); if a
// value is not finite the scale is NaN.
template <class C, class Load>
__device__ __forceinline__ void store_codes(Load load, int half, C* row, float* scale) {
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  float largest = 0.0f;
  float spoiled = 0.0f;
  for (int i = lane; i < half; i += 32) {
    const Halves<1> x = load(i);
    const float low = x.low.values[0];
    const float high = x.high.values[0];
    largest = fmaxf(largest, fmaxf(fabsf(low), fabsf(high)));
    spoiled += (low - low) + (high - high);
  }
  const float units = warp_max(largest) / C::kLargest;
  spoiled = warp_sum(spoiled);
  const bool finite = spoiled == 0.0f;
  const float inverse = units >= 0x1p-126f ? 1.0f / units : 0.0f;
  const auto code = [&](float value) { return finite ? C::nearest(value * inverse) : C{}; };
  for (int i = lane; i < half; i += 32) {
    const Halves<1> x = load(i);
    row[i] = code(x.low.values[0]);
    row[half + i] = code(x.high.values[0]);
  }
  if (lane == 0) *scale = units + spoiled;
}

// Where a row's keys and values go.
struct Place {
  int position;
  int64_t block;
  const float* angles;  ///< [dim] of the position
};

// The share of one thread: kSize elements of both halves of a query head, or of a key and value that are not
// codes.
template <int kSize, class T, class C>
__device__ __forceinline__ void turn(const RopeCall<T, C>& call, int row, const Place& place) {
  const int half = call.dim / 2;
  const auto item = static_cast<int>(blockIdx.y * kThreads + threadIdx.x);
  const int head = item / (half / kSize);
  const int i = item % (half / kSize) * kSize;
  if (head < call.heads) {
    T* const q = call.q.row(row) + head * call.dim;
    store_halves(load_rotated<kSize>(q, place.angles, half, i), half, i, q);
    return;
  }
  if constexpr (!kIsCode<C>) {
    const int kv_head = head - call.heads;
    if (kv_head >= call.kv_heads) return;
    const int64_t to =
        place.block * call.block_stride + kv_head * call.head_stride + place.position % kKvBlock * call.dim;
    store_halves(load_rotated<kSize>(call.k.row(row) + kv_head * call.dim, place.angles, half, i), half, i,
                 call.keys + to);
    store_halves(load_halves<kSize>(call.v.row(row) + kv_head * call.dim, half, i), half, i,
                 call.values + to);
  }
}

// The share of one warp: a key or a value as codes.
template <class T, class C>
__device__ __forceinline__ void append_codes(const RopeCall<T, C>& call, int row, const Place& place) {
  const int half = call.dim / 2;
  const auto warp = static_cast<int>(blockIdx.y * kThreads + threadIdx.x) / 32;
  const int kv_head = warp / 2;
  if (kv_head >= call.kv_heads) return;
  const bool is_key = warp % 2 == 0;
  C* const group =
      (is_key ? call.keys : call.values) + place.block * call.block_stride + kv_head * call.head_stride;
  const auto slot = static_cast<int>(place.position % kKvBlock);
  C* const to = group + slot * call.dim;
  float* const scale = scales_behind(group, call.dim) + slot;
  if (is_key) {
    const T* const k = call.k.row(row) + kv_head * call.dim;
    store_codes([&](int i) { return load_rotated<1>(k, place.angles, half, i); }, half, to, scale);
  } else {
    const T* const v = call.v.row(row) + kv_head * call.dim;
    store_codes([&](int i) { return load_halves<1>(v, half, i); }, half, to, scale);
  }
}

}  // namespace

// q rotated in place; k rotated and v to the cache (RoFormer, pairs half a head apart). q T [rows, heads ·
// dim], k, v T [rows, kv heads · dim], cos_sin f32 [positions, dim], cache C [blocks][kv heads][16][dim]. 7B:
// 32 heads × 128 of each. Bytes: q twice, k and v once, the cache once: 48 KB a row in bf16, 2,048 rows 100
// MB or 23 µs on an H200; in decode starting it decides. 6 operations a pair. A thread takes 8 neighbouring
// pairs (`wide`) or one, and 128 threads are a block: grid rows × items of a row. Any even head dimension. C
// is a second dtype because the cache may be kept smaller than activations, or larger: a cast in between
// would be another pass over k and v. Of codes the largest value of each key and value has to be known first:
// a warp takes it, beside the threads' shares of q, and stores the scale behind the block's codes.
// (The second launch bound keeps ptxas from spilling on sm_86.)
template <class T, class C>
__global__ void __launch_bounds__(kThreads, 1) rope_append_kernel(RopeCall<T, C> call, bool wide) {
  const auto row = static_cast<int>(blockIdx.x);
  const int sequence = call.batch.sequence[row];
  const int start = call.batch.start[sequence];
  if (start < 0) return;
  const int position = start + row - call.batch.row_begin[sequence];
  const Place place{position, call.batch.blocks[sequence * call.batch.block_stride + position / kKvBlock],
                    call.cos_sin + static_cast<int64_t>(position) * call.dim};
  if (wide) {
    turn<kWide>(call, row, place);
  } else {
    turn<1>(call, row, place);
  }
  if constexpr (kIsCode<C>) append_codes(call, row, place);
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
                            cache.head_stride(),
                            cache.block_stride(),
                            static_cast<int>(heads),
                            static_cast<int>(kv_heads),
                            static_cast<int>(dim)};
  const int64_t items = (kIsCode<C> ? heads : heads + kv_heads) * (dim / 2) / (wide ? kWide : 1);
  const int64_t threads = std::max(items, kIsCode<C> ? 2 * kv_heads * 32 : 0);
  const dim3 grid(static_cast<unsigned>(q.rows), static_cast<unsigned>((threads + kThreads - 1) / kThreads));
  launch(rope_append_kernel<T, C>, grid, kThreads, 0, cuda.stream, call, wide);
}

}  // namespace

void rope_append(Cuda& cuda, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cos_sin,
                 const PagedBatch& batch, int64_t layer, KvCache& cache) {
  const auto& blocks = static_cast<const BlockCache&>(cache);
  const auto& device_batch = static_cast<const DeviceBatch&>(batch);
  with_type(q.dtype, [&]<class T>() {
    with_stored(cache.shape().dtype,
                [&]<class C>() { append<T, C>(cuda, q, k, v, cos_sin, device_batch, layer, blocks); });
  });
}

}  // namespace honeybee::cuda
