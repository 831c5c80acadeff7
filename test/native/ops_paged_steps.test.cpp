#include <string>

#include "paged_fixture.h"

/// What a row gives must not depend on the steps in which its sequence was computed.
namespace honeybee::testing {
namespace {

struct Kind {
  Heads heads;
  Dtype cache;
};

std::vector<Kind> kinds_of(const Backend& backend) {
  std::vector<Kind> kinds = {{{1, 1, 64}, Dtype::kF32},
                             {{2, 2, 34}, Dtype::kF32},
                             {{4, 1, 64}, Dtype::kBF16},
                             {{1, 1, 80}, Dtype::kBF16}};
  for (const Dtype codes : code_dtypes(backend)) kinds.push_back({{2, 1, 64}, codes});
  return kinds;
}

// Row `position` of a text's result.
std::vector<float> row_of(const std::vector<float>& values, int64_t position, const Heads& heads) {
  const int64_t width = heads.count * heads.dim;
  return {values.begin() + position * width, values.begin() + (position + 1) * width};
}

// One shape of step whose operations are recorded and whose inputs change. Two sequences.
class RecordedStep {
 public:
  RecordedStep(Backend& backend, Server& server, const Heads& heads, int64_t rows, int64_t length_bound)
      : backend_(backend), server_(server), fixture_(backend), length_bound_(length_bound) {
    const auto zeros = [&](int64_t width) {
      return fixture_.in_place(Dtype::kF32, rows, width,
                               std::vector<float>(static_cast<size_t>(rows * width)));
    };
    q_ = zeros(heads.count * heads.dim);
    k_ = zeros(heads.kv * heads.dim);
    v_ = zeros(heads.kv * heads.dim);
    out_ = zeros(heads.count * heads.dim);
    table_ = fixture_.parameter(server.table(), 16 * Server::kMaxBlocks);
    static int recordings = 0;  // of all tests: keys belong to the backend
    key_ = "paged step " + std::to_string(recordings++);
    batch_ = backend.make_batch({.sequences = 2, .rows = rows, .blocks = Server::kMaxBlocks});
  }

  /// `padded`: the second sequence is padding.
  std::vector<std::vector<float>> run(const Piece& first, const Piece& second, bool padded = false) {
    Step step = server_.prepare({first, second});
    if (padded) step.start[1] = -1;
    backend_.upload(step.q.data(), q_);
    backend_.upload(step.k.data(), k_);
    backend_.upload(step.v.data(), v_);
    batch_->set(step.row_begin, step.start, step.blocks, length_bound_);
    backend_.repeat(key_, [&] { server_.run(q_, k_, v_, table_, *batch_, 1, out_); });
    return server_.split(fixture_.values(out_), step);
  }

 private:
  Backend& backend_;
  Server& server_;
  Fixture fixture_;
  std::string key_;
  int64_t length_bound_;
  Tensor q_, k_, v_, out_, table_;
  std::unique_ptr<PagedBatch> batch_;
};

}  // namespace

// However a prompt is cut into chunks and whatever else is in the batch, each row has the same bits.
TEST_OP(paged_attention_is_invariant) {
  for (const auto& [heads, cache] : kinds_of(backend)) {
    const int64_t length = 270;
    const int64_t width = heads.count * heads.dim;
    const Text text(heads, length, 1, Dtype::kF32);
    const Text stranger(heads, 60, 2, Dtype::kF32);
    const Text other(heads, 150, 3, Dtype::kF32);
    Server whole(backend, heads, cache, Dtype::kF32);
    const std::vector<float> expected = whole.step({{&text, 0, 0, length}})[0];

    Random random(4);
    // The last round has all of it.
    for (int round = is_quantized(cache) ? 2 : 0; round < 3; round++) {
      Server server(backend, heads, cache, Dtype::kF32);
      std::vector<float> joined;
      int64_t at = 0;
      int64_t far = 0;
      while (at < length) {
        const int64_t next = std::min(length, at + 1 + random.below(round == 0 ? 19 : 120));
        const int64_t far_next = std::min<int64_t>(other.length, far + 1 + random.below(40));
        std::vector<Piece> pieces{{&text, 1, at, next}};
        if (round > 0) pieces.insert(pieces.begin(), {&stranger, 0, 0, 1 + random.below(60)});
        if (round > 1 && far < far_next) pieces.push_back({&other, 3, far, far_next});
        const auto results = server.step(pieces);
        const std::vector<float>& mine = results[round > 0 ? 1 : 0];
        joined.insert(joined.end(), mine.begin(), mine.end());
        at = next;
        far = far_next;
      }
      EXPECT_EQ(joined.size(), static_cast<size_t>(length * width));
      EXPECT_SAME_BITS(joined, expected);
    }
  }
}

// Rows one by one, several texts of different lengths at a time and ready for longer ones, have the bits that
// they have in a prompt.
TEST_OP(paged_decoding_equals_prefill) {
  constexpr int64_t kLengths[] = {1, 15, 16, 17, 31, 33, 64, 65, 255, 257, 300};
  std::vector<Kind> kinds = {{{1, 1, 2}, Dtype::kF32},    {{1, 1, 128}, Dtype::kF32},
                             {{20, 1, 16}, Dtype::kBF16}, {{8, 1, 64}, Dtype::kBF16},
                             {{1, 1, 34}, Dtype::kBF16},  {{2, 2, 128}, Dtype::kBF16},
                             {{1, 1, 176}, Dtype::kBF16}};
  for (const Dtype codes : code_dtypes(backend)) kinds.push_back({{1, 1, 128}, codes});
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const auto& [heads, cache] : kinds) {
      if (dtype != Dtype::kF32 && heads.dim != 64) continue;
      const Text text(heads, 300, 1, dtype);
      Server server(backend, heads, cache, dtype,
                    dtype == Dtype::kBF16 ? Layout::kAligned : Layout::kOddStride);
      const auto whole = server.step({{&text, 2, 0, text.length}})[0];
      for (const int64_t longest : {33, 300}) {
        std::vector<Piece> pieces;
        for (const int64_t length : kLengths) {
          if (length <= longest) pieces.push_back({&text, 2, length - 1, length});
        }
        const auto rows = server.step(pieces, 1, longest == 33 ? 0 : 400);
        for (size_t i = 0; i < pieces.size(); i++)
          EXPECT_SAME_BITS(rows[i], row_of(whole, pieces[i].begin, heads));
      }
    }
  }
}

