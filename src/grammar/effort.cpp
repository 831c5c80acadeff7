#include "grammar/effort.h"

#include "grammar/limits.h"

namespace honeybee::grammar {
namespace {

// A thread compiles one format at a time. Nearly every function here would have to hand it on otherwise.
thread_local Effort* current = nullptr;

}  // namespace

Effort::Effort(const std::atomic<bool>* interrupt) : interrupt_(interrupt) { current = this; }

Effort::~Effort() { current = nullptr; }

void Effort::spend(size_t units) {
  if (current == nullptr) return;
  current->spent_ += units;
  limit(current->spent_, kMostEffort, "the schema or pattern");
  require(current->interrupt_ == nullptr || !*current->interrupt_, ErrorCode::kDisposed,
          "the process is going");
}

}  // namespace honeybee::grammar
