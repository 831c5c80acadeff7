#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace honeybee {

/// What went wrong, as a program sees it; the names are those of HoneybeeError.code in TypeScript.
enum class ErrorCode {
  kOption,
  kImage,
  kCheckpoint,
  kTokenizer,
  kContextLength,
  kOutOfMemory,
  kDevice,
  kDisposed,
  kOverloaded,
};

/// "ERR_OPTION" and so on.
const char* error_code_name(ErrorCode code);

/// The only exception this library throws on purpose. The message names the thing at fault and what was
/// expected; it reaches the user as it stands.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// Throws an Error whose message is the parts streamed one after another.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(code, text.str());
}

/// `fail` unless the condition holds.
template <class... Parts>
void require(bool condition, ErrorCode code, const Parts&... parts) {
  if (!condition) fail(code, parts...);
}

}  // namespace honeybee
