// Who runs, on which blocks: the scheduler driven by a pretended engine.
#include "engine/scheduler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/paged.h"
#include "fixture.h"
#include "pretended_engine.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

SchedulerOptions options(int64_t max_sequences = 8) {
  SchedulerOptions options;
  options.max_sequences = max_sequences;
  options.positions = 256;
  options.tokens_per_image = kPerImage;
  return options;
}

Request prompt(int64_t length, int64_t max_tokens, int32_t first = 0) {
  Request request;
  for (int64_t i = 0; i < length; i++) request.ids.push_back(first + static_cast<int32_t>(i % 40));
  request.max_tokens = max_tokens;
  return request;
}

// A prompt whose first third is one of a few, with images at times.
Request random_prompt(Random& random) {
  Request request;
  const int64_t family = random.below(3);
  const int64_t shared = random.below(50);
  for (int64_t i = 0; i < shared; i++) request.ids.push_back(static_cast<int32_t>(family));
  for (int64_t images = random.below(3); images > 0; images--) {
    request.ids.insert(request.ids.end(), kPerImage, -1);
    request.images.push_back({{static_cast<uint8_t>(random.below(2))}, {}, {}});
  }
  for (int64_t i = random.below(20); i >= 0; i--)
    request.ids.push_back(static_cast<int32_t>(random.below(2)));
  request.max_tokens = 1 + random.below(120);
  request.priority = static_cast<int32_t>(random.below(3));
  request.sampling.seed = static_cast<uint64_t>(random.below(4));
  request.prompt_lookup = static_cast<int32_t>(std::max<int64_t>(0, random.below(30) - 10));
  if (random.below(3) == 0) {
    request.beams.count = 2 + static_cast<int32_t>(random.below(3));
    request.stop_tokens = {7};
  }
  return request;
}

// What a sequence has found: its tokens, or those of its best beam and of the next.
std::vector<std::vector<int32_t>> found(const Sequence& sequence) {
  if (!sequence.search) return {sequence.generated};
  std::vector<std::vector<int32_t>> all;
  for (const Hypothesis& hypothesis : sequence.search->best(2)) all.push_back(hypothesis.tokens);
  return all;
}

// The answer that the sequence would get alone.
std::vector<std::vector<int32_t>> alone(Request request) {
  request.prompt_lookup = 0;
  Pretender pretender(options(request.beams.count), 128);
  Sequence& sequence = pretender.add(request);
  while (pretender.finished() == 0) EXPECT_TRUE(pretender.turn());
  return found(sequence);
}

// Whether the prompt of a request leaves room for a token, with no block shared but those of the prompt.
bool fits(const Request& request, int64_t blocks, int64_t max_sequences) {
  const auto length = static_cast<int64_t>(request.ids.size());
  const int64_t beams = request.beams.count;
  const int64_t whole = length / kKvBlock;
  return beams <= max_sequences &&
         length < std::min<int64_t>((whole + (blocks - whole) / beams) * kKvBlock, 256);
}

