// Capture of streams, and the graphs that come of it.
#include "graph.h"

#include <utility>

#include "runtime.h"

namespace honeybee::simt {

bool Graphs::forbid_unsafe_call() {
  bool forbidden = false;
  for (const std::shared_ptr<Capture>& capture : captures) {
    const bool concerned =
        capture->mode == cudaStreamCaptureModeGlobal ||
        (capture->mode == cudaStreamCaptureModeThreadLocal && capture->thread == std::this_thread::get_id());
    if (!concerned) continue;
    capture->invalidated = true;
    forbidden = true;
  }
  return forbidden;
}

}  // namespace honeybee::simt

using honeybee::simt::api;
using honeybee::simt::Call;
using honeybee::simt::Capture;
using honeybee::simt::current_device;
using honeybee::simt::Nodes;
using honeybee::simt::runtime;
using honeybee::simt::StreamPointer;
using honeybee::simt::Work;

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return api(Call::kOther, [&] {
    if (handle == nullptr) return cudaErrorStreamCaptureUnsupported;
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) return cudaErrorInvalidValue;
    stream->capture = std::make_shared<Capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    runtime().graphs.captures.push_back(stream->capture);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  // A release: after a failure, too, the stream must get out of its capture.
  return api(Call::kRelease, [&] {
    *graph = nullptr;
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (handle == nullptr || stream == nullptr) return cudaErrorInvalidResourceHandle;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return cudaErrorStreamCaptureUnmatched;
    if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id())
      return cudaErrorStreamCaptureWrongThread;
    stream->capture = nullptr;
    std::erase(runtime().graphs.captures, capture);
    if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
    *graph = new CUgraph_st{std::make_shared<const Nodes>(std::move(capture->nodes))};
    runtime().graphs.graphs.insert(*graph);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return api(Call::kOther, [&] {
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *status = stream->capture == nullptr     ? cudaStreamCaptureStatusNone
              : stream->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                             : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  return api(Call::kOther, [&] {
    *exec = nullptr;
    if (flags != 0 || !runtime().graphs.graphs.contains(graph)) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{graph->nodes, nullptr};
    runtime().graphs.execs.insert(*exec);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  return api(Call::kLaunch, [&] {
    if (!runtime().graphs.execs.contains(exec)) return cudaErrorInvalidValue;
    const StreamPointer stream = runtime().streams.find(handle, current_device());
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture == nullptr && exec->last != nullptr && !exec->last->done)
      runtime().streams.push(stream, {.name = "cudaGraphLaunch", .wait = exec->last});
    for (const Work& node : *exec->nodes) {
      if (const cudaError_t status = honeybee::simt::queue_work(handle, node); status != cudaSuccess)
        return status;
    }
    if (stream->capture == nullptr) exec->last = runtime().streams.record(stream);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return api(Call::kRelease, [&] {
    if (runtime().graphs.execs.erase(exec) == 0) return cudaErrorInvalidValue;
    delete exec;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api(Call::kRelease, [&] {
    if (runtime().graphs.graphs.erase(graph) == 0) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}
