#pragma once
#include <napi.h>

#include <memory>

#include "napi/registry.h"
#include "napi/sink.h"

namespace honeybee {

/// The JavaScript class `Model`: one environment's handle on an engine.
///
/// Lifetime: the constructor starts loading. A handle that waits for something (loading, a request, closing)
/// keeps the process alive, an idle one does not. dispose() lets go of the engine; its `closed` event is the
/// last. When the environment ends first (process.exit, worker.terminate), the clean-up hook stops what runs
/// here and joins.
class ModelHandle final : public Napi::ObjectWrap<ModelHandle> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit ModelHandle(const Napi::CallbackInfo& info);

 private:
  struct State;

  Napi::Value submit(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value start_profile(const Napi::CallbackInfo& info);
  Napi::Value stop_profile(const Napi::CallbackInfo& info);

  // Shared with the clean-up hook and the sink, which may outlive the wrapped object.
  std::shared_ptr<State> state_;
};

}  // namespace honeybee
