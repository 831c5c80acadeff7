// Beam search in the engine, beside other requests and on blocks that it shares. Its answers are compared
// with Hugging Face's in test/beams.test.ts.
#include <cmath>

#include "engine_fixture.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using Reason = Event::Reason;

Request search_request(uint64_t id, int32_t beams, int64_t max_tokens = 20) {
  Request request = image_request(7, max_tokens);
  request.id = id;
  request.ids.insert(request.ids.end(), 30, 9);
  request.stop_tokens = {3, 50};
  request.beams.count = beams;
  request.beams.answers = beams;
  return request;
}

// The tokens of each answer, and its score.
void expect_same(const Event& a, const Event& b, double tolerance) {
  EXPECT_TRUE(a.reason == b.reason);
  EXPECT_EQ(a.hypotheses.size(), b.hypotheses.size());
  for (size_t i = 0; i < std::min(a.hypotheses.size(), b.hypotheses.size()); i++) {
    EXPECT_TRUE(a.hypotheses[i].tokens == b.hypotheses[i].tokens);
    EXPECT_TRUE(std::abs(a.hypotheses[i].score - b.hypotheses[i].score) <= tolerance);
    EXPECT_TRUE(a.hypotheses[i].stopped == b.hypotheses[i].stopped);
  }
}

// One prompt for searches of two widths and for plain answers: one prefill, and each as if it were alone.
void check_searches(EngineOptions options, std::latch& gate, uint64_t count, double tolerance) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(options, sink);
  std::vector<Request> requests;
  for (uint64_t id = 0; id < count; id++) {
    requests.push_back(search_request(id, static_cast<int32_t>(1 + id % 3)));
    engine.submit(requests.back(), sink);
  }
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(requests.size()));
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_EQ(engine.stats().cached_tokens, static_cast<int64_t>(count - 1) * 38);
  EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
  options.prefix_cache = false;
  const auto single = std::make_shared<Recorder>();
  Engine reference(std::move(options), single);
  for (const Request& request : requests) {
    reference.submit(request, single);
    EXPECT_TRUE(single->wait_ends(request.id + 1));
    EXPECT_EQ(sink->end(request.id).hypotheses.size(),
              request.beams.count > 1 ? static_cast<size_t>(request.beams.count) : size_t{0});
    EXPECT_TRUE(sink->tokens(request.id) == single->tokens(request.id));
    expect_same(sink->end(request.id), single->end(request.id), tolerance);
  }
}

}  // namespace

TEST(engine_searches_beside_others_as_if_alone) {
  on_each_device([](const Device& device, EngineOptions options, std::latch& gate) {
    // On the CPU a row's bits do not depend on the others; on a GPU sums are in another order.
    check_searches(std::move(options), gate, 5, device.name == "simt" ? 1e-5 : 0.0);
  });
}

// Blocks of codes and their scales are shared and copied like others.
TEST(engine_searches_in_small_caches) {
  on_each_device([](const Device& device, EngineOptions options, std::latch& gate) {
    options.kv_dtype = Dtype::kInt8;
    options.backend = device.make_invariant;
    check_searches(std::move(options), gate, 3, 0.0);
  });
}

TEST(engine_gives_what_a_search_has_found_when_it_is_cancelled) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  Request endless = search_request(0, 3, 4000);
  endless.stop_tokens = {};
  engine.submit(endless, sink);
  engine.submit(text_request(1, 40), sink);
  EXPECT_TRUE(sink->wait_ends(1));
  engine.cancel(sink.get(), 0);
  EXPECT_TRUE(sink->wait_ends(2));
  EXPECT_TRUE(sink->end(0).reason == Reason::kAbort);
  EXPECT_EQ(sink->end(0).hypotheses.size(), size_t{3});
  EXPECT_TRUE(sink->end(0).hypotheses[0].tokens.size() > 10);
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
}

TEST(engine_refuses_searches_that_cannot_run) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  engine.submit(search_request(0, 5), sink);  // of four sequences
  Request traced = search_request(1, 2);
  traced.trace = true;
  engine.submit(traced, sink);
  engine.submit(search_request(2, 4), sink);
  EXPECT_TRUE(sink->wait_ends(3));
  EXPECT_TRUE(sink->end(0).code == ErrorCode::kOption);
  EXPECT_TRUE(sink->end(0).message.find("beams is 5, more than the 4 sequences") != std::string::npos);
  EXPECT_TRUE(sink->end(1).code == ErrorCode::kOption);
  EXPECT_TRUE(sink->end(2).reason == Reason::kStop);
  EXPECT_EQ(sink->end(2).hypotheses.size(), size_t{4});
}

}  // namespace honeybee::testing
