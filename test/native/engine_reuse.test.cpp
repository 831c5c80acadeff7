// What requests share: prefixes, prompts, images. In f32 the logits of a request are the same to the bit
// whatever is reused, given up and computed again, or run beside it.
#include <algorithm>
#include <thread>

#include "engine_fixture.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using Reason = Event::Reason;

// How large the schedules are that a test draws.
struct Size {
  uint64_t schedules = 0;
  uint64_t requests = 0;
  int64_t tokens = 0;  ///< of the longest answer
};

// Text, at times around an image, that begins like others of its family.
Request random_request(Random& random, uint64_t id, int64_t tokens) {
  Request request;
  request.id = id;
  const auto family = static_cast<int32_t>(random.below(3));
  for (int64_t i = 20 + random.below(50); i >= 0; i--) request.ids.push_back(5 + family);
  if (random.below(2) == 0) {
    ImageInput image;
    image.rgb.assign(static_cast<size_t>(kImageSide * kImageSide * 3),
                     static_cast<uint8_t>(40 * random.below(3)));
    request.images.push_back(image);
    request.ids.insert(request.ids.end(), static_cast<size_t>(kVisualTokens), -1);
  }
  for (int64_t i = random.below(20); i >= 0; i--)
    request.ids.push_back(3 + static_cast<int32_t>(random.below(2)));
  request.max_tokens = 1 + random.below(tokens);
  request.raw_logits = request.max_tokens;
  if (random.below(2) == 0) {
    request.sampling.temperature = 1.0f;
    request.sampling.seed = static_cast<uint64_t>(random.below(3));
  }
  if (random.below(4) == 0) request.prompt_logprobs = static_cast<int32_t>(random.below(3));
  if (random.below(2) == 0) request.prompt_lookup = 1 + static_cast<int32_t>(random.below(24));
  return request;
}

// An engine that reuses nothing, guesses nothing and gets one request at a time.
class Alone {
 public:
  explicit Alone(EngineOptions options) {
    options.prefix_cache = false;
    options.image_cache = 0;
    engine_ = std::make_unique<Engine>(std::move(options), sink_);
    EXPECT_TRUE(sink_->wait_ready());
  }

  size_t weight_bytes() const { return engine_->info().weight_bytes; }

  Event answer(Request request, std::vector<int32_t>& tokens) {
    request.id = next_++;
    request.prompt_lookup = 0;
    engine_->submit(request, sink_);
    EXPECT_TRUE(sink_->wait_ends(next_));
    tokens = sink_->tokens(request.id);
    return sink_->end(request.id);
  }

 private:
  std::shared_ptr<Recorder> sink_ = std::make_shared<Recorder>();
  std::unique_ptr<Engine> engine_;
  uint64_t next_ = 0;
};

// What schedules shared, guessed and gave up on the way.
struct Seen {
  int64_t preemptions = 0;
  int64_t cached = 0;
  int64_t drafted = 0;
  int64_t accepted = 0;
};

