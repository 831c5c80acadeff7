#include "napi/sink.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace honeybee {
namespace {

Napi::Value float_array(Napi::Env env, const std::vector<float>& values) {
  auto array = Napi::Float32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(float));
  return array;
}

const char* reason_name(Event::Reason reason) {
  switch (reason) {
    case Event::Reason::kStop:
      return "stop";
    case Event::Reason::kLength:
      return "length";
    case Event::Reason::kAbort:
      return "abort";
    case Event::Reason::kError:
      return "error";
  }
  return "error";
}

void write_hypotheses(Napi::Env env, const Event& event, Napi::Object& out) {
  Napi::Array list = Napi::Array::New(env, event.hypotheses.size());
  for (uint32_t i = 0; i < event.hypotheses.size(); i++) {
    const Hypothesis& hypothesis = event.hypotheses[i];
    auto tokens = Napi::Int32Array::New(env, hypothesis.tokens.size());
    std::copy(hypothesis.tokens.begin(), hypothesis.tokens.end(), tokens.Data());
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("tokens", tokens);
    entry.Set("score", hypothesis.score);
    entry.Set("stopped", hypothesis.stopped);
    list.Set(i, entry);
  }
  out.Set("hypotheses", list);
}

void write_prompt_logprobs(Napi::Env env, const PromptLogprobs& found, Napi::Object& out) {
  auto tokens = Napi::Int32Array::New(env, found.top_tokens.size());
  std::copy(found.top_tokens.begin(), found.top_tokens.end(), tokens.Data());
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("logprobs", float_array(env, found.logprobs));
  entry.Set("topTokens", tokens);
  entry.Set("topLogprobs", float_array(env, found.top_logprobs));
  out.Set("promptLogprobs", entry);
}

void write_end(Napi::Env env, const Event& event, Napi::Object& out) {
  out.Set("reason", reason_name(event.reason));
  if (event.reason == Event::Reason::kError) {
    out.Set("code", error_code_name(event.code));
    out.Set("message", event.message);
  }
  if (event.kind == Event::Kind::kClosed) return;
  Napi::Object timings = Napi::Object::New(env);
  timings.Set("queuedMs", event.timings.queued_ms);
  timings.Set("encodeMs", event.timings.encode_ms);
  timings.Set("prefillMs", event.timings.prefill_ms);
  timings.Set("decodeMs", event.timings.decode_ms);
  out.Set("timings", timings);
  out.Set("cachedTokens", static_cast<double>(event.cached_tokens));
  if (!event.raw_logits.empty()) out.Set("rawLogits", float_array(env, event.raw_logits));
  if (!event.visual_tokens.empty()) out.Set("visualTokens", float_array(env, event.visual_tokens));
  if (!event.prompt_logprobs.logprobs.empty()) write_prompt_logprobs(env, event.prompt_logprobs, out);
  if (!event.hypotheses.empty()) write_hypotheses(env, event, out);
  if (event.trace.empty()) return;
  Napi::Array trace = Napi::Array::New(env, event.trace.size());
  for (uint32_t i = 0; i < event.trace.size(); i++) {
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", event.trace[i].name);
    Napi::Array shape = Napi::Array::New(env, event.trace[i].shape.size());
    for (uint32_t d = 0; d < event.trace[i].shape.size(); d++)
      shape.Set(d, static_cast<double>(event.trace[i].shape[d]));
    tensor.Set("shape", shape);
    tensor.Set("values", float_array(env, event.trace[i].values));
    trace.Set(i, tensor);
  }
  out.Set("trace", trace);
}

void write_token(Napi::Env env, const Event& event, Napi::Object& out) {
  out.Set("token", event.token);
  if (!event.has_logprob) return;
  out.Set("logprob", event.logprob);
  Napi::Array most = Napi::Array::New(env, event.most.size());
  for (uint32_t i = 0; i < event.most.size(); i++) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("token", event.most[i].token);
    entry.Set("logprob", event.most[i].logprob);
    most.Set(i, entry);
  }
  out.Set("top", most);
}

Napi::Object to_js(Napi::Env env, const Event& event) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("request", static_cast<double>(event.request));
  switch (event.kind) {
    case Event::Kind::kProgress:
      out.Set("kind", "progress");
      out.Set("bytes", static_cast<double>(event.bytes));
      break;
    case Event::Kind::kReady:
      out.Set("kind", "ready");
      break;
    case Event::Kind::kToken:
      out.Set("kind", "token");
      write_token(env, event, out);
      break;
    case Event::Kind::kEnd:
      out.Set("kind", "end");
      write_end(env, event, out);
      break;
    case Event::Kind::kClosed:
      out.Set("kind", "closed");
      write_end(env, event, out);
      break;
  }
  return out;
}

}  // namespace

std::shared_ptr<JsSink> JsSink::create(Napi::Env env, const Napi::Function& listener,
                                       std::function<void(const Event&)> ended) {
  const Self sink(new JsSink(std::move(ended)));
  // The function owns a share, so a call always finds its sink.
  sink->call_ = Call::New(env, listener, "honeybee.events", /*maxQueueSize=*/0, /*initialThreadCount=*/1,
                          new Self(sink), [](Napi::Env, void*, Self* self) { delete self; });
  return sink;
}

void JsSink::deliver(std::vector<Event> events) {
  const std::lock_guard lock(mutex_);
  if (!open_ || events.empty()) return;
  const bool called = !waiting_.empty();
  std::move(events.begin(), events.end(), std::back_inserter(waiting_));
  // The queue is unbounded, so this does not wait; anything but napi_ok means that the environment is going
  // away.
  if (!called && call_.NonBlockingCall() != napi_ok) open_ = false;
}

std::vector<Event> JsSink::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void JsSink::drain(Napi::Env env, Napi::Function listener, Self* self, void* /*nothing*/) {
  if (env == nullptr || listener == nullptr) return;
  const std::vector<Event> events = (*self)->take();
  Napi::Array batch = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); i++) {
    batch.Set(i, to_js(env, events[i]));
    const Event::Kind kind = events[i].kind;
    if (kind != Event::Kind::kToken && kind != Event::Kind::kProgress) (*self)->ended_(events[i]);
  }
  if (!events.empty()) listener.Call({batch});
}

void JsSink::close() {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  open_ = false;
  waiting_.clear();
  call_.Release();
}

void JsSink::keep_alive(Napi::Env env, bool alive) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  if (alive) {
    call_.Ref(env);
  } else {
    call_.Unref(env);
  }
}

}  // namespace honeybee
