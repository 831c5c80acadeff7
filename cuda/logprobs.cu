#include "cuda/block.h"
#include "cuda/ops.h"
#include "cuda/warp.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 1024;

}  // namespace

// values[i, 0] = log softmax(logits[i])[tokens[i]], values[i, 1 + j] that of the j-th likeliest token, whose
// number is ids[i, j]; ties by id. logits f32 [n, V], ids [n, k]. V = 32000, k up to 20: a pass over the row
// for the sum and one for each id; 128 KB from L2 each, 1.5 µs on an H200. One block of 1024 threads a row;
// each round finds the largest below the one before.
__global__ void __launch_bounds__(kThreads)
    token_logprobs_kernel(const float* logits, const int32_t* tokens, int64_t vocabulary, int count,
                          int32_t* ids, float* values) {
  HB_SHARED(uint64_t, partial, [kThreads / 32]);
  HB_SHARED(float, sums, [kThreads / 32]);
  const float* const row = logits + blockIdx.x * vocabulary;
  const auto likeliest_below = [&](uint64_t bound) {
    uint64_t best = 0;
    for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) {
      const uint64_t rank = ranked(row[v], static_cast<uint32_t>(v));
      if (rank < bound) best = max(best, rank);
    }
    return block_max<kThreads>(best, partial);
  };
  uint64_t rank = likeliest_below(~uint64_t{0});
  const float largest = from_ordered(static_cast<uint32_t>(rank >> 32));
  float sum = 0.0f;
  for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) sum += expf(row[v] - largest);
  const float shift = largest + logf(block_sum<kThreads>(sum, sums));
  float* const out = values + static_cast<int64_t>(blockIdx.x) * (1 + count);
  if (threadIdx.x == 0) {
    const int64_t token = tokens[blockIdx.x];
    out[0] = row[min(max(token, int64_t{0}), vocabulary - 1)] - shift;
  }
  for (int j = 0; j < count; j++) {
    if (j > 0) rank = likeliest_below(rank);
    if (threadIdx.x != 0) continue;
    ids[static_cast<int64_t>(blockIdx.x) * count + j] = static_cast<int32_t>(place_of(rank));
    out[1 + j] = row[place_of(rank)] - shift;
  }
}

void token_logprobs(Cuda& cuda, const Tensor& logits, const Tensor& tokens, const Tensor& ids,
                    const Tensor& values) {
  launch(token_logprobs_kernel, static_cast<unsigned>(logits.rows), kThreads, 0, cuda.stream,
         logits.row<float>(0), tokens.row<int32_t>(0), logits.cols, static_cast<int>(ids.cols),
         ids.row<int32_t>(0), values.row<float>(0));
}

}  // namespace honeybee::cuda
