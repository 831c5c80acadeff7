#include "engine/scheduler.h"

#include <algorithm>

namespace honeybee {
namespace {

constexpr double kMillisecondsPerPriority = 60'000.0;

// Where each image's visual tokens end; the images fill the negative ids in order.
std::vector<int64_t> find_image_ends(const Sequence& sequence, int64_t tokens_per_image) {
  std::vector<int64_t> ends;
  int64_t seen = 0;
  for (int64_t p = 0; p < sequence.prompt_length && tokens_per_image > 0; p++) {
    if (sequence.token(p) < 0 && ++seen % tokens_per_image == 0) ends.push_back(p + 1);
  }
  return ends;
}

}  // namespace

ContentHash image_content(const ImageInput& image, const HashKey& key, uint64_t salt) {
  SipHash hash(key);
  hash.add_value(salt);
  hash.add_value(uint8_t{image.tokens.empty()});
  if (image.resize) hash.add_value(*image.resize);
  hash.add(image.rgb);
  hash.add({reinterpret_cast<const uint8_t*>(image.tokens.data()), image.tokens.size() * sizeof(float)});
  return hash.finish();
}

Scheduler::Scheduler(const SchedulerOptions& options, int64_t blocks) : options_(options), blocks_(blocks) {}

// So that the sequence fits, also when its beams share nothing but the whole blocks of the prompt.
void Scheduler::limit_tokens(Sequence& sequence) const {
  Request& request = sequence.request;
  require(sequence.width() <= options_.max_sequences, ErrorCode::kOption, "beams is ", sequence.width(),
          ", more than the ", options_.max_sequences, " sequences that run at once (maxSequences)");
  const int64_t whole = sequence.prompt_length / kKvBlock;
  const int64_t each = whole + (blocks_.total() - whole) / sequence.width();
  const int64_t most = std::min(options_.positions, each * kKvBlock);
  require(sequence.prompt_length < most || sequence.prompt_length == 0, ErrorCode::kContextLength,
          "the prompt has ", sequence.prompt_length, " tokens, images included; the context of ", most,
          " leaves no room for an answer");
  request.max_tokens = std::min(request.max_tokens, most - sequence.prompt_length);
}

int64_t Scheduler::running_width() const {
  int64_t width = 0;
  for (const Sequence* sequence : running_) width += sequence->width();
  return width;
}

void Scheduler::add(Sequence& sequence, double now) {
  limit_tokens(sequence);
  Request& request = sequence.request;
  sequence.rank = now - kMillisecondsPerPriority * request.priority;
  sequence.arrival = arrivals_++;
  if (request.timeout > 0) sequence.deadline = now + static_cast<double>(request.timeout);
  sequence.image_ends = find_image_ends(sequence, options_.tokens_per_image);
  for (const ImageInput& image : request.images)
    sequence.image_contents.push_back(image_content(image, options_.key, request.salt));
  const int64_t whole = sequence.prompt_length / kKvBlock;
  extend_contents(sequence, whole);
  const int64_t visual = sequence.contents_visual;
  sequence.prompt_content = content_after(sequence, whole * kKvBlock, sequence.prompt_length);
  sequence.contents_visual = visual;
  wait(sequence);
  if (request.timeout > 0) deadlines_.emplace(sequence.deadline, &sequence);
}

void Scheduler::wait(Sequence& sequence) {
  prompts_[sequence.prompt_content].insert(&sequence);
  waiting_.insert(&sequence);
}

void Scheduler::stop_waiting(Sequence& sequence) noexcept {
  waiting_.erase(&sequence);
  const auto same = prompts_.find(sequence.prompt_content);
  if (same == prompts_.end()) return;
  same->second.erase(&sequence);
  if (same->second.empty()) prompts_.erase(same);
}

void Scheduler::remove(Sequence& sequence) noexcept {
  deadlines_.erase({sequence.deadline, &sequence});
  stop_waiting(sequence);
  std::erase(running_, &sequence);
  release(sequence);
}

// What stands for the positions up to `to`, given that the ones before `from` are named already. A visual
// position counts as its image and its place in it.
ContentHash Scheduler::content_after(Sequence& sequence, int64_t from, int64_t to) const {
  SipHash hash(options_.key);
  if (sequence.contents.empty()) {
    hash.add_value(sequence.request.salt);
  } else {
    hash.add_value(sequence.contents.back());
  }
  for (int64_t p = from; p < to; p++) {
    const int32_t token = sequence.token(p);
    hash.add_value(token);
    if (token >= 0) continue;
    const int64_t image = sequence.contents_visual / options_.tokens_per_image;
    hash.add_value(sequence.image_contents[static_cast<size_t>(image)]);
    hash.add_value(sequence.contents_visual++ % options_.tokens_per_image);
  }
  return hash.finish();
}

void Scheduler::extend_contents(Sequence& sequence, int64_t blocks) const {
  for (auto b = static_cast<int64_t>(sequence.contents.size()); b < blocks; b++)
    sequence.contents.push_back(content_after(sequence, b * kKvBlock, (b + 1) * kKvBlock));
}

// Blocks that a sequence will want soon, beside those for what it has.
int64_t Scheduler::growth(const Sequence& sequence) const {
  if (sequence.prompt_length == 0) return 0;
  const int64_t last = sequence.prompt_length + sequence.request.max_tokens;
  return sequence.width() * std::clamp<int64_t>(blocks_of(last) - blocks_of(sequence.length()), 0,
                                                options_.limits.growth_blocks);
}

std::vector<Sequence*> Scheduler::admit() {
  std::vector<Sequence*> admitted;
  int64_t width = running_width();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    Sequence& sequence = **it;
    if (width + sequence.width() > options_.max_sequences) break;
    const Admission admission = try_admit(sequence);
    if (admission == Admission::kNoRoom) break;
    if (admission == Admission::kHeld) {
      ++it;
      continue;
    }
    ++it;
    stop_waiting(sequence);
    run(sequence);
    width += sequence.width();
    admitted.push_back(&sequence);
  }
  return admitted;
}

