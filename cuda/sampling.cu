#include "cuda/block.h"
#include "cuda/ops.h"
#include "cuda/sampling.h"
#include "device/launch.h"

// The steps of core/sampling.h on rows of [n, V] floats, one block of 1024 threads a row. V = 32000 in 7B,
// 128 KB a row that stay in L2: a pass over them takes a block about 1.5 µs on an H200. A greedy token needs
// three passes, one with top-k and top-p about a dozen: 20 µs beside the 3 ms of a 7B step. Sums of
// probabilities are integers in units of 2^-40, so that they do not depend on the order of the additions.
namespace honeybee::cuda {
namespace {

constexpr int kThreads = 1024;
constexpr float kUnit = 0x1p40f;

__device__ __forceinline__ float largest_of(const float* row, int64_t vocabulary, uint64_t* partial) {
  uint32_t largest = 0;
  for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) largest = max(largest, ordered(row[v]));
  return from_ordered(static_cast<uint32_t>(block_max<kThreads>(largest, partial)));
}

// A probability relative to the largest one.
__device__ __forceinline__ uint64_t weight_of(float logit, float largest) {
  return static_cast<uint64_t>(expf(logit - largest) * kUnit);
}

// Whether a token has its bit in `words`.
__device__ __forceinline__ bool is_allowed(const int32_t* words, int32_t count, int64_t token) {
  const int64_t word = token / 32;
  return word < count && (static_cast<uint32_t>(words[word]) >> (token % 32) & 1) != 0;
}

// Philox4x32-10 (core/sampling.cpp).
__device__ float philox_uniform(const SamplingParameters& p) {
  uint32_t counter[4] = {p.position[0], p.position[1], p.sequence, 0};
  uint32_t key[2] = {p.seed[0], p.seed[1]};
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
    counter[0] = static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0];
    counter[1] = static_cast<uint32_t>(b);
    counter[2] = static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1];
    counter[3] = static_cast<uint32_t>(a);
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return static_cast<float>(counter[0] >> 8) * 0x1p-24f;
}

}  // namespace

// warped = logits of the tokens that are allowed, with bias, penalties, the n-gram rule and bans applied,
// divided by the temperature. counts [n, V] is scratch: how often each token occurs in the history.
__global__ void __launch_bounds__(kThreads)
    penalize_kernel(const float* logits, const SamplingParameters* parameters, const int32_t* lists,
                    int64_t vocabulary, float* warped, int32_t* counts) {
  const SamplingParameters& p = parameters[blockIdx.x];
  const float* const from = logits + blockIdx.x * vocabulary;
  float* const row = warped + blockIdx.x * vocabulary;
  int32_t* const count = counts + blockIdx.x * vocabulary;
  const auto thread = static_cast<int>(threadIdx.x);
  const auto known = [&](int32_t token) { return token >= 0 && token < vocabulary; };
  for (int64_t v = thread; v < vocabulary; v += kThreads) {
    row[v] =
        p.allowed_count == 0 || is_allowed(lists + p.allowed_begin, p.allowed_count, v) ? from[v] : -INFINITY;
    count[v] = 0;
  }
  __syncthreads();
  for (int i = thread; i < p.bias_count; i += kThreads) {
    const int32_t token = lists[p.bias_begin + i];
    if (known(token)) atomicAdd(&row[token], __uint_as_float(lists[p.bias_begin + p.bias_count + i]));
  }
  const int32_t* const history = lists + p.history_begin;
  const bool penalized =
      p.repetition_penalty != 1.0f || p.presence_penalty != 0.0f || p.frequency_penalty != 0.0f;
  for (int i = thread; penalized && i < p.history_count; i += kThreads) {
    if (known(history[i])) atomicAdd(&count[history[i]], 1);
  }
  __syncthreads();
  for (int64_t v = thread; penalized && v < vocabulary; v += kThreads) {
    if (count[v] == 0) continue;
    const float logit = row[v] < 0.0f ? row[v] * p.repetition_penalty : row[v] / p.repetition_penalty;
    row[v] = logit - (p.frequency_penalty * static_cast<float>(count[v]) + p.presence_penalty);
  }
  __syncthreads();
  const int n = p.no_repeat_ngram_size;
  for (int i = thread; n > 0 && i + n <= p.history_count; i += kThreads) {
    bool same = true;
    for (int k = 0; k + 1 < n; k++) same = same && history[i + k] == history[p.history_count - n + 1 + k];
    if (same && known(history[i + n - 1])) atomicExch(&row[history[i + n - 1]], -INFINITY);
  }
  for (int i = thread; i < p.banned_count; i += kThreads) {
    const int32_t token = lists[p.banned_begin + i];
    if (known(token)) atomicExch(&row[token], -INFINITY);
  }
  __syncthreads();
  if (p.temperature == 0.0f || p.temperature == 1.0f) return;
  for (int64_t v = thread; v < vocabulary; v += kThreads) row[v] /= p.temperature;
}

