#pragma once
#include <napi.h>

#include <memory>

#include "grammar/constraint.h"

namespace honeybee {

/// vocabulary, compileFormat and FormatReader: response formats, compiled off the event loop. lib/native.ts
/// has the signatures.
void register_format(Napi::Env env, Napi::Object exports);

/// The format behind a handle that compileFormat gave. Throws Error(kOption) for anything else.
std::shared_ptr<grammar::TokenMasks> read_format(const Napi::Value& handle);

}  // namespace honeybee
