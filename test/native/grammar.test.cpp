// Response formats without a model: what is read, which tokens are allowed, and mutants of formats, which the
// sanitizers watch. Verdicts on JSON Schemas are compared with ajv in test/format-*.test.ts.
#include <algorithm>
#include <string>

#include "fixture.h"
#include "grammar/constraint.h"

namespace honeybee::testing {
namespace {

using namespace grammar;

constexpr int32_t kStop = 0;

// Token 0 is special; then every byte alone; then some of several bytes, as vocabularies have them.
std::shared_ptr<const Vocabulary> small_vocabulary() {
  std::vector<std::string> tokens = {""};
  for (int byte = 0; byte < 256; byte++) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* text :
       {"{\"", "\":",      "\",\"",    "\"}",    "true", "null", " a",  " {",  "ab",  "abc",
        "12",  "\xC3\xA9", "\xE2\x82", "\xAC\"", "[[",   "]]",   "},{", "\\n", "a\"", "\" "})
    tokens.emplace_back(text);
  std::string bytes;
  std::vector<uint32_t> ends;
  std::vector<uint8_t> loses_space;
  for (const std::string& token : tokens) {
    bytes += token;
    ends.push_back(static_cast<uint32_t>(bytes.size()));
    loses_space.push_back(token.size() > 1 && token[0] == ' ' ? 1 : 0);
  }
  return std::make_shared<const Vocabulary>(bytes, ends, loses_space);
}

bool allows(std::span<const uint32_t> mask, int32_t token) {
  return (mask[static_cast<size_t>(token) / 32] >> token % 32 & 1) != 0;
}

// The tokens that a mask should have, found by trying each of them.
std::vector<uint32_t> expected_mask(const Grammar& grammar, const Vocabulary& vocabulary,
                                    const std::string& before, int64_t remaining) {
  std::vector<uint32_t> bits((vocabulary.size() + 31) / 32);
  for (size_t i = 0; i < vocabulary.size(); i++) {
    const auto token = static_cast<int32_t>(i);
    const std::string_view bytes = vocabulary.bytes(token, before.empty());
    if (bytes.empty()) continue;
    Matcher matcher(grammar);
    if (!matcher.advance(before + std::string(bytes))) continue;
    if (static_cast<int64_t>(matcher.cost()) > remaining - 2) continue;
    bits[i / 32] |= 1u << i % 32;
  }
  if (Matcher matcher(grammar); matcher.advance(before) && matcher.complete()) bits[0] |= 1;
  return bits;
}

const char* const kSchemas[] = {
    R"({})",
    R"({"type":"object"})",
    R"({"type":"string","minLength":2,"maxLength":4})",
    R"({"type":"string","pattern":"^(ab|é)+$"})",
    R"({"anyOf":[{"type":"string"},{"type":"string","maxLength":3},{"enum":["abc",null,true]}]})",
    R"({"type":"object","properties":{"a":{"type":"integer","minimum":-3,"maximum":120},"ab":{"type":["null","string"]}},"required":["ab"]})",
    R"({"type":"array","items":{"$ref":"#"},"maxItems":3})",
    R"({"type":"object","patternProperties":{"^a":{"type":"number"}},"additionalProperties":{"type":"boolean"},"minProperties":1})",
    R"({"type":"number","multipleOf":0.5,"exclusiveMinimum":0})",
};

}  // namespace

