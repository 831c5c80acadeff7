// What a step computes: the rows of its shares, laid out as a backend takes them.
#include <algorithm>
#include <bit>

#include "engine/loaded.h"
#include "engine/step.h"

namespace honeybee {

Engine::Step Engine::make_step(const std::vector<Share>& shares) const {
  Step step;
  size_t max_blocks = 0;
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    for (size_t beam = 0; beam < sequence.beam_blocks.size(); beam++) {
      step.begin(sequence, sequence.beam_blocks[beam]);
      step.want(static_cast<int32_t>(step.ids.size()), &sequence, nullptr);
      step.ids.push_back(sequence.search->tokens(beam).back());
      step.end();
    }
    if (!sequence.beam_blocks.empty()) continue;
    step.begin(sequence, sequence.blocks);
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
  for (const std::vector<int32_t>* table : step.blocks) max_blocks = std::max(max_blocks, table->size());
  step.tables.resize(max_blocks * step.sequences.size());
  for (size_t s = 0; s < step.sequences.size(); s++) {
    std::copy(step.blocks[s]->begin(), step.blocks[s]->end(),
              step.tables.begin() + static_cast<ptrdiff_t>(s * max_blocks));
  }
  return step;
}

// Pads a decoding step to the next power of two of sequences and the full width of the block table, so that
// few recordings serve all steps. Returns the length that they are made for.
int64_t Engine::pad(Step& step) const {
  constexpr int64_t kShortest = 256;
  int64_t longest = 1;
  for (const int32_t start : step.start) longest = std::max<int64_t>(longest, start + 1);
  const auto bound = std::min<int64_t>(
      loaded_->batch->limits().blocks * kKvBlock,
      static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max(longest, kShortest)))));
  const size_t used = step.sequences.size();
  const size_t padded =
      std::min(std::bit_ceil(used), static_cast<size_t>(loaded_->batch->limits().sequences));
  const size_t width = step.tables.size() / used;
  const auto full = static_cast<size_t>(loaded_->batch->limits().blocks);
  std::vector<int32_t> tables(padded * full);
  for (size_t s = 0; s < used; s++) {
    std::copy_n(step.tables.begin() + static_cast<ptrdiff_t>(s * width), width,
                tables.begin() + static_cast<ptrdiff_t>(s * full));
  }
  step.tables = std::move(tables);
  while (step.start.size() < padded) {
    step.row_begin.push_back(step.row_begin.back() + 1);
    step.start.push_back(-1);
    step.want(static_cast<int32_t>(step.ids.size()), nullptr, nullptr);
    step.ids.push_back(-1);
  }
  return bound;
}

}  // namespace honeybee
