#pragma once
#include <new>
#include <string>

#include "core/error.h"

namespace honeybee {

/// Runs `work`, turning whatever it throws into (code, message); true if it threw. Interrupted passes.
template <class Work>
bool caught(Work work, ErrorCode& code, std::string& message) {
  try {
    work();
    return false;
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = ErrorCode::kOutOfMemory;
    message = "out of memory; close other programs, choose smaller weights or a shorter context";
  } catch (const std::exception& error) {
    code = ErrorCode::kDevice;
    message = error.what();
  }
  return true;
}

}  // namespace honeybee
