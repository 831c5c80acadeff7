#pragma once
#include <cstdint>
#include <vector>

#include "grammar/dfa.h"

namespace honeybee::grammar {

/// How code points are written as bytes.
enum class Writing {
  kPlain,  ///< UTF-8
  kJson,   ///< inside a JSON string, exactly as JSON.stringify does, up to the closing quote
};

constexpr uint32_t kNever = UINT32_MAX;

/// A set of texts that is matched byte by byte, between code points and inside of them.
class Text {
 public:
  /// Where a match stands: the state after the last whole code point and what is known of the next.
  struct Place {
    int32_t state = 0;
    uint32_t partial = 0;  ///< 0: between code points

    friend bool operator==(const Place&, const Place&) = default;
  };

  Text(Dfa dfa, Writing writing);
  /// Texts of min to max code points (max SIZE_MAX: no bound) without a state for each.
  static Text of_length(size_t min, size_t max);

  /// What step() says of the text; kDead: no text of any label begins so.
  enum class Step { kDead, kInside, kClosed };
  /// Moves on by a byte. kClosed: it was the closing quote, and the text is accepted.
  Step step(Place& place, uint8_t byte) const;

  /// Of a place between code points; Dfa::kRejects if the text may not end here.
  int32_t label(Place place) const;
  /// Fewest bytes until the text may end with this label, its closing quote not counted; kNever if it cannot.
  uint32_t cost(Place place, int32_t label) const;
  /// Whether anything can follow.
  bool can_go_on(Place place) const;
  /// How many code points of whatever kind may come next without a change of what may follow them; 0 if it
  /// matters which. SIZE_MAX: any number.
  size_t free_code_points(Place place) const;

  Writing writing() const { return writing_; }
  int32_t highest_label() const { return highest_label_; }
  bool empty() const { return !counted_ && dfa_.empty(); }

 private:
  explicit Text(Writing writing) : writing_(writing) {}

  int32_t next(int32_t state, uint32_t c) const;
  uint32_t state_cost(int32_t state, int32_t label) const;
  // Fewest bytes after one of the code points of a range.
  uint32_t cost_after(int32_t state, uint32_t first, uint32_t last, int32_t label) const;
  uint32_t cost_inside(Place place, int32_t label) const;
  void find_costs();

  Writing writing_;
  bool counted_ = false;
  size_t min_ = 0;
  size_t max_ = SIZE_MAX;
  Dfa dfa_;
  std::vector<uint32_t> costs_;  ///< [labels, states]
  std::vector<bool> free_;       ///< states that every code point leads back to
  int32_t highest_label_ = 0;
};

}  // namespace honeybee::grammar
