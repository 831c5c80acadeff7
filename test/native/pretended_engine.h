#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/paged.h"
#include "engine/scheduler.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {

using Phase = Sequence::Phase;

/// Visual tokens of an image.
inline constexpr int64_t kPerImage = 5;

/// What the keys and values of a position depend on: the tokens up to it, images as their pixels.
using Past = uint64_t;

/// The part of an engine that the scheduler sees; it computes nothing. What would have been written to each
/// block is kept, so that a block shared or reused wrongly shows.
class Pretender {
 public:
  Pretender(SchedulerOptions options, int64_t blocks)
      : scheduler(options, blocks), written_(static_cast<size_t>(blocks * kKvBlock)) {}

  Sequence& add(Request request) {
    sequences_.push_back(std::make_unique<Sequence>(std::move(request), nullptr));
    scheduler.add(*sequences_.back(), now);
    return *sequences_.back();
  }

  void end(Sequence& sequence) {
    scheduler.remove(sequence);
    sequence.phase = Phase::kFinished;
    EXPECT_TRUE(sequence.blocks.empty() && sequence.beam_blocks.empty());
  }

  /// One turn; false if nothing ran. `interrupted` steps count for nothing.
  bool turn(bool interrupted = false) {
    now += 10.0;
    for (Sequence* sequence : scheduler.admit()) {
      if (sequence->phase == Phase::kEncode) sequence->enter(Phase::kPrefill);
      if (sequence->prompt_length == 0) end(*sequence);
    }
    const std::vector<Share> shares = scheduler.plan();
    int64_t prefilled = 0;
    bool decodes = false;
    for (const Share& share : shares) {
      Sequence& s = *share.sequence;
      EXPECT_TRUE(share.rows > 0);
      const int64_t drafted = std::ssize(s.drafted);
      EXPECT_TRUE(!s.beam_blocks.empty() || s.computed + share.rows <= s.length() + drafted);
      EXPECT_TRUE(s.length() + drafted < s.prompt_length + s.request.max_tokens || drafted == 0);
      for (const auto* table : tables(s))
        EXPECT_TRUE(static_cast<int64_t>(table->size()) * kKvBlock >= s.computed + share.rows);
      if (s.phase == Phase::kDecode) EXPECT_EQ(share.rows, 1 + drafted);
      decodes = decodes || s.phase == Phase::kDecode;
      if (s.phase == Phase::kPrefill) prefilled += share.rows;
    }
    const SchedulerLimits limits;
    EXPECT_TRUE(prefilled <= (decodes ? limits.mixed_prefill_rows : limits.prefill_rows));
    if (!interrupted) {
      for (const Share& share : shares) copy(std::exchange(share.sequence->copies, {}));
      for (const Share& share : shares) write(*share.sequence, share.rows);
      launch_behind(shares);
      for (const Share& share : shares)
        scheduler.advance(*share.sequence, share.rows - std::ssize(share.sequence->drafted));
      for (const Share& share : shares) finish_share(share);
    }
    check();
    return !shares.empty();
  }

  size_t finished() const { return finished_.size(); }
  const std::vector<Sequence*>& order() const { return finished_; }

  Scheduler scheduler;
  double now = 0.0;
  int64_t computed = 0;  ///< rows in all
  int64_t accepted = 0;  ///< of them, of guesses that were right
  int64_t behind = 0;    ///< rows of steps before the tokens of the ones before were known

 private:
  static constexpr int32_t kImageBase = 1000;

