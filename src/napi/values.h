#pragma once
#include <napi.h>

#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace honeybee {

/// Throws `error` into JavaScript as an Error with its `code`.
[[noreturn]] void throw_js(Napi::Env env, ErrorCode code, const std::string& message);

/// "a Float32Array", for messages.
const char* typed_array_name(napi_typedarray_type type);

/// Runs the body of a method called from JavaScript; whatever C++ throws becomes a JavaScript error with a
/// code.
template <class Body>
Napi::Value guarded_call(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Error& error) {
    throw_js(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw_js(env, ErrorCode::kOutOfMemory, "out of memory");
  } catch (const std::system_error& error) {
    throw_js(env, ErrorCode::kDevice, error.what());
  }
}

/// Reads the properties of a JavaScript object that our own TypeScript made, checking types and ranges all
/// the same: a mistake there must be an exception here, never undefined behaviour.
class ObjectReader {
 public:
  ObjectReader(Napi::Value value, std::string path);

  /// What the object is called in messages.
  const std::string& path() const { return path_; }
  bool has(const char* name) const;
  int64_t integer(const char* name, int64_t least = 0, int64_t most = int64_t{1} << 53) const;
  int64_t integer_or(const char* name, int64_t otherwise) const;
  double number(const char* name) const;
  double number_or(const char* name, double otherwise) const;
  bool boolean_or(const char* name, bool otherwise) const;
  std::string text(const char* name) const;
  std::vector<int64_t> integers(const char* name) const;
  std::vector<double> numbers(const char* name) const;
  ObjectReader object(const char* name) const;
  Napi::Value value(const char* name) const { return object_.Get(name); }
  std::vector<ObjectReader> objects(const char* name) const;
  std::vector<std::string> texts(const char* name) const;

  /// The elements of a typed array of exactly this type, over shared memory too; valid until JavaScript runs
  /// again. Empty for a detached one.
  template <class T>
  std::span<const T> elements(const char* name, napi_typedarray_type type) const {
    const Napi::Value v = object_.Get(name);
    require(v.IsTypedArray() && v.As<Napi::TypedArray>().TypedArrayType() == type, ErrorCode::kOption, path_,
            ".", name, " is not ", typed_array_name(type));
    const auto array = v.As<Napi::TypedArrayOf<T>>();
    return {array.Data(), array.ElementLength()};
  }
  /// A copy of them.
  template <class T>
  std::vector<T> typed_array(const char* name, napi_typedarray_type type) const {
    const std::span<const T> values = elements<T>(name, type);
    return {values.begin(), values.end()};
  }

 private:
  Napi::Array array(const char* name) const;

  Napi::Object object_;
  std::string path_;
};

}  // namespace honeybee
