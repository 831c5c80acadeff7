#include <algorithm>
#include <string>

#include "../simt/runtime_exports.h"
#include "engine_fixture.h"
#include "simt_library.h"

/// What the engine makes of a GPU that fails: the request hears of it, the next one is served, nothing is
/// left behind. The simulator lets each call of the CUDA runtime fail in turn.
namespace honeybee::testing {
namespace {

constexpr const char* kKinds[] = {"allocation", "launch", "copy", "synchronize", "other"};
constexpr const char* kAlive[] = {"allocations",  "bytes",   "pinned allocations",
                                  "pinned bytes", "streams", "events",
                                  "graphs",       "queued",  "descriptors"};
constexpr int64_t kTokens = 4;  // a step that runs plainly, one that is recorded, and two that replay

std::vector<int64_t> alive() {
  std::vector<int64_t> counts;
  for (const char* what : kAlive) counts.push_back(SIMT_FUNCTION(honeybee_simt_live)(what));
  return counts;
}

void expect_alive(const std::vector<int64_t>& before, const std::string& when) {
  const std::vector<int64_t> after = alive();
  for (size_t i = 0; i < before.size(); i++) {
    if (after[i] != before[i])
      record_failure(
          __FILE__, __LINE__,
          when + ": " + std::to_string(after[i] - before[i]) + " more " + kAlive[i] + " than before");
  }
}

// Found before anything is made to fail.
const Device& simulator() {
  static const std::vector<Device> all = devices();
  return *std::find_if(all.begin(), all.end(), [](const Device& d) { return d.name == "simt"; });
}

EngineOptions simulated_options() {
  EngineOptions options = tiny_options();
  options.config.vision->layers = 1;
  options.config.projector->feature_layers = {1};
  options.config.text.layers = 1;
  options.context = 64;
  options.backend = [] { return simulator().make(0); };
  return options;
}

// The tokens of one request with an image, or the code of its failure.
struct Answer {
  std::vector<int32_t> tokens;
  Event end;
};

Answer ask(Engine& engine, const std::shared_ptr<Recorder>& recorder, uint64_t id) {
  Request request = image_request(7, kTokens);
  request.id = id;
  ImageInput& image = request.images[0];
  image.rgb.assign(size_t{3} * 40 * 30, uint8_t{7});
  image.resize = squash(40, 30, static_cast<int>(kImageSide), static_cast<int>(kImageSide));
  engine.submit(request, recorder);
  EXPECT_TRUE(recorder->wait_ends(id));
  return {recorder->tokens(id), recorder->end(id)};
}

bool is_failure(const Event& end) {
  return end.reason == Event::Reason::kError &&
         (end.code == ErrorCode::kDevice || end.code == ErrorCode::kOutOfMemory) && !end.message.empty();
}

}  // namespace

TEST_SIMT(engine_survives_each_call_of_a_request_failing) {
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  const std::vector<int64_t> before = alive();
  for (const std::string kind : kKinds) {
    std::vector<int32_t> wanted;
    int64_t calls = 0;
    // Call 0 does not exist: the first round counts the calls and tells what the answer is.
    for (int64_t at = 0; at <= calls; at++) {
      const auto recorder = std::make_shared<Recorder>();
      {
        Engine engine(simulated_options(), recorder);
        EXPECT_TRUE(recorder->wait_ready());
        SIMT_FUNCTION(honeybee_simt_reset_faults)();
        SIMT_FUNCTION(honeybee_simt_inject)(kind.c_str(), at);
        const Answer first = ask(engine, recorder, 1);
        if (at == 0) {
          wanted = first.tokens;
          calls = SIMT_FUNCTION(honeybee_simt_calls)(kind.c_str());
          EXPECT_TRUE(calls > 0);
          EXPECT_EQ(wanted.size(), static_cast<size_t>(kTokens));
        }
        EXPECT_TRUE(is_failure(first.end) || first.tokens == wanted);
        SIMT_FUNCTION(honeybee_simt_reset_faults)();
        EXPECT_TRUE(ask(engine, recorder, 2).tokens == wanted);
      }
      expect_alive(before, kind + " " + std::to_string(at));
    }
  }
}

TEST_SIMT(engine_survives_each_call_of_loading_failing) {
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  simulator();
  const std::vector<int64_t> before = alive();
  for (const std::string kind : kKinds) {
    int64_t calls = 0;
    for (int64_t at = 0; at <= calls; at++) {
      const auto recorder = std::make_shared<Recorder>();
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      SIMT_FUNCTION(honeybee_simt_inject)(kind.c_str(), at);
      {
        Engine engine(simulated_options(), recorder);
        const bool ready = recorder->wait_ready();
        if (at == 0) calls = SIMT_FUNCTION(honeybee_simt_calls)(kind.c_str());
        EXPECT_TRUE(ready || is_failure(recorder->closed()));
        EXPECT_TRUE(at > 0 || ready);
      }
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      expect_alive(before, "loading, " + kind + " " + std::to_string(at));
    }
  }
}

// Three requests share batches of images and steps; of an allocation that fails once at most one of them
// hears.
TEST_SIMT(engine_lets_an_allocation_fail_for_one_at_most) {
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  simulator();
  const std::vector<int64_t> before = alive();
  int64_t calls = 0;
  std::vector<std::vector<int32_t>> wanted(4);
  for (int64_t at = 0; at <= calls; at++) {
    const auto recorder = std::make_shared<Recorder>();
    {
      Engine engine(simulated_options(), recorder);
      EXPECT_TRUE(recorder->wait_ready());
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      SIMT_FUNCTION(honeybee_simt_inject)("allocation", at);
      // The first keeps the engine busy until the others are there.
      recorder->hold_at(0, 1);
      engine.submit(text_request(0, kTokens), recorder);
      recorder->wait_tokens(0, 1);
      for (uint64_t id = 1; id <= 3; id++) engine.submit(image_request(id, kTokens), recorder);
      recorder->resume();
      EXPECT_TRUE(recorder->wait_ends(4));
      if (at == 0) calls = SIMT_FUNCTION(honeybee_simt_calls)("allocation");
      int failed = 0;
      for (uint64_t id = 0; id <= 3; id++) {
        if (at == 0) wanted[id] = recorder->tokens(id);
        failed += is_failure(recorder->end(id)) ? 1 : 0;
        EXPECT_TRUE(is_failure(recorder->end(id)) || recorder->tokens(id) == wanted[id]);
      }
      EXPECT_TRUE(failed <= (at == 0 ? 0 : 1));
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      engine.stop();
      EXPECT_TRUE(recorder->wait_closed());
      EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
    }
    expect_alive(before, "allocation " + std::to_string(at));
  }
}

TEST_SIMT(engine_searches_or_fails_when_an_allocation_does) {
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  simulator();
  const std::vector<int64_t> before = alive();
  int64_t calls = 0;
  std::vector<Hypothesis> wanted;
  for (int64_t at = 0; at <= calls; at++) {
    const auto recorder = std::make_shared<Recorder>();
    {
      Engine engine(simulated_options(), recorder);
      EXPECT_TRUE(recorder->wait_ready());
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      SIMT_FUNCTION(honeybee_simt_inject)("allocation", at);
      Request request = text_request(0, 20);
      request.beams.count = 3;
      engine.submit(request, recorder);
      EXPECT_TRUE(recorder->wait_ends(1));
      const Event end = recorder->end(0);
      if (at == 0) {
        calls = SIMT_FUNCTION(honeybee_simt_calls)("allocation");
        wanted = end.hypotheses;
        EXPECT_TRUE(calls > 0 && wanted.size() == 1 && wanted[0].tokens.size() == 20);
      }
      EXPECT_TRUE(is_failure(end) || end.hypotheses.at(0).tokens == wanted.at(0).tokens);
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      engine.stop();
      EXPECT_TRUE(recorder->wait_closed());
      EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
    }
    expect_alive(before, "allocation " + std::to_string(at));
  }
}

// A kernel that faults, and a GPU that falls off the bus: everything from then on fails, kindly, and another
// engine works once the device is back.
TEST_SIMT(engine_reports_a_lost_device) {
  const std::vector<int64_t> before = alive();
  for (const char* kind : {"kernel", "lost"}) {
    const auto recorder = std::make_shared<Recorder>();
    {
      Engine engine(simulated_options(), recorder);
      EXPECT_TRUE(recorder->wait_ready());
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      SIMT_FUNCTION(honeybee_simt_inject)(kind, 5);
      EXPECT_TRUE(is_failure(ask(engine, recorder, 1).end));
      EXPECT_TRUE(is_failure(ask(engine, recorder, 2).end));
    }
    SIMT_FUNCTION(honeybee_simt_reset_faults)();
    const auto next = std::make_shared<Recorder>();
    Engine engine(simulated_options(), next);
    EXPECT_TRUE(next->wait_ready());
    EXPECT_EQ(ask(engine, next, 1).tokens.size(), static_cast<size_t>(kTokens));
  }
  expect_alive(before, "afterwards");
}

// Two models on one device answer at once, each as if it were alone.
TEST_SIMT(engines_share_a_device) {
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  const std::vector<int64_t> before = alive();
  std::vector<int32_t> wanted;
  {
    const auto recorder = std::make_shared<Recorder>();
    Engine engine(simulated_options(), recorder);
    wanted = ask(engine, recorder, 1).tokens;
  }
  {
    std::shared_ptr<Recorder> recorders[2];
    std::unique_ptr<Engine> engines[2];
    for (int i = 0; i < 2; i++) {
      recorders[i] = std::make_shared<Recorder>();
      engines[i] = std::make_unique<Engine>(simulated_options(), recorders[i]);
    }
    for (uint64_t id = 1; id <= 3; id++) {
      for (int i = 0; i < 2; i++) {
        Request request = image_request(7, kTokens);
        request.id = id;
        engines[i]->submit(request, recorders[i]);
      }
    }
    for (int i = 0; i < 2; i++) {
      EXPECT_TRUE(recorders[i]->wait_ends(3));
      for (uint64_t id = 1; id <= 3; id++) EXPECT_TRUE(recorders[i]->tokens(id) == wanted);
    }
  }
  expect_alive(before, "afterwards");
}

// Stopped while images are encoded and graphs run: the destructor waits for the device, and all memory goes
// back.
TEST_SIMT(engine_stops_while_graphs_run) {
  const std::vector<int64_t> before = alive();
  for (size_t tokens = 0; tokens < 5; tokens++) {
    const auto recorder = std::make_shared<Recorder>();
    Engine engine(simulated_options(), recorder);
    EXPECT_TRUE(recorder->wait_ready());
    for (uint64_t id = 1; id <= 4; id++) engine.submit(image_request(id, 50), recorder);
    if (tokens > 0) EXPECT_TRUE(recorder->wait_tokens(1, tokens));
    engine.stop();
    EXPECT_TRUE(recorder->wait_closed());
    EXPECT_EQ(recorder->ended(), size_t{4});
  }
  expect_alive(before, "afterwards");
}

TEST_SIMT(engine_respects_the_memory_it_is_given) {
  EngineOptions options = simulated_options();
  const auto make = options.backend;
  for (const size_t memory : {size_t{1} << 12, size_t{1} << 16}) {
    const auto recorder = std::make_shared<Recorder>();
    options.memory = memory;
    Engine engine(options, recorder);
    EXPECT_TRUE(!recorder->wait_ready());
    EXPECT_TRUE(recorder->closed().code == ErrorCode::kOutOfMemory);
  }
}

}  // namespace honeybee::testing
