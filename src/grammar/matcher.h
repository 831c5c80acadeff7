#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "grammar/grammar.h"

namespace honeybee::grammar {

/// What has been read of a document, as all the ways in which the automaton may have read it.
class Matcher {
 public:
  /// One way: the state, or the place in a text, and who called its rule.
  struct Config {
    int32_t frame;  ///< -1: the outermost rule
    int32_t state;  ///< reads bytes itself; -1 in a text
    int32_t use;    ///< the text being read; -1 outside of one
    Text::Place place;
  };
  /// All ways, those left out that can read nothing more.
  struct Position {
    std::vector<Config> configs;
    bool complete = false;  ///< a whole document has been read

    bool dead() const { return configs.empty() && !complete; }
  };

  explicit Matcher(Grammar grammar);

  const Automaton& automaton() const { return *grammar_; }
  const Position& position() const { return position_; }
  /// Reads bytes; false if no document begins so, and then nothing more may be read.
  bool advance(std::string_view bytes);
  /// A whole document was read.
  bool complete() const { return position_.complete; }
  /// It was, and nothing can follow.
  bool finished() const { return position_.complete && position_.configs.empty(); }
  /// Fewest bytes to the end of a document; kNever if there is none.
  uint32_t cost() const { return cost(position_); }

  // For looking ahead: `to` becomes the position after a byte. What was noted on the way is forgotten with
  // `forget(mark)`, after which positions reached since may no longer be used.
  void step(const Position& from, uint8_t byte, Position& to);
  size_t mark() const { return frames_.size(); }
  void forget(size_t mark) { frames_.resize(mark); }
  uint32_t cost(const Position& position) const;
  uint32_t cost(const Config& config) const;
  /// A number that tells positions apart, the same in every matcher of a grammar.
  uint64_t hash(const Position& position) const;

 private:
  /// A rule under way that waits for another one to end.
  struct Frame {
    int32_t parent;
    int32_t back;   ///< where it goes on
    uint32_t cost;  ///< fewest bytes from there to the end of the document
    uint64_t hash;
  };

  void enter(int32_t frame, int32_t state, Position& to);
  void add(const Config& config, Position& to);
  bool is_new(uint64_t config);
  int32_t push(int32_t frame, int32_t back);
  uint64_t frame_hash(int32_t frame) const;
  uint32_t frame_cost(int32_t frame) const;
  uint64_t hash(const Config& config) const;
  void compact();

  Grammar grammar_;
  std::vector<Frame> frames_;
  Position position_;
  Position next_;
  size_t compact_at_ = 1024;
  // Scratch of one step.
  std::vector<std::pair<int32_t, int32_t>> todo_;
  std::vector<uint64_t> seen_;
  std::unordered_set<uint64_t> seen_more_;
};

}  // namespace honeybee::grammar