// Walks each schema with random tokens; every mask must be what trying all tokens gives, and every walk ends
// in a complete document.
TEST(grammar_masks_are_exact_and_close_every_document) {
  const auto vocabulary = small_vocabulary();
  Random random(71);
  for (const char* schema : kSchemas) {
    const auto masks = std::make_shared<TokenMasks>(compile_schema(schema), vocabulary);
    for (int walk = 0; walk < 12; walk++) {
      Constraint constraint(masks);
      std::string text;
      const std::vector<int32_t> stops = {kStop};
      for (int64_t remaining = 40; remaining > 0; remaining--) {
        const auto mask = constraint.mask(remaining, stops);
        EXPECT_TRUE(std::equal(mask.begin(), mask.end(),
                               expected_mask(masks->grammar(), *vocabulary, text, remaining).begin()));
        std::vector<int32_t> choices;
        for (size_t i = 0; i < vocabulary->size(); i++) {
          if (allows(mask, static_cast<int32_t>(i))) choices.push_back(static_cast<int32_t>(i));
        }
        EXPECT_TRUE(!choices.empty());
        if (choices.empty()) break;
        const int32_t token =
            choices[static_cast<size_t>(random.below(static_cast<int64_t>(choices.size())))];
        if (token == kStop) break;
        text += vocabulary->bytes(token, text.empty());
        EXPECT_TRUE(constraint.accept(token));
        if (constraint.finished()) break;
      }
      Matcher matcher(masks->grammar());
      EXPECT_TRUE(matcher.advance(text) && matcher.complete());
      if (failure_count() > 0) return;
    }
  }
}

TEST(grammar_deep_nesting_keeps_only_what_it_needs) {
  const Grammar grammar = compile_schema(R"({"type":"array","items":{"$ref":"#"}})");
  Matcher matcher(grammar);
  constexpr size_t kDepth = 20'000;
  EXPECT_TRUE(matcher.advance(std::string(kDepth, '[')));
  EXPECT_EQ(matcher.cost(), static_cast<uint32_t>(kDepth));
  for (int round = 0; round < 3; round++) EXPECT_TRUE(matcher.advance("[],[[]],"));
  EXPECT_TRUE(matcher.mark() < 4 * kDepth);
  EXPECT_TRUE(matcher.advance("[]" + std::string(kDepth, ']')));
  EXPECT_TRUE(matcher.finished());
  EXPECT_TRUE(!matcher.advance("]"));
}

TEST(grammar_vocabulary_that_does_not_fit_together) {
  EXPECT_ERROR(Vocabulary("ab", {1, 3}, {0, 0}), ErrorCode::kTokenizer, "do not fit together");
  EXPECT_ERROR(Vocabulary("ab", {2, 1}, {0, 0}), ErrorCode::kTokenizer, "do not fit together");
  EXPECT_ERROR(Vocabulary("ab", {1, 2}, {0}), ErrorCode::kTokenizer, "do not fit together");
}

// Bytes changed anywhere in schemas and patterns: compiled or refused, never worse.
TEST(grammar_mutants_are_compiled_or_refused) {
  Random random(73);
  const std::string alphabet = "{}[]\",:0123456789.eE-+*?|()^$\\wdunpxk<>=!#/~%\xC3\xA9 ";
  int compiled = 0;
  int refused = 0;
  for (int i = 0; i < 3000; i++) {
    const bool regex = i % 3 == 0;
    std::string text =
        regex ? R"(^(?:ab|[^\d\-x]{2,5})*?\u00e9.+$)" : kSchemas[random.below(std::size(kSchemas))];
    for (int64_t n = 1 + random.below(3); n > 0 && !text.empty(); n--) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(text.size())));
      const char c = alphabet[static_cast<size_t>(random.below(static_cast<int64_t>(alphabet.size())))];
      if (random.below(3) == 0)
        text.erase(at, 1);
      else if (random.below(2) == 0)
        text.insert(at, 1, c);
      else
        text[at] = c;
    }
    try {
      Matcher matcher(regex ? compile_regex(text) : compile_schema(text));
      compiled++;
      matcher.advance(R"({"a":1,"ab":[null,"\u0001é"]})");
    } catch (const Error& error) {
      refused++;
      EXPECT_TRUE(error.code() == ErrorCode::kOption);
    }
  }
  EXPECT_TRUE(compiled > 300);
  EXPECT_TRUE(refused > 300);
}

}  // namespace honeybee::testing
