// Caches of codes. Attention from them against double loops over the very values that codes stand for, and
// those values against the rule by which they are made.
#include <cmath>

#include "paged_fixture.h"

namespace honeybee::testing {
namespace {

// How far a result may be. Tensor cores multiply bf16: there it is twice the error of a naive computation
// from factors rounded to it, whose result is rounded to it as well, as probabilities are.
Expected attention_of(const Backend& backend, const Text& text, const Server& server, Dtype cache) {
  const bool on_tensor_cores = backend.name() != "cpu" && text.heads.dim % 16 == 0;
  Expected e = expected(on_tensor_cores ? Dtype::kBF16 : text.dtype, [&]<class T>() {
    const bool naive = sizeof(T) == sizeof(float);
    return text.attention<T>(server.table(), cache, naive && on_tensor_cores ? Dtype::kBF16 : Dtype::kF32);
  });
  // Scales may multiply scores and probabilities instead: a few more roundings.
  e.tolerance += 0x1p-20;
  return e;
}

// Rows [begin, end) of what is expected.
void expect_rows(const std::vector<float>& rows, const Expected& e, const Piece& piece) {
  const int64_t width = piece.text->heads.count * piece.text->heads.dim;
  EXPECT_CLOSE(
      rows, std::vector<double>(e.values.begin() + piece.begin * width, e.values.begin() + piece.end * width),
      e.tolerance);
}

// Two texts of different lengths in chunks that end within and at the end of blocks, then a row of each.
void check_texts(Backend& backend, const Heads& heads, Dtype cache, Dtype dtype, int64_t length) {
  Server server(backend, heads, cache, dtype, heads.dim % 32 == 0 ? Layout::kAligned : Layout::kOddStride);
  const Text text(heads, length, 1, dtype);
  const Text other(heads, 18, 2, dtype);
  const Expected e = attention_of(backend, text, server, cache);
  const Expected e_other = attention_of(backend, other, server, cache);
  const std::vector<Piece> steps[] = {{{&text, 1, 0, 19}, {&other, 2, 0, 5}},
                                      {{&other, 2, 5, 16}, {&text, 1, 19, 32}},
                                      {{&text, 1, 32, length - 1}, {&other, 2, 16, 17}},
                                      {{&other, 2, 17, 18}, {&text, 1, length - 1, length}}};
  for (const std::vector<Piece>& pieces : steps) {
    const auto results = server.step(pieces, 1, 80);
    for (size_t i = 0; i < pieces.size(); i++)
      expect_rows(results[i], pieces[i].text == &text ? e : e_other, pieces[i]);
  }
}

// One row alone: attention gives its value as it is stored.
std::vector<float> stored_value(Server& server, const Text& text) {
  return server.step({{&text, 0, 0, 1}})[0];
}

constexpr Heads kOneHead{1, 1, 34};

// A text of one row whose value is `v`.
Text text_of(const std::vector<float>& v) {
  Text text(kOneHead, 1, 1, Dtype::kF32);
  text.v = v;
  return text;
}

}  // namespace

TEST_OP(paged_attention_from_codes) {
  constexpr Heads kHeads[] = {{1, 1, 2},   {8, 1, 64},  {2, 2, 128}, {3, 1, 80}, {1, 1, 24},
                              {20, 1, 16}, {2, 1, 256}, {1, 1, 176}, {6, 2, 34}};
  for (const Dtype cache : code_dtypes(backend)) {
    for (const Heads& heads : kHeads) check_texts(backend, heads, cache, Dtype::kF32, 34);
    for (const Dtype dtype : activation_dtypes(backend)) {
      for (const Heads& heads : {Heads{4, 2, 64}, Heads{6, 2, 34}})
        check_texts(backend, heads, cache, dtype, 34);
    }
  }
}

// Keys of more than one range (256 on the CPU) or part (64 on a GPU).
TEST_OP(paged_attention_from_many_codes) {
  const int64_t length = backend.name() == "cpu" ? 300 : 70;
  for (const Dtype cache : code_dtypes(backend)) {
    for (const Heads& heads : {Heads{4, 2, 64}, Heads{1, 1, 34}})
      check_texts(backend, heads, cache, Dtype::kF32, length);
  }
}

// int8: to the nearest of 255 steps between ±largest. fp8: to 4 significant bits, and in the smallest values
// to 2^-10 of a unit, of which the largest value is 448.
TEST_OP(paged_codes_are_nearest) {
  Random random(5);
  for (const Dtype cache : code_dtypes(backend)) {
    Server server(backend, kOneHead, cache, Dtype::kF32);
    for (const float scale : {1.0f, 1e-20f, 1e20f}) {
      std::vector<float> v = random.normals(kOneHead.dim, scale);
      v[7] = 30.0f * scale;  // a channel apart from the others, as keys have them
      v[8] = 1e-6f * scale;
      const std::vector<float> stored = stored_value(server, text_of(v));
      for (size_t i = 0; i < v.size(); i++) {
        const double exact = v[i];
        const double largest = v[7];
        const double half_a_step =
            cache == Dtype::kInt8 ? largest / 254 : std::max(std::fabs(exact) / 16, largest / 448 * 0x1p-10);
        const double rounding = largest * 0x1p-21;  // of a scale, its inverse and their products
        EXPECT_TRUE(std::fabs(stored[i] - exact) <= half_a_step + rounding);
      }
      EXPECT_TRUE(stored[7] >= v[7] * (1 - 0x1p-21f));
    }
  }
}

TEST_OP(paged_codes_of_zeros_and_of_what_is_not_finite) {
  for (const Dtype cache : code_dtypes(backend)) {
    Server server(backend, kOneHead, cache, Dtype::kF32);
    std::vector<float> v(static_cast<size_t>(kOneHead.dim), 0.0f);
    EXPECT_SAME_BITS(stored_value(server, text_of(v)), v);
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      v[20] = bad;
      for (const float value : stored_value(server, text_of(v))) EXPECT_TRUE(std::isnan(value));
    }
    // Nothing of it stays; of this value scales and codes are whole numbers.
    v[20] = 127.0f * 448.0f;
    EXPECT_SAME_BITS(stored_value(server, text_of(v)), v);
  }
}

}  // namespace honeybee::testing
