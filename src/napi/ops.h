#pragma once
#include <napi.h>

#include <memory>

#include "napi/ops_call.h"

namespace honeybee {

/// The JavaScript class `Ops`: one device and what was put on it, for honeybee/ops. Every call works at once,
/// on the calling thread. lib/native.ts has the signatures.
///
/// Lifetime: weights and caches are numbers that mean nothing after `free` or `dispose`; what was not freed
/// goes with the object.
class OpsHandle final : public Napi::ObjectWrap<OpsHandle> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit OpsHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value weight(const Napi::CallbackInfo& info);
  Napi::Value kv_cache(const Napi::CallbackInfo& info);
  Napi::Value free(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  /// Throws Error(kDisposed).
  std::shared_ptr<OpsDevice> device() const;

  std::shared_ptr<OpsDevice> device_;
};

}  // namespace honeybee
