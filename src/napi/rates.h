#pragma once
#include <napi.h>

namespace honeybee {

/// measureRates: what a device reaches, for `honeybee bench`.
void register_rates(Napi::Env env, Napi::Object exports);

}  // namespace honeybee
