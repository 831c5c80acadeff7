// Response formats in the engine: masks of rows that share steps, prompts and blocks with others.
#include <string>

#include "engine_fixture.h"
#include "fixture.h"
#include "grammar/constraint.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using namespace grammar;
using Reason = Event::Reason;

/// Of the tiny model: keys and values, layers, heads, tokens, head_dim, f32.
constexpr size_t kBlockBytes = size_t{2} * 2 * 2 * 16 * 16 * 4;
constexpr int32_t kStop = 0;

std::shared_ptr<const Vocabulary> vocabulary_of(const std::vector<std::string>& tokens) {
  std::string bytes;
  std::vector<uint32_t> ends;
  for (const std::string& token : tokens) {
    bytes += token;
    ends.push_back(static_cast<uint32_t>(bytes.size()));
  }
  return std::make_shared<const Vocabulary>(bytes, ends, std::vector<uint8_t>(tokens.size()));
}

// Token 0 ends an answer, the others are the printable characters of ASCII.
std::shared_ptr<const Vocabulary> ascii() {
  std::vector<std::string> tokens = {""};
  for (char c = ' '; c <= '~'; c++) tokens.emplace_back(1, c);
  return vocabulary_of(tokens);
}

std::string text_of(const std::vector<int32_t>& tokens) {
  std::string text;
  for (const int32_t token : tokens) text += static_cast<char>(' ' + token - 1);
  return text;
}

std::shared_ptr<TokenMasks> schema_masks(const char* schema) {
  return std::make_shared<TokenMasks>(compile_schema(schema), ascii());
}

std::vector<std::shared_ptr<TokenMasks>> some_formats() {
  return {nullptr, schema_masks(R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})"),
          schema_masks(R"({"type":"array","items":{"type":"integer"},"minItems":4})"),
          schema_masks(R"({"enum":["one","two",3]})"),
          std::make_shared<TokenMasks>(compile_regex("(ab|[x-z])+!"), ascii())};
}

Request formatted(uint64_t id, std::shared_ptr<TokenMasks> format, int64_t max_tokens) {
  Request request;
  request.id = id;
  request.ids.assign(37, 9);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 1.0f;
  request.sampling.seed = id;
  request.stop_tokens = {kStop};
  request.format = std::move(format);
  return request;
}

void expect_complete(const Request& request, const std::vector<int32_t>& tokens) {
  Matcher matcher(request.format->grammar());
  EXPECT_TRUE(matcher.advance(text_of(tokens)) && matcher.complete());
}

}  // namespace

// One prompt, so that all go on from one prefill, each with a format of its own or none.
TEST(engine_holds_twins_to_formats_of_their_own) {
  on_each_device([](EngineOptions options, std::latch& gate) {
    const auto sink = std::make_shared<Recorder>();
    Engine engine(options, sink);
    const auto formats = some_formats();
    std::vector<Request> requests;
    for (uint64_t id = 0; id < formats.size(); id++) {
      requests.push_back(formatted(id, formats[id], 24));
      engine.submit(requests.back(), sink);
    }
    gate.count_down();
    EXPECT_TRUE(sink->wait_ends(requests.size()));
    engine.stop();
    EXPECT_TRUE(sink->wait_closed());
    EXPECT_EQ(engine.stats().cached_tokens, int64_t{4 * 37});
    EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
    options.prefix_cache = false;
    const auto single = std::make_shared<Recorder>();
    Engine reference(std::move(options), single);
    for (const Request& request : requests) {
      const auto tokens = sink->tokens(request.id);
      if (request.format) {
        EXPECT_TRUE(sink->end(request.id).reason == Reason::kStop);
        expect_complete(request, tokens);
      }
      reference.submit(request, single);
      EXPECT_TRUE(single->wait_ends(request.id + 1));
      EXPECT_TRUE(single->tokens(request.id) == tokens);
    }
  });
}

