// Who holds which blocks: growing, taking them back, and sharing them between twins and beams.
#include <algorithm>

#include "engine/scheduler.h"

namespace honeybee {
namespace {

int64_t size_of(const std::vector<int32_t>& table) { return static_cast<int64_t>(table.size()); }

}  // namespace

// Takes back what a sequence has; it is computed from the start when it runs again.
void Scheduler::release(Sequence& sequence) noexcept {
  for (auto b = static_cast<size_t>(sequence.computed / kKvBlock); b < sequence.contents.size(); b++) {
    const auto pending = pending_.find(sequence.contents[b]);
    if (pending != pending_.end() && pending->second == &sequence) pending_.erase(pending);
  }
  blocks_.give_back(sequence.blocks);
  for (std::vector<int32_t>& table : sequence.beam_blocks) blocks_.give_back(table);
  sequence.beam_blocks.clear();
  sequence.copies.clear();
  sequence.drafted.clear();
  sequence.computed = 0;
}

void Scheduler::preempt(Sequence& sequence) {
  wait(sequence);
  std::erase(running_, &sequence);
  release(sequence);
  sequence.visual.clear();
  if (sequence.search) sequence.search->restart();
  if (sequence.traced()) sequence.trace.clear();
  sequence.enter(Sequence::Phase::kWaiting);
  preemptions_++;
}

// A block, taken from the last in rank if there is none. False if that was the sequence itself.
bool Scheduler::take_block(Sequence& sequence, std::vector<int32_t>& table) {
  while (!blocks_.take(1, table)) {
    const auto last = std::find_if(running_.rbegin(), running_.rend(), [](const Sequence* other) {
      return !other->blocks.empty() || !other->beam_blocks.empty();
    });
    Sequence& victim = **last;
    preempt(victim);
    if (&victim == &sequence) return false;
  }
  return true;
}

// Room for the next token; false if the sequence had to give its own blocks back.
bool Scheduler::grow(Sequence& sequence) {
  if (!sequence.beam_blocks.empty()) return grow_beams(sequence);
  const bool full = blocks_of(sequence.computed + 1) > size_of(sequence.blocks);
  return !full || take_block(sequence, sequence.blocks);
}

// Guesses as far as there are blocks that nobody has to give up for it.
void Scheduler::draft(Sequence& sequence, int64_t most) {
  sequence.draft(most);
  while (blocks_of(sequence.computed + 1 + std::ssize(sequence.drafted)) > size_of(sequence.blocks) &&
         !sequence.drafted.empty()) {
    if (!blocks_.take(1, sequence.blocks))
      sequence.draft(size_of(sequence.blocks) * kKvBlock - sequence.computed - 1);
  }
}

// Each beam writes to a block of its own: a new one, or a copy of what it shared so far.
bool Scheduler::grow_beams(Sequence& sequence) {
  const int64_t wanted = blocks_of(sequence.computed + 1);
  sequence.copies.reserve(sequence.copies.size() + sequence.beam_blocks.size());
  for (size_t beam = 0; beam < sequence.beam_blocks.size(); beam++) {
    std::vector<int32_t>& table = sequence.beam_blocks[beam];
    const bool full = wanted > size_of(table);
    if (!full && !blocks_.is_shared(table.back())) continue;
    std::vector<int32_t> own;
    if (!take_block(sequence, own)) return false;
    if (full) {
      table.push_back(own[0]);
      continue;
    }
    sequence.copies.push_back({table.back(), own[0]});
    std::swap(table.back(), own[0]);
    blocks_.give_back(own);
  }
  return true;
}

void Scheduler::branch(Sequence& sequence, std::span<const int32_t> parents) {
  std::vector<std::vector<int32_t>> next(parents.size());
  for (size_t beam = 0; beam < parents.size(); beam++) {
    const std::vector<int32_t>& from = sequence.beam_blocks.empty()
                                           ? sequence.blocks
                                           : sequence.beam_blocks[static_cast<size_t>(parents[beam])];
    next[beam].reserve(from.size() + 1);
  }
  for (size_t beam = 0; beam < parents.size(); beam++) {
    blocks_.share_blocks(sequence.beam_blocks.empty()
                             ? sequence.blocks
                             : sequence.beam_blocks[static_cast<size_t>(parents[beam])],
                         next[beam]);
  }
  for (std::vector<int32_t>& table : sequence.beam_blocks) blocks_.give_back(table);
  blocks_.give_back(sequence.blocks);
  sequence.beam_blocks = std::move(next);
}

bool Scheduler::fork(const Sequence& sequence, Sequence& twin, std::vector<BlockCopy>& copies) {
  if (twin.phase != Sequence::Phase::kWaiting) return false;
  const auto whole = static_cast<size_t>(sequence.prompt_length / kKvBlock);
  const bool cut = sequence.prompt_length % kKvBlock != 0;
  if (size_of(sequence.blocks) < blocks_of(sequence.prompt_length)) return false;
  if (running_width() + twin.width() > options_.max_sequences) return false;
  if (blocks_.available() < 1 + options_.limits.growth_blocks) return false;
  copies.reserve(copies.size() + 1);
  running_.reserve(running_.size() + 1);
  twin.blocks.reserve(whole + 1);
  blocks_.share_blocks(std::span(sequence.blocks).first(whole), twin.blocks);
  if (cut) {
    blocks_.take(1, twin.blocks);
    copies.push_back({sequence.blocks[whole], twin.blocks.back()});
  }
  stop_waiting(twin);
  twin.held = false;
  twin.computed = twin.prompt_length;
  note_cached(twin);
  run(twin);
  return true;
}

}  // namespace honeybee
