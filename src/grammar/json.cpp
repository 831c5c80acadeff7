#include "grammar/json.h"

#include <algorithm>

#include "core/error.h"
#include "grammar/decimal.h"
#include "grammar/utf8.h"

namespace honeybee::grammar {
namespace {

constexpr int kDeepest = 256;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = parse(0);
    skip_space();
    if (at_ != text_.size()) wrong("the end");
    return value;
  }

 private:
  [[noreturn]] void wrong(const char* expected) const {
    fail(ErrorCode::kOption, "not JSON at byte ", at_, ": expected ", expected);
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      at_++;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json parse(int depth) {
    require(depth < kDeepest, ErrorCode::kOption, "JSON nested deeper than ", kDeepest);
    Json value;
    skip_space();
    if (take_word("null")) return value;
    if (take_word("true")) {
      value.type = Json::Type::kTrue;
    } else if (take_word("false")) {
      value.type = Json::Type::kFalse;
    } else if (take('"')) {
      value.type = Json::Type::kString;
      value.text = string();
    } else if (take('[')) {
      value.type = Json::Type::kArray;
      if (take(']')) return value;
      do value.items.push_back(parse(depth + 1));
      while (take(','));
      if (!take(']')) wrong("] or ,");
    } else if (take('{')) {
      value.type = Json::Type::kObject;
      if (take('}')) return value;
      do {
        if (!take('"')) wrong("a property name");
        std::string name = string();
        if (!take(':')) wrong(":");
        value.properties.push_back({std::move(name), parse(depth + 1)});
      } while (take(','));
      if (!take('}')) wrong("} or ,");
    } else {
      value.type = Json::Type::kNumber;
      value.text = number();
    }
    return value;
  }

  size_t digits() {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') at_++;
    return at_ - begin;
  }
  std::string number() {
    const size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '-') at_++;
    if (digits() == 0) wrong("a value");
    if (at_ < text_.size() && text_[at_] == '.') {
      at_++;
      if (digits() == 0) wrong("a digit");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      at_++;
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) at_++;
      if (digits() == 0) wrong("a digit");
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  uint32_t hex4() {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, at_++) {
      const int digit = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
      if (digit < 0) wrong("four hexadecimal digits");
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    return value;
  }
  std::string string() {
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        out.push_back(text_[at_++]);
        continue;
      }
      at_++;
      constexpr std::string_view kNames = "\"\\/bfnrt";
      constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
      const size_t known = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
      if (known != std::string_view::npos) {
        out.push_back(kValues[known]);
        at_++;
      } else if (take_word("u")) {
        uint32_t value = hex4();
        if (value >= 0xD800 && value < 0xDC00 && text_.substr(at_, 2) == "\\u") {
          const size_t back = at_;
          at_ += 2;
          const uint32_t low = hex4();
          if (low >= 0xDC00 && low < 0xE000)
            value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
          else
            at_ = back;
        }
        append_utf8(out, value);
      } else {
        wrong("an escape sequence");
      }
    }
    if (at_ >= text_.size()) wrong("\"");
    at_++;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

void write(const Json& value, std::string& out) {
  switch (value.type) {
    case Json::Type::kNull:
      out += "null";
      return;
    case Json::Type::kFalse:
      out += "false";
      return;
    case Json::Type::kTrue:
      out += "true";
      return;
    case Json::Type::kNumber:
      out += value.text;
      return;
    case Json::Type::kString:
      out += quoted(value.text);
      return;
    case Json::Type::kArray:
      out += '[';
      for (size_t i = 0; i < value.items.size(); i++) {
        if (i > 0) out += ',';
        write(value.items[i], out);
      }
      out += ']';
      return;
    case Json::Type::kObject:
      out += '{';
      for (size_t i = 0; i < value.properties.size(); i++) {
        if (i > 0) out += ',';
        out += quoted(value.properties[i].name);
        out += ':';
        write(value.properties[i].value, out);
      }
      out += '}';
      return;
  }
}

}  // namespace

const Json* Json::find(std::string_view name) const {
  // The last of several counts, as in JSON.parse.
  for (size_t i = properties.size(); i > 0; i--) {
    if (properties[i - 1].name == name) return &properties[i - 1].value;
  }
  return nullptr;
}

Json parse_json(std::string_view text) { return Parser(text).document(); }

bool same_value(const Json& a, const Json& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case Json::Type::kNumber:
      return compare(parse_decimal(a.text), parse_decimal(b.text)) == 0;
    case Json::Type::kString:
      return a.text == b.text;
    case Json::Type::kArray:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value);
    case Json::Type::kObject:
      if (a.properties.size() != b.properties.size()) return false;
      for (const auto& [name, value] : a.properties) {
        const Json* const other = b.find(name);
        if (other == nullptr || !same_value(value, *other)) return false;
      }
      return true;
    default:
      return true;
  }
}

std::string to_json(const Json& value) {
  std::string out;
  write(value, out);
  return out;
}

std::string quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = take_utf8(text, at);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (const size_t known = std::string_view("\b\f\n\r\t").find(static_cast<char>(c));
               c < 0x20 && known != std::string_view::npos) {
      out += '\\';
      out += "bfnrt"[known];
    } else if (c < 0x20 || (c >= 0xD800 && c < 0xE000)) {
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += kHex[c >> shift & 15];
    } else {
      append_utf8(out, c);
    }
  }
  return out + '"';
}

}  // namespace honeybee::grammar
