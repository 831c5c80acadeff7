#pragma once
#include <memory>
#include <mutex>
#include <unordered_map>

#include "grammar/matcher.h"
#include "grammar/vocabulary.h"

namespace honeybee::grammar {

/// Tokens that may come next, as bits.
struct TokenMask {
  std::vector<uint32_t> bits;
  uint32_t worst = 0;  ///< fewest bytes to the end after the worst of them
  bool any = false;
};

/// The masks of one grammar over one vocabulary, kept by position: the same ones come again and again, in one
/// document and in all that follow the grammar. Safe from any thread.
class TokenMasks {
 public:
  TokenMasks(Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary)
      : grammar_(std::move(grammar)), vocabulary_(std::move(vocabulary)) {}

  const Grammar& grammar() const { return grammar_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }

  /// The tokens that may follow the matcher's position and leave at most `most_cost` bytes to the end. If
  /// none does, those that leave the fewest.
  std::shared_ptr<const TokenMask> mask(Matcher& matcher, bool at_start, uint32_t most_cost);

 private:
  std::shared_ptr<const TokenMask> whole_mask(Matcher& matcher, bool at_start);

  const Grammar grammar_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<const TokenMask>> kept_;
};

}  // namespace honeybee::grammar
