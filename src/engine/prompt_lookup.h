#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace honeybee {

/// Prompt-lookup decoding (Saxena 2023): guesses the next tokens, at most `most`, as those that followed the
/// last three tokens when they occurred before; failing that the last two, or the last one; of several places
/// the latest. A guess that reaches the end of `tokens` goes on with itself, so that a loop is guessed whole.
/// It ends before a visual position (a negative token). Empty if the last token is new.
std::vector<int32_t> look_up(std::span<const int32_t> tokens, int64_t most);

}  // namespace honeybee
