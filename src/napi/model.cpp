#include "napi/model.h"

#include "engine/profile_json.h"
#include "napi/spec.h"
#include "napi/thread_job.h"

namespace honeybee {

struct ModelHandle::State {
  Napi::Env env;
  std::shared_ptr<Engine> engine;
  std::shared_ptr<JsSink> sink;
  int64_t pending = 1;  // loading
  bool released = false;
  Napi::Env::CleanupHook<std::function<void()>> hook;  // owns this state until the engine is let go

  explicit State(Napi::Env e) : env(e) {}

  void begin() {
    if (pending++ == 0) sink->keep_alive(env, true);
  }
  void end() {
    if (pending > 0 && --pending == 0) sink->keep_alive(env, false);
  }

  // Lets go of the engine. With others still using it only our requests end; else it stops, and `closed`
  // follows. True in the second case.
  bool release() {
    released = true;
    if (EngineRegistry::release(engine)) return true;
    engine->detach(sink.get());
    return false;
  }

  // An event that ends something we waited for.
  void ended(const Event& event) {
    if (event.kind != Event::Kind::kClosed) {
      end();
      return;
    }
    if (!released) release();
    part();  // joins: the engine's thread is past its last event
  }

  // Nothing is left to wait for or to clean up.
  void part() {
    engine.reset();
    sink->close();
    if (!hook.IsEmpty()) hook.Remove(env);
    hook = {};
  }

  // The environment goes away: stop at once, wait for the thread, call nobody.
  void abandon() {
    sink->close();
    if (engine && !released) release();
    engine.reset();
  }
};

void ModelHandle::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Model", DefineClass(env, "Model",
                                   {InstanceMethod("submit", &ModelHandle::submit),
                                    InstanceMethod("cancel", &ModelHandle::cancel),
                                    InstanceMethod("dispose", &ModelHandle::dispose),
                                    InstanceMethod("info", &ModelHandle::info),
                                    InstanceMethod("stats", &ModelHandle::stats),
                                    InstanceMethod("startProfile", &ModelHandle::start_profile),
                                    InstanceMethod("stopProfile", &ModelHandle::stop_profile)}));
}

// new Model(spec, listener)
ModelHandle::ModelHandle(const Napi::CallbackInfo& info)
    : ObjectWrap(info), state_(std::make_shared<State>(info.Env())) {
  guarded_call(info.Env(), [&]() -> Napi::Value {
    require(info[1].IsFunction(), ErrorCode::kOption, "the listener is not a function");
    const ObjectReader spec(info[0], "spec");
    EngineOptions options = read_engine_options(spec);
    const std::string key = spec.has("key") ? spec.text("key") : "";
    const std::weak_ptr<State> weak = state_;
    state_->sink = JsSink::create(info.Env(), info[1].As<Napi::Function>(), [weak](const Event& event) {
      if (const auto state = weak.lock()) state->ended(event);
    });
    try {
      state_->engine = EngineRegistry::acquire(
          key, state_->sink, [&] { return std::make_shared<Engine>(std::move(options), state_->sink); });
    } catch (...) {
      state_->sink->close();
      throw;
    }
    state_->hook = info.Env().AddCleanupHook(std::function<void()>([state = state_] { state->abandon(); }));
    return info.Env().Undefined();
  });
}

// submit(request): its events carry request.id
Napi::Value ModelHandle::submit(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(state_->engine && !state_->released, ErrorCode::kDisposed, "the model has been disposed");
    Request request = read_request({info[0], "request"});
    state_->begin();
    state_->engine->submit(std::move(request), state_->sink);
    return info.Env().Undefined();
  });
}

// cancel(id)
Napi::Value ModelHandle::cancel(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(info[0].IsNumber(), ErrorCode::kOption, "cancel needs the id of a request");
    if (state_->engine)
      state_->engine->cancel(state_->sink.get(),
                             static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
    return info.Env().Undefined();
  });
}

