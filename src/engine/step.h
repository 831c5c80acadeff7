#pragma once
#include <algorithm>
#include <vector>

#include "engine/engine.h"
#include "engine/step_trace.h"

namespace honeybee {

/// What one step of the language model computes, as the host sees it.
struct Engine::Step {
  std::vector<Share> shares;
  std::vector<Sequence*> sequences;                 ///< a beam search comes once for each beam; null: padding
  std::vector<const std::vector<int32_t>*> blocks;  ///< of each of them
  std::vector<int32_t> row_begin{0};
  std::vector<int32_t> start;
  std::vector<int32_t> ids;
  std::vector<int32_t> wanted;     ///< rows whose logits are wanted
  std::vector<Sequence*> wanting;  ///< whose next token comes from each of them; null for rows only traced
  std::vector<int64_t> ahead;      ///< of each of them, drafted tokens that its row follows
  struct Scored {
    size_t wanted = 0;  ///< which of the wanted rows
    Sequence* sequence = nullptr;
    int64_t position = 0;
  };
  std::vector<Scored> scored;        ///< tokens of prompts whose log-probabilities are wanted
  std::vector<Sequence*> forked_of;  ///< of a twin, the sequence that computed its prompt; else null
  std::vector<int32_t> tables;       ///< block tables
  int64_t length_bound = 0;          ///< what a recording of it is ready for
  Sequence* traced = nullptr;
  bool prefills = false;  ///< some of it
  bool decodes = true;    ///< one row each, nothing traced or drafted: a shape that comes again and again
  bool ahead_of_tokens = false;  ///< asked for before the tokens were read that it goes on from

  // On the device.
  Clock::time_point since;  ///< when it was asked for
  Tensor scores;            ///< logits [wanted, V]
  Tensor chosen;            ///< tokens [wanted, 1]

  // What came of it.
  std::vector<int32_t> tokens;             ///< for each wanted row
  std::vector<std::vector<float>> logits;  ///< of the wanted rows whose sequence asked for them
  std::vector<TraceTensor> trace;

  void begin(Sequence& sequence, const std::vector<int32_t>& table, int64_t position) {
    sequences.push_back(&sequence);
    blocks.push_back(&table);
    start.push_back(static_cast<int32_t>(position));
  }
  void end() { row_begin.push_back(static_cast<int32_t>(ids.size())); }

  void want(int32_t row, Sequence* sequence, Sequence* forked, int64_t drafts = 0) {
    wanted.push_back(row);
    wanting.push_back(sequence);
    ahead.push_back(drafts);
    forked_of.push_back(forked);
  }

  /// A row that is nobody's.
  void pad() {
    sequences.push_back(nullptr);
    blocks.push_back(nullptr);
    start.push_back(-1);
    want(static_cast<int32_t>(ids.size()), nullptr, nullptr);
    ids.push_back(-1);
    end();
  }

  /// What it computes for this sequence is nobody's any more.
  void forget(const Sequence& sequence) {
    std::erase_if(shares, [&](const Share& share) { return share.sequence == &sequence; });
    std::ranges::replace_if(wanting, [&](const Sequence* other) { return other == &sequence; }, nullptr);
  }

  /// For a trace, before what came of it is handed on.
  StepTrace::Step describe() const;
  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
};

}  // namespace honeybee
