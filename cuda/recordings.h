#pragma once
#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <unordered_map>

#include "cuda/cuda.h"

namespace honeybee::cuda {

/// Sequences of operations captured as CUDA graphs, by key (Backend::repeat).
class Recordings {
 public:
  explicit Recordings(Cuda& cuda) : cuda_(cuda) {}

  /// The first time the operations simply run, so that modules are loaded, plans chosen and memory taken; the
  /// second time they are captured; from then on one launch starts them.
  void repeat(const std::string& key, const std::function<void()>& operations);

 private:
  /// An instantiated graph.
  class Graph {
   public:
    explicit Graph(cudaGraph_t graph) { HB_CUDA(cudaGraphInstantiate(&exec_, graph, 0)); }
    ~Graph() { cudaGraphExecDestroy(exec_); }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    void launch(cudaStream_t stream) const { HB_CUDA(cudaGraphLaunch(exec_, stream)); }

   private:
    cudaGraphExec_t exec_ = nullptr;
  };

  struct Entry {
    std::unique_ptr<Graph> graph;  ///< null after the first run
    uint64_t generation = 0;       ///< of the memory that the graph uses
  };

  std::unique_ptr<Graph> record(const std::function<void()>& operations);

  Cuda& cuda_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace honeybee::cuda