// dispose(): true if a `closed` event follows, false if the engine lives on with other users
Napi::Value ModelHandle::dispose(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    if (!state_->engine || state_->released) return Napi::Boolean::New(info.Env(), false);
    state_->begin();
    if (state_->release()) return Napi::Boolean::New(info.Env(), true);
    state_->part();
    return Napi::Boolean::New(info.Env(), false);
  });
}

Napi::Value ModelHandle::info(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(state_->engine != nullptr, ErrorCode::kDisposed, "the model has been disposed");
    const EngineInfo engine = state_->engine->info();
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("device", engine.device);
    out.Set("description", engine.description);
    out.Set("weightBytes", static_cast<double>(engine.weight_bytes));
    out.Set("kvBytes", static_cast<double>(engine.kv_bytes));
    out.Set("kvBlocks", static_cast<double>(engine.kv_blocks));
    out.Set("loadMs", engine.load_ms);
    return out;
  });
}

Napi::Value ModelHandle::stats(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(state_->engine != nullptr, ErrorCode::kDisposed, "the model has been disposed");
    const EngineStats stats = state_->engine->stats();
    const std::pair<const char*, double> figures[] = {
        {"waiting", static_cast<double>(stats.waiting)},
        {"running", static_cast<double>(stats.running)},
        {"blocksFree", static_cast<double>(stats.blocks_free)},
        {"blocksCached", static_cast<double>(stats.blocks_cached)},
        {"blocksUsed", static_cast<double>(stats.blocks_used)},
        {"imageCacheBytes", static_cast<double>(stats.image_bytes)},
        {"steps", static_cast<double>(stats.steps)},
        {"stepsAhead", static_cast<double>(stats.steps_ahead)},
        {"busyMs", stats.busy_ms},
        {"modelMs", stats.model_ms},
        {"promptTokens", static_cast<double>(stats.prompt_tokens)},
        {"cachedTokens", static_cast<double>(stats.cached_tokens)},
        {"generatedTokens", static_cast<double>(stats.generated_tokens)},
        {"draftedTokens", static_cast<double>(stats.drafted_tokens)},
        {"acceptedTokens", static_cast<double>(stats.accepted_tokens)},
        {"blockEvictions", static_cast<double>(stats.block_evictions)},
        {"preemptions", static_cast<double>(stats.preemptions)},
        {"imagesEncoded", static_cast<double>(stats.images_encoded)},
        {"imageHits", static_cast<double>(stats.image_hits)},
        {"imageEvictions", static_cast<double>(stats.image_evictions)},
    };
    Napi::Object out = Napi::Object::New(info.Env());
    for (const auto& [name, value] : figures) out.Set(name, value);
    return out;
  });
}

// startProfile(mostOps)
Napi::Value ModelHandle::start_profile(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(state_->engine && !state_->released, ErrorCode::kDisposed, "the model has been disposed");
    require(info[0].IsNumber() && info[0].As<Napi::Number>().Int64Value() > 0, ErrorCode::kOption,
            "startProfile needs the most operations to record");
    state_->engine->start_profile(state_->sink.get(),
                                  static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
    return info.Env().Undefined();
  });
}

// stopProfile() → Promise<JSON text>
Napi::Value ModelHandle::stop_profile(const Napi::CallbackInfo& info) {
  return guarded_call(info.Env(), [&]() -> Napi::Value {
    require(state_->engine && !state_->released, ErrorCode::kDisposed, "the model has been disposed");
    const auto json = std::make_shared<std::string>();
    return run_on_thread(
        info.Env(), "honeybee.profile",
        [engine = state_->engine, sink = state_->sink, json](const std::atomic<bool>& interrupt) {
          const auto recorder = engine->stop_profile(sink.get(), interrupt);
          if (recorder) *json = profile_json(recorder->finish());
        },
        [json](Napi::Env env) -> Napi::Value { return Napi::String::New(env, *json); });
  });
}

}  // namespace honeybee