// Blocks for one long answer and little more: the others are stopped in mid-document and computed again.
TEST(engine_keeps_formats_when_sequences_are_computed_again) {
  size_t weights = 0;
  {
    const auto sink = std::make_shared<Recorder>();
    Engine engine(tiny_options(), sink);
    EXPECT_TRUE(sink->wait_ready());
    weights = engine.info().weight_bytes;
  }
  std::latch gate(1);
  EngineOptions options = gated_options(gate);
  options.context = 176;
  options.max_sequences = 6;
  options.limits.growth_blocks = 0;
  options.memory = weights + 13 * kBlockBytes;
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  const auto format =
      schema_masks(R"({"type":"array","items":{"type":"string","minLength":9},"minItems":6})");
  std::vector<Request> requests;
  for (uint64_t id = 0; id < 6; id++) {
    requests.push_back(formatted(id, format, 120));
    requests.back().ids[0] = 3 + static_cast<int32_t>(id);
    engine.submit(requests.back(), sink);
  }
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(requests.size()));
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_TRUE(engine.stats().preemptions > 3);
  const auto single = std::make_shared<Recorder>();
  Engine reference(tiny_options(), single);
  for (const Request& request : requests) {
    const auto tokens = sink->tokens(request.id);
    EXPECT_TRUE(sink->end(request.id).reason == Reason::kStop);
    expect_complete(request, tokens);
    reference.submit(request, single);
    EXPECT_TRUE(single->wait_ends(request.id + 1));
    EXPECT_TRUE(single->tokens(request.id) == tokens);
  }
}

// A mask that cannot be found in bounded time ends the request that asked for it, not the twin whose prefill
// it shares nor others in the step.
TEST(engine_refuses_a_mask_that_explodes_and_serves_the_others) {
  std::string schema = R"({"anyOf":[)";
  for (int i = 1; i <= 900; i++)
    schema += (i > 1 ? "," : "") + std::string(R"({"type":"string","pattern":"^.{)") + std::to_string(i) +
              R"(}z"})";
  schema += "]}";
  std::vector<std::string> tokens = {""};
  for (char c = ' '; c <= '~'; c++) tokens.push_back('"' + std::string(300, c));
  const auto huge = std::make_shared<TokenMasks>(compile_schema(schema), vocabulary_of(tokens));
  const auto gentle = schema_masks(R"({"enum":["one","two",3]})");

  std::latch gate(1);
  EngineOptions options = gated_options(gate);
  const auto sink = std::make_shared<Recorder>();
  Engine engine(options, sink);
  std::vector<Request> requests = {formatted(0, nullptr, 20), formatted(1, huge, 20),
                                   formatted(2, gentle, 20), formatted(3, gentle, 20)};
  requests[3].ids.assign(20, 11);
  for (const Request& request : requests) engine.submit(request, sink);
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(requests.size()));
  EXPECT_TRUE(sink->end(1).reason == Reason::kError);
  EXPECT_TRUE(sink->end(1).code == ErrorCode::kOption);
  EXPECT_TRUE(sink->end(1).message.find("too complex") != std::string::npos);
  const auto single = std::make_shared<Recorder>();
  Engine reference(tiny_options(), single);
  size_t done = 0;
  for (const uint64_t id : {0, 2, 3}) {
    reference.submit(requests[id], single);
    EXPECT_TRUE(single->wait_ends(++done));
    EXPECT_TRUE(sink->end(id).reason == single->end(id).reason);
    EXPECT_TRUE(sink->tokens(id) == single->tokens(id));
  }
  engine.stop();
  EXPECT_TRUE(sink->wait_closed());
  EXPECT_EQ(engine.stats().blocks_used, int64_t{0});
}

TEST(engine_says_that_the_vocabulary_cannot_write_a_format) {
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  const auto format = std::make_shared<TokenMasks>(compile_regex("aé"), ascii());
  engine.submit(formatted(0, format, 20), sink);
  EXPECT_TRUE(sink->wait_ends(1));
  EXPECT_TRUE(sink->end(0).code == ErrorCode::kOption);
  EXPECT_TRUE(sink->end(0).message.find("no token of this vocabulary") != std::string::npos);
}

}  // namespace honeybee::testing
