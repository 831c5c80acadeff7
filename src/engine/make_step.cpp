// What a step computes: the rows of its shares, laid out as a backend takes them.
#include <algorithm>
#include <bit>

#include "engine/loaded.h"
#include "engine/step.h"

namespace honeybee {
namespace {

// The least length that a step is recorded for.
constexpr uint64_t kShortest = 256;

}  // namespace

Engine::Step Engine::make_step(const std::vector<Share>& shares) const {
  Step step;
  step.shares = shares;
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    for (size_t beam = 0; beam < sequence.beam_blocks.size(); beam++) {
      step.begin(sequence, sequence.beam_blocks[beam], sequence.computed);
      step.want(static_cast<int32_t>(step.ids.size()), &sequence, nullptr);
      step.ids.push_back(sequence.search->tokens(beam).back());
      step.end();
    }
    if (!sequence.beam_blocks.empty()) continue;
    step.begin(sequence, sequence.blocks, sequence.computed);
    const bool prefills = sequence.phase == Sequence::Phase::kPrefill;
    const bool trace_rows = prefills && sequence.traced();
    if (trace_rows) step.traced = &sequence;
    if (prefills) step.prefills = true;
    if (prefills || !sequence.drafted.empty()) step.decodes = false;
    for (int64_t r = 0; r < share.rows; r++) {
      const int64_t ahead = sequence.computed + r + 1 - sequence.length();
      const bool last = ahead == 0;
      const auto row = static_cast<int32_t>(step.ids.size());
      // Twins go on from blocks that the sequence may give back with this very token: it comes after them.
      if (last) {
        for (Sequence* twin : share.twins) step.want(row, twin, &sequence);
      }
      if (ahead >= 0) {
        step.want(row, &sequence, nullptr, ahead);
      } else {
        const int64_t next = sequence.computed + r + 1;
        const bool scores = sequence.scores_prompt() && sequence.token(next) >= 0;
        if (scores) step.scored.push_back({step.wanted.size(), &sequence, next});
        if (scores || trace_rows) step.want(row, nullptr, nullptr);
      }
      step.ids.push_back(sequence.token(sequence.computed + r));
    }
    step.end();
  }
  lay_out(step);
  return step;
}

// The step behind one whose tokens are not known yet: the same rows, so that each finds its token where the
// one before puts it, a position further. Those that do not go on are padding.
Engine::Step Engine::make_step_behind(const Step& step, const std::vector<Share>& shares) const {
  Step next;
  next.shares = shares;
  next.ahead_of_tokens = true;
  auto share = shares.begin();
  for (Sequence* sequence : step.wanting) {
    if (share == shares.end() || share->sequence != sequence) {
      next.pad();
      continue;
    }
    next.begin(*sequence, sequence->blocks, sequence->computed + 1);
    next.want(static_cast<int32_t>(next.ids.size()), sequence, nullptr);
    next.ids.push_back(-1);
    next.end();
    ++share;
  }
  lay_out(next);
  return next;
}

// Writes the block tables of a step. A decoding one of a device that records is padded to the next power of
// two of sequences, the full width of the tables and a length, so that few recordings serve all.
void Engine::lay_out(Step& step) const {
  size_t width = 0;
  for (const auto* table : step.blocks) width = std::max(width, table == nullptr ? 0 : table->size());
  if (step.decodes && loaded_->backend->records()) {
    const BatchLimits& limits = loaded_->batch->limits();
    const size_t rows = std::min(std::bit_ceil(step.start.size()), static_cast<size_t>(limits.sequences));
    while (step.start.size() < rows) step.pad();
    width = static_cast<size_t>(limits.blocks);
    const auto longest = static_cast<uint64_t>(*std::max_element(step.start.begin(), step.start.end()) + 1);
    step.length_bound = std::min<int64_t>(limits.blocks * kKvBlock,
                                          static_cast<int64_t>(std::bit_ceil(std::max(longest, kShortest))));
  }
  step.tables.resize(width * step.start.size());
  for (size_t s = 0; s < step.blocks.size(); s++) {
    if (step.blocks[s] == nullptr) continue;
    std::copy(step.blocks[s]->begin(), step.blocks[s]->end(),
              step.tables.begin() + static_cast<ptrdiff_t>(s * width));
  }
}

}  // namespace honeybee
