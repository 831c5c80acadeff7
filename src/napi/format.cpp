#include "napi/format.h"

#include <algorithm>
#include <mutex>

#include "napi/thread_job.h"
#include "napi/values.h"

namespace honeybee {
namespace {

using Masks = std::shared_ptr<grammar::TokenMasks>;

// The trees of a vocabulary take some 20 ms to grow: the first thread that compiles a format does it.
class SharedVocabulary {
 public:
  SharedVocabulary(std::string bytes, std::vector<uint32_t> ends, std::vector<uint8_t> loses_space)
      : bytes_(std::move(bytes)), ends_(std::move(ends)), loses_space_(std::move(loses_space)) {}

  std::shared_ptr<const grammar::Vocabulary> get() {
    const std::lock_guard lock(mutex_);
    if (!made_) made_ = std::make_shared<const grammar::Vocabulary>(bytes_, ends_, loses_space_);
    return made_;
  }

 private:
  std::mutex mutex_;
  std::string bytes_;
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> loses_space_;
  std::shared_ptr<const grammar::Vocabulary> made_;
};

using VocabularyHandle = std::shared_ptr<SharedVocabulary>;

constexpr napi_type_tag kVocabularyTag = {0x6f1d9c3a5b8e4720, 0x8a41c7e2d3960b5f};
constexpr napi_type_tag kFormatTag = {0x2c7be84d19f05a36, 0xb3908d6fe14a7c52};

template <class T>
Napi::Value make_handle(Napi::Env env, T value, const napi_type_tag& tag) {
  auto handle = Napi::External<T>::New(env, new T(std::move(value)), [](Napi::Env, T* held) { delete held; });
  handle.TypeTag(&tag);
  return handle;
}

template <class T>
T read_handle(const Napi::Value& value, const napi_type_tag& tag, const char* what) {
  require(value.IsExternal() && value.As<Napi::External<T>>().CheckTypeTag(&tag), ErrorCode::kOption,
          "expected ", what);
  return *value.As<Napi::External<T>>().Data();
}

// vocabulary({bytes: Uint8Array, ends: Uint32Array, losesSpace: Uint8Array}) → handle
Napi::Value vocabulary(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader tokens(info[0], "vocabulary");
    const auto bytes = tokens.elements<uint8_t>("bytes", napi_uint8_array);
    return make_handle<VocabularyHandle>(
        info.Env(),
        std::make_shared<SharedVocabulary>(std::string(bytes.begin(), bytes.end()),
                                           tokens.typed_array<uint32_t>("ends", napi_uint32_array),
                                           tokens.typed_array<uint8_t>("losesSpace", napi_uint8_array)),
        kVocabularyTag);
  });
}

// compileFormat({kind: "schema" | "regex", text}, vocabulary) → Promise<handle>
Napi::Value compile(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    const ObjectReader format(info[0], "format");
    const bool regex = format.text("kind") == "regex";
    const std::string text = format.text("text");
    const auto tokens = read_handle<VocabularyHandle>(info[1], kVocabularyTag, "a vocabulary");
    const auto masks = std::make_shared<Masks>();
    return run_on_thread(
        info.Env(), "honeybee.format",
        [regex, text, tokens, masks](const std::atomic<bool>& interrupt) {
          auto grammar =
              regex ? grammar::compile_regex(text, &interrupt) : grammar::compile_schema(text, &interrupt);
          *masks = std::make_shared<grammar::TokenMasks>(std::move(grammar), tokens->get());
        },
        [masks](Napi::Env env) { return make_handle<Masks>(env, *masks, kFormatTag); });
  });
}

// Reads documents of a format, for tests and benchmarks.
class FormatReader final : public Napi::ObjectWrap<FormatReader> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("FormatReader", DefineClass(env, "FormatReader",
                                            {InstanceMethod("reads", &FormatReader::reads),
                                             InstanceMethod("mask", &FormatReader::mask),
                                             InstanceMethod("accept", &FormatReader::accept),
                                             InstanceMethod("finished", &FormatReader::finished)}));
  }

  explicit FormatReader(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded_call(info.Env(), [&]() -> Napi::Value {
      masks_ = read_format(info[0]);
      constraint_ = std::make_unique<grammar::Constraint>(masks_);
      return info.Env().Undefined();
    });
  }

 private:
  // reads(document: Uint8Array) → "no" | "begins" | "complete": a whole document, from its first byte
  Napi::Value reads(const Napi::CallbackInfo& info) {
    return guarded_call(info.Env(), [&]() -> Napi::Value {
      const Napi::Object holder = Napi::Object::New(info.Env());
      holder.Set("document", info[0]);
      const auto bytes = ObjectReader(holder, "reads").elements<uint8_t>("document", napi_uint8_array);
      grammar::Matcher matcher(masks_->grammar());
      const bool alive = matcher.advance({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      return Napi::String::New(info.Env(), !alive ? "no" : matcher.complete() ? "complete" : "begins");
    });
  }

  // mask(remaining, stopTokens) → Uint32Array of bits
  Napi::Value mask(const Napi::CallbackInfo& info) {
    return guarded_call(info.Env(), [&]() -> Napi::Value {
      const Napi::Object holder = Napi::Object::New(info.Env());
      holder.Set("remaining", info[0]);
      holder.Set("stopTokens", info[1]);
      const ObjectReader arguments(holder, "mask");
      std::vector<int32_t> stops;
      for (const int64_t token : arguments.integers("stopTokens"))
        stops.push_back(static_cast<int32_t>(token));
      const auto bits = constraint_->mask(arguments.integer("remaining"), stops);
      auto out = Napi::Uint32Array::New(info.Env(), bits.size());
      std::copy(bits.begin(), bits.end(), out.Data());
      return out;
    });
  }

  // accept(token) → whether the format allows it
  Napi::Value accept(const Napi::CallbackInfo& info) {
    return guarded_call(info.Env(), [&]() -> Napi::Value {
      require(info[0].IsNumber(), ErrorCode::kOption, "a token is a number");
      return Napi::Boolean::New(info.Env(), constraint_->accept(info[0].As<Napi::Number>().Int32Value()));
    });
  }

  Napi::Value finished(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), constraint_->finished());
  }

  Masks masks_;
  std::unique_ptr<grammar::Constraint> constraint_;
};

}  // namespace

std::shared_ptr<grammar::TokenMasks> read_format(const Napi::Value& handle) {
  return read_handle<Masks>(handle, kFormatTag, "a compiled response format");
}

void register_format(Napi::Env env, Napi::Object exports) {
  exports.Set("vocabulary", Napi::Function::New(env, vocabulary, "vocabulary"));
  exports.Set("compileFormat", Napi::Function::New(env, compile, "compileFormat"));
  FormatReader::define(env, exports);
}

}  // namespace honeybee