Scheduler::Admission Scheduler::try_admit(Sequence& sequence) {
  if (sequence.held && pending_.contains(sequence.held_by)) return Admission::kHeld;
  sequence.held = false;
  blocks_.give_back(sequence.blocks);
  const bool reuses = options_.prefix_cache && !sequence.needs_whole_prompt();
  // The logits of the last position are wanted, so that it at least is computed.
  const int64_t reusable = reuses ? std::max<int64_t>(0, sequence.length() - 1) / kKvBlock : 0;
  const int64_t known = std::min(reusable, static_cast<int64_t>(sequence.contents.size()));
  int64_t found = 0;
  while (found < known && blocks_.share(sequence.contents[static_cast<size_t>(found)], sequence.blocks))
    found++;
  if (found < known) {
    sequence.held_by = sequence.contents[static_cast<size_t>(found)];
    sequence.held = pending_.contains(sequence.held_by);
  }
  const int64_t wanted = blocks_of(sequence.length()) - found;
  int64_t spare = growth(sequence);
  for (const Sequence* other : running_) spare += growth(*other);
  const bool has_room = sequence.length() == 0 || blocks_.available() >= wanted + spare;
  if (sequence.held || !has_room || !blocks_.take(wanted, sequence.blocks)) {
    blocks_.give_back(sequence.blocks);
    return sequence.held ? Admission::kHeld : Admission::kNoRoom;
  }
  sequence.computed = found * kKvBlock;
  note_cached(sequence);
  for (int64_t b = found; b < known; b++)
    pending_.emplace(sequence.contents[static_cast<size_t>(b)], &sequence);
  return Admission::kAdmitted;
}

void Scheduler::run(Sequence& sequence) {
  running_.insert(std::upper_bound(running_.begin(), running_.end(), &sequence, ByRank{}), &sequence);
  bool encodes = sequence.prompt_length == 0;
  for (size_t i = 0; i < sequence.request.images.size(); i++) encodes = encodes || sequence.needs_image(i);
  sequence.enter(encodes ? Sequence::Phase::kEncode : Sequence::Phase::kPrefill);
}

void Scheduler::note_cached(Sequence& sequence) {
  if (sequence.cached >= 0) return;
  sequence.cached = sequence.computed;
  prompt_tokens_ += sequence.prompt_length;
  cached_tokens_ += sequence.cached;
}

