// The engine under callers that race: every request ends exactly once, whatever is cancelled, detached or
// stopped meanwhile. Runs under TSan too.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "engine_fixture.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using Reason = Event::Reason;

constexpr int64_t kEndless = 1 << 20;

TEST(engine_answers_are_the_same_alone_and_together) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  EXPECT_TRUE(sink->wait_ready());
  for (uint64_t id = 0; id < 6; id++) {
    engine.submit(id % 2 ? image_request(id, 12) : text_request(id, 12), sink);
    EXPECT_TRUE(sink->wait_ends(id + 1));
  }
  const auto together = std::make_shared<Recorder>();
  std::latch gate(1);
  EngineOptions options = gated_options(gate);
  options.max_sequences = 6;
  Engine second(std::move(options), together);
  for (uint64_t id = 0; id < 6; id++)
    second.submit(id % 2 ? image_request(id, 12) : text_request(id, 12), together);
  gate.count_down();
  EXPECT_TRUE(together->wait_ends(6));
  for (uint64_t id = 0; id < 6; id++) {
    EXPECT_EQ(sink->tokens(id).size(), size_t{12});
    EXPECT_TRUE(sink->tokens(id) == together->tokens(id));
    EXPECT_TRUE(sink->end(id).reason == Reason::kLength);
    EXPECT_EQ(sink->end(id).message, std::string());
  }
  // A step encodes at most one image, so the third one's answer begins two steps after the first's.
  const auto steps = together->steps();
  EXPECT_EQ(steps.size(), size_t{14});
  EXPECT_EQ(std::ranges::count_if(steps, [](const auto& step) { return step.size() == 6; }), 10);
}

TEST(engine_gives_each_answer_one_token_a_step) {
  const auto sink = std::make_shared<Recorder>();
  std::latch gate(1);
  Engine engine(gated_options(gate), sink);
  for (uint64_t id = 0; id < 4; id++) engine.submit(text_request(id, 50), sink);
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(4));
  const auto steps = sink->steps();
  EXPECT_EQ(steps.size(), size_t{50});
  const std::vector<uint64_t> all = {0, 1, 2, 3};
  for (const auto& step : steps) EXPECT_TRUE(step == all);
}

TEST(engine_refuses_one_bad_request_and_serves_the_next) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  Request unknown = text_request(0, 4);
  unknown.ids.push_back(kVocabulary);
  Request without_image = image_request(1, 4);
  without_image.images.clear();
  Request small_image = image_request(2, 4);
  small_image.images[0].rgb.pop_back();
  Request long_prompt = text_request(3, 4);
  long_prompt.ids.assign(4096, 5);
  Request empty = text_request(4, 4);
  empty.ids.clear();
  for (const Request& request : {unknown, without_image, small_image, long_prompt, empty})
    engine.submit(request, sink);
  engine.submit(image_request(5, 4), sink);
  EXPECT_TRUE(sink->wait_ends(6));
  const ErrorCode codes[] = {ErrorCode::kTokenizer, ErrorCode::kOption, ErrorCode::kImage,
                             ErrorCode::kContextLength, ErrorCode::kOption};
  for (uint64_t id = 0; id < 5; id++) {
    const Event end = sink->end(id);
    EXPECT_TRUE(end.reason == Reason::kError);
    EXPECT_EQ(std::string(error_code_name(end.code)), std::string(error_code_name(codes[id])));
    EXPECT_TRUE(end.message.size() > 10);
  }
  EXPECT_EQ(sink->tokens(5).size(), size_t{4});
}

TEST(engine_cancel_ends_one_and_leaves_the_others) {
  const auto sink = std::make_shared<Recorder>();
  sink->hold_at(0, 150);
  Engine engine(tiny_options(), sink);
  engine.submit(text_request(0, kEndless), sink);
  engine.submit(text_request(1, 200), sink);
  EXPECT_TRUE(sink->wait_tokens(0, 5));
  engine.cancel(sink.get(), 0);
  sink->resume();
  engine.cancel(sink.get(), 0);
  engine.cancel(sink.get(), 999);
  EXPECT_TRUE(sink->wait_ends(2));
  EXPECT_TRUE(sink->end(0).reason == Reason::kAbort);
  EXPECT_TRUE(sink->end(1).reason == Reason::kLength);
  EXPECT_EQ(sink->tokens(1).size(), size_t{200});
}

TEST(engine_gives_back_the_blocks_of_what_ended) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  EXPECT_TRUE(sink->wait_ready());
  const int64_t blocks = engine.info().kv_blocks;
  for (uint64_t id = 0; id < 20; id++) {
    engine.submit(id % 2 ? image_request(id, kEndless) : text_request(id, id), sink);
    if (id % 2) engine.cancel(sink.get(), id);
  }
  EXPECT_TRUE(sink->wait_ends(20));
  // The figures are written after the step that ended the last one; an engine that stops finishes it.
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_EQ(engine.stats().blocks_free + engine.stats().blocks_cached, blocks);
  EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
  EXPECT_EQ(engine.stats().running, int64_t{0});
}

