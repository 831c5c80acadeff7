#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace honeybee {

/// How the next token is chosen. The defaults choose greedily and change nothing.
struct SamplingOptions {
  float temperature = 0.0f;  ///< 0: the largest logit wins
  int32_t top_k = 0;         ///< 0: off
  float top_p = 1.0f;        ///< 1: off
  float min_p = 0.0f;        ///< 0: off; relative to the largest probability
  float repetition_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int32_t no_repeat_ngram_size = 0;
  std::vector<std::pair<int32_t, float>> logit_bias;  ///< added before anything else
  uint64_t seed = 0;
  uint32_t sequence = 0;  ///< which of several answers to one prompt
};

/// Applies bias, penalties, temperature, top-k, top-p and min-p in the order of Hugging Face's generate; what
/// is ruled out becomes -inf. `history`: the tokens that the penalties and the n-gram rule look at.
/// Temperature 0 leaves the last four out.
void warp_logits(std::span<float> logits, std::span<const int32_t> history, const SamplingOptions& options);

/// Rules out the tokens without a bit in `allowed` (SamplingRow); an empty one allows all.
void keep_allowed(std::span<float> logits, std::span<const uint32_t> allowed);

/// The token drawn from warped logits: the largest when greedy, else by the inverse of the cumulative
/// distribution in the order of token ids, at the uniform number of (seed, sequence, position). -1 if all
/// logits are -inf or one is NaN.
int32_t choose_token(std::span<const float> warped, const SamplingOptions& options, uint64_t position);

/// Philox4x32-10 (Salmon et al. 2011): a uniform number in [0, 1) that depends on nothing but its arguments,
/// so that every device and batch draws the same.
float philox_uniform(uint64_t seed, uint32_t sequence, uint64_t position);

/// What the choice of the next token of one sequence depends on beside its logits.
struct SamplingRow {
  const SamplingOptions* options = nullptr;  ///< null: the defaults
  std::span<const int32_t> history;          ///< tokens that the penalties and the n-gram rule look at
  std::span<const int32_t> banned;           ///< ruled out this time
  uint64_t position = 0;                     ///< how many tokens were drawn before
  /// A bit for each token; those without one, and all beyond the last word, are ruled out before anything
  /// else. Empty: all may be chosen.
  std::span<const uint32_t> allowed;
};

/// The rows of a step as Backend::sample takes them. Made by a backend, which keeps them where it reads them;
/// `set` rewrites them in place.
class SamplingBatch {
 public:
  virtual ~SamplingBatch() = default;
  /// What `rows` points to is not kept beyond the next `sample`.
  virtual void set(std::span<const SamplingRow> rows) { rows_.assign(rows.begin(), rows.end()); }
  std::span<const SamplingRow> rows() const { return rows_; }

 protected:
  std::vector<SamplingRow> rows_;
};

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0.0f;
};

/// log softmax of `logits` at `token`, and the `top` most likely tokens, likeliest first (ties by id).
TokenLogprob token_logprob(std::span<const float> logits, int32_t token, int32_t top,
                           std::vector<TokenLogprob>& most);

}  // namespace honeybee