void Scheduler::plan_decodes(std::vector<Share>& shares) {
  // Whoever loses its blocks ranks behind those that have their share already.
  for (size_t i = 0; i < running_.size(); i++) {
    Sequence& sequence = *running_[i];
    if (sequence.phase == Sequence::Phase::kDecode && grow(sequence)) shares.push_back({&sequence, 1, {}});
  }
  int64_t budget = options_.limits.draft_rows;
  for (Share& share : shares) {
    draft(*share.sequence, budget);
    share.rows += std::ssize(share.sequence->drafted);
    budget -= std::ssize(share.sequence->drafted);
  }
}

std::vector<Share> Scheduler::plan() {
  for (Sequence* sequence : running_) {
    if (sequence->traced() && sequence->phase == Sequence::Phase::kPrefill)
      return {{sequence, sequence->length() - sequence->computed, {}}};
  }
  std::vector<Share> shares;
  plan_decodes(shares);
  int64_t budget = shares.empty() ? options_.limits.prefill_rows : options_.limits.mixed_prefill_rows;
  int64_t running = running_width();
  for (Sequence* sequence : running_) {
    if (sequence->phase != Sequence::Phase::kPrefill || budget == 0) continue;
    const int64_t left = sequence->length() - sequence->computed;
    Share share{sequence, std::min(budget, left), {}};
    budget -= share.rows;
    if (share.rows == left) share.twins = waiting_twins(*sequence, running);
    for (const Sequence* twin : share.twins) running += twin->width();
    shares.push_back(std::move(share));
  }
  return shares;
}

std::vector<Share> Scheduler::plan_behind(std::span<const Share> step) {
  const auto computes = [](const Sequence* sequence) {
    return sequence->phase == Sequence::Phase::kPrefill || sequence->phase == Sequence::Phase::kDecode;
  };
  if (std::ranges::count_if(running_, computes) != std::ssize(step)) return {};
  std::vector<Share> shares;
  for (const Share& share : step) {
    Sequence& sequence = *share.sequence;
    if (sequence.phase != Sequence::Phase::kDecode || sequence.waits_for_token()) return {};
    if (std::ssize(sequence.generated) + 1 >= sequence.request.max_tokens) continue;
    const int64_t missing = blocks_of(sequence.computed + 2) - std::ssize(sequence.blocks);
    if (missing > 0 && !blocks_.take(missing, sequence.blocks)) return {};
    shares.push_back({&sequence, 1, {}});
  }
  return shares;
}

// Waiting sequences with the prompt of this one, as many as may run beside the `running` ones.
std::vector<Sequence*> Scheduler::waiting_twins(const Sequence& sequence, int64_t running) const {
  std::vector<Sequence*> twins;
  if (!options_.prefix_cache || sequence.traced() || !sequence.generated.empty()) return twins;
  const auto same = prompts_.find(sequence.prompt_content);
  if (same == prompts_.end()) return twins;
  for (Sequence* twin : same->second) {
    if (running + twin->width() > options_.max_sequences) break;
    if (!twin->generated.empty() || twin->needs_whole_prompt()) continue;
    twins.push_back(twin);
    running += twin->width();
  }
  return twins;
}

void Scheduler::advance(Sequence& sequence, int64_t rows) {
  const int64_t before = sequence.computed / kKvBlock;
  sequence.computed += rows;
  if (!options_.prefix_cache || !sequence.beam_blocks.empty()) return;
  const int64_t full = sequence.computed / kKvBlock;
  extend_contents(sequence, full);
  for (int64_t b = before; b < full; b++) {
    const ContentHash& content = sequence.contents[static_cast<size_t>(b)];
    blocks_.publish(sequence.blocks[static_cast<size_t>(b)], content);
    const auto pending = pending_.find(content);
    if (pending != pending_.end() && pending->second == &sequence) pending_.erase(pending);
  }
}

std::vector<Sequence*> Scheduler::expired(double now) const {
  std::vector<Sequence*> late;
  for (const auto& [deadline, sequence] : deadlines_) {
    if (deadline > now) break;
    late.push_back(sequence);
  }
  return late;
}

}  // namespace honeybee
