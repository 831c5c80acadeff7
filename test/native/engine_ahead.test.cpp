// Steps that are launched before the tokens of the ones before are read, on devices that queue: the answers
// are those of an engine on the CPU, which reads each token first, and nobody keeps a block.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine_fixture.h"
#include "fixture.h"
#include "grammar/constraint.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using Reason = Event::Reason;

/// Of the tiny model with one layer: keys and values, heads, tokens, head_dim, f32.
constexpr size_t kBlockBytes = size_t{2} * 2 * 16 * 16 * 4;

// Each device that queues, with rows whose bits do not depend on the others.
void on_queueing_devices(const std::function<void(const EngineOptions&)>& body) {
  for (const Device& device : devices()) {
    if (device.name.starts_with("cpu")) continue;
    EngineOptions options = tiny_options();
    options.backend = device.make_invariant;
    options.config.vision->layers = 1;
    options.config.projector->feature_layers = {1};
    options.config.text.layers = 1;
    options.max_sequences = 8;
    body(options);
  }
}

/// What an engine made of some requests.
struct Outcome {
  std::map<uint64_t, std::vector<int32_t>> tokens;
  std::map<uint64_t, Event> ends;
  EngineStats stats;
};

// The requests reach the engine before it has loaded, those from `late` on when request 0 has two tokens.
Outcome answer(EngineOptions options, const std::vector<Request>& requests, size_t late = SIZE_MAX,
               const std::vector<uint64_t>& cancelled = {}) {
  std::latch gate(1);
  options.store = gated_options(gate).store;
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  const size_t early = std::min(late, requests.size());
  for (size_t i = 0; i < early; i++) engine.submit(requests[i], sink);
  gate.count_down();
  sink->wait_tokens(requests[0].id, 2);
  for (size_t i = early; i < requests.size(); i++) engine.submit(requests[i], sink);
  for (const uint64_t id : cancelled) {
    sink->wait_tokens(id, 3);
    engine.cancel(sink.get(), id);
  }
  EXPECT_TRUE(sink->wait_ends(requests.size()));
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  Outcome outcome;
  outcome.stats = engine.stats();
  EXPECT_EQ(outcome.stats.blocks_used, int64_t{0});
  EXPECT_EQ(sink->ended(), requests.size());
  for (const Request& request : requests) {
    outcome.tokens[request.id] = sink->tokens(request.id);
    outcome.ends[request.id] = sink->end(request.id);
  }
  return outcome;
}

// One prompt of a few, chosen by all that a choice can depend on.
Request random_request(Random& random, uint64_t id) {
  Request request =
      random.below(6) == 0 ? image_request(random.below(3), 1) : text_request(random.below(3), 1);
  request.id = id;
  request.ids.insert(request.ids.end(), static_cast<size_t>(random.below(10)), 9);
  request.max_tokens = 1 + random.below(random.below(4) == 0 ? 2 : 24);
  for (int64_t i = random.below(16); i > 0; i--)
    request.stop_tokens.push_back(static_cast<int32_t>(random.below(kVocabulary)));
  request.min_tokens = random.below(2) * random.below(6);
  SamplingOptions& sampling = request.sampling;
  if (random.below(3) > 0) {
    sampling.temperature = 1.0f;
    sampling.seed = static_cast<uint64_t>(random.below(3));
    sampling.sequence = static_cast<uint32_t>(random.below(3));
    if (random.below(2) == 0) sampling.top_p = 0.9f;
  }
  if (random.below(3) == 0) sampling.repetition_penalty = 1.3f;
  if (random.below(4) == 0) sampling.no_repeat_ngram_size = 2;
  if (random.below(5) == 0) request.logprobs = 2;
  if (random.below(12) == 0) request.prompt_lookup = 4;
  return request;
}

