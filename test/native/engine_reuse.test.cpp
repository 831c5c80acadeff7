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

/// Of the tiny model: keys and values, layers, heads, tokens, head_dim, f32.
constexpr size_t kBlockBytes = size_t{2} * 2 * 2 * 16 * 16 * 4;

// Text, at times around an image, that begins like others of its family.
Request random_request(Random& random, uint64_t id) {
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
  request.max_tokens = 1 + random.below(90);
  request.raw_logits = request.max_tokens;
  if (random.below(2) == 0) {
    request.sampling.temperature = 1.0f;
    request.sampling.seed = static_cast<uint64_t>(random.below(3));
  }
  return request;
}

// Alone in an engine that reuses nothing.
Event alone(const Request& request, std::vector<int32_t>& tokens) {
  EngineOptions options = tiny_options();
  options.prefix_cache = false;
  options.image_cache = 0;
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  engine.submit(request, sink);
  EXPECT_TRUE(sink->wait_ends(1));
  tokens = sink->tokens(request.id);
  return sink->end(request.id);
}

size_t weight_bytes() {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  EXPECT_TRUE(sink->wait_ready());
  return engine.info().weight_bytes;
}

TEST(engine_logits_do_not_depend_on_what_is_shared_or_stopped) {
  const size_t weights = weight_bytes();
  int64_t preemptions = 0;
  int64_t cached = 0;
  for (uint64_t seed = 0; seed < 8 && failure_count() == 0; seed++) {
    Random random(seed);
    std::latch gate(1);
    EngineOptions options = gated_options(gate);
    options.context = 176;
    options.max_sequences = 1 + random.below(8);
    options.limits.prefill_rows = 1 + random.below(64);
    options.limits.mixed_prefill_rows = 1 + random.below(32);
    options.limits.growth_blocks = random.below(2);
    // Blocks for one sequence of full length and little more.
    options.memory = weights + static_cast<size_t>(12 + random.below(8)) * kBlockBytes;
    const auto sink = std::make_shared<Recorder>();
    Engine engine(std::move(options), sink);
    std::vector<Request> requests;
    for (uint64_t id = 0; id < 20; id++) requests.push_back(random_request(random, id));
    for (const Request& request : requests) engine.submit(request, sink);
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(requests.size()));
    for (const Request& request : requests) {
      std::vector<int32_t> tokens;
      const Event expected = alone(request, tokens);
      EXPECT_TRUE(sink->tokens(request.id) == tokens);
      EXPECT_SAME_BITS(sink->end(request.id).raw_logits, expected.raw_logits);
    }
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
    preemptions += engine.stats().preemptions;
    cached += engine.stats().cached_tokens;
  }
  EXPECT_TRUE(preemptions > 10);
  EXPECT_TRUE(cached > 300);
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