TEST(engine_survives_submit_and_cancel_from_many_threads) {
  constexpr int kCallers = 4;
  constexpr uint64_t kRequests = 25;
  const auto opener = std::make_shared<Recorder>();
  Engine engine(tiny_options(), opener);
  std::vector<std::shared_ptr<Recorder>> sinks;
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; c++) {
    sinks.push_back(std::make_shared<Recorder>());
    callers.emplace_back([&engine, sink = sinks.back(), c] {
      Random random(static_cast<uint64_t>(c));
      engine.attach(sink);
      for (uint64_t id = 0; id < kRequests; id++) {
        const bool cancelled = random.below(2) == 0;
        const int64_t length = cancelled ? kEndless : 1 + random.below(6);
        engine.submit(random.below(2) ? image_request(id, length) : text_request(id, length), sink);
        if (random.below(3) == 0) sink->wait_tokens(id, 1);
        if (cancelled) engine.cancel(sink.get(), id);
        engine.stats();
      }
      EXPECT_TRUE(sink->wait_ends(kRequests));
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->ended(), size_t{kRequests});
    EXPECT_EQ(sink->ready(), 1);
  }
}

TEST(engine_stop_races_with_everything) {
  for (int round = 0; round < 12; round++) {
    const auto opener = std::make_shared<Recorder>();
    const auto other = std::make_shared<Recorder>();
    other->hold_at(0, 1000);
    {
      Engine engine(tiny_options(), opener);
      std::atomic<uint64_t> submitted{0};
      std::thread caller([&] {
        engine.attach(other);
        for (uint64_t id = 0; id < 10; id++) {
          engine.submit(image_request(id, kEndless), other);
          submitted++;
        }
        engine.cancel(other.get(), 3);
      });
      // From while it loads to while it decodes.
      std::this_thread::sleep_for(std::chrono::milliseconds(round));
      engine.stop();
      other->resume();
      caller.join();
      EXPECT_TRUE(opener->wait_closed());
      EXPECT_TRUE(other->wait_ends(submitted));
      EXPECT_EQ(other->ended(), size_t{10});
      for (uint64_t id = 0; id < 10; id++) EXPECT_TRUE(other->end(id).reason == Reason::kAbort);
      EXPECT_TRUE(engine.closed());
    }
    EXPECT_TRUE(opener->closed().reason == Reason::kAbort);
    EXPECT_TRUE(other->closed().reason == Reason::kAbort);
  }
}

TEST(engine_detached_users_end_and_leave_the_others) {
  const auto opener = std::make_shared<Recorder>();
  const auto leaver = std::make_shared<Recorder>();
  leaver->hold_at(1, 1000);
  Engine engine(tiny_options(), opener);
  engine.attach(leaver);
  engine.submit(text_request(0, 300), opener);
  engine.submit(text_request(1, kEndless), leaver);
  EXPECT_TRUE(leaver->wait_tokens(1, 1));
  engine.detach(leaver.get());
  leaver->resume();
  EXPECT_TRUE(opener->wait_ends(1));
  EXPECT_TRUE(opener->end(0).reason == Reason::kLength);
  EXPECT_TRUE(leaver->wait_ends(1));
  EXPECT_TRUE(leaver->end(1).reason == Reason::kAbort);
  engine.stop();
  EXPECT_TRUE(opener->wait_closed());
}

/// Random weights that tell of each tensor that is opened.
class WatchedStore final : public TensorStore {
 public:
  explicit WatchedStore(std::function<void()> watch) : watch_(std::move(watch)) {}
  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) override {
    watch_();
    return store_.open(name, shape);
  }

 private:
  RandomStore store_{1};
  std::function<void()> watch_;
};

TEST(engine_that_is_stopped_while_it_loads_reads_no_further) {
  std::latch reading(1);
  std::latch stopped(1);
  std::atomic<int> opened{0};
  EngineOptions options = tiny_options();
  options.store = [&] {
    return std::make_unique<WatchedStore>([&] {
      if (++opened != 2) return;
      reading.count_down();
      stopped.wait();
    });
  };
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  reading.wait();
  engine.stop();
  stopped.count_down();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_TRUE(sink->closed().reason == Reason::kAbort);
  EXPECT_EQ(sink->ready(), 0);
  EXPECT_EQ(opened.load(), 2);
}

/// Weights that cannot be read.
class BrokenStore final : public TensorStore {
 public:
  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& /*shape*/) override {
    fail(ErrorCode::kCheckpoint, "tensor ", name, " is broken");
  }
};

TEST(engine_that_cannot_load_closes_with_the_error) {
  EngineOptions options = tiny_options();
  options.store = [] { return std::make_unique<BrokenStore>(); };
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  engine.submit(text_request(0, 4), sink);
  EXPECT_TRUE(sink->wait_closed());
  const Event closed = sink->closed();
  EXPECT_TRUE(closed.reason == Reason::kError);
  EXPECT_TRUE(closed.code == ErrorCode::kCheckpoint);
  EXPECT_TRUE(closed.message.find("is broken") != std::string::npos);
  EXPECT_TRUE(sink->wait_ends(1));
  engine.submit(text_request(1, 4), sink);
  EXPECT_TRUE(sink->wait_ends(2));
  EXPECT_TRUE(sink->end(1).reason == Reason::kAbort);
  const auto late = std::make_shared<Recorder>();
  engine.attach(late);
  EXPECT_TRUE(late->closed().reason == Reason::kError);
}

}  // namespace
}  // namespace honeybee::testing
