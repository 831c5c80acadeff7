#pragma once
#include <napi.h>

namespace honeybee {

/// Functions that need no model: warpLogits, listTensors, listDevices.
void register_tools(Napi::Env env, Napi::Object exports);

}  // namespace honeybee
