#pragma once
#include <array>
#include <cstdint>
#include <cstdio>

namespace honeybee {

/// A tool outside this process's own profile that shows what each thread does as named ranges, one inside the
/// other (Nsight, through NVTX).
class Ranges {
 public:
  virtual ~Ranges() = default;
  /// Opens a range of the calling thread. The name need not live on.
  virtual void push(const char* name) = 0;
  /// Closes the innermost one of the calling thread.
  virtual void pop() = 0;
};

/// A range as long as it lives; nothing without a tool.
class RangeScope {
 public:
  RangeScope(Ranges* ranges, const char* name) : ranges_(ranges) {
    if (ranges_ != nullptr) ranges_->push(name);
  }
  /// "layer 3"
  RangeScope(Ranges* ranges, const char* kind, int64_t number) : ranges_(ranges) {
    if (ranges_ == nullptr) return;
    std::array<char, 48> name{};
    std::snprintf(name.data(), name.size(), "%s %lld", kind, static_cast<long long>(number));
    ranges_->push(name.data());
  }
  ~RangeScope() {
    if (ranges_ != nullptr) ranges_->pop();
  }
  RangeScope(const RangeScope&) = delete;
  RangeScope& operator=(const RangeScope&) = delete;

 private:
  Ranges* ranges_;
};

}  // namespace honeybee
