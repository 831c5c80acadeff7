#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "runtime_stream.h"

namespace honeybee::simt {

/// Recorded work in the order of its capture.
using Nodes = std::vector<Work>;

/// A capture under way. It is of one stream: another cannot join it through an event.
struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool invalidated = false;
  Nodes nodes;
};

}  // namespace honeybee::simt

struct CUgraph_st {
  std::shared_ptr<const honeybee::simt::Nodes> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const honeybee::simt::Nodes> nodes;
  std::shared_ptr<honeybee::simt::Record> last;  ///< the end of the launch before; the next one waits for it
};

namespace honeybee::simt {

class Graphs {
 public:
  /// Whether a call that might wait for a capturing stream, or put something on it behind the capture's back,
  /// is illegal for the calling thread now. If so, the captures at fault are invalidated.
  bool forbid_unsafe_call();

  std::vector<std::shared_ptr<Capture>> captures;  ///< under way
  std::set<cudaGraph_t> graphs;
  std::set<cudaGraphExec_t> execs;
};

}  // namespace honeybee::simt