// A recording serves all positions up to its bound, any division of rows between sequences, and padding.
TEST_OP(paged_steps_can_be_recorded) {
  const Heads heads{4, 2, 64};
  const Text text(heads, 200, 1, Dtype::kF32);
  for (const Dtype cache : cache_dtypes(backend)) {
    Server server(backend, heads, cache, Dtype::kF32);
    const auto whole = server.step({{&text, 0, 0, text.length}, {&text, 1, 0, text.length}})[0];
    const auto rows_of = [&](int64_t begin, int64_t end) {
      const int64_t width = heads.count * heads.dim;
      return std::vector<float>(whole.begin() + begin * width, whole.begin() + end * width);
    };
    RecordedStep decode(backend, server, heads, 2, 200);
    for (const int64_t at : {2, 199, 64, 63, 130}) {
      const auto rows = decode.run({&text, 0, at, at + 1}, {&text, 1, 199 - at, 200 - at});
      EXPECT_SAME_BITS(rows[0], rows_of(at, at + 1));
      EXPECT_SAME_BITS(rows[1], rows_of(199 - at, 200 - at));
    }
    RecordedStep chunks(backend, server, heads, 40, 200);
    for (const int64_t first : {39, 39, 1, 20, 40}) {
      const auto rows = chunks.run({&text, 0, 80 - first, 80}, {&text, 1, 90, 130 - first});
      EXPECT_SAME_BITS(rows[0], rows_of(80 - first, 80));
      EXPECT_SAME_BITS(rows[1], rows_of(90, 130 - first));
    }
    for (RecordedStep* step : {&decode, &chunks}) {
      const int64_t first = step == &decode ? 1 : 7;
      const int64_t others = step == &decode ? 1 : 33;
      const auto rows = step->run({&text, 0, 150, 150 + first}, {&text, 1, 0, others}, true);
      EXPECT_SAME_BITS(rows[0], rows_of(150, 150 + first));
      EXPECT_SAME_BITS(rows[1], std::vector<float>(rows[1].size(), 0.0f));
    }
  }
}

// Decoding with idle threads splits the keys; the bits stay.
TEST_OP(paged_attention_does_not_depend_on_threads) {
  if (backend.name() != "cpu") return;  // has none of its own
  for (const Dtype cache : cache_dtypes(backend)) {
    const Heads heads{1, 1, 64};
    const Text text(heads, 601, 1, Dtype::kF32);
    std::vector<float> prompt, decoded;
    for (const int threads : {1, 2, 7}) {
      const auto other = current_device().make(threads);
      Server server(*other, heads, cache, Dtype::kF32);
      const auto first = server.step({{&text, 2, 0, 600}})[0];
      const auto second = server.step({{&text, 2, 600, 601}})[0];
      if (threads == 1) prompt = first, decoded = second;
      EXPECT_SAME_BITS(first, prompt);
      EXPECT_SAME_BITS(second, decoded);
    }
  }
}

TEST_OP(paged_layers_are_separate) {
  const Heads heads{2, 1, 64};
  Server server(backend, heads, Dtype::kF32, Dtype::kF32);
  const Text text(heads, 20, 1, Dtype::kF32);
  const Text other(heads, 20, 2, Dtype::kF32);
  server.step({{&text, 0, 0, 19}}, 0);
  server.step({{&other, 0, 0, 19}}, 1);
  const auto last = server.step({{&text, 0, 19, 20}}, 0)[0];
  Server alone(backend, heads, Dtype::kF32, Dtype::kF32);
  alone.step({{&text, 0, 0, 19}}, 0);
  EXPECT_SAME_BITS(last, alone.step({{&text, 0, 19, 20}}, 0)[0]);
}

}  // namespace honeybee::testing
