#include "cuda/recordings.h"

namespace honeybee::cuda {
namespace {

// A captured graph before it is instantiated.
struct Captured {
  cudaGraph_t graph = nullptr;
  ~Captured() {
    if (graph != nullptr) cudaGraphDestroy(graph);
  }
};

}  // namespace

void Recordings::repeat(const std::string& key, const std::function<void()>& operations) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    operations();
    entries_[key].generation = cuda_.generation();
    return;
  }
  Entry& entry = found->second;
  if (entry.generation != cuda_.generation()) {
    // A graph that still runs has to end before it goes.
    HB_CUDA(cudaStreamSynchronize(cuda_.stream));
    entry.graph.reset();
    operations();
    entry.generation = cuda_.generation();
    return;
  }
  if (entry.graph == nullptr) entry.graph = record(operations);
  entry.graph->launch(cuda_.stream);
}

std::unique_ptr<Recordings::Graph> Recordings::record(const std::function<void()>& operations) {
  Captured captured;
  HB_CUDA(cudaStreamBeginCapture(cuda_.stream, cudaStreamCaptureModeThreadLocal));
  cuda_.recording = true;
  try {
    operations();
  } catch (...) {
    cuda_.recording = false;
    cudaStreamEndCapture(cuda_.stream, &captured.graph);
    cudaGetLastError();
    throw;
  }
  cuda_.recording = false;
  HB_CUDA(cudaStreamEndCapture(cuda_.stream, &captured.graph));
  return std::make_unique<Graph>(captured.graph);
}

}  // namespace honeybee::cuda