TEST(scheduler_property_random_schedules) {
  int64_t preemptions = 0;
  int64_t cached = 0;
  int64_t searches = 0;
  int64_t behind = 0;
  for (uint64_t seed = 0; seed < 2000 && failure_count() == 0; seed++) {
    Random random(seed);
    const int64_t blocks = 8 + random.below(24);
    SchedulerOptions chosen = options(1 + random.below(8));
    chosen.prefix_cache = random.below(5) > 0;
    chosen.limits.growth_blocks = random.below(3);
    Pretender pretender(chosen, blocks);
    std::vector<std::pair<Sequence*, Request>> all;
    const int64_t count = 1 + random.below(12);
    for (int turns = 0; all.size() < static_cast<size_t>(count) || pretender.turn(random.below(10) == 0) ||
                        pretender.scheduler.waiting() > 0;
         turns++) {
      if (turns > 20'000) {
        record_failure(__FILE__, __LINE__, "seed " + std::to_string(seed) + " does not end");
        break;
      }
      if (all.size() < static_cast<size_t>(count) && random.below(4) == 0) {
        const Request request = random_prompt(random);
        if (fits(request, blocks, chosen.max_sequences))
          all.emplace_back(&pretender.add(request), request);
        else
          all.emplace_back(nullptr, request);
      }
      if (random.below(60) == 0 && !all.empty()) {
        Sequence* sequence = all[static_cast<size_t>(random.below(static_cast<int64_t>(all.size())))].first;
        if (sequence != nullptr && sequence->phase != Phase::kFinished) {
          pretender.end(*sequence);
          sequence->request.max_tokens = -1;  // given up
        }
      }
      if (all.size() < static_cast<size_t>(count)) pretender.turn();
    }
    for (const auto& [sequence, request] : all) {
      if (sequence == nullptr || sequence->request.max_tokens < 0) continue;
      EXPECT_TRUE(sequence->phase == Phase::kFinished);
      Request limited = request;
      limited.max_tokens = sequence->request.max_tokens;
      if (seed % 10 == 0) EXPECT_TRUE(found(*sequence) == alone(limited));
      if (!sequence->search)
        EXPECT_EQ(static_cast<int64_t>(sequence->generated.size()), sequence->request.max_tokens);
      searches += sequence->search ? 1 : 0;
      EXPECT_TRUE(sequence->cached >= 0 && sequence->cached <= sequence->prompt_length);
    }
    EXPECT_EQ(pretender.scheduler.blocks().used(), int64_t{0});
    EXPECT_EQ(pretender.scheduler.blocks().available(), blocks);
    preemptions += pretender.scheduler.preemptions();
    cached += pretender.scheduler.cached_tokens();
    behind += pretender.behind;
  }
  // Otherwise these schedules would show nothing.
  EXPECT_TRUE(preemptions > 200);
  EXPECT_TRUE(cached > 10'000);
  EXPECT_TRUE(searches > 500);
  EXPECT_TRUE(behind > 1000);
}

// Nobody gives anything up for a step whose tokens may be too many.
TEST(scheduler_plans_behind_a_step_what_needs_no_token) {
  SchedulerOptions chosen = options(4);
  chosen.limits.growth_blocks = 0;
  Pretender pretender(chosen, 3);
  Scheduler& scheduler = pretender.scheduler;
  Sequence& first = pretender.add(prompt(14, 40, 1));
  Sequence& second = pretender.add(prompt(14, 40, 2));
  EXPECT_TRUE(pretender.turn());  // the prompts, and a token of each
  const std::vector<Share> step = scheduler.plan();
  EXPECT_EQ(step.size(), size_t{2});
  // The step writes position 14; the one behind it 15, which is still in the first block.
  EXPECT_EQ(scheduler.plan_behind(step).size(), size_t{2});
  EXPECT_EQ(scheduler.blocks().used(), int64_t{2});
  // Somebody else has a prompt to compute, and takes the last block.
  Sequence& other = pretender.add(prompt(4, 2, 3));
  EXPECT_EQ(scheduler.admit().size(), size_t{1});
  EXPECT_TRUE(scheduler.plan_behind(step).empty());
  pretender.end(other);
  for (const Share& share : step) {
    scheduler.advance(*share.sequence, 1);
    share.sequence->take(1);
  }
  // Both need a second block, and there is one.
  EXPECT_TRUE(scheduler.plan_behind(step).empty());
  EXPECT_EQ(scheduler.running().size(), size_t{2});
  // Now the second answer ends with the token that is not known yet.
  second.request.max_tokens = 3;
  const std::vector<Share> behind = scheduler.plan_behind(step);
  EXPECT_EQ(behind.size(), size_t{1});
  EXPECT_TRUE(behind.at(0).sequence == &first);
  EXPECT_EQ(first.blocks.size(), size_t{2});
  first.request.prompt_lookup = 2;
  EXPECT_TRUE(scheduler.plan_behind(step).empty());
  EXPECT_EQ(scheduler.preemptions(), int64_t{0});
}

TEST(scheduler_serves_ten_thousand_requests_in_order) {
  SchedulerOptions many = options(64);
  Pretender pretender(many, 512);
  std::vector<Sequence*> all;
  for (int32_t i = 0; i < 10'000; i++) all.push_back(&pretender.add(prompt(20, 3, i)));
  EXPECT_EQ(pretender.scheduler.waiting(), int64_t{10'000});
  while (pretender.turn() || pretender.scheduler.waiting() > 0) {
  }
  EXPECT_EQ(pretender.finished(), size_t{10'000});
  // First come, first served, but for those that run together.
  for (size_t i = 0; i < pretender.finished(); i++)
    EXPECT_TRUE(pretender.order()[i]->arrival + 64 > i && pretender.order()[i]->arrival < i + 64);
  EXPECT_EQ(pretender.scheduler.blocks().used(), int64_t{0});
}

TEST(scheduler_lets_priorities_go_first_and_nobody_starve) {
  Pretender pretender(options(1), 16);
  Sequence& low = pretender.add(prompt(20, 2, 7));
  low.request.priority = 0;
  // Important requests never stop coming, one each turn; a minute outweighs a level.
  int64_t turns = 0;
  while (low.phase != Phase::kFinished && turns++ < 20'000) {
    Request urgent = prompt(3, 1, static_cast<int32_t>(turns % 900));
    urgent.priority = 1;
    pretender.add(urgent);
    pretender.turn();
  }
  EXPECT_TRUE(low.phase == Phase::kFinished);
  Pretender second(options(1), 16);
  Sequence& first = second.add(prompt(20, 2, 7));
  Request urgent = prompt(20, 2, 9);
  urgent.priority = 1;
  Sequence& served = second.add(urgent);
  while (second.finished() < 2) second.turn();
  EXPECT_TRUE(second.order().front() == &served && second.order().back() == &first);
}

TEST(scheduler_refuses_what_can_never_fit) {
  Pretender pretender(options(), 4);
  EXPECT_ERROR(pretender.add(prompt(64, 1)), ErrorCode::kContextLength, "the prompt has 64 tokens");
  Sequence& longest = pretender.add(prompt(63, 100));
  EXPECT_EQ(longest.request.max_tokens, int64_t{1});
  while (pretender.finished() < 1) EXPECT_TRUE(pretender.turn());
}

TEST(scheduler_computes_a_shared_prompt_once) {
  Pretender pretender(options(8), 64);
  for (uint64_t i = 0; i < 6; i++) {
    Request request = prompt(100, 4);
    request.sampling.seed = i;
    pretender.add(request);
  }
  while (pretender.finished() < 6) EXPECT_TRUE(pretender.turn());
  // 100 rows of the prompt; each of four answers but its last token was fed back.
  EXPECT_EQ(pretender.computed, int64_t{100 + 6 * 3});
  EXPECT_EQ(pretender.scheduler.cached_tokens(), int64_t{500});
}

TEST(scheduler_forks_nothing_that_has_ended) {
  Pretender pretender(options(), 64);
  Sequence& first = pretender.add(prompt(40, 10));
  Sequence& twin = pretender.add(prompt(40, 10));
  EXPECT_EQ(pretender.scheduler.admit().size(), size_t{1});
  EXPECT_EQ(pretender.scheduler.plan().front().twins.size(), size_t{1});
  pretender.scheduler.advance(first, 40);
  pretender.end(first);
  std::vector<BlockCopy> copies;
  EXPECT_TRUE(!pretender.scheduler.fork(first, twin, copies));
  EXPECT_TRUE(twin.blocks.empty() && copies.empty() && twin.phase == Phase::kWaiting);
  EXPECT_EQ(pretender.scheduler.blocks().used(), int64_t{0});
  pretender.end(twin);
}

TEST(scheduler_reuses_the_turns_of_a_conversation) {
  Pretender pretender(options(8), 64);
  Sequence& first = pretender.add(prompt(50, 30));
  while (pretender.finished() < 1) pretender.turn();
  Request next = prompt(50, 4);
  next.ids.insert(next.ids.end(), first.generated.begin(), first.generated.end());
  next.ids.insert(next.ids.end(), {1, 2, 3});
  Sequence& second = pretender.add(next);
  while (pretender.finished() < 2) pretender.turn();
  // 79 positions were computed: four whole blocks.
  EXPECT_EQ(second.cached, int64_t{64});
}

TEST(scheduler_tells_images_apart_by_content) {
  for (const bool same : {true, false}) {
    Pretender pretender(options(8), 64);
    std::vector<Sequence*> both;
    for (int i = 0; i < 2; i++) {
      Request request = prompt(10, 2);
      request.ids.insert(request.ids.end(), kPerImage, -1);
      request.ids.insert(request.ids.end(), 20, 3);
      request.images.push_back({{static_cast<uint8_t>(same ? 1 : i)}, {}, {}});
      both.push_back(&pretender.add(request));
      while (both.back()->phase != Phase::kFinished) pretender.turn();
    }
    EXPECT_EQ(both[1]->cached, int64_t{same ? 32 : 0});
  }
}

TEST(scheduler_stops_the_last_in_rank_when_blocks_run_out) {
  SchedulerOptions tight = options(2);
  tight.prefix_cache = false;
  Pretender pretender(tight, 12);
  Sequence& older = pretender.add(prompt(10, 150, 0));
  Sequence& younger = pretender.add(prompt(10, 150, 5));
  std::optional<size_t> stopped_at;
  while (pretender.finished() < 2) {
    EXPECT_TRUE(pretender.turn());
    if (younger.phase == Phase::kWaiting && !stopped_at && younger.generated.size() > 1)
      stopped_at = younger.generated.size();
    EXPECT_TRUE(older.phase != Phase::kWaiting);
  }
  EXPECT_TRUE(stopped_at.has_value());
  EXPECT_TRUE(pretender.scheduler.preemptions() > 0);
  EXPECT_TRUE(found(younger) == alone(younger.request));
  EXPECT_TRUE(found(older) == alone(older.request));
}

TEST(scheduler_knows_whose_deadline_has_passed) {
  Pretender pretender(options(1), 16);
  Request hurried = prompt(5, 200);
  hurried.timeout = 100;
  Sequence& a = pretender.add(hurried);
  Sequence& b = pretender.add(hurried);
  pretender.add(prompt(5, 200));
  EXPECT_TRUE(pretender.scheduler.expired(99.0).empty());
  EXPECT_EQ(pretender.scheduler.expired(100.0).size(), size_t{2});
  pretender.turn();
  pretender.end(a);
  pretender.end(b);
  EXPECT_TRUE(pretender.scheduler.expired(1e9).empty());
}

}  // namespace
}  // namespace honeybee::testing
