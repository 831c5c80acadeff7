#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace honeybee::grammar {

/// A prefix tree in depth-first order. Going through the nodes from the first to the last, one goes on at
/// `next` where a subtree is not wanted.
struct TokenTree {
  struct Node {
    int32_t next;    ///< the first node behind this one's subtree
    int32_t tokens;  ///< where its tokens begin in `tokens`
    uint16_t depth;  ///< bytes up to and with this node's, at least 1
    uint8_t byte;
  };
  std::vector<Node> nodes;      ///< one more at the end, of which only `tokens` counts
  std::vector<int32_t> tokens;  ///< ids; several tokens may spell the same bytes

  size_t size() const { return nodes.size() - 1; }
  std::span<const int32_t> at(size_t node) const {
    return {tokens.data() + nodes[node].tokens, tokens.data() + nodes[node + 1].tokens};
  }
};

/// The bytes that each token stands for, prepared for masks. Immutable.
class Vocabulary {
 public:
  /// `bytes` of all tokens in a row, token i's ending at `ends[i]`: empty for special tokens, which no mask
  /// allows. `loses_space[i]`: a leading space of that token is dropped at the start of a text.
  /// Throws Error(kTokenizer) if they do not fit together.
  Vocabulary(std::string bytes, std::vector<uint32_t> ends, std::vector<uint8_t> loses_space);

  size_t size() const { return ends_.size(); }
  /// What a token adds to the text.
  std::string_view bytes(int32_t token, bool at_start) const;

  /// All tokens, in the middle of a text and at its start.
  const TokenTree& all() const { return all_; }
  const TokenTree& first() const { return first_; }
  /// Tokens other than those of `plain`.
  const TokenTree& odd() const { return odd_; }
  /// A bit for each token of at most `code_points` whole code points that a JSON string shows as they are.
  std::span<const uint32_t> plain(size_t code_points) const;

 private:
  TokenTree make_tree(const std::vector<int32_t>& tokens, bool at_start) const;

  std::string bytes_;
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> loses_space_;
  TokenTree all_;
  TokenTree first_;
  TokenTree odd_;
  std::vector<std::vector<uint32_t>> plain_;  ///< by the number of code points, from 0
};

}  // namespace honeybee::grammar
