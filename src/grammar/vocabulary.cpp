#include "grammar/vocabulary.h"

#include <algorithm>

#include "core/error.h"
#include "grammar/text.h"

namespace honeybee::grammar {
namespace {

// Longer tokens are not allowed under a mask; no vocabulary has any.
constexpr size_t kLongest = 1024;

// The code points of a token that can stand anywhere in a JSON string and ends between two of them; 0 if it
// cannot.
size_t plain_code_points(std::string_view bytes, const Text& any) {
  Text::Place place;
  size_t count = 0;
  for (const char byte : bytes) {
    if (byte == '\\' || any.step(place, static_cast<uint8_t>(byte)) != Text::Step::kInside) return 0;
    if (place.partial == 0) count++;
  }
  return place.partial == 0 ? count : 0;
}

}  // namespace

Vocabulary::Vocabulary(std::string bytes, std::vector<uint32_t> ends, std::vector<uint8_t> loses_space)
    : bytes_(std::move(bytes)), ends_(std::move(ends)), loses_space_(std::move(loses_space)) {
  require(std::is_sorted(ends_.begin(), ends_.end()) && (ends_.empty() || ends_.back() == bytes_.size()) &&
              loses_space_.size() == ends_.size(),
          ErrorCode::kTokenizer, "the bytes of the vocabulary's tokens do not fit together");
  std::vector<int32_t> all;
  std::vector<int32_t> odd;
  const Text any = Text::of_length(0, SIZE_MAX);
  plain_.emplace_back((size() + 31) / 32);
  for (size_t i = 0; i < size(); i++) {
    const auto token = static_cast<int32_t>(i);
    const std::string_view own = this->bytes(token, false);
    if (own.empty() || own.size() > kLongest) continue;
    all.push_back(token);
    const size_t count = plain_code_points(own, any);
    if (count == 0) odd.push_back(token);
    while (plain_.size() <= count) plain_.emplace_back((size() + 31) / 32);
    if (count > 0) plain_[count][i / 32] |= 1u << i % 32;
  }
  for (size_t count = 1; count < plain_.size(); count++) {
    for (size_t word = 0; word < plain_[count].size(); word++) plain_[count][word] |= plain_[count - 1][word];
  }
  all_ = make_tree(all, false);
  first_ = make_tree(all, true);
  odd_ = make_tree(odd, false);
}

std::string_view Vocabulary::bytes(int32_t token, bool at_start) const {
  const auto t = static_cast<size_t>(token);
  if (token < 0 || t >= size()) return {};
  const size_t begin = t == 0 ? 0 : ends_[t - 1];
  std::string_view own(bytes_.data() + begin, ends_[t] - begin);
  if (at_start && loses_space_[t] != 0 && own.starts_with(' ')) own.remove_prefix(1);
  return own;
}

std::span<const uint32_t> Vocabulary::plain(size_t code_points) const {
  return plain_[std::min(code_points, plain_.size() - 1)];
}

TokenTree Vocabulary::make_tree(const std::vector<int32_t>& tokens, bool at_start) const {
  std::vector<std::pair<std::string_view, int32_t>> sorted;
  for (const int32_t token : tokens) sorted.emplace_back(bytes(token, at_start), token);
  std::sort(sorted.begin(), sorted.end());
  TokenTree tree;
  std::vector<size_t> path;  // the nodes above, by depth
  std::string_view before;
  for (const auto& [own, token] : sorted) {
    size_t shared = 0;
    while (shared < std::min(own.size(), before.size()) && own[shared] == before[shared]) shared++;
    while (path.size() > shared) {
      tree.nodes[path.back()].next = static_cast<int32_t>(tree.nodes.size());
      path.pop_back();
    }
    for (size_t i = shared; i < own.size(); i++) {
      path.push_back(tree.nodes.size());
      tree.nodes.push_back({0, static_cast<int32_t>(tree.tokens.size()), static_cast<uint16_t>(i + 1),
                            static_cast<uint8_t>(own[i])});
    }
    // A token without bytes of its own (a lone space at the start) comes before all nodes.
    if (!own.empty()) tree.tokens.push_back(token);
    before = own;
  }
  for (const size_t node : path) tree.nodes[node].next = static_cast<int32_t>(tree.nodes.size());
  tree.nodes.push_back({0, static_cast<int32_t>(tree.tokens.size()), 0, 0});
  return tree;
}

}  // namespace honeybee::grammar
