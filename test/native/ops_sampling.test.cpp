#include <algorithm>
#include <cmath>
#include <limits>

#include "fixture.h"

namespace honeybee::testing {
namespace {

constexpr float kRuledOut = -std::numeric_limits<float>::infinity();

// One row as a user would describe it; what it should give comes from the functions of core/sampling.h, which
// the golden files check.
struct Case {
  SamplingOptions options;
  std::vector<int32_t> history;
  std::vector<int32_t> banned;
  uint64_t position = 0;
  std::vector<uint32_t> allowed;
};

int32_t expected_token(std::vector<float> logits, const Case& c) {
  for (size_t i = 0; !c.allowed.empty() && i < logits.size(); i++) {
    if (i >= 32 * c.allowed.size() || (c.allowed[i / 32] >> i % 32 & 1) == 0) logits[i] = kRuledOut;
  }
  for (const int32_t token : c.banned) {
    if (token >= 0 && static_cast<size_t>(token) < logits.size())
      logits[static_cast<size_t>(token)] = kRuledOut;
  }
  warp_logits(logits, c.history, c.options);
  return choose_token(logits, c.options, c.position);
}

std::vector<int32_t> sampled(Backend& backend, const std::vector<float>& logits,
                             const std::vector<Case>& cases) {
  Fixture fixture(backend);
  const auto rows = static_cast<int64_t>(cases.size());
  const Tensor in = fixture.input(Dtype::kF32, rows, static_cast<int64_t>(logits.size()) / rows, logits);
  const Tensor out = fixture.output(Dtype::kI32, rows, 1);
  const auto batch = backend.make_sampling_batch();
  std::vector<SamplingRow> described;
  for (const Case& c : cases) described.push_back({&c.options, c.history, c.banned, c.position, c.allowed});
  batch->set(described);
  backend.sample(in, *batch, out);
  std::vector<int32_t> tokens(cases.size());
  backend.download(out, tokens.data());
  return tokens;
}

Case random_case(Random& random, int64_t vocabulary) {
  Case c;
  SamplingOptions& o = c.options;
  o.temperature = random.below(4) == 0 ? 0.0f : random.uniform(0.3f, 2.0f);
  if (random.below(2) == 0) o.top_k = static_cast<int32_t>(1 + random.below(vocabulary));
  if (random.below(2) == 0) o.top_p = random.uniform(0.0f, 1.0f);
  if (random.below(3) == 0) o.min_p = random.uniform(0.0f, 0.5f);
  if (random.below(2) == 0) o.repetition_penalty = random.uniform(0.5f, 2.0f);
  if (random.below(3) == 0) o.presence_penalty = random.uniform(-1.0f, 1.0f);
  if (random.below(3) == 0) o.frequency_penalty = random.uniform(-1.0f, 1.0f);
  if (random.below(2) == 0) o.no_repeat_ngram_size = static_cast<int32_t>(1 + random.below(3));
  o.seed = random.bits();
  o.sequence = static_cast<uint32_t>(random.below(5));
  c.position = random.bits() >> random.below(64);
  for (int64_t i = random.below(40); i > 0; i--)
    c.history.push_back(static_cast<int32_t>(random.below(std::min<int64_t>(vocabulary + 2, 9))) - 1);
  for (int64_t i = random.below(3); i > 0; i--) {
    c.banned.push_back(static_cast<int32_t>(random.below(vocabulary + 1)));
    o.logit_bias.emplace_back(static_cast<int32_t>(3 * i), random.uniform(-2.0f, 2.0f));
  }
  // Sometimes shorter than the vocabulary: what lies beyond is ruled out.
  if (random.below(2) == 0) {
    for (int64_t word = (vocabulary + 31) / 32 - random.below(2); word > 0; word--)
      c.allowed.push_back(static_cast<uint32_t>(random.bits() & random.bits()));
  }
  return c;
}

}  // namespace

TEST_OP(sample_as_described) {
  for (const int64_t vocabulary : {1, 2, 31, 33, 1000, 4097}) {
    Random random(static_cast<uint64_t>(31 + vocabulary));
    std::vector<Case> cases;
    for (int i = 0; i < 8; i++) cases.push_back(random_case(random, vocabulary));
    const std::vector<float> logits = random.normals(8 * vocabulary, 2.0f);
    const std::vector<int32_t> tokens = sampled(backend, logits, cases);
    for (size_t i = 0; i < cases.size(); i++) {
      const auto row = logits.begin() + static_cast<int64_t>(i) * vocabulary;
      EXPECT_EQ(tokens[i], expected_token({row, row + vocabulary}, cases[i]));
    }
  }
}

TEST_OP(sample_ties_and_impossible_rows) {
  const std::vector<float> logits = {
      1,         1,         1,         1,         1,         1,          // the first wins
      1,         1,         1,         1,         1,         1,          // top-p keeps the last at least
      2,         2,         2,         2,         1,         1,          // top-k keeps all that tie
      kRuledOut, kRuledOut, kRuledOut, kRuledOut, kRuledOut, kRuledOut,  // nothing to choose
      0,         NAN,       0,         0,         0,         0,          // not numbers
      -5,        -7,        -6,        -5,        -9,        -5,         // negative, penalised
      kRuledOut, kRuledOut, 3,         kRuledOut, kRuledOut, kRuledOut,  // one is left
  };
  std::vector<Case> cases(7);
  for (size_t i = 1; i < cases.size(); i++) cases[i].options.temperature = 0.7f;
  cases[1].options.top_p = 0.0f;
  cases[2].options.top_k = 2;
  cases[3].options.top_p = 0.5f;
  cases[5].options.repetition_penalty = 1.5f;
  cases[5].history = {0, 0, 3};
  cases[6].options.min_p = 0.3f;
  for (uint64_t seed = 0; seed < 4; seed++) {
    for (Case& c : cases) c.options.seed = seed;
    const std::vector<int32_t> tokens = sampled(backend, logits, cases);
    for (size_t i = 0; i < cases.size(); i++) {
      const auto row = logits.begin() + static_cast<int64_t>(i) * 6;
      EXPECT_EQ(tokens[i], expected_token({row, row + 6}, cases[i]));
    }
  }
}

// In whichever thread of the block the largest is.
TEST_OP(sample_greedy_finds_the_largest_anywhere) {
  const std::vector<int32_t> places = {0, 31, 32, 511, 991, 992, 1023, 1024, 2047, 2051};
  const auto rows = static_cast<int64_t>(places.size());
  Random random(37);
  std::vector<float> logits = random.normals(rows * 2052);
  for (int64_t r = 0; r < rows; r++)
    logits[static_cast<size_t>(r * 2052 + places[static_cast<size_t>(r)])] = 9;
  EXPECT_TRUE(sampled(backend, logits, std::vector<Case>(places.size())) == places);
}

// What the last threads of a block hold counts like the rest.
TEST_OP(sample_draws_from_the_end_of_the_vocabulary) {
  constexpr int64_t kVocabulary = 4096;
  Random random(41);
  std::vector<Case> cases(12);
  std::vector<float> logits = random.normals(std::ssize(cases) * kVocabulary);
  for (size_t i = 0; i < cases.size(); i++) {
    cases[i].options.temperature = 1.0f;
    cases[i].options.seed = i;
    const auto row = logits.begin() + static_cast<int64_t>(i) * kVocabulary;
    std::for_each(row + kVocabulary - 100, row + kVocabulary, [](float& logit) { logit += 12.0f; });
  }
  const std::vector<int32_t> tokens = sampled(backend, logits, cases);
  for (size_t i = 0; i < cases.size(); i++) {
    const auto row = logits.begin() + static_cast<int64_t>(i) * kVocabulary;
    EXPECT_EQ(tokens[i], expected_token({row, row + kVocabulary}, cases[i]));
    EXPECT_TRUE(tokens[i] >= kVocabulary - 100);
  }
}

// An n-gram that begins like the last one and then goes another way bans nothing.
TEST_OP(sample_compares_whole_ngrams) {
  Case c;
  c.options.no_repeat_ngram_size = 3;
  c.history = {1, 2, 4, 1, 3};
  const std::vector<float> logits = {0, 1, 2, 3, 9, 4};
  EXPECT_EQ(sampled(backend, logits, {c})[0], 4);
  c.history = {1, 3, 4, 1, 3};
  EXPECT_EQ(sampled(backend, logits, {c})[0], 5);
}

// The masks change in place from step to step, and rows have none or one of their own.
TEST_OP(sample_only_what_is_allowed) {
  constexpr int64_t kTokens = 70;
  Fixture fixture(backend);
  Random random(43);
  const std::vector<float> logits = random.normals(3 * kTokens);
  const Tensor in = fixture.input(Dtype::kF32, 3, kTokens, logits);
  const Tensor out = fixture.output(Dtype::kI32, 3, 1);
  const auto batch = backend.make_sampling_batch();
  SamplingOptions sampled;
  sampled.temperature = 1.0f;
  for (int32_t only = 0; only < kTokens; only++) {
    std::vector<uint32_t> one((kTokens + 31) / 32);
    one[static_cast<size_t>(only) / 32] = 1u << only % 32;
    const std::vector<uint32_t> none(2);
    const auto plain =
        std::max_element(logits.begin() + kTokens, logits.begin() + 2 * kTokens) - logits.begin();
    const std::vector<uint32_t> second = only % 2 == 0 ? one : std::vector<uint32_t>();
    batch->set(std::vector<SamplingRow>{
        {&sampled, {}, {}, 0, one}, {nullptr, {}, {}, 0, second}, {nullptr, {}, {}, 0, none}});
    backend.sample(in, *batch, out);
    std::vector<int32_t> tokens(3);
    backend.download(out, tokens.data());
    EXPECT_EQ(tokens[0], only);
    EXPECT_EQ(tokens[1], only % 2 == 0 ? only : static_cast<int32_t>(plain - kTokens));
    EXPECT_EQ(tokens[2], -1);
  }
}

// 257 is the first count that bf16 does not hold.
TEST_OP(sample_counts_every_occurrence) {
  Case c;
  c.options.frequency_penalty = 1.0f;
  c.history.assign(257, 1);
  EXPECT_EQ(sampled(backend, {0.5f, 257.0f}, {c})[0], 0);
  EXPECT_EQ(sampled(backend, {-0.5f, 257.0f}, {c})[0], 1);
}

// Logits whose powers no float holds unless the largest is subtracted.
TEST_OP(token_logprobs_of_large_logits) {
  for (const float offset : {200.0f, -200.0f}) {
    Fixture fixture(backend);
    const std::vector<float> logits = {offset, offset + 1, offset - 1};
    const Tensor ids = fixture.output(Dtype::kI32, 1, 1);
    const Tensor values = fixture.output(Dtype::kF32, 1, 2);
    backend.token_logprobs(fixture.input(Dtype::kF32, 1, 3, logits), fixture.indices({0}), ids, values);
    const double sum = 1 + std::exp(-1.0) + std::exp(1.0);
    // Logits and their sum are of the size of 200, whose last place is 2^-16.
    EXPECT_CLOSE(fixture.values(values), (std::vector<double>{-std::log(sum), 1 - std::log(sum)}), 0x1p-15);
  }
}

// A token that does not exist counts as the nearest that does.
TEST_OP(token_logprobs_of_unknown_tokens) {
  Fixture fixture(backend);
  const Tensor ids = fixture.output(Dtype::kI32, 2, 1);
  const Tensor values = fixture.output(Dtype::kF32, 2, 2);
  backend.token_logprobs(fixture.input(Dtype::kF32, 2, 2, {0, 1, 0, 1}), fixture.indices({-1, 2}), ids,
                         values);
  const double sum = std::log(1 + std::exp(1.0));
  EXPECT_CLOSE(fixture.values(values), (std::vector<double>{-sum, 1 - sum, 1 - sum, 1 - sum}), 0x1p-21);
}

TEST_OP(token_logprobs_likeliest_first) {
  for (const int64_t vocabulary : {1, 31, 33, 1500}) {
    const int64_t count = std::min<int64_t>(vocabulary, 35);
    Random random(41);
    Fixture fixture(backend);
    std::vector<float> logits = random.normals(3 * vocabulary, 3.0f);
    // Ties, in all three rows.
    for (int64_t i = 0; i + 7 < 3 * vocabulary; i += 9)
      logits[static_cast<size_t>(i)] = logits[static_cast<size_t>(i) + 7];
    const std::vector<int32_t> chosen = {0, static_cast<int32_t>(vocabulary / 2),
                                         static_cast<int32_t>(vocabulary - 1)};
    const Tensor ids = fixture.output(Dtype::kI32, 3, count);
    const Tensor values = fixture.output(Dtype::kF32, 3, 1 + count);
    backend.token_logprobs(fixture.input(Dtype::kF32, 3, vocabulary, logits), fixture.indices(chosen), ids,
                           values);
    std::vector<int32_t> numbers(static_cast<size_t>(3 * count));
    backend.download(ids, numbers.data());
    std::vector<double> wanted;
    for (int64_t r = 0; r < 3; r++) {
      const std::vector<float> row(logits.begin() + r * vocabulary, logits.begin() + (r + 1) * vocabulary);
      double sum = 0.0;
      for (const float logit : row) sum += std::exp(static_cast<double>(logit));
      std::vector<int32_t> order(row.size());
      for (size_t i = 0; i < order.size(); i++) order[i] = static_cast<int32_t>(i);
      std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        const float likelier = row[static_cast<size_t>(a)];
        const float other = row[static_cast<size_t>(b)];
        return likelier != other ? likelier > other : a < b;
      });
      wanted.push_back(row[static_cast<size_t>(chosen[static_cast<size_t>(r)])] - std::log(sum));
      for (int64_t j = 0; j < count; j++) {
        EXPECT_EQ(numbers[static_cast<size_t>(r * count + j)], order[static_cast<size_t>(j)]);
        wanted.push_back(row[static_cast<size_t>(order[static_cast<size_t>(j)])] - std::log(sum));
      }
    }
    // The sum of up to 1500 floats and a logarithm of at most 20.
    EXPECT_CLOSE(fixture.values(values), wanted, 20 * 0x1p-22);
  }
}

}  // namespace honeybee::testing
