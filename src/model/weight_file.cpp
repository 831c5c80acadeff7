#include "model/weight_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace honeybee {

WeightFile::WeightFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor_ >= 0, ErrorCode::kCheckpoint, path_, ": cannot be opened: ", std::strerror(errno));
  struct stat status{};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail(ErrorCode::kCheckpoint, path_, ": is not a regular file");
  }
  size_ = status.st_size;
}

WeightFile::WeightFile(WeightFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

WeightFile::~WeightFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void WeightFile::read(const std::string& tensor, int64_t offset, int64_t bytes, void* target) const {
  char* out = static_cast<char*>(target);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor_, out, static_cast<size_t>(bytes), offset);
    if (got < 0 && errno == EINTR) continue;
    require(got >= 0, ErrorCode::kCheckpoint, path_, ": reading tensor \"", tensor,
            "\" failed: ", std::strerror(errno));
    require(got > 0, ErrorCode::kCheckpoint, path_, ": ends at byte ", offset, " inside tensor \"", tensor,
            "\"; the file shrank after it was opened");
    out += got;
    offset += got;
    bytes -= got;
  }
}

}  // namespace honeybee