namespace {

/// What filter_kernel shares over its block.
struct FilterShared {
  uint64_t sums[256];
  uint64_t partial[kThreads / 32];
  uint32_t prefix;
  uint64_t left;
};

// The key at which the running sum of weight(v), from the smallest key up, first exceeds `budget`: radix
// descent by 8 bits. `left` becomes what remains of the budget when it is reached. The sum over all must
// exceed the budget.
template <class Weight>
__device__ uint32_t key_at(const float* row, int64_t vocabulary, uint64_t budget, FilterShared& shared,
                           uint64_t& left, Weight weight) {
  uint32_t prefix = 0;
  left = budget;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += kThreads) shared.sums[i] = 0;
    __syncthreads();
    for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) {
      const uint32_t key = ordered(row[v]);
      if (shift < 24 && key >> (shift + 8) != prefix >> (shift + 8)) continue;
      atomicAdd(reinterpret_cast<unsigned long long*>(&shared.sums[key >> shift & 255]),
                static_cast<unsigned long long>(weight(row[v])));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      uint64_t rest = left;
      uint32_t bin = 0;
      while (bin < 255 && shared.sums[bin] <= rest) rest -= shared.sums[bin++];
      shared.prefix = prefix | bin << shift;
      shared.left = rest;
    }
    __syncthreads();
    prefix = shared.prefix;
    left = shared.left;
    __syncthreads();
  }
  return prefix;
}

// Rules out the smallest tokens whose cumulative probability is at most 1 - p, ties by id, never the last
// one.
__device__ void keep_top_p(float* row, int64_t vocabulary, float p, FilterShared& shared) {
  const float largest = largest_of(row, vocabulary, shared.partial);
  if (!(largest > -INFINITY)) return;
  const int64_t each = (vocabulary + kThreads - 1) / kThreads;
  const int64_t begin = min(threadIdx.x * each, vocabulary);
  const int64_t end = min(begin + each, vocabulary);
  uint64_t sum = 0;
  for (int64_t v = begin; v < end; v++) sum += weight_of(row[v], largest);
  uint64_t total = 0;
  block_exclusive_sum<kThreads>(sum, shared.partial, total);
  const auto wanted = static_cast<uint64_t>((1.0 - static_cast<double>(p)) * static_cast<double>(total));
  const uint64_t budget = min(wanted, total - weight_of(largest, largest));
  uint64_t left = 0;
  const uint32_t key =
      key_at(row, vocabulary, budget, shared, left, [&](float logit) { return weight_of(logit, largest); });
  // Of those that tie at the boundary the first few still go.
  const uint64_t going = left / max(weight_of(from_ordered(key), largest), uint64_t{1});
  uint64_t ties = 0;
  for (int64_t v = begin; v < end; v++) ties += ordered(row[v]) == key ? 1 : 0;
  uint64_t unused = 0;
  uint64_t rank = block_exclusive_sum<kThreads>(ties, shared.partial, unused);
  for (int64_t v = begin; v < end; v++) {
    const uint32_t mine = ordered(row[v]);
    if (mine < key || (mine == key && rank++ < going)) row[v] = -INFINITY;
  }
  __syncthreads();
}

}  // namespace

