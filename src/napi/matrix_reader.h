#pragma once
#include <napi.h>

#include <memory>
#include <string>

#include "model/file_store.h"

namespace honeybee {

/// The JavaScript class `MatrixReader`: one stored matrix, read in slices of rows as floats or as codes, for
/// `convert`. It reads at once, on the calling thread. lib/native.ts has the signatures.
class MatrixReader final : public Napi::ObjectWrap<MatrixReader> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit MatrixReader(const Napi::CallbackInfo& info);

 private:
  Napi::Value codes(const Napi::CallbackInfo& info);
  Napi::Value floats(const Napi::CallbackInfo& info);

  std::string name_;
  std::unique_ptr<FileStore> store_;
  std::unique_ptr<RowSource> source_;
};

}  // namespace honeybee
