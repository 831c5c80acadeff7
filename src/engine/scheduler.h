#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/block_manager.h"
#include "engine/sequence.h"

namespace honeybee {

struct SchedulerLimits {
  int64_t prefill_rows = 256;       ///< of a step when nobody decodes
  int64_t mixed_prefill_rows = 64;  ///< beside decoding sequences, which wait for the step to end
  int64_t draft_rows = 64;          ///< of guessed tokens, of all sequences together
  /// Blocks that admission leaves for each running sequence to grow into: one that is let in when there is
  /// less would soon be stopped and computed again.
  int64_t growth_blocks = 4;
};

struct SchedulerOptions {
  int64_t max_sequences = 0;  ///< that run at once; a beam search counts as many as it has beams
  int64_t positions = 0;      ///< of the longest sequence
  int64_t tokens_per_image = 0;
  bool prefix_cache = true;
  HashKey key{};
  SchedulerLimits limits;
};

/// The rows of one sequence in a step.
struct Share {
  Sequence* sequence = nullptr;
  int64_t rows = 0;  ///< of one that decodes: its last token and its drafted ones
  /// Waiting sequences with the same prompt, which this step completes: their first tokens come from the same
  /// logits.
  std::vector<Sequence*> twins;
};

/// Which sequences run, on which blocks, and what each computes in the next step. Pure: it counts and
/// compares, and knows of no backend. Sequences belong to the caller, who removes each before it goes.
///
/// A sequence's rank is the time of its arrival less a minute for each level of its priority, and the smaller
/// rank goes first wherever there is not enough for all. Nobody starves: all who come later than some minutes
/// from now, whatever their priority, rank behind who waits today.
class Scheduler {
 public:
  Scheduler(const SchedulerOptions& options, int64_t blocks);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Queues a sequence. `now`: milliseconds. Throws Error(kContextLength) if its prompt can never run; then
  /// nothing has changed.
  void add(Sequence& sequence, double now);
  /// Takes a sequence out wherever it is and its blocks back. One that is not here is left alone.
  void remove(Sequence& sequence) noexcept;

  /// Lets waiting sequences run, in the order of their ranks, while there are blocks for their prompts and a
  /// few more for each that runs. They come back in phase kEncode or kPrefill, with `computed` positions
  /// found in the prefix cache. One whose prefix another sequence is computing right now waits for that.
  std::vector<Sequence*> admit();

  /// The next step, in the order of ranks: a token for every decoding sequence and what it drafts, then
  /// prompts, first come, first served, while the budget lasts. A sequence that needs a block when there is
  /// none gets that of the last one in rank, which goes back to waiting and is computed again later.
  std::vector<Share> plan();

  /// The step behind one that decodes, while nobody knows its tokens yet: a further position for each of its
  /// sequences but those that end with their token whatever it is. Blocks come from those that nobody has.
  /// None if there are too few, if others have something to compute, or if one waits for its token.
  std::vector<Share> plan_behind(std::span<const Share> step);

  /// A step has computed `rows` further positions.
  void advance(Sequence& sequence, int64_t rows);

  /// Lets a waiting twin go on from where the prefill of `sequence` has ended, on the same blocks. If there
  /// is no room for it, or the sequence has given its blocks back, it stays where it is and false comes back.
  /// `copies` gets what its own blocks start as.
  bool fork(const Sequence& sequence, Sequence& twin, std::vector<BlockCopy>& copies);
  /// Lets the beams of a search go on: each from the beam `parents` names, or all from the prompt. They share
  /// blocks until they write to them.
  void branch(Sequence& sequence, std::span<const int32_t> parents);

  /// Those whose deadline has passed.
  std::vector<Sequence*> expired(double now) const;

  const std::vector<Sequence*>& running() const { return running_; }
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
  const BlockManager& blocks() const { return blocks_; }
  int64_t preemptions() const { return preemptions_; }
  /// Of the prompts that were let in, and those of them that were in the prefix cache.
  int64_t prompt_tokens() const { return prompt_tokens_; }
  int64_t cached_tokens() const { return cached_tokens_; }

 private:
  struct ByRank {
    bool operator()(const Sequence* a, const Sequence* b) const {
      return a->rank != b->rank ? a->rank < b->rank : a->arrival < b->arrival;
    }
  };
  enum class Admission { kAdmitted, kHeld, kNoRoom };

  Admission try_admit(Sequence& sequence);
  void wait(Sequence& sequence);
  void stop_waiting(Sequence& sequence) noexcept;
  void run(Sequence& sequence);
  void note_cached(Sequence& sequence);
  void release(Sequence& sequence) noexcept;
  void preempt(Sequence& sequence);
  bool grow(Sequence& sequence);
  bool grow_beams(Sequence& sequence);
  void draft(Sequence& sequence, int64_t most);
  bool take_block(Sequence& sequence, std::vector<int32_t>& table);
  void limit_tokens(Sequence& sequence) const;
  int64_t running_width() const;
  void plan_decodes(std::vector<Share>& shares);
  std::vector<Sequence*> waiting_twins(const Sequence& sequence, int64_t running) const;
  int64_t growth(const Sequence& sequence) const;
  ContentHash content_after(Sequence& sequence, int64_t from, int64_t to) const;
  void extend_contents(Sequence& sequence, int64_t blocks) const;

  SchedulerOptions options_;
  BlockManager blocks_;
  std::set<Sequence*, ByRank> waiting_;
  std::vector<Sequence*> running_;                              ///< in the order of their ranks
  std::map<ContentHash, std::set<Sequence*, ByRank>> prompts_;  ///< the waiting ones by their prompts
  /// Contents that a running sequence is about to compute.
  std::unordered_map<ContentHash, const Sequence*, ContentHashBits> pending_;
  std::set<std::pair<double, Sequence*>> deadlines_;
  uint64_t arrivals_ = 0;
  int64_t preemptions_ = 0;
  int64_t prompt_tokens_ = 0;
  int64_t cached_tokens_ = 0;
};

/// What stands for an image: its pixels or its visual tokens.
ContentHash image_content(const ImageInput& image, const HashKey& key, uint64_t salt = 0);

}  // namespace honeybee