// Random requests under random limits and in little memory: the logits of each must be those it has alone.
void expect_independent(const EngineOptions& options, const Size& size, Seen& seen) {
  Alone alone(options);
  const TextConfig& text = options.config.text;
  const KvShape one_block{.layers = text.layers,
                          .kv_heads = text.kv_heads,
                          .head_dim = text.head_dim,
                          .blocks = 1,
                          .dtype = options.kv_dtype};
  const auto block = static_cast<size_t>(one_block.block_bytes());
  for (uint64_t seed = 0; seed < size.schedules && failure_count() == 0; seed++) {
    Random random(seed);
    std::latch gate(1);
    EngineOptions drawn = options;
    drawn.store = gated_options(gate).store;
    drawn.context = 176;
    drawn.max_sequences = 1 + random.below(8);
    drawn.limits.prefill_rows = 1 + random.below(64);
    drawn.limits.mixed_prefill_rows = 1 + random.below(32);
    drawn.limits.growth_blocks = random.below(2);
    // Blocks for one sequence of full length and little more.
    drawn.memory = alone.weight_bytes() + static_cast<size_t>(12 + random.below(8)) * block;
    const auto sink = std::make_shared<Recorder>();
    Engine engine(std::move(drawn), sink);
    std::vector<Request> requests;
    for (uint64_t id = 0; id < size.requests; id++)
      requests.push_back(random_request(random, id, size.tokens));
    for (const Request& request : requests) engine.submit(request, sink);
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(requests.size()));
    for (const Request& request : requests) {
      std::vector<int32_t> tokens;
      const Event expected = alone.answer(request, tokens);
      EXPECT_TRUE(sink->tokens(request.id) == tokens);
      const Event end = sink->end(request.id);
      EXPECT_SAME_BITS(end.raw_logits, expected.raw_logits);
      EXPECT_SAME_BITS(end.prompt_logprobs.logprobs, expected.prompt_logprobs.logprobs);
      EXPECT_SAME_BITS(end.prompt_logprobs.top_logprobs, expected.prompt_logprobs.top_logprobs);
      EXPECT_EQ(end.prompt_logprobs.logprobs.empty(), request.prompt_logprobs < 0);
    }
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
    seen.preemptions += engine.stats().preemptions;
    seen.cached += engine.stats().cached_tokens;
    seen.drafted += engine.stats().drafted_tokens;
    seen.accepted += engine.stats().accepted_tokens;
  }
}

TEST(engine_logits_do_not_depend_on_what_is_shared_or_stopped) {
  Seen seen;
  expect_independent(tiny_options(), {.schedules = 8, .requests = 20, .tokens = 90}, seen);
  EXPECT_TRUE(seen.preemptions > 10);
  EXPECT_TRUE(seen.cached > 300);
  EXPECT_TRUE(seen.accepted > 100 && seen.accepted < seen.drafted);
}

// Without batch_invariant these devices choose the kernel of a product by its rows.
TEST(engine_logits_of_batch_invariant_devices_do_not_depend_on_the_batch) {
  for (const Device& device : devices()) {
    const bool on_cpu = device.name.starts_with("cpu");
    std::vector<std::pair<Dtype, uint64_t>> schedules = {{Dtype::kBF16, 3}, {Dtype::kInt8, 1}};
    if (!on_cpu) schedules = {{Dtype::kBF16, 30}, {Dtype::kInt8, 10}, {Dtype::kFp8, 10}};
    Seen seen;
    for (const auto& [cache, count] : schedules) {
      EngineOptions options = tiny_options();
      options.dtypes = {Dtype::kBF16, Dtype::kBF16, Dtype::kBF16};
      options.kv_dtype = cache;
      options.backend = device.make_invariant;
      expect_independent(options,
                         on_cpu ? Size{.schedules = count, .requests = 12, .tokens = 60}
                                : Size{.schedules = count, .requests = 4, .tokens = 8},
                         seen);
    }
    EXPECT_TRUE(seen.cached > 100);
    EXPECT_TRUE(seen.accepted > 0 && seen.accepted < seen.drafted);
  }
}

TEST(engine_encodes_an_image_once) {
  on_each_device([](EngineOptions options, std::latch& gate) {
    const auto sink = std::make_shared<Recorder>();
    Engine engine(std::move(options), sink);
    // Five prompts at once with two pictures between them, and one later.
    for (uint64_t id = 0; id < 5; id++) {
      Request request = image_request(id, 4);
      request.images[0].rgb.assign(request.images[0].rgb.size(), static_cast<uint8_t>(id % 2));
      engine.submit(request, sink);
    }
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(5));
    Request again = image_request(5, 4);
    again.images[0].rgb.assign(again.images[0].rgb.size(), uint8_t{1});
    engine.submit(again, sink);
    EXPECT_TRUE(sink->wait_ends(6));
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().images_encoded, int64_t{2});
    EXPECT_EQ(engine.stats().image_hits, int64_t{4});
  });
}

