#include "engine/prompt_lookup.h"

#include <algorithm>

namespace honeybee {
namespace {

constexpr size_t kLongest = 3;

// How many of the last tokens, up to kLongest, are also the ones before `end`.
size_t agreeing(std::span<const int32_t> tokens, size_t end) {
  size_t count = 0;
  while (count < std::min(kLongest, end) && tokens[end - 1 - count] == tokens[tokens.size() - 1 - count])
    count++;
  return count;
}

}  // namespace

std::vector<int32_t> look_up(std::span<const int32_t> tokens, int64_t most) {
  size_t best = 0;
  size_t next = 0;  // position behind the best place
  for (size_t end = tokens.size() - std::min<size_t>(tokens.size(), 1); end > 0 && best < kLongest; end--) {
    const size_t count = agreeing(tokens, end);
    if (count <= best) continue;
    best = count;
    next = end;
  }
  std::vector<int32_t> guess;
  if (best == 0) return guess;
  while (std::ssize(guess) < most) {
    const size_t at = next + guess.size();
    const int32_t token = at < tokens.size() ? tokens[at] : guess[at - tokens.size()];
    if (token < 0) break;
    guess.push_back(token);
  }
  return guess;
}

}  // namespace honeybee
