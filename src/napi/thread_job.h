#pragma once
#include <napi.h>

#include <atomic>
#include <functional>

namespace honeybee {

/// Runs `work` on a thread of its own, which the event loop and libuv's pool are free of, then settles the
/// promise on the event loop with `result`, or with what `work` threw. `interrupt` becomes true when the
/// environment goes, which waits for `work` to return. `name` is for diagnostics.
Napi::Promise run_on_thread(Napi::Env env, const char* name,
                            std::function<void(const std::atomic<bool>& interrupt)> work,
                            std::function<Napi::Value(Napi::Env)> result);

}  // namespace honeybee