TEST(engine_forgets_images_beyond_its_limit) {
  EngineOptions options = tiny_options();
  // Room for two of them: [4, 32] in f32.
  options.image_cache = 2 * 4 * 32 * sizeof(float);
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  auto show = [&, id = uint64_t{0}](uint8_t picture) mutable {
    Request request = image_request(id++, 1);
    request.images[0].rgb.assign(request.images[0].rgb.size(), picture);
    engine.submit(request, sink);
    EXPECT_TRUE(sink->wait_ends(id));
  };
  for (const uint8_t picture : {1, 2, 1, 3, 1, 2}) show(picture);
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_EQ(engine.stats().images_encoded, int64_t{4});
  EXPECT_EQ(engine.stats().image_evictions, int64_t{2});
  EXPECT_TRUE(engine.stats().image_bytes <= 2 * 4 * 32 * sizeof(float));
}

// A batch of answers to one prompt: one prefill, and each answer as if it were alone.
TEST(engine_computes_the_prompt_of_many_answers_once) {
  on_each_device([](EngineOptions options, std::latch& gate) {
    const auto sink = std::make_shared<Recorder>();
    Engine engine(options, sink);
    std::vector<Request> requests;
    for (uint64_t id = 0; id < 6; id++) {
      Request request = image_request(7, 8);
      request.id = id;
      request.ids.insert(request.ids.end(), 30, 9);
      request.sampling.temperature = 1.0f;
      request.sampling.seed = 3;
      request.sampling.sequence = static_cast<uint32_t>(id);
      requests.push_back(request);
      engine.submit(request, sink);
    }
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(6));
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().cached_tokens, int64_t{5 * 38});
    EXPECT_EQ(engine.stats().images_encoded, int64_t{1});
    const auto single = std::make_shared<Recorder>();
    options.prefix_cache = false;
    Engine reference(std::move(options), single);
    for (const Request& request : requests) {
      reference.submit(request, single);
      EXPECT_TRUE(single->wait_ends(request.id + 1));
      EXPECT_TRUE(sink->tokens(request.id) == single->tokens(request.id));
    }
  });
}

// The first answer ends with the token of the step that the others are to go on from.
TEST(engine_shares_a_prompt_that_one_token_answers) {
  on_each_device([](EngineOptions options, std::latch& gate) {
    const auto sink = std::make_shared<Recorder>();
    Engine engine(std::move(options), sink);
    for (uint64_t id = 0; id < 4; id++) {
      Request request = image_request(7, 1);
      request.id = id;
      request.ids.insert(request.ids.end(), 30, 9);
      engine.submit(request, sink);
    }
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(4));
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().steps, int64_t{1});
    EXPECT_EQ(engine.stats().cached_tokens, int64_t{3 * 38});
    for (uint64_t id = 0; id < 4; id++) {
      EXPECT_EQ(sink->tokens(id).size(), size_t{1});
      EXPECT_TRUE(sink->tokens(id) == sink->tokens(0));
    }
  });
}

TEST(engine_ends_what_takes_longer_than_its_timeout) {
  const auto sink = std::make_shared<Recorder>();
  sink->hold_at(0, 3);
  EngineOptions options = tiny_options();
  options.max_sequences = 1;
  Engine engine(std::move(options), sink);
  Request slow = text_request(0, 1000);
  slow.timeout = 50;
  Request waiting = text_request(1, 1000);
  waiting.timeout = 50;
  engine.submit(slow, sink);
  engine.submit(waiting, sink);
  sink->wait_tokens(0, 3);  // or its end already, on a slow machine
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  sink->resume();
  engine.submit(text_request(2, 5), sink);
  EXPECT_TRUE(sink->wait_ends(3));
  for (const uint64_t id : {0, 1}) {
    EXPECT_TRUE(sink->end(id).reason == Reason::kError);
    EXPECT_TRUE(sink->end(id).code == ErrorCode::kOverloaded);
    EXPECT_TRUE(sink->end(id).message.find("timeout of 50 ms") != std::string::npos);
  }
  EXPECT_TRUE(sink->end(2).reason == Reason::kLength);
}

}  // namespace
}  // namespace honeybee::testing
