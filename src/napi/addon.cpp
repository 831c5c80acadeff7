#include <napi.h>

#include "napi/format.h"
#include "napi/image.h"
#include "napi/matrix_reader.h"
#include "napi/model.h"
#include "napi/ops.h"
#include "napi/rates.h"
#include "napi/tools.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  honeybee::MatrixReader::define(env, exports);
  honeybee::ModelHandle::define(env, exports);
  honeybee::OpsHandle::define(env, exports);
  honeybee::register_format(env, exports);
  honeybee::register_image(env, exports);
  honeybee::register_rates(env, exports);
  honeybee::register_tools(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(honeybee, init)
