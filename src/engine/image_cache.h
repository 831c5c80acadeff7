#pragma once
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/backend.h"
#include "engine/content_hash.h"

namespace honeybee {

/// The visual tokens of an image, on their way or there. Shared by all prompts that show the image.
struct EncodedImage {
  enum class State { kWanted, kEncoding, kReady };

  ContentHash content;
  State state = State::kWanted;
  std::unique_ptr<Memory> memory;
  Tensor tokens;  ///< [M + K, D], once they are being encoded
};

/// Visual tokens by the content of their image, kept on the device up to a limit; those go first that no
/// prompt has asked for lately. What a sequence still holds is never dropped, so that the limit can be
/// exceeded for a while.
class ImageCache {
 public:
  ImageCache(Backend& backend, size_t limit) : backend_(backend), limit_(limit) {}

  /// The entry of this content, made if there is none.
  std::shared_ptr<EncodedImage> find(const ContentHash& content);
  /// Gives an entry memory for its tokens, that of one dropped if possible.
  void allocate(EncodedImage& image, int64_t rows, int64_t cols, Dtype dtype);
  /// The next who asks for this content gets an entry of its own, to be encoded anew.
  void forget(const ContentHash& content);
  /// Lets go of what a sequence held, and drops what nobody holds and is too much or was never encoded.
  void release(std::vector<std::shared_ptr<EncodedImage>>& images);

  size_t bytes() const { return bytes_; }
  int64_t hits() const { return hits_; }
  int64_t evictions() const { return evictions_; }

 private:
  using Entries = std::list<std::shared_ptr<EncodedImage>>;

  void drop(size_t limit);

  Backend& backend_;
  size_t limit_;
  Entries entries_;  ///< the last wanted first
  std::unordered_map<ContentHash, Entries::iterator, ContentHashBits> index_;
  std::vector<std::unique_ptr<Memory>> spare_;
  size_t bytes_ = 0;  ///< of the entries
  int64_t hits_ = 0;
  int64_t evictions_ = 0;
};

}  // namespace honeybee
