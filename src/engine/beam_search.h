#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/request.h"

namespace honeybee {

/// Beam search as Hugging Face's generate does it: the `beams` likeliest continuations go on together; those
/// that end are kept, as many as there are beams, by the sum of their log-probabilities /
/// length^length_penalty. Computes no logits and keeps no blocks.
class BeamSearch {
 public:
  /// The request stays where it is while the search lives.
  explicit BeamSearch(const Request& request) : request_(request) { restart(); }

  void restart();

  /// Beams that go on; one before the first step.
  size_t live() const { return beams_.size(); }
  /// What a beam has found so far.
  const std::vector<int32_t>& tokens(size_t beam) const { return beams_[beam].tokens; }

  /// One step. `logits` [V] of each live beam, changed in place. Throws Error(kDevice) if they are not
  /// numbers.
  void advance(std::span<std::vector<float>> logits);
  /// Of each live beam, the one before the last step that it goes on from.
  const std::vector<int32_t>& parents() const { return parents_; }
  /// Nothing better can be found, or the answers are as long as they may be.
  bool finished() const { return done_ || beams_.empty() || steps_ >= request_.max_tokens; }

  /// The best answers so far, best first; fewer than `count` if there are no more.
  std::vector<Hypothesis> best(size_t count) const;

 private:
  struct Beam {
    double score = 0.0;  ///< sum of log-probabilities
    std::vector<int32_t> tokens;
  };
  struct Candidate {
    double score;
    int32_t beam;
    int32_t token;
  };

  void add_candidates(std::span<float> logits, int32_t beam);
  bool is_stop(int32_t token) const;
  double average(double score, int64_t length) const;
  void keep(std::vector<Hypothesis>& kept, Hypothesis hypothesis) const;
  bool nothing_better(double best_score) const;

  const Request& request_;
  int64_t steps_ = 0;
  std::vector<Beam> beams_;
  std::vector<int32_t> parents_;
  std::vector<Hypothesis> kept_;
  std::vector<Candidate> candidates_;
  bool done_ = false;
};

}  // namespace honeybee
