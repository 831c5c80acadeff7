#include <map>
#include <sstream>
#include <string>

#include "builtins.h"
#include "fault.h"
#include "multiprocessor.h"

namespace honeybee::simt {

namespace {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::kSyncWarp:
      return "__syncwarp";
    case Operation::kShuffle:
      return "__shfl_sync";
    case Operation::kShuffleXor:
      return "__shfl_xor_sync";
    case Operation::kShuffleUp:
      return "__shfl_up_sync";
    case Operation::kShuffleDown:
      return "__shfl_down_sync";
    case Operation::kBallot:
      return "__ballot_sync";
    case Operation::kLdmatrix:
      return "ldmatrix_x4";
    case Operation::kLdmatrixTransposed:
      return "ldmatrix_x4_transposed";
    case Operation::kMma:
      return "mma_16816";
  }
  return "";
}

std::string text_of(const Where& where) {
  const std::string path = where.file_name();
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.line());
}

std::string hex(uint64_t value) {
  std::ostringstream text;
  text << "0x" << std::hex << value;
  return text.str();
}

std::string what(const Fault& fault) {
  const std::string at = text_of(fault.where);
  const std::string address = hex(reinterpret_cast<uintptr_t>(fault.address));
  switch (fault.kind) {
    case FaultKind::kNone:
      break;
    case FaultKind::kDivergentBarrier:
      return "divergent barrier: __syncthreads at " + at + " while other threads wait at another one";
    case FaultKind::kBarrierAfterExit:
      return "divergent barrier: __syncthreads at " + at + " is not reached by threads that have exited";
    case FaultKind::kDeadlock:
      return "deadlock: no thread can go on";
    case FaultKind::kLaneNotInMask:
      return "warp collective at " + at + " with mask " + hex(fault.mask) + ", which lacks the calling lane";
    case FaultKind::kExitedLane:
      return "divergent warp collective at " + at + ": its mask names lanes " + hex(fault.mask) +
             " that have exited or never were";
    case FaultKind::kLanesDisagree:
      return "divergent warp collective at " + at + ": lanes of mask " + hex(fault.mask) +
             " came with another operation, mask or line";
    case FaultKind::kInactiveSource:
      return "shuffle at " + at + " from lane " + hex(fault.mask) + " (as a mask), which takes no part";
    case FaultKind::kMisaligned:
      return "address " + address + " at " + at + " is not a multiple of 16";
    case FaultKind::kNotShared:
      return "address " + address + " at " + at + " is outside shared memory";
    case FaultKind::kSharedTooLarge:
      return std::string("no room for the shared array '") + fault.name +
             "': static arrays may take 48 KiB, all shared memory 227 KiB";
    case FaultKind::kTooManyCopies:
      return "more than " + std::to_string(Multiprocessor::kMaxCopies) +
             " cp_async_16 under way in a thread at " + at;
    case FaultKind::kStackOverflow:
      return "a thread's stack overflows (local arrays or recursion)";
    case FaultKind::kBadAddress:
      return "illegal access, or one misaligned for its vector type, at address " + address;
  }
  return "";
}

/// "96 threads wait in __syncthreads at norm.cu:52 (first: 0); 32 threads have exited (first: 96)"
std::string whereabouts(const Multiprocessor& multiprocessor) {
  struct Group {
    unsigned count = 0, first = 0;
  };
  std::map<std::string, Group> groups;
  for (unsigned i = 0; i < multiprocessor.thread_count(); i++) {
    const Thread& thread = multiprocessor.thread(i);
    std::string place;
    switch (thread.state) {
      case ThreadState::kRunnable:
        place = "can run";
        break;
      case ThreadState::kExited:
        place = "have exited";
        break;
      case ThreadState::kAtBarrier:
        place = "wait in __syncthreads at " + text_of(thread.where);
        break;
      case ThreadState::kInCollective: {
        const Warp& warp = multiprocessor.warp_of(thread);
        place = std::string("wait in ") + name_of(warp.operations[thread.lane]) + " at " +
                text_of(thread.where) + " with mask " + hex(warp.masks[thread.lane]);
        break;
      }
    }
    Group& group = groups[place];
    if (group.count++ == 0) group.first = i;
  }
  std::ostringstream text;
  const char* separator = "";
  for (const auto& [place, group] : groups) {
    text << separator << group.count << (group.count == 1 ? " thread: " : " threads ") << place
         << " (first: " << group.first << ")";
    separator = "; ";
  }
  return text.str();
}

}  // namespace

std::string describe(const Fault& fault, const char* kernel, const Multiprocessor& multiprocessor) {
  std::ostringstream text;
  text << kernel << ", block (" << blockIdx.x << ", " << blockIdx.y << ", " << blockIdx.z
       << "): " << what(fault) << ". " << whereabouts(multiprocessor);
  return text.str();
}

}  // namespace honeybee::simt
