#pragma once
#include <napi.h>

#include <string>

#include "core/resize_plan.h"

namespace honeybee {

/// How `width`×`height` pixels become `size`×`size`. Throws Error(kOption) unless mode is "squash" or
/// "shortest-edge-crop".
ResizePlan plan_resize(const std::string& mode, int width, int height, int size);

/// Adds the picture functions to the addon; lib/image/native.ts documents them one by one. All but
/// readImageHeader work on the process's image thread and return a promise.
void register_image(Napi::Env env, Napi::Object exports);

}  // namespace honeybee
