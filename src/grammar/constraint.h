#pragma once
#include "grammar/token_masks.h"

namespace honeybee::grammar {

/// One answer on its way through a response format.
class Constraint {
 public:
  explicit Constraint(std::shared_ptr<TokenMasks> masks)
      : masks_(std::move(masks)), matcher_(masks_->grammar()) {}

  /// A bit for each token that may come next, valid until the next call. `remaining`: tokens that the answer
  /// may still have, this one and the stop token included. When they only just suffice, one byte each, only
  /// what closes the document is allowed. Stop tokens are allowed where the document is complete.
  std::span<const uint32_t> mask(int64_t remaining, std::span<const int32_t> stop_tokens);
  /// Whether the last mask allows a token other than the stop tokens.
  bool can_go_on() const { return can_go_on_; }
  /// Takes the token that was chosen; false if the format does not allow it.
  bool accept(int32_t token);
  /// The document is complete and nothing can follow.
  bool finished() const { return matcher_.finished(); }

 private:
  std::shared_ptr<TokenMasks> masks_;
  Matcher matcher_;
  bool at_start_ = true;
  bool can_go_on_ = true;
  std::vector<uint32_t> bits_;
};

}  // namespace honeybee::grammar
