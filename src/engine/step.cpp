// Steps of the language model: planned, computed, and what they chose handed on.
#include "engine/step.h"

#include <algorithm>
#include <bit>

#include "engine/caught.h"
#include "engine/loaded.h"

namespace honeybee {

namespace {

std::vector<Sequence*> sequences_of(const std::vector<Share>& shares) {
  std::vector<Sequence*> sequences;
  for (const Share& share : shares) sequences.push_back(share.sequence);
  return sequences;
}

}  // namespace

StepTrace::Step Engine::Step::describe() const {
  StepTrace::Step step;
  step.ahead = ahead_of_tokens;
  step.tokens = std::ssize(wanting) - std::ranges::count(wanting, nullptr);
  for (const Share& share : shares) {
    const bool decodes = share.sequence->phase == Sequence::Phase::kDecode;
    (decodes ? step.decoding : step.prefilling)++;
    if (!decodes) step.prefill_rows += share.rows;
    step.drafted += std::ssize(share.sequence->drafted);
  }
  return step;
}

// One step of the language model; false if no sequence has anything to run. When a step fails, each of its
// sequences is tried alone, so that what one of them asked for does no harm to the others; their twins go on
// waiting.
bool Engine::run_step() {
  if (loaded_->under_way && loaded_->under_way->shares.empty()) loaded_->under_way.reset();
  if (loaded_->under_way) {
    go_on();
    return true;
  }
  const std::vector<Share> shares = loaded_->scheduler.plan();
  const bool alone = shares.size() == 1 && shares[0].twins.empty();
  bool failed = false;
  if (!shares.empty() && !alone) {
    guarded(sequences_of(shares), [&] {
      ErrorCode code{};
      std::string message;
      failed = caught([&] { forward(shares, true); }, code, message);
    });
  }
  if (alone || failed) run_alone(shares, alone);
  return !shares.empty();
}

void Engine::run_alone(const std::vector<Share>& shares, bool stays) {
  for (const Share& share : shares)
    guarded({share.sequence}, [&] { forward({{share.sequence, share.rows, {}}}, stays); });
}

// With a step under way: asks for the one behind it, reads the tokens, and only then says how those of the
// one behind are to be chosen, when all that a choice depends on is known; the network computes meanwhile.
void Engine::go_on() {
  Step step = std::move(*loaded_->under_way);
  loaded_->under_way.reset();
  const std::vector<Share> shares = step.shares;
  bool failed = false;
  guarded(sequences_of(shares), [&] {
    const DoingScope preparing(loaded_->profile.get(), Doing::kHost);
    const RangeScope range(loaded_->backend->ranges(), "step");
    const Arena::Scope scope(loaded_->arena);
    launch_behind(step);
    ErrorCode code{};
    std::string message;
    failed = caught([&] { settle(step); }, code, message);
    std::optional<Step>& next = loaded_->under_way;
    // What is given up here is computed again, and what fails then has somebody who hears of it.
    const auto choose_next = [&] {
      prepare_choice(*next);
      choose(*next);
    };
    if (next && (failed || next->shares.empty() || caught(choose_next, code, message))) next.reset();
  });
  if (failed) run_alone(shares, false);
}

// Asks for the step behind one whose tokens are not known yet, where that is of the same kind and as large.
void Engine::launch_behind(const Step& step) {
  const std::vector<Share> shares = loaded_->scheduler.plan_behind(step.shares);
  if (shares.empty() || std::bit_ceil(shares.size()) < step.wanting.size()) return;
  ErrorCode code{};
  std::string message;
  const auto launch_next = [&] {
    if (loaded_->profile) loaded_->profile->next_step();
    Step next = make_step_behind(step, shares);
    launch(next);
    loaded_->under_way = std::move(next);
  };
  try {
    caught(launch_next, code, message);
  } catch (const Interrupted&) {
    // Somebody wants to be heard first.
  }
}

// One step of the language model. `stays`: its tokens may be read in the next turn.
void Engine::forward(const std::vector<Share>& shares, bool stays) {
  if (loaded_->profile) loaded_->profile->next_step();
  const DoingScope preparing(loaded_->profile.get(), Doing::kHost);
  const RangeScope range(loaded_->backend->ranges(), "step");
  const Arena::Scope scope(loaded_->arena);
  Step step = make_step(shares);
  prepare_choice(step);
  launch(step);
  choose(step);
  if (stays && can_stay(step)) {
    loaded_->under_way = std::move(step);
  } else {
    settle(step);
  }
}

bool Engine::can_stay(const Step& step) const {
  const auto waits = [](const Share& share) { return share.sequence->waits_for_token(); };
  return options_.launch_ahead && loaded_->backend->queues() && step.decodes &&
         std::ranges::none_of(step.shares, waits);
}

// Reads the tokens of a step and gives them to its sequences.
void Engine::settle(Step& step) {
  read(step);
  if (loaded_->steps) loaded_->steps->step(step.since, Clock::now(), step.describe(), current_stats());
  // From here on the step counts.
  const DoingScope choosing(loaded_->profile.get(), Doing::kSample);
  counts_.steps++;
  if (step.ahead_of_tokens) counts_.steps_ahead++;
  for (const Share& share : step.shares) {
    share.sequence->copies.clear();
    counts_.drafted_tokens += std::ssize(share.sequence->drafted);
    loaded_->scheduler.advance(*share.sequence, share.rows - std::ssize(share.sequence->drafted));
  }
  for (size_t w = 0; w < step.wanted.size(); w++) {
    if (step.wanting[w] == nullptr) continue;
    Sequence& sequence = *step.wanting[w];
    if (step.ahead[w] > 0 && !accept_draft(sequence, step.ahead[w])) continue;
    ErrorCode code{};
    std::string message;
    const auto take = [&] {
      if (step.forked_of[w] != nullptr && !fork(*step.forked_of[w], sequence)) return;
      if (&sequence == step.traced)
        std::move(step.trace.begin(), step.trace.end(), std::back_inserter(sequence.trace));
      if (sequence.search) {
        advance_beams(sequence, std::span(step.logits).subspan(w, sequence.search->live()));
      } else {
        consume(sequence, step.tokens[w], step.logits[w]);
      }
    };
    const size_t beams = sequence.search ? sequence.search->live() : 1;
    if (caught(take, code, message)) fail_sequence(sequence, code, message);
    w += beams - 1;
  }
}

}  // namespace honeybee