  // The block table of a sequence, or those of its beams.
  static std::vector<const std::vector<int32_t>*> tables(const Sequence& s) {
    std::vector<const std::vector<int32_t>*> all;
    for (const std::vector<int32_t>& table : s.beam_blocks) all.push_back(&table);
    if (all.empty()) all.push_back(&s.blocks);
    return all;
  }
  // Tells each position's past, first to last; `answer` follows the prompt.
  template <class Visit>
  void walk(const Sequence& s, const std::vector<int32_t>& answer, int64_t end, Visit visit) const {
    Past past = 1;
    int64_t visual = 0;
    for (int64_t p = 0; p < end; p++) {
      int32_t token = p < s.prompt_length ? s.token(p) : answer[static_cast<size_t>(p - s.prompt_length)];
      if (token < 0) token = kImageBase + s.request.images[static_cast<size_t>(visual++ / kPerImage)].rgb[0];
      past = past * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(token) + 1;
      visit(p, past);
    }
  }
  void copy(const std::vector<BlockCopy>& copies) {
    for (const auto& [from, to] : copies) {
      for (int64_t i = 0; i < kKvBlock; i++)
        written_[static_cast<size_t>(to * kKvBlock + i)] = written_[static_cast<size_t>(from * kKvBlock + i)];
    }
  }
  void write(Sequence& s, int64_t rows) {
    std::vector<int32_t> answer = s.generated;
    answer.insert(answer.end(), s.drafted.begin(), s.drafted.end());
    if (s.beam_blocks.empty()) write_table(s, s.blocks, answer, rows);
    for (size_t beam = 0; beam < s.beam_blocks.size(); beam++)
      write_table(s, s.beam_blocks[beam], s.search->tokens(beam), rows);
  }
  void write_table(const Sequence& s, const std::vector<int32_t>& table, const std::vector<int32_t>& answer,
                   int64_t rows) {
    walk(s, answer, s.computed + rows, [&](int64_t p, Past past) {
      const int32_t block = table[static_cast<size_t>(p / kKvBlock)];
      Past& slot = written_[static_cast<size_t>(block * kKvBlock + p % kKvBlock)];
      // What attention reads must be this sequence's own past; what it writes must be its own block.
      if (p < s.computed) {
        EXPECT_EQ(slot, past);
      } else {
        EXPECT_TRUE(!scheduler.blocks().is_shared(block));
        slot = past;
      }
    });
    computed += rows;
  }
  // What a step behind this one writes before anybody knows its tokens must be to blocks of their own.
  void launch_behind(const std::vector<Share>& step) {
    for (const Share& share : scheduler.plan_behind(step)) {
      const Sequence& s = *share.sequence;
      EXPECT_TRUE(s.phase == Phase::kDecode && !s.search && s.request.prompt_lookup == 0);
      EXPECT_TRUE(std::ssize(s.generated) + 1 < s.request.max_tokens);
      const int64_t position = s.computed + 1;
      const int32_t block = s.blocks.at(static_cast<size_t>(position / kKvBlock));
      EXPECT_TRUE(!scheduler.blocks().is_shared(block));
      written_[static_cast<size_t>(block * kKvBlock + position % kKvBlock)] = 0;
      behind++;
    }
  }
  void finish_share(const Share& share) {
    Sequence& s = *share.sequence;
    if (s.computed < s.length()) {
      EXPECT_TRUE(share.twins.empty());
      return;
    }
    for (Sequence* twin : share.twins) {
      std::vector<BlockCopy> copies;
      if (!scheduler.fork(s, *twin, copies)) continue;
      EXPECT_TRUE(twin->request.ids == s.request.ids);
      copy(copies);
      take_token(*twin);
    }
    const std::vector<int32_t> drafted = s.drafted;
    take_token(s);
    for (const int32_t guess : drafted) {
      if (s.phase == Phase::kFinished || guess != s.generated.back()) break;
      scheduler.advance(s, 1);
      accepted++;
      take_token(s);
    }
  }
  // The "model": a token that depends on the whole past and on the sequence.
  void take_token(Sequence& s) {
    s.enter(Phase::kDecode);
    if (s.search) {
      take_beams(s);
      return;
    }
    Past last = 0;
    walk(s, s.generated, s.length(), [&](int64_t, Past past) { last = past; });
    // Some speak a language so poor that guesses are often right.
    const uint64_t seed = s.request.sampling.seed;
    s.take(static_cast<int32_t>(((last >> 40) + seed) % (seed % 2 == 0 ? 3 : 50)));
    if (static_cast<int64_t>(s.generated.size()) < s.request.max_tokens) return;
    end(s);
    finished_.push_back(&s);
  }
  // Its search goes on with logits that depend on the whole past of each beam.
  void take_beams(Sequence& s) {
    std::vector<std::vector<float>> logits;
    for (size_t beam = 0; beam < s.search->live(); beam++) {
      Past last = 0;
      const std::vector<int32_t>& answer = s.search->tokens(beam);
      walk(s, answer, s.prompt_length + static_cast<int64_t>(answer.size()),
           [&](int64_t, Past past) { last = past; });
      logits.push_back(Random(last).normals(50));
    }
    s.search->advance(logits);
    if (!s.search->finished()) {
      scheduler.branch(s, s.search->parents());
      return;
    }
    end(s);
    finished_.push_back(&s);
  }
  // Every reference is a sequence's, and nothing else is in use.
  void check() {
    std::map<int32_t, int> references;
    for (const Sequence* s : scheduler.running()) {
      for (const auto* table : tables(*s)) {
        for (const int32_t block : *table) references[block]++;
      }
    }
    EXPECT_EQ(scheduler.blocks().used(), static_cast<int64_t>(references.size()));
    for (const auto& [block, count] : references) EXPECT_EQ(scheduler.blocks().is_shared(block), count > 1);
    EXPECT_TRUE(std::ranges::is_sorted(scheduler.running(), {},
                                       [](const Sequence* s) { return std::pair(s->rank, s->arrival); }));
  }

  std::vector<Past> written_;  ///< of each position of each block
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::vector<Sequence*> finished_;
};

}  // namespace honeybee::testing
