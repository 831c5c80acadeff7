#pragma once
#include <memory>
#include <vector>

#include "core/backend.h"

namespace honeybee {

/// Scratch matrices for one step, handed out by bumping an offset. Memory is taken from the backend only
/// while the arena grows to its working size; afterwards a step allocates nothing.
class Arena {
 public:
  explicit Arena(Backend& backend) : backend_(backend) {}

  /// A contiguous matrix whose content is undefined, valid until the enclosing Scope ends.
  Tensor matrix(int64_t rows, int64_t cols, Dtype dtype);

  /// Bytes held from the backend.
  size_t bytes() const;

  /// Gives back, when destroyed, everything handed out since it was made.
  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_) {}
    ~Scope() {
      arena_.chunk_ = chunk_;
      arena_.used_ = used_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    size_t chunk_;
    size_t used_;
  };

 private:
  Backend& backend_;
  std::vector<std::unique_ptr<Memory>> chunks_;
  size_t chunk_ = 0;  ///< the chunk in use; == chunks_.size() before the first
  size_t used_ = 0;   ///< bytes of it that are taken
};

}  // namespace honeybee
