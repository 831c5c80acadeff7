#include "napi/tools.h"

#include "core/sampling.h"
#include "napi/devices.h"
#include "napi/spec.h"

namespace honeybee {
namespace {

// warpLogits(logits: Float32Array, history: Int32Array, options) changes `logits` in place.
Napi::Value warp(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(info[0].IsTypedArray() && info[0].As<Napi::TypedArray>().TypedArrayType() == napi_float32_array,
            ErrorCode::kOption, "logits is not a Float32Array");
    require(info[1].IsTypedArray() && info[1].As<Napi::TypedArray>().TypedArrayType() == napi_int32_array,
            ErrorCode::kOption, "history is not an Int32Array");
    auto logits = info[0].As<Napi::Float32Array>();
    auto history = info[1].As<Napi::Int32Array>();
    warp_logits({logits.Data(), logits.ElementLength()}, {history.Data(), history.ElementLength()},
                read_sampling({info[2], "options"}));
    return info[0];
  });
}

// listTensors(config, weights) → [{name, shape, dtype}]: what loading this model asks for.
Napi::Value tensors(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const auto requests = list_tensors(read_config({info[0], "config"}), read_dtypes({info[1], "weights"}));
    Napi::Array out = Napi::Array::New(info.Env(), requests.size());
    for (uint32_t i = 0; i < requests.size(); i++) {
      Napi::Object entry = Napi::Object::New(info.Env());
      entry.Set("name", requests[i].name);
      entry.Set("dtype", dtype_name(requests[i].dtype));
      Napi::Array shape = Napi::Array::New(info.Env(), requests[i].shape.size());
      for (uint32_t d = 0; d < requests[i].shape.size(); d++)
        shape.Set(d, static_cast<double>(requests[i].shape[d]));
      entry.Set("shape", shape);
      out.Set(i, entry);
    }
    return out;
  });
}

Napi::Object describe(Napi::Env env, const DeviceInfo& device) {
  Napi::Array isas = Napi::Array::New(env, device.isas.size());
  for (uint32_t i = 0; i < device.isas.size(); i++) isas.Set(i, cpu::isa_name(device.isas[i]));
  Napi::Object out = Napi::Object::New(env);
  out.Set("name", device.name);
  out.Set("description", device.description);
  out.Set("problem", device.problem);
  out.Set("isas", isas);
  return out;
}

// listDevices(kind?, path?) → the CPU, or the devices of a backend library.
Napi::Value devices(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    std::vector<DeviceInfo> list;
    if (info[0].IsString() && info[1].IsString()) {
      list = list_devices(info[0].As<Napi::String>(), info[1].As<Napi::String>());
    } else {
      list.push_back(describe_cpu());
    }
    Napi::Array out = Napi::Array::New(info.Env(), list.size());
    for (uint32_t i = 0; i < list.size(); i++) out.Set(i, describe(info.Env(), list[i]));
    return out;
  });
}

// libraryNotes(path) → lines on what that backend library opens itself.
Napi::Value notes(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(info[0].IsString(), ErrorCode::kOption, "libraryNotes needs the path of a library");
    const std::vector<std::string> lines = library_notes(info[0].As<Napi::String>());
    Napi::Array out = Napi::Array::New(info.Env(), lines.size());
    for (uint32_t i = 0; i < lines.size(); i++) out.Set(i, lines[i]);
    return out;
  });
}

}  // namespace

void register_tools(Napi::Env env, Napi::Object exports) {
  exports.Set("warpLogits", Napi::Function::New(env, warp, "warpLogits"));
  exports.Set("listTensors", Napi::Function::New(env, tensors, "listTensors"));
  exports.Set("listDevices", Napi::Function::New(env, devices, "listDevices"));
  exports.Set("libraryNotes", Napi::Function::New(env, notes, "libraryNotes"));
}

}  // namespace honeybee