bool is_prefix(const std::vector<int32_t>& part, const std::vector<int32_t>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

TEST(engine_answers_the_same_when_steps_are_launched_ahead) {
  on_queueing_devices([](const EngineOptions& options) {
    size_t weights = 0;
    {
      const auto sink = std::make_shared<Recorder>();
      Engine engine(options, sink);
      EXPECT_TRUE(sink->wait_ready());
      weights = engine.info().weight_bytes;
    }
    int64_t ahead = 0;
    int64_t preemptions = 0;
    int64_t stopped = 0;
    for (uint64_t seed = 0; seed < 6 && failure_count() == 0; seed++) {
      Random random(seed);
      std::vector<Request> requests;
      for (uint64_t id = 0; id < 8; id++) requests.push_back(random_request(random, id));
      EngineOptions drawn = options;
      drawn.context = 48;
      drawn.max_sequences = 3 + random.below(6);
      drawn.limits.growth_blocks = 0;
      // Blocks for one sequence of full length and a few more.
      drawn.memory = weights + static_cast<size_t>(3 + random.below(3)) * kBlockBytes;
      // Some schedules depend on no clock.
      const size_t late = seed % 2 == 0 ? SIZE_MAX : static_cast<size_t>(1 + random.below(7));
      const auto some = static_cast<uint64_t>(random.below(8));
      const std::vector<uint64_t> cancelled(seed % 2, some);
      EngineOptions reading_first = drawn;
      reading_first.backend = tiny_options().backend;
      reading_first.memory = 0;
      const Outcome expected = answer(reading_first, requests);
      EXPECT_EQ(expected.stats.steps_ahead, int64_t{0});
      const Outcome outcome = answer(drawn, requests, late, cancelled);
      for (const auto& [id, tokens] : expected.tokens) {
        const Event& end = outcome.ends.at(id);
        if (end.reason == Reason::kAbort) {
          EXPECT_TRUE(!cancelled.empty() && id == some && is_prefix(outcome.tokens.at(id), tokens));
          continue;
        }
        EXPECT_TRUE(outcome.tokens.at(id) == tokens);
        EXPECT_TRUE(end.reason != Reason::kError && end.reason == expected.ends.at(id).reason);
        if (end.reason == Reason::kStop) stopped++;
      }
      ahead += outcome.stats.steps_ahead;
      preemptions += outcome.stats.preemptions;
    }
    EXPECT_TRUE(ahead > 30);
    EXPECT_TRUE(preemptions > 2);
    EXPECT_TRUE(stopped > 5);
  });
}

// Answers to one prompt that stop at each of its tokens in turn: behind each a token is computed for nobody.
TEST(engine_throws_the_token_behind_the_last_away) {
  on_queueing_devices([](const EngineOptions& options) {
    Request whole = text_request(0, 9);
    whole.sampling.temperature = 1.0f;
    whole.sampling.seed = 5;
    const std::vector<int32_t> tokens = answer(options, {whole}).tokens.at(0);
    EXPECT_EQ(tokens.size(), size_t{9});
    std::vector<Request> requests;
    for (uint64_t id = 0; id < 8; id++) {
      requests.push_back(whole);
      requests.back().id = id;
      requests.back().stop_tokens = {tokens[id]};
    }
    const Outcome outcome = answer(options, requests);
    int64_t generated = 0;
    for (const Request& request : requests) {
      const auto end = std::ranges::find(tokens, request.stop_tokens[0]);
      EXPECT_TRUE(outcome.tokens.at(request.id) == std::vector<int32_t>(tokens.begin(), end));
      EXPECT_TRUE(outcome.ends.at(request.id).reason == Reason::kStop);
      generated += end - tokens.begin();
    }
    EXPECT_EQ(outcome.stats.generated_tokens, generated);
    EXPECT_TRUE(outcome.stats.steps_ahead > 0);
  });
}

// A token of a prefill is read at once, and so is the first of a row of decoding steps; the answer's length
// is known, so that nothing is launched behind its end. What is guessed follows from the tokens before it.
TEST(engine_launches_all_steps_ahead_that_it_can) {
  on_queueing_devices([](const EngineOptions& options) {
    const auto ahead_of = [&](const Request& request) {
      const Outcome outcome = answer(options, {request});
      EngineOptions reading_first = options;
      reading_first.launch_ahead = false;
      const Outcome expected = answer(reading_first, {request});
      EXPECT_TRUE(outcome.tokens == expected.tokens);
      EXPECT_EQ(expected.stats.steps_ahead, int64_t{0});
      const EngineStats& stats = outcome.stats;
      EXPECT_EQ(stats.generated_tokens, request.max_tokens);
      if (request.prompt_lookup == 0) EXPECT_EQ(stats.steps, request.max_tokens);
      return stats.steps_ahead;
    };
    Request request = text_request(0, 10);
    EXPECT_EQ(ahead_of(request), int64_t{8});
    request.max_tokens = 1;
    EXPECT_EQ(ahead_of(request), int64_t{0});
    request.max_tokens = 10;
    request.logprobs = 3;
    EXPECT_EQ(ahead_of(request), int64_t{8});
    request.prompt_lookup = 2;
    EXPECT_EQ(ahead_of(request), int64_t{0});
  });
}

// In the trace of steps one begins no sooner than the one before ends.
TEST(engine_traces_steps_that_were_launched_ahead) {
  on_queueing_devices([](EngineOptions options) {
    const std::string file =
        std::filesystem::temp_directory_path() / ("steps-ahead-" + std::to_string(getpid()) + ".json");
    options.step_trace = file;
    answer(options, {text_request(0, 10), text_request(1, 6)});
    std::ifstream lines(file);
    std::string line;
    int ahead = 0;
    int steps = 0;
    double end = 0.0;
    while (std::getline(lines, line)) {
      if (line.find(R"("name":"step")") == std::string::npos) continue;
      double at = -1.0;
      double duration = -1.0;
      EXPECT_EQ(std::sscanf(std::strstr(line.c_str(), R"("ts")"), R"("ts":%lf,"dur":%lf)", &at, &duration),
                2);
      // Written with a digit behind the point.
      EXPECT_TRUE(at >= end - 0.2 && duration >= 0.0);
      end = at + duration;
      steps++;
      if (line.find(R"("ahead":true)") != std::string::npos) ahead++;
    }
    std::filesystem::remove(file);
    EXPECT_EQ(steps, 10);
    // The second answer ends with the sixth step; one row needs a smaller recording, which is planned anew.
    EXPECT_EQ(ahead, 4 + 3);
  });
}

// The network goes ahead beside a format too; the mask of a token is known when it is chosen.
TEST(engine_keeps_to_a_format_ahead_of_its_tokens) {
  using namespace grammar;
  std::string bytes;
  std::vector<uint32_t> ends = {0};
  for (char c = ' '; c <= '~'; c++) {
    bytes += c;
    ends.push_back(static_cast<uint32_t>(bytes.size()));
  }
  const auto vocabulary = std::make_shared<const Vocabulary>(bytes, ends, std::vector<uint8_t>(ends.size()));
  on_queueing_devices([&](const EngineOptions& options) {
    std::vector<Request> requests;
    for (uint64_t id = 0; id < 4; id++) {
      requests.push_back(text_request(id, 30));
      requests.back().sampling.temperature = 1.0f;
      requests.back().stop_tokens = {0};
      if (id % 2 == 0)
        requests.back().format = std::make_shared<TokenMasks>(compile_regex("(ab|[x-z]){20}!"), vocabulary);
    }
    const Outcome outcome = answer(options, requests);
    EXPECT_TRUE(outcome.stats.steps_ahead > 15);
    for (const Request& request : requests) {
      if (!request.format) continue;
      std::string text;
      for (const int32_t token : outcome.tokens.at(request.id)) text += static_cast<char>(' ' + token - 1);
      size_t at = 0;
      for (int i = 0; i < 20 && at < text.size(); i++) at += text.compare(at, 2, "ab") == 0 ? 2 : 1;
      EXPECT_EQ(text.substr(at), std::string("!"));
      EXPECT_EQ(text.find_first_not_of("abxyz!"), std::string::npos);
    }
  });
}

}  // namespace
}  // namespace honeybee::testing
