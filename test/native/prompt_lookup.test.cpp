#include "engine/prompt_lookup.h"

#include "testing.h"

namespace honeybee::testing {
namespace {

using Tokens = std::vector<int32_t>;

TEST(prompt_lookup_goes_on_as_before) {
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, 4, 5, 9, 1, 2, 3}, 2) == (Tokens{4, 5}));
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, 4, 5, 9, 1, 2, 3}, 0).empty());
  EXPECT_TRUE(look_up(Tokens{1, 2, 3}, 4).empty());
  EXPECT_TRUE(look_up(Tokens{}, 4).empty());
}

TEST(prompt_lookup_prefers_the_longest_then_the_latest) {
  // Three tokens agree far back, two and one nearer.
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, 70, 8, 2, 3, 60, 3, 50, 1, 2, 3}, 1) == (Tokens{70}));
  EXPECT_TRUE(look_up(Tokens{2, 3, 70, 2, 3, 60, 3, 50, 2, 3}, 1) == (Tokens{60}));
}

TEST(prompt_lookup_guesses_a_loop_whole) {
  EXPECT_TRUE(look_up(Tokens{9, 4, 5, 6, 4, 5, 6}, 7) == (Tokens{4, 5, 6, 4, 5, 6, 4}));
  EXPECT_TRUE(look_up(Tokens{7, 7}, 3) == (Tokens{7, 7, 7}));
}

TEST(prompt_lookup_ends_before_an_image) {
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, -1, -1, 2}, 4) == (Tokens{3}));
  EXPECT_TRUE(look_up(Tokens{2, -1, -1, 2}, 4).empty());
}

}  // namespace
}  // namespace honeybee::testing
