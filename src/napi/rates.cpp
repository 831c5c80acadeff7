#include "napi/rates.h"

#include <memory>

#include "engine/rates.h"
#include "napi/devices.h"
#include "napi/spec.h"
#include "napi/thread_job.h"
#include "napi/values.h"

namespace honeybee {
namespace {

// measureRates({device, threads?, batchInvariant?, weights}) → Promise<{copy, read, product}>
Napi::Value measure(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader options(info[0], "options");
    const Dtype weights = read_weight_dtype(options.text("weights"));
    const DeviceOptions device = read_device_options(options);
    const auto rates = std::make_shared<DeviceRates>();
    return run_on_thread(
        info.Env(), "honeybee.rates",
        [device, weights, rates](const std::atomic<bool>& interrupt) {
          *rates = measure_rates(*open_backend(device), weights, {.interrupt = &interrupt});
        },
        [rates](Napi::Env env) -> Napi::Value {
          Napi::Object out = Napi::Object::New(env);
          out.Set("copy", rates->copy);
          out.Set("read", rates->read);
          out.Set("product", rates->product);
          return out;
        });
  });
}

}  // namespace

void register_rates(Napi::Env env, Napi::Object exports) {
  exports.Set("measureRates", Napi::Function::New(env, measure, "measureRates"));
}

}  // namespace honeybee
