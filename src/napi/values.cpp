#include "napi/values.h"

#include <cmath>

namespace honeybee {

void throw_js(Napi::Env env, ErrorCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, error_code_name(code)));
  throw error;
}

const char* typed_array_name(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
      return "a Float32Array";
    case napi_int32_array:
      return "an Int32Array";
    case napi_uint8_array:
      return "a Uint8Array";
    default:
      return "a typed array of the right type";
  }
}

ObjectReader::ObjectReader(Napi::Value value, std::string path) : path_(std::move(path)) {
  require(value.IsObject(), ErrorCode::kOption, path_, " is not an object");
  object_ = value.As<Napi::Object>();
}

bool ObjectReader::has(const char* name) const {
  const Napi::Value v = object_.Get(name);
  return !v.IsUndefined() && !v.IsNull();
}

int64_t ObjectReader::integer(const char* name, int64_t least, int64_t most) const {
  const double v = number(name);
  require(v == std::floor(v) && v >= static_cast<double>(least) && v <= static_cast<double>(most),
          ErrorCode::kOption, path_, ".", name, " is ", v, ", expected an integer from ", least, " to ",
          most);
  return static_cast<int64_t>(v);
}

int64_t ObjectReader::integer_or(const char* name, int64_t otherwise) const {
  return has(name) ? integer(name, -(int64_t{1} << 53)) : otherwise;
}

double ObjectReader::number(const char* name) const {
  const Napi::Value v = object_.Get(name);
  require(v.IsNumber() && std::isfinite(v.As<Napi::Number>().DoubleValue()), ErrorCode::kOption, path_, ".",
          name, " is not a finite number");
  return v.As<Napi::Number>().DoubleValue();
}

double ObjectReader::number_or(const char* name, double otherwise) const {
  return has(name) ? number(name) : otherwise;
}

bool ObjectReader::boolean_or(const char* name, bool otherwise) const {
  if (!has(name)) return otherwise;
  const Napi::Value v = object_.Get(name);
  require(v.IsBoolean(), ErrorCode::kOption, path_, ".", name, " is not true or false");
  return v.As<Napi::Boolean>().Value();
}

std::string ObjectReader::text(const char* name) const {
  const Napi::Value v = object_.Get(name);
  require(v.IsString(), ErrorCode::kOption, path_, ".", name, " is not a string");
  return v.As<Napi::String>().Utf8Value();
}

Napi::Array ObjectReader::array(const char* name) const {
  const Napi::Value v = object_.Get(name);
  require(v.IsArray(), ErrorCode::kOption, path_, ".", name, " is not an array");
  return v.As<Napi::Array>();
}

std::vector<double> ObjectReader::numbers(const char* name) const {
  const Napi::Array list = array(name);
  std::vector<double> out;  // grows: a length is a claim until the elements have been seen
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value v = list[i];
    require(v.IsNumber() && std::isfinite(v.As<Napi::Number>().DoubleValue()), ErrorCode::kOption, path_, ".",
            name, "[", i, "] is not a finite number");
    out.push_back(v.As<Napi::Number>().DoubleValue());
  }
  return out;
}

std::vector<int64_t> ObjectReader::integers(const char* name) const {
  std::vector<int64_t> out;
  for (const double v : numbers(name)) {
    require(v == std::floor(v) && std::fabs(v) <= 0x1p53, ErrorCode::kOption, path_, ".", name, " holds ", v,
            ", expected integers");
    out.push_back(static_cast<int64_t>(v));
  }
  return out;
}

ObjectReader ObjectReader::object(const char* name) const { return {object_.Get(name), path_ + "." + name}; }

std::vector<ObjectReader> ObjectReader::objects(const char* name) const {
  const Napi::Array list = array(name);
  std::vector<ObjectReader> out;
  for (uint32_t i = 0; i < list.Length(); i++) {
    out.emplace_back(Napi::Value(list[i]), path_ + "." + name + "[" + std::to_string(i) + "]");
  }
  return out;
}

std::vector<std::string> ObjectReader::texts(const char* name) const {
  const Napi::Array list = array(name);
  std::vector<std::string> out;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value v = list[i];
    require(v.IsString(), ErrorCode::kOption, path_, ".", name, "[", i, "] is not a string");
    out.push_back(v.As<Napi::String>().Utf8Value());
  }
  return out;
}

}  // namespace honeybee
