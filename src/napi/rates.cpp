#include "napi/rates.h"

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "engine/rates.h"
#include "napi/devices.h"
#include "napi/spec.h"
#include "napi/values.h"

namespace honeybee {
namespace {

/// One measurement on a thread of its own, which the event loop and libuv's pool are free of.
///
/// Lifetime: the clean-up hook owns it. The thread's last act is to queue `settle`, which joins it and
/// removes the hook; when the environment goes first, the hook interrupts the thread and joins it.
class Measurement {
 public:
  using Work = std::function<DeviceRates(const std::atomic<bool>& interrupt)>;

  static Napi::Promise start(Napi::Env env, Work work) {
    const auto owned = std::make_shared<Measurement>(env, std::move(work));
    try {
      owned->thread_ = std::thread([measurement = owned.get()] { measurement->run(); });
    } catch (...) {
      owned->done_.Release();
      throw;
    }
    owned->hook_ = env.AddCleanupHook(std::function<void()>([owned] { owned->abandon(); }));
    return owned->deferred_.Promise();
  }

  Measurement(Napi::Env env, Work work)
      : deferred_(Napi::Promise::Deferred::New(env)),
        done_(Done::New(env, "honeybee.rates", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this)),
        work_(std::move(work)) {}

 private:
  static void settle(Napi::Env env, Napi::Function, Measurement* self, void*) {
    if (static_cast<napi_env>(env) == nullptr) return;  // torn down: the hook has done it all
    self->thread_.join();
    try {
      self->deferred_.Resolve(guarded_call(env, [&] { return self->result(env); }));
    } catch (const Napi::Error& error) {
      self->deferred_.Reject(error.Value());
    }
    auto hook = self->hook_;
    hook.Remove(env);  // deletes self
  }
  using Done = Napi::TypedThreadSafeFunction<Measurement, void, settle>;

  void run() {
    try {
      rates_ = work_(interrupt_);
    } catch (...) {
      error_ = std::current_exception();
    }
    // Any answer but napi_ok means that the environment is going and `done_` is no longer ours.
    if (done_.NonBlockingCall() == napi_ok) done_.Release();
  }

  Napi::Value result(Napi::Env env) const {
    if (error_ != nullptr) std::rethrow_exception(error_);
    Napi::Object out = Napi::Object::New(env);
    out.Set("copy", rates_.copy);
    out.Set("read", rates_.read);
    out.Set("product", rates_.product);
    return out;
  }

  void abandon() {
    interrupt_ = true;
    thread_.join();
  }

  Napi::Promise::Deferred deferred_;
  Done done_;
  const Work work_;
  Napi::Env::CleanupHook<std::function<void()>> hook_;
  std::atomic<bool> interrupt_{false};
  DeviceRates rates_;         // written by the thread before it queues `settle`
  std::exception_ptr error_;  // likewise
  std::thread thread_;
};

// measureRates({device, threads?, batchInvariant?, weights}) → Promise<{copy, read, product}>
Napi::Value measure(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader options(info[0], "options");
    const Dtype weights = read_dtype(options.text("weights"));
    const DeviceOptions device = read_device_options(options);
    return Measurement::start(info.Env(), [device, weights](const std::atomic<bool>& interrupt) {
      return measure_rates(*open_backend(device), weights, {.interrupt = &interrupt});
    });
  });
}

}  // namespace

void register_rates(Napi::Env env, Napi::Object exports) {
  exports.Set("measureRates", Napi::Function::New(env, measure, "measureRates"));
}

}  // namespace honeybee
