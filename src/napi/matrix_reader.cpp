#include "napi/matrix_reader.h"

#include "core/quantize.h"
#include "napi/spec.h"
#include "napi/tensors.h"
#include "napi/values.h"

namespace honeybee {
namespace {

// The rows [begin, begin + count) that a call asks for.
struct Range {
  Range(const ObjectReader& r, const RowSource& source)
      : begin(r.integer("begin", 0, source.rows())), count(r.integer("count", 0, source.rows() - begin)) {}

  int64_t begin;
  int64_t count;
};

Dtype read_format(const ObjectReader& r) {
  const Dtype format = read_weight_dtype(r.text("format"));
  require(is_quantized(format), ErrorCode::kOption, "format ", dtype_name(format), " has no codes");
  return format;
}

}  // namespace

void MatrixReader::define(Napi::Env env, Napi::Object exports) {
  exports.Set("MatrixReader", DefineClass(env, "MatrixReader",
                                          {InstanceMethod("codes", &MatrixReader::codes),
                                           InstanceMethod("floats", &MatrixReader::floats)}));
}

// MatrixReader({folder, files, tensor})
MatrixReader::MatrixReader(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader r(info[0], "matrix");
    std::vector<TensorRef> tensors = read_tensors({r.object("tensor")});
    name_ = tensors.front().name;
    const TensorShape shape = tensors.front().shape;
    require(shape.size() == 2, ErrorCode::kOption, "tensor \"", name_, "\" is ", shape_text(shape),
            ", expected a matrix");
    store_ = std::make_unique<FileStore>(r.text("folder"), r.texts("files"), std::move(tensors));
    source_ = store_->open(name_, shape);
    return info.Env().Undefined();
  });
}

// codes({format, begin, count}) → {codes, scales, zeros, group}
Napi::Value MatrixReader::codes(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader r(info[0], "request");
    const Dtype format = read_format(r);
    const Range range(r, *source_);
    const auto values = static_cast<size_t>(range.count * source_->cols());
    const int64_t group = code_layout(*source_, format).group;
    const auto groups = static_cast<size_t>(range.count * count_groups(source_->cols(), group));
    const auto codes = Napi::Uint8Array::New(info.Env(), values);
    const auto scales = Napi::Float32Array::New(info.Env(), groups);
    const auto zeros = Napi::Uint8Array::New(info.Env(), format == Dtype::kInt4 ? groups : 0);
    const CodeRows target{const_cast<uint8_t*>(codes.Data()), const_cast<float*>(scales.Data()),
                          format == Dtype::kInt4 ? const_cast<uint8_t*>(zeros.Data()) : nullptr};
    try {
      read_codes(*source_, format, range.begin, range.count, target);
    } catch (const Error& error) {
      // A value that cannot become a code is found where nothing has a name.
      fail(error.code(), "tensor \"", name_, "\": ", error.what());
    }
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("codes", codes);
    out.Set("scales", scales);
    out.Set("zeros", zeros);
    out.Set("group", static_cast<double>(group));
    return out;
  });
}

// floats({begin, count}) → Float32Array
Napi::Value MatrixReader::floats(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const Range range({info[0], "request"}, *source_);
    const auto values = static_cast<size_t>(range.count * source_->cols());
    std::vector<char> raw(values * dtype_size(source_->dtype()));
    source_->read(range.begin, range.count, raw.data());
    const auto out = Napi::Float32Array::New(info.Env(), values);
    convert_to_float(source_->dtype(), raw.data(), const_cast<float*>(out.Data()), values);
    return out;
  });
}

}  // namespace honeybee
