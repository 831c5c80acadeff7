#include "grammar/constraint.h"

#include <algorithm>

namespace honeybee::grammar {

std::span<const uint32_t> Constraint::mask(int64_t remaining, std::span<const int32_t> stop_tokens) {
  // One token is this one, one the stop token.
  const auto most_cost = static_cast<uint32_t>(std::clamp<int64_t>(remaining - 2, 0, kNever - 1));
  bits_ = masks_->mask(matcher_, at_start_, most_cost)->bits;
  const bool complete = matcher_.complete();
  for (const int32_t token : stop_tokens) {
    const auto word = static_cast<size_t>(token) / 32;
    if (token >= 0 && word < bits_.size()) bits_[word] &= ~(1u << token % 32);
  }
  // The last token of a complete document is a stop token.
  const bool out_of_room = complete && remaining <= 1 && !stop_tokens.empty();
  if (out_of_room) std::fill(bits_.begin(), bits_.end(), 0);
  can_go_on_ = std::any_of(bits_.begin(), bits_.end(), [](uint32_t word) { return word != 0; });
  for (const int32_t token : stop_tokens) {
    if (token < 0 || !complete) continue;
    const auto word = static_cast<size_t>(token) / 32;
    if (word >= bits_.size()) bits_.resize(word + 1);
    bits_[word] |= 1u << token % 32;
  }
  return bits_;
}

bool Constraint::accept(int32_t token) {
  const std::string_view bytes = masks_->vocabulary().bytes(token, at_start_);
  if (masks_->vocabulary().bytes(token, false).empty()) return false;
  at_start_ = false;
  return matcher_.advance(bytes);
}

}  // namespace honeybee::grammar