// Top-k, top-p and min-p in this order; what they rule out becomes -inf in `warped` [n, V]. Rows that are
// greedy or use none of them are left alone.
__global__ void __launch_bounds__(kThreads, 1)
    filter_kernel(const SamplingParameters* parameters, int64_t vocabulary, float* warped) {
  HB_SHARED(FilterShared, shared, [1]);
  const SamplingParameters& p = parameters[blockIdx.x];
  float* const row = warped + blockIdx.x * vocabulary;
  if (p.temperature == 0.0f) return;
  if (p.top_k > 0 && p.top_k < vocabulary) {
    uint64_t left = 0;
    const uint32_t smallest = key_at(row, vocabulary, static_cast<uint64_t>(vocabulary - p.top_k), shared[0],
                                     left, [](float) { return uint64_t{1}; });
    for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) {
      if (ordered(row[v]) < smallest) row[v] = -INFINITY;
    }
    __syncthreads();
  }
  if (p.top_p < 1.0f) keep_top_p(row, vocabulary, p.top_p, shared[0]);
  if (p.min_p > 0.0f) {
    const float bound = largest_of(row, vocabulary, shared[0].partial) + logf(p.min_p);
    for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) {
      if (row[v] < bound) row[v] = -INFINITY;
    }
  }
}

// tokens[i] = the largest of row i when greedy, else the one at which the cumulative distribution in the
// order of ids exceeds the uniform number of (seed, sequence, position); -1 if one is NaN or all are -inf.
// warped [n, V].
__global__ void __launch_bounds__(kThreads)
    choose_token_kernel(const SamplingParameters* parameters, int64_t vocabulary, const float* warped,
                        int32_t* tokens) {
  HB_SHARED(uint64_t, partial, [kThreads / 32]);
  const SamplingParameters& p = parameters[blockIdx.x];
  const float* const row = warped + blockIdx.x * vocabulary;
  uint64_t best = 0;
  bool wrong = false;
  for (int64_t v = threadIdx.x; v < vocabulary; v += kThreads) {
    wrong = wrong || row[v] != row[v];
    best = max(best, ranked(row[v], static_cast<uint32_t>(v)));
  }
  best = block_max<kThreads>(best, partial);
  wrong = block_max<kThreads>(wrong ? 1 : 0, partial) != 0;
  const float largest = from_ordered(static_cast<uint32_t>(best >> 32));
  if (wrong || largest == -INFINITY || p.temperature == 0.0f) {
    if (threadIdx.x == 0)
      tokens[blockIdx.x] = wrong || largest == -INFINITY ? -1 : static_cast<int32_t>(place_of(best));
    return;
  }
  const int64_t each = (vocabulary + kThreads - 1) / kThreads;
  const int64_t begin = min(threadIdx.x * each, vocabulary);
  const int64_t end = min(begin + each, vocabulary);
  uint64_t sum = 0;
  for (int64_t v = begin; v < end; v++) sum += weight_of(row[v], largest);
  uint64_t total = 0;
  uint64_t cumulative = block_exclusive_sum<kThreads>(sum, partial, total);
  const auto target =
      static_cast<uint64_t>(static_cast<double>(philox_uniform(p)) * static_cast<double>(total));
  if (target < cumulative || target >= cumulative + sum) return;
  for (int64_t v = begin; v < end; v++) {
    cumulative += weight_of(row[v], largest);
    if (cumulative > target) {
      tokens[blockIdx.x] = static_cast<int32_t>(v);
      return;
    }
  }
}

void sample(Cuda& cuda, const Tensor& logits, const SamplingBatch& batch, const Tensor& tokens) {
  const auto& device = static_cast<const DeviceSamplingBatch&>(batch);
  auto* const warped = cuda.scratch<float>(0, logits.size());
  auto* const counts = cuda.scratch<int32_t>(1, logits.size());
  const auto rows = static_cast<unsigned>(logits.rows);
  launch(penalize_kernel, rows, kThreads, 0, cuda.stream, logits.row<float>(0), device.parameters(),
         device.lists(), logits.cols, warped, counts);
  launch(filter_kernel, rows, kThreads, 0, cuda.stream, device.parameters(), logits.cols, warped);
  launch(choose_token_kernel, rows, kThreads, 0, cuda.stream, device.parameters(), logits.cols, warped,
         tokens.row<int32_t>(0));
}

}  // namespace honeybee::cuda
