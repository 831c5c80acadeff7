#pragma once
#include <cstdint>
#include <string>

namespace honeybee {

/// A file of weights, read with pread: one that shrinks under us is an error, never a signal.
class WeightFile {
 public:
  /// Throws Error(kCheckpoint) naming a file that cannot be opened or is not a regular one.
  explicit WeightFile(std::string path);
  ~WeightFile();
  WeightFile(WeightFile&& other) noexcept;
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes, when it was opened.
  int64_t size() const { return size_; }

  /// Throws Error(kCheckpoint) naming file and tensor when the bytes are not there. From several threads at
  /// once.
  void read(const std::string& tensor, int64_t offset, int64_t bytes, void* target) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace honeybee
