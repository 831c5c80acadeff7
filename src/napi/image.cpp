#include "napi/image.h"

#include <memory>
#include <span>
#include <string>

#include "core/error.h"
#include "image/bmp.h"
#include "image/gif.h"
#include "image/normalize.h"
#include "image/pixel_format.h"
#include "image/resize.h"
#include "napi/image_jobs.h"

namespace honeybee {
namespace {

constexpr int kMaxSize = 16384;  // S of the S×S result

using Jobs = std::shared_ptr<ImageJobs>;

std::span<const uint8_t> bytes_of(const Napi::Value& value, const char* name) {
  require(value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array,
          ErrorCode::kOption, name, " must be a Uint8Array");
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

int side_of(const Napi::Value& value, const char* name, int limit) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.0;
  require(number >= 1 && number <= limit && number == static_cast<int>(number), ErrorCode::kOption, name,
          " must be an integer from 1 to ", limit);
  return static_cast<int>(number);
}

std::string text_of(const Napi::Value& value, const char* name) {
  require(value.IsString(), ErrorCode::kOption, name, " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

std::array<float, 3> channels_of(const Napi::Value& value, const char* name) {
  require(value.IsArray() && value.As<Napi::Array>().Length() == 3, ErrorCode::kOption, name,
          " must be an array of 3 numbers");
  std::array<float, 3> channels{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Napi::Value item = value.As<Napi::Array>()[i];
    require(item.IsNumber(), ErrorCode::kOption, name, " must be an array of 3 numbers");
    channels[i] = item.As<Napi::Number>().FloatValue();
  }
  return channels;
}

/// Bytes of `pixels` = width · height pixels, checked against the buffer that is said to hold them.
size_t checked_pixels(int width, int height, size_t bytes_per_pixel, size_t held) {
  const size_t pixels = size_t(width) * height;
  require(held == pixels * bytes_per_pixel, ErrorCode::kImage, "the picture has ", width, "×", height,
          " pixels, which is ", pixels * bytes_per_pixel, " bytes, but the buffer holds ", held);
  return pixels;
}

ImageSimd simd_of(const Napi::Value& value) {
  if (value.IsUndefined()) return ImageSimd::kAuto;
  const std::string name = text_of(value, "simd");
  if (name == "portable") return ImageSimd::kPortable;
  if (name == "avx2") return ImageSimd::kAvx2;
  if (name == "avx512") return ImageSimd::kAvx512;
  require(name == "auto", ErrorCode::kOption, "simd must be auto, portable, avx2 or avx512, not '", name,
          "'");
  return ImageSimd::kAuto;
}

Napi::Value preprocess_image(const Napi::CallbackInfo& info, const Jobs& jobs) {
  const Napi::Env env = info.Env();
  const auto source = bytes_of(info[0], "source");
  const int width = side_of(info[1], "width", INT32_MAX);
  const int height = side_of(info[2], "height", INT32_MAX);
  checked_pixels(width, height, 3, source.size());
  require(info[3].IsObject(), ErrorCode::kOption, "options must be an object");
  const auto options = info[3].As<Napi::Object>();
  const int size = side_of(options.Get("size"), "size", kMaxSize);
  const ResizePlan plan = plan_resize(text_of(options.Get("mode"), "mode"), width, height, size);
  const ImageNormalization normalization = {channels_of(options.Get("mean"), "mean"),
                                            channels_of(options.Get("std"), "std")};
  const ImageSimd simd = simd_of(options.Get("simd"));
  require(image_simd_available(simd), ErrorCode::kOption, "simd: this processor does not have it");

  const size_t values = size_t{3} * size * size;
  auto rgb = Napi::Uint8Array::New(env, values);
  uint8_t* rgb_data = rgb.Data();
  float* pixel_data = nullptr;
  Napi::Object result = Napi::Object::New(env);
  result.Set("rgb", rgb);
  if (options.Get("pixelValues").ToBoolean()) {
    auto pixel_values = Napi::Float32Array::New(env, values);
    pixel_data = pixel_values.Data();
    result.Set("pixelValues", pixel_values);
  }
  return jobs->run(env, {info[0].As<Napi::Object>()}, result, [=](const CancelFlag& cancelled) {
    resize_bicubic(source.data(), plan, rgb_data, simd, &cancelled);
    if (pixel_data != nullptr) normalize_image(rgb_data, size, size, normalization, pixel_data);
  });
}

Napi::Value convert_pixels(const Napi::CallbackInfo& info, const Jobs& jobs) {
  const auto source = bytes_of(info[0], "source");
  const int width = side_of(info[1], "width", INT32_MAX);
  const int height = side_of(info[2], "height", INT32_MAX);
  const PixelFormat format = pixel_format(text_of(info[3], "format"));
  const size_t pixels = checked_pixels(width, height, bytes_per_pixel(format), source.size());
  auto rgb = Napi::Uint8Array::New(info.Env(), 3 * pixels);
  uint8_t* out = rgb.Data();
  return jobs->run(info.Env(), {info[0].As<Napi::Object>()}, rgb,
                   [=](const CancelFlag&) { convert_to_rgb(source.data(), format, pixels, out); });
}

bool is_gif(const Napi::Value& format) {
  const std::string name = text_of(format, "format");
  require(name == "gif" || name == "bmp", ErrorCode::kOption, "format must be gif or bmp, not '", name, "'");
  return name == "gif";
}

template <class Header>
Napi::Value size_object(Napi::Env env, const Header& header) {
  Napi::Object size = Napi::Object::New(env);
  size.Set("width", header.width);
  size.Set("height", header.height);
  return size;
}

Napi::Value read_image_header(const Napi::CallbackInfo& info) {
  const auto file = bytes_of(info[0], "file");
  return is_gif(info[1]) ? size_object(info.Env(), read_gif_header(file))
                         : size_object(info.Env(), read_bmp_header(file));
}

Napi::Value decode_image_file(const Napi::CallbackInfo& info, const Jobs& jobs) {
  const auto file = bytes_of(info[0], "file");
  const auto start = [&](const auto& header, auto decode) {
    auto rgb = Napi::Uint8Array::New(info.Env(), size_t{3} * header.width * header.height);
    uint8_t* out = rgb.Data();
    return jobs->run(info.Env(), {info[0].As<Napi::Object>()}, rgb,
                     [=](const CancelFlag&) { decode(file, header, out); });
  };
  return is_gif(info[1]) ? start(read_gif_header(file), decode_gif)
                         : start(read_bmp_header(file), decode_bmp);
}

/// Exports `function`, whose C++ errors become JavaScript errors with a code.
template <class Function>
void add(Napi::Env env, Napi::Object exports, const char* name, Function function) {
  exports.Set(name, Napi::Function::New(
                        env,
                        [function](const Napi::CallbackInfo& info) -> Napi::Value {
                          try {
                            return function(info);
                          } catch (const Napi::Error&) {
                            throw;
                          } catch (...) {
                            throw to_js_error(info.Env(), std::current_exception());
                          }
                        },
                        name));
}

}  // namespace

ResizePlan plan_resize(const std::string& mode, int width, int height, int size) {
  if (mode == "shortest-edge-crop") return shortest_edge_crop(width, height, size);
  require(mode == "squash", ErrorCode::kOption, "mode must be squash or shortest-edge-crop, not '", mode,
          "'");
  return squash(width, height, size, size);
}

void register_image(Napi::Env env, Napi::Object exports) {
  const Jobs jobs = ImageJobs::create(env);
  const auto with_jobs = [&jobs](auto function) {
    return [function, jobs](const Napi::CallbackInfo& info) { return function(info, jobs); };
  };
  add(env, exports, "preprocessImage", with_jobs(preprocess_image));
  add(env, exports, "convertPixels", with_jobs(convert_pixels));
  add(env, exports, "readImageHeader", read_image_header);
  add(env, exports, "decodeImageFile", with_jobs(decode_image_file));
}

}  // namespace honeybee
