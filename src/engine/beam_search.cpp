#include "engine/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace honeybee {
namespace {

constexpr float kRuledOut = -std::numeric_limits<float>::infinity();

// Logits become log softmax.
void log_softmax(std::span<float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  require(std::isfinite(sum), ErrorCode::kDevice, "the model's logits are not numbers; check the weights");
  const double norm = static_cast<double>(largest) + std::log(sum);
  for (float& logit : logits) logit = static_cast<float>(static_cast<double>(logit) - norm);
}

}  // namespace

void BeamSearch::restart() {
  steps_ = 0;
  beams_.assign(1, {});
  parents_.clear();
  kept_.clear();
  done_ = false;
}

bool BeamSearch::is_stop(int32_t token) const {
  const std::vector<int32_t>& stops = request_.stop_tokens;
  return std::find(stops.begin(), stops.end(), token) != stops.end();
}

double BeamSearch::average(double score, int64_t length) const {
  return score / std::pow(static_cast<double>(length), static_cast<double>(request_.beams.length_penalty));
}

void BeamSearch::add_candidates(std::span<float> logits, int32_t beam) {
  const Beam& from = beams_[static_cast<size_t>(beam)];
  log_softmax(logits);
  std::vector<int32_t> history = request_.history;
  history.insert(history.end(), from.tokens.begin(), from.tokens.end());
  warp_logits(logits, history, request_.sampling);
  if (steps_ < request_.min_tokens) {
    for (const int32_t token : request_.stop_tokens) {
      if (token >= 0 && static_cast<size_t>(token) < logits.size())
        logits[static_cast<size_t>(token)] = kRuledOut;
    }
  }
  for (size_t token = 0; token < logits.size(); token++) {
    if (logits[token] > kRuledOut)
      candidates_.push_back(
          {from.score + static_cast<double>(logits[token]), beam, static_cast<int32_t>(token)});
  }
}

void BeamSearch::advance(std::span<std::vector<float>> logits) {
  candidates_.clear();
  for (size_t beam = 0; beam < beams_.size(); beam++)
    add_candidates(logits[beam], static_cast<int32_t>(beam));
  steps_++;
  // Enough that with every one of them that ends there are still as many as there are beams.
  const auto width = static_cast<size_t>(request_.beams.count);
  const size_t looked_at =
      std::min(candidates_.size(), width * std::max<size_t>(2, 1 + request_.stop_tokens.size()));
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(looked_at),
                    candidates_.end(), [](const Candidate& a, const Candidate& b) {
                      if (a.score != b.score) return a.score > b.score;
                      return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
                    });
  std::vector<Beam> next;
  parents_.clear();
  for (size_t rank = 0; rank < looked_at && next.size() < width; rank++) {
    const Candidate& candidate = candidates_[rank];
    const std::vector<int32_t>& tokens = beams_[static_cast<size_t>(candidate.beam)].tokens;
    if (is_stop(candidate.token)) {
      // One that is not among the best as it stands is dropped.
      if (rank < width) keep(kept_, {tokens, average(candidate.score, steps_), true});
      continue;
    }
    next.push_back({candidate.score, tokens});
    next.back().tokens.push_back(candidate.token);
    parents_.push_back(candidate.beam);
  }
  done_ = looked_at == 0 || nothing_better(candidates_[0].score);
  beams_ = std::move(next);
}

void BeamSearch::keep(std::vector<Hypothesis>& kept, Hypothesis hypothesis) const {
  const auto width = static_cast<size_t>(request_.beams.count);
  const auto worst = std::min_element(
      kept.begin(), kept.end(), [](const Hypothesis& a, const Hypothesis& b) { return a.score < b.score; });
  if (kept.size() == width && hypothesis.score <= worst->score) return;
  if (kept.size() == width) kept.erase(worst);
  kept.push_back(std::move(hypothesis));
}

// Whether no beam can beat the worst of what is kept. `best_score`: of all candidates of the step.
bool BeamSearch::nothing_better(double best_score) const {
  const Request::Beams& options = request_.beams;
  if (kept_.size() < static_cast<size_t>(options.count)) return false;
  if (options.early_stopping == Request::EarlyStopping::kYes) return true;
  // A sum is negative: the longer it may grow, the better is its average where lengths are rewarded.
  const bool longest =
      options.early_stopping == Request::EarlyStopping::kNever && options.length_penalty > 0.0f;
  const double attainable = average(best_score, longest ? request_.max_tokens : steps_);
  return std::all_of(kept_.begin(), kept_.end(),
                     [&](const Hypothesis& hypothesis) { return hypothesis.score >= attainable; });
}

std::vector<Hypothesis> BeamSearch::best(size_t count) const {
  std::vector<Hypothesis> all = kept_;
  for (const Beam& beam : beams_) {
    if (!done_ && !beam.tokens.empty()) keep(all, {beam.tokens, average(beam.score, steps_), false});
  }
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return all[a].score != all[b].score ? all[a].score > all[b].score : a > b;
  });
  std::vector<Hypothesis> sorted;
  for (size_t i = 0; i < std::min(count, order.size()); i++) sorted.push_back(std::move(all[order[i]]));
  return sorted;
}

}  // namespace honeybee
