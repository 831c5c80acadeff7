#include "core/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace honeybee {
namespace {

constexpr float kRuledOut = -std::numeric_limits<float>::infinity();

bool in_vocabulary(int32_t token, std::span<const float> logits) {
  return token >= 0 && static_cast<size_t>(token) < logits.size();
}

void penalize(std::span<float> logits, std::span<const int32_t> history, const SamplingOptions& options) {
  if (options.repetition_penalty == 1.0f && options.presence_penalty == 0.0f &&
      options.frequency_penalty == 0.0f)
    return;
  std::unordered_map<int32_t, int32_t> counts;
  for (const int32_t token : history) {
    if (in_vocabulary(token, logits)) counts[token]++;
  }
  for (const auto& [token, count] : counts) {
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit < 0.0f ? logit * options.repetition_penalty : logit / options.repetition_penalty;
    const double penalty = static_cast<double>(options.frequency_penalty) * count + options.presence_penalty;
    logit = static_cast<float>(logit - penalty);
  }
}

// No n-gram may occur twice: a token that would complete one already in the history is ruled out.
void forbid_ngrams(std::span<float> logits, std::span<const int32_t> history, int32_t size) {
  const auto n = static_cast<size_t>(size);
  if (size <= 0 || history.size() + 1 < n) return;
  const std::span<const int32_t> tail = history.last(n - 1);
  for (size_t i = 0; i + n <= history.size(); i++) {
    const int32_t next = history[i + n - 1];
    if (std::equal(tail.begin(), tail.end(), history.begin() + static_cast<ptrdiff_t>(i)) &&
        in_vocabulary(next, logits)) {
      logits[static_cast<size_t>(next)] = kRuledOut;
    }
  }
}

void keep_top_k(std::span<float> logits, int32_t k) {
  if (k <= 0 || static_cast<size_t>(k) >= logits.size()) return;
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float smallest = sorted[static_cast<size_t>(k - 1)];
  for (float& logit : logits) {
    if (logit < smallest) logit = kRuledOut;
  }
}

// Softmax relative to the largest logit; returns the sum of `weights`.
double exponentials(std::span<const float> logits, std::vector<float>& weights) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  weights.resize(logits.size());
  double sum = 0.0;
  for (size_t i = 0; i < logits.size(); i++) {
    weights[i] = logits[i] == kRuledOut ? 0.0f : std::exp(logits[i] - largest);
    sum += weights[i];
  }
  return sum;
}

// Removes the smallest tokens whose ascending cumulative probability is at most 1 - p, keeping the largest.
void keep_top_p(std::span<float> logits, float p) {
  if (p >= 1.0f) return;
  std::vector<float> weights;
  const double sum = exponentials(logits, weights);
  const double removable = (1.0 - static_cast<double>(p)) * sum;
  // Tokens below removable / V cannot reach the bound even all together: they go without being sorted.
  const double certain = removable / static_cast<double>(logits.size());
  std::vector<size_t> uncertain;
  double cumulative = 0.0;
  for (size_t i = 0; i < logits.size(); i++) {
    if (weights[i] < certain) {
      cumulative += weights[i];
      logits[i] = kRuledOut;
    } else {
      uncertain.push_back(i);
    }
  }
  std::sort(uncertain.begin(), uncertain.end(),
            [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] < logits[b] : a < b; });
  for (size_t i = 0; i + 1 < uncertain.size(); i++) {
    cumulative += weights[uncertain[i]];
    if (cumulative > removable) break;
    logits[uncertain[i]] = kRuledOut;
  }
}

void keep_min_p(std::span<float> logits, float p) {
  if (p <= 0.0f) return;
  const float bound = *std::max_element(logits.begin(), logits.end()) + std::log(p);
  for (float& logit : logits) {
    if (logit < bound) logit = kRuledOut;
  }
}

}  // namespace

void warp_logits(std::span<float> logits, std::span<const int32_t> history, const SamplingOptions& options) {
  if (logits.empty()) return;
  for (const auto& [token, bias] : options.logit_bias) {
    if (in_vocabulary(token, logits)) logits[static_cast<size_t>(token)] += bias;
  }
  penalize(logits, history, options);
  forbid_ngrams(logits, history, options.no_repeat_ngram_size);
  if (options.temperature == 0.0f) return;
  if (options.temperature != 1.0f) {
    for (float& logit : logits) logit /= options.temperature;
  }
  keep_top_k(logits, options.top_k);
  keep_top_p(logits, options.top_p);
  keep_min_p(logits, options.min_p);
}

void keep_allowed(std::span<float> logits, std::span<const uint32_t> allowed) {
  if (allowed.empty()) return;
  for (size_t i = 0; i < logits.size(); i++) {
    if (i / 32 >= allowed.size() || (allowed[i / 32] >> i % 32 & 1) == 0) logits[i] = kRuledOut;
  }
}

float philox_uniform(uint64_t seed, uint32_t sequence, uint64_t position) {
  uint32_t counter[4] = {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), sequence, 0};
  uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
    const uint32_t next[4] = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
                              static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    std::copy(next, next + 4, counter);
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return static_cast<float>(counter[0] >> 8) * 0x1p-24f;
}

int32_t choose_token(std::span<const float> warped, const SamplingOptions& options, uint64_t position) {
  size_t largest = 0;
  for (size_t i = 0; i < warped.size(); i++) {
    if (std::isnan(warped[i])) return -1;
    if (warped[i] > warped[largest]) largest = i;
  }
  if (warped.empty() || warped[largest] == kRuledOut) return -1;
  if (options.temperature == 0.0f) return static_cast<int32_t>(largest);
  std::vector<float> weights;
  const double sum = exponentials(warped, weights);
  const double target = static_cast<double>(philox_uniform(options.seed, options.sequence, position)) * sum;
  double cumulative = 0.0;
  size_t last = largest;
  for (size_t i = 0; i < weights.size(); i++) {
    if (weights[i] == 0.0f) continue;
    cumulative += weights[i];
    last = i;
    if (cumulative > target) break;
  }
  return static_cast<int32_t>(last);
}

TokenLogprob token_logprob(std::span<const float> logits, int32_t token, int32_t top,
                           std::vector<TokenLogprob>& most) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  const double shift = largest + std::log(sum);
  const auto at = [&](int32_t id) {
    return TokenLogprob{id, static_cast<float>(logits[static_cast<size_t>(id)] - shift)};
  };
  std::vector<int32_t> ids(logits.size());
  for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int32_t>(i);
  const auto count = std::min(ids.size(), static_cast<size_t>(std::max(0, top)));
  std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end(),
                    [&](int32_t a, int32_t b) {
                      const float la = logits[static_cast<size_t>(a)];
                      const float lb = logits[static_cast<size_t>(b)];
                      return la != lb ? la > lb : a < b;
                    });
  most.clear();
  for (size_t i = 0; i < count; i++) most.push_back(at(ids[i]));
  return at(token);
}

}  // namespace honeybee
