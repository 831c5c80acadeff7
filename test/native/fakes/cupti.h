#pragma once
#include <cstddef>
#include <cstdint>

/// A CUPTI that does what a test tells it: honeybee-fake-cupti.so exports the functions of the activity
/// interface that a profiler calls, and `fake_cupti`, which gives this.
struct FakeCupti {
  // What it is to do.
  uint32_t version = 130000;
  const char* failing = "";  ///< this function ("ActivityEnable") fails …
  int succeeding = 0;        ///< … after so many calls
  uint64_t now = 0;          ///< its clock, nanoseconds
  bool is_full = false;      ///< there is no room for records, which are dropped
  bool is_late = false;      ///< a flush returns before its buffers are handed back, which `deliver` does
  bool is_running = false;   ///< some records are not complete: only a forced flush hands buffers back

  // What it was asked.
  int kinds_enabled = 0;
  int buffers_out = 0;  ///< that were requested and not handed back
  int flushes = 0;

  /// The calling thread starts a kernel (kind 10), a copy (1) or a memset (2), which runs at these times.
  void (*work)(uint32_t kind, uint64_t start, uint64_t end);
  /// Hands back the buffers that a late flush did not.
  void (*deliver)();
};
