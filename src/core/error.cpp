#include "core/error.h"

namespace honeybee {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOption:
      return "ERR_OPTION";
    case ErrorCode::kImage:
      return "ERR_IMAGE";
    case ErrorCode::kCheckpoint:
      return "ERR_CHECKPOINT";
    case ErrorCode::kTokenizer:
      return "ERR_TOKENIZER";
    case ErrorCode::kContextLength:
      return "ERR_CONTEXT_LENGTH";
    case ErrorCode::kOutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case ErrorCode::kDevice:
      return "ERR_DEVICE";
    case ErrorCode::kDisposed:
      return "ERR_DISPOSED";
    case ErrorCode::kOverloaded:
      return "ERR_OVERLOADED";
  }
  return "ERR_DEVICE";
}

}  // namespace honeybee
