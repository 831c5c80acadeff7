// Streams and events.
#include <memory>

#include "runtime.h"

using honeybee::simt::api;
using honeybee::simt::Call;
using honeybee::simt::current_device;
using honeybee::simt::outcome;
using honeybee::simt::runtime;
using honeybee::simt::StreamPointer;

namespace honeybee::simt {

cudaError_t queue_work(cudaStream_t handle, Work work) {
  if (handle == nullptr && runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureImplicit;
  const StreamPointer stream = runtime().streams.find(handle, current_device());
  if (stream == nullptr || stream->device != current_device()) return cudaErrorInvalidResourceHandle;
  if (stream->capture != nullptr) {
    if (stream->capture->invalidated) return cudaErrorStreamCaptureInvalidated;
    stream->capture->nodes.push_back(std::move(work));
    return cudaSuccess;
  }
  runtime().streams.push(stream, std::move(work));
  return outcome(stream->device);
}

}  // namespace honeybee::simt

namespace {

// A call that waits for a stream or asks about it.
template <class Body>
cudaError_t await_stream(cudaStream_t handle, Body body) {
  return api(Call::kSynchronize, [&] {
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) stream->capture->invalidated = true;
    if (stream->capture != nullptr || runtime().graphs.forbid_unsafe_call())
      return cudaErrorStreamCaptureUnsupported;
    return body(stream);
  });
}

// The same for an event.
template <class Body>
cudaError_t await_event(cudaEvent_t event, Body body) {
  return api(Call::kSynchronize, [&] {
    if (!runtime().events.contains(event)) return cudaErrorInvalidResourceHandle;
    if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
    if (event->captured) return cudaErrorCapturedEvent;
    // Nothing recorded is nothing to wait for.
    return event->record == nullptr ? cudaSuccess : body(event->record);
  });
}

}  // namespace

cudaError_t cudaDeviceSynchronize() {
  return api(Call::kSynchronize, [&] {
    if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
    runtime().streams.finish_device(current_device());
    return outcome(current_device());
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return api(Call::kOther, [&] {
    if ((flags & ~cudaStreamNonBlocking) != 0) return cudaErrorInvalidValue;
    *stream = runtime().streams.create(current_device(), flags == cudaStreamDefault).get();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  return api(Call::kRelease, [&] {
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (handle == nullptr || stream == nullptr) return cudaErrorInvalidResourceHandle;
    std::erase(runtime().graphs.captures, stream->capture);
    runtime().streams.destroy(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return await_stream(handle, [](const StreamPointer& stream) {
    runtime().streams.finish(stream);
    return outcome(stream->device);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return await_stream(handle, [](const StreamPointer& stream) {
    if (stream->pending.empty()) return outcome(stream->device);
    runtime().streams.step(stream);
    const cudaError_t status = outcome(stream->device);
    return status == cudaSuccess ? cudaErrorNotReady : status;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  return api(Call::kOther, [&] {
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr || !runtime().events.contains(event)) return cudaErrorInvalidResourceHandle;
    if (flags != 0) return cudaErrorInvalidValue;
    if (event->captured || stream->capture != nullptr) {
      // A stream waits for itself anyway; from outside nobody enters a capture here.
      if (event->captured && event->capture.lock() == stream->capture) return cudaSuccess;
      if (stream->capture != nullptr) stream->capture->invalidated = true;
      return cudaErrorStreamCaptureIsolation;
    }
    if (event->record != nullptr && !event->record->done)
      runtime().streams.push(stream, {.name = "cudaStreamWaitEvent", .wait = event->record});
    return cudaSuccess;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return api(Call::kLaunch, [&] {
    if (function == nullptr) return cudaErrorInvalidValue;
    return honeybee::simt::queue_work(stream, {.name = "cudaLaunchHostFunc", .run = [=] { function(data); }});
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api(Call::kOther, [&] {
    constexpr unsigned kKnown = cudaEventBlockingSync | cudaEventDisableTiming;
    if ((flags & ~kKnown) != 0) return cudaErrorInvalidValue;
    *event = new CUevent_st;
    (*event)->device = current_device();
    (*event)->timing = (flags & cudaEventDisableTiming) == 0;
    runtime().events.insert(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  return api(Call::kOther, [&] {
    if (handle == nullptr && runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureImplicit;
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr || !runtime().events.contains(event) || event->device != stream->device)
      return cudaErrorInvalidResourceHandle;
    event->captured = stream->capture != nullptr;
    event->capture = stream->capture;
    event->record = event->captured ? nullptr : runtime().streams.record(stream);
    return cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return await_event(event, [&](const auto& record) {
    runtime().streams.finish(record);
    return outcome(event->device);
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return await_event(event, [&](const std::shared_ptr<honeybee::simt::Record>& record) {
    if (record->done) return outcome(event->device);
    runtime().streams.step(StreamPointer(record->stream));
    const cudaError_t status = outcome(event->device);
    return status == cudaSuccess ? cudaErrorNotReady : status;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return api(Call::kSynchronize, [&] {
    for (cudaEvent_t event : {start, end}) {
      if (!runtime().events.contains(event) || !event->timing || event->record == nullptr)
        return cudaErrorInvalidResourceHandle;
    }
    if (!start->record->done || !end->record->done) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(end->record->time - start->record->time).count();
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api(Call::kRelease, [&] {
    if (runtime().events.erase(event) == 0) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}
