#include <algorithm>
#include <optional>

#include "core/error.h"
#include "grammar/limits.h"
#include "grammar/regex_tree.h"
#include "grammar/utf8.h"

namespace honeybee::grammar {
namespace {

using Node = RegexTree::Node;

constexpr int kDeepest = 200;
constexpr int kMostRepeats = 10'000;

const CodePoints kDigits = {{'0', '9'}};
const CodePoints kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodePoints kSpace = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                           {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                           {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CodePoints kLineEnds = {{0x0A, 0x0A}, {0x0D, 0x0D}, {0x2028, 0x2029}};

CodePoints ordered(CodePoints set) {
  std::sort(set.begin(), set.end());
  CodePoints out;
  for (const auto& [first, last] : set) {
    if (!out.empty() && first <= out.back().second + 1)
      out.back().second = std::max(out.back().second, last);
    else
      out.emplace_back(first, last);
  }
  return out;
}

CodePoints complement(const CodePoints& set) {
  CodePoints out;
  uint32_t from = 0;
  for (const auto& [first, last] : ordered(set)) {
    if (first > from) out.emplace_back(from, first - 1);
    from = last + 1;
  }
  if (from <= kLastCodePoint) out.emplace_back(from, kLastCodePoint);
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {
    for (size_t at = 0; at < pattern.size();) text_.push_back(take_utf8(pattern, at));
  }

  RegexTree parse() {
    tree_.root = choice(0);
    if (at_ < text_.size()) wrong("has a ) too many");
    return std::move(tree_);
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const {
    constexpr size_t kShown = 80;
    std::string shown(pattern_.substr(0, kShown));
    while (!shown.empty() && pattern_.size() > kShown &&
           (static_cast<uint8_t>(pattern_[shown.size()]) & 0xC0) == 0x80)
      shown.pop_back();
    if (shown.size() < pattern_.size()) shown += "…";
    fail(ErrorCode::kOption, "responseFormat: the pattern \"", shown, "\" ", what);
  }

  bool more() const { return at_ < text_.size(); }
  bool sees(uint32_t c) const { return more() && text_[at_] == c; }
  bool take(uint32_t c) {
    if (!sees(c)) return false;
    at_++;
    return true;
  }
  bool take(std::string_view ascii) {
    for (size_t i = 0; i < ascii.size(); i++) {
      if (at_ + i >= text_.size() || text_[at_ + i] != static_cast<uint8_t>(ascii[i])) return false;
    }
    at_ += ascii.size();
    return true;
  }

  int add(Node node) {
    limit(tree_.nodes.size(), kMostPatternNodes, "a pattern");
    tree_.nodes.push_back(std::move(node));
    return static_cast<int>(tree_.nodes.size()) - 1;
  }
  int add_set(CodePoints set) {
    Node node;
    node.kind = Node::Kind::kSet;
    node.set = ordered(std::move(set));
    return add(std::move(node));
  }

  int choice(int depth) {
    if (depth > kDeepest) wrong("has groups nested too deep");
    Node node;
    node.kind = Node::Kind::kChoice;
    do node.parts.push_back(sequence(depth));
    while (take('|'));
    return node.parts.size() == 1 ? node.parts[0] : add(std::move(node));
  }

  int sequence(int depth) {
    Node node;
    while (more() && !sees('|') && !sees(')')) {
      const int atom = this->atom(depth);
      node.parts.push_back(repeated(atom));
    }
    return node.parts.size() == 1 ? node.parts[0] : add(std::move(node));
  }

  std::optional<int> decimal() {
    int value = 0;
    const size_t begin = at_;
    for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; at_++)
      value = std::min(value * 10 + static_cast<int>(text_[at_] - '0'), kMostRepeats + 1);
    if (at_ == begin) return std::nullopt;
    return value;
  }

  int repeated(int atom) {
    int min = 0;
    int max = -1;
    if (take('*')) {
    } else if (take('+')) {
      min = 1;
    } else if (take('?')) {
      max = 1;
    } else if (take('{')) {
      const auto least = decimal();
      if (!least) wrong("has a { that begins no repetition; write \\{");
      min = max = *least;
      if (take(',')) max = decimal().value_or(-1);
      if (!take('}')) wrong("has a { that begins no repetition; write \\{");
      if (max >= 0 && max < min) wrong("has a repetition whose bounds are out of order");
      if (std::max(min, max) > kMostRepeats) wrong("repeats something more than 10000 times");
    } else {
      return atom;
    }
    const Node::Kind kind = tree_.nodes[static_cast<size_t>(atom)].kind;
    if (kind == Node::Kind::kStart || kind == Node::Kind::kEnd) wrong("repeats an anchor");
    take('?');  // lazy: the same texts
    if (sees('*') || sees('+') || sees('?') || sees('{')) wrong("has nothing to repeat");
    Node node;
    node.kind = Node::Kind::kRepeat;
    node.parts = {atom};
    node.min = min;
    node.max = max;
    return add(std::move(node));
  }

  int group(int depth) {
    if (take("?:")) {
    } else if (take("?=") || take("?!") || take("?<=") || take("?<!")) {
      wrong("looks ahead or behind, which cannot be enforced");
    } else if (take("?<")) {
      while (more() && !sees('>')) at_++;
      if (!take('>')) wrong("has a group name without >");
    } else if (sees('?')) {
      wrong("has a group of an unknown kind");
    }
    const int inside = choice(depth + 1);
    if (!take(')')) wrong("has a ( without )");
    // A group of its own, so that what follows repeats all of it.
    Node node;
    node.parts = {inside};
    return add(std::move(node));
  }

  int atom(int depth) {
    Node anchor;
    const uint32_t c = text_[at_++];
    switch (c) {
      case '^':
        anchor.kind = Node::Kind::kStart;
        return add(anchor);
      case '$':
        anchor.kind = Node::Kind::kEnd;
        return add(anchor);
      case '(':
        return group(depth);
      case '.':
        return add_set(complement(kLineEnds));
      case '[':
        return add_set(character_class());
      case '\\':
        return add_set(escape(false));
      case '*':
      case '+':
      case '?':
      case '{':
        wrong("has nothing to repeat");
      default:
        return add_set({{c, c}});
    }
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; i++, at_++) {
      const int digit = more() && text_[at_] < 0x80 ? hex_digit(static_cast<char>(text_[at_])) : -1;
      if (digit < 0) wrong("has an escape sequence cut short");
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    return value;
  }

  uint32_t unicode() {
    if (take('{')) {
      uint32_t value = 0;
      if (sees('}')) wrong("has an escape sequence cut short");
      while (!take('}')) value = std::min(value * 16 + hex(1), kLastCodePoint + 1);
      if (value > kLastCodePoint) wrong("has a code point beyond U+10FFFF");
      return value;
    }
    const uint32_t value = hex(4);
    if (value >= 0xD800 && value < 0xDC00 && take("\\u")) {
      const uint32_t low = hex(4);
      if (low < 0xDC00 || low > 0xDFFF) wrong("has half a surrogate pair");
      return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
    }
    return value;
  }

  CodePoints escape(bool in_class) {
    if (!more()) wrong("ends with a backslash");
    const uint32_t c = text_[at_++];
    const auto one = [](uint32_t value) { return CodePoints{{value, value}}; };
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return complement(kDigits);
      case 'w':
        return kWord;
      case 'W':
        return complement(kWord);
      case 's':
        return kSpace;
      case 'S':
        return complement(kSpace);
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case '0':
        if (more() && text_[at_] >= '0' && text_[at_] <= '9') wrong("has an octal escape");
        return one(0);
      case 'x':
        return one(hex(2));
      case 'u':
        return one(unicode());
      case 'c':
        if (!more() || text_[at_] > 'z' || (text_[at_] | 32) < 'a') wrong("has \\c without a letter");
        return one(text_[at_++] & 31);
      case 'b':
        if (in_class) return one(8);
        [[fallthrough]];
      case 'B':
        wrong("has a word boundary, which cannot be enforced");
      case 'p':
      case 'P':
        wrong("has a Unicode property, which cannot be enforced; list the ranges");
      case 'k':
        wrong("refers back to a group, which cannot be enforced");
      default:
        if (c >= '1' && c <= '9') wrong("refers back to a group, which cannot be enforced");
        if ((c | 32) >= 'a' && (c | 32) <= 'z') wrong("has an unknown escape sequence");
        return one(c);
    }
  }

  CodePoints class_atom() {
    if (!more()) wrong("has a [ without ]");
    const uint32_t c = text_[at_++];
    if (c == '\\') return escape(true);
    return {{c, c}};
  }

  CodePoints character_class() {
    const bool negated = take('^');
    CodePoints set;
    const auto single = [](const CodePoints& atom) {
      return atom.size() == 1 && atom[0].first == atom[0].second;
    };
    while (!take(']')) {
      const CodePoints from = class_atom();
      if (sees('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        at_++;
        const CodePoints to = class_atom();
        if (!single(from) || !single(to)) wrong("has a range between classes");
        if (from[0].first > to[0].first) wrong("has a range out of order");
        set.emplace_back(from[0].first, to[0].first);
      } else {
        set.insert(set.end(), from.begin(), from.end());
      }
    }
    return negated ? complement(set) : set;
  }

  std::string_view pattern_;
  std::vector<uint32_t> text_;
  size_t at_ = 0;
  RegexTree tree_;
};

}  // namespace

RegexTree parse_regex(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace honeybee::grammar
