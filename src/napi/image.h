#pragma once
#include <napi.h>

namespace honeybee {

/// Adds the picture functions to the addon; lib/image/native.ts documents them one by one. All but
/// readImageHeader work on the process's image thread and return a promise.
void register_image(Napi::Env env, Napi::Object exports);

}  // namespace honeybee
