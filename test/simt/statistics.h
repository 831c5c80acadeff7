#pragma once
#include <cstdint>

/// What launches did, counted by kernel.
namespace honeybee::simt {

struct Statistics {
  uint64_t blocks = 0;
  uint64_t threads = 0;
  uint64_t switches = 0;      ///< from one simulated thread to another
  uint64_t barriers = 0;      ///< of whole blocks
  uint64_t collectives = 0;   ///< of warps, ldmatrix and mma included
  uint64_t async_copies = 0;  ///< of 16 bytes
  uint64_t ldmatrix = 0;
  uint64_t bank_conflicts = 0;  ///< rows of ldmatrix that had to wait for another row of their matrix
  uint64_t mma = 0;

  Statistics& operator+=(const Statistics& other);
};

/// Adds one launch of a kernel.
void count_launch(const char* kernel, const Statistics& statistics);

/// The sum over all launches of this process, whatever was reset.
Statistics launched();

}  // namespace honeybee::simt
