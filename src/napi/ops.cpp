#include "napi/ops.h"

#include <cstring>

#include "napi/devices.h"
#include "napi/ops_table.h"
#include "napi/spec.h"

namespace honeybee {
namespace {

constexpr int64_t kMostRepeats = 1'000'000;
constexpr int64_t kWide = 1 << 24;  // beyond any side of a weight or cache

// Rows of floats that JavaScript holds, for as long as this call takes.
class FloatRows final : public RowSource {
 public:
  FloatRows(const float* values, int64_t rows, int64_t cols)
      : RowSource(rows, cols, Dtype::kF32), values_(values) {}

  void read(int64_t begin, int64_t count, void* target) const override {
    std::memcpy(target, values_ + begin * cols(), static_cast<size_t>(count * cols()) * sizeof(float));
  }

 private:
  const float* values_;
};

// Before a backend multiplies the sides in 64 bits.
void require_room(const KvShape& shape, size_t free_bytes) {
  const KvShape one_head{
      .layers = 1, .kv_heads = 1, .head_dim = shape.head_dim, .blocks = 1, .dtype = shape.dtype};
  const double bytes = static_cast<double>(shape.layers) * static_cast<double>(shape.kv_heads) *
                       static_cast<double>(shape.blocks) * static_cast<double>(one_head.block_bytes());
  require(bytes <= static_cast<double>(free_bytes), ErrorCode::kOutOfMemory, "this KV cache takes ",
          bytes / 0x1p30, " GiB, ", static_cast<double>(free_bytes) / 0x1p30, " GiB are free");
}

}  // namespace

void OpsHandle::define(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Ops",
      DefineClass(env, "Ops",
                  {InstanceMethod("info", &OpsHandle::info), InstanceMethod("weight", &OpsHandle::weight),
                   InstanceMethod("kvCache", &OpsHandle::kv_cache), InstanceMethod("free", &OpsHandle::free),
                   InstanceMethod("run", &OpsHandle::run), InstanceMethod("dispose", &OpsHandle::dispose)}));
}

OpsHandle::OpsHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded_call(info.Env(), [&]() -> Napi::Value {
    const DeviceOptions options = read_device_options({info[0], "options"});
    device_ = std::make_shared<OpsDevice>(open_backend(options));
    return info.Env().Undefined();
  });
}

std::shared_ptr<OpsDevice> OpsHandle::device() const {
  require(device_ != nullptr, ErrorCode::kDisposed, "these ops have been disposed; open them again");
  return device_;
}

// info() → {device, description, dtypes}
Napi::Value OpsHandle::info(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const Backend& backend = *device()->backend;
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("device", backend.name());
    out.Set("description", backend.description());
    Napi::Array dtypes = Napi::Array::New(info.Env());
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
      if (backend.activation_dtype(dtype) == dtype) dtypes.Set(dtypes.Length(), dtype_name(dtype));
    }
    out.Set("dtypes", dtypes);
    return out;
  });
}

// weight({data, out, in, dtype, layout}) → {handle, bytes}
Napi::Value OpsHandle::weight(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<OpsDevice> device = this->device();
    const ObjectReader weight(info[0], "weight");
    const int64_t out = weight.integer("out", 1, kWide);
    const int64_t in = weight.integer("in", 1, kWide);
    const Dtype dtype = read_weight_dtype(weight.text("dtype"));
    const std::string layout = weight.text("layout");
    require(layout == "matrix" || layout == "table", ErrorCode::kOption,
            "weight.layout is neither matrix nor table but ", layout);
    const auto values = weight.elements<float>("data", napi_float32_array);
    require(static_cast<int64_t>(values.size()) == out * in, ErrorCode::kOption, "weight.data has ",
            values.size(), " values, expected ", out, " x ", in);
    const FloatRows source(values.data(), out, in);
    Backend& backend = *device->backend;
    std::unique_ptr<Weight> loaded =
        layout == "matrix" ? backend.load_matrix(source, dtype) : backend.load_table(source, dtype);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bytes", static_cast<double>(loaded->bytes()));
    result.Set("handle", static_cast<double>(device->weights.add(std::move(loaded))));
    return result;
  });
}

// kvCache({layers, kvHeads, headDim, blocks, dtype}) → {handle, bytes}
Napi::Value OpsHandle::kv_cache(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<OpsDevice> device = this->device();
    const ObjectReader r(info[0], "kvCache");
    const KvShape shape{.layers = r.integer("layers", 1, kWide),
                        .kv_heads = r.integer("kvHeads", 1, kWide),
                        .head_dim = r.integer("headDim", 1, kWide),
                        .blocks = r.integer("blocks", 1, kWide),
                        .dtype = read_weight_dtype(r.text("dtype"))};
    require_room(shape, device->backend->free_memory());
    std::unique_ptr<KvCache> cache = device->backend->make_kv_cache(shape);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bytes", static_cast<double>(cache->bytes()));
    result.Set("handle", static_cast<double>(device->caches.add(std::move(cache))));
    return result;
  });
}

// free({weight} or {cache}): a handle that is gone already is none to complain about
Napi::Value OpsHandle::free(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader what(info[0], "free");
    const std::shared_ptr<OpsDevice> device = device_;
    if (device != nullptr && what.has("weight")) device->weights.remove(what.integer("weight"));
    if (device != nullptr && what.has("cache")) device->caches.remove(what.integer("cache"));
    return info.Env().Undefined();
  });
}

// run(op, arguments, repeat) → see OpCall::answer
Napi::Value OpsHandle::run(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(info[0].IsString(), ErrorCode::kOption, "the name of the operation is not a string");
    const std::string op = info[0].As<Napi::String>().Utf8Value();
    const OpBody body = find_op(op);
    const double repeat = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : -1.0;
    require(
        repeat >= 0 && repeat <= kMostRepeats && repeat == static_cast<double>(static_cast<int64_t>(repeat)),
        ErrorCode::kOption, "repeat must be an integer from 0 to ", kMostRepeats);
    const ObjectReader arguments(info[1], op);
    OpCall call(device(), arguments, static_cast<int64_t>(repeat));
    body(call);
    return call.answer(info.Env());
  });
}

Napi::Value OpsHandle::dispose(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    device_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace honeybee
