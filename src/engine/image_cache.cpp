#include "engine/image_cache.h"

namespace honeybee {
namespace {

constexpr size_t kMostSpare = 16;

}  // namespace

std::shared_ptr<EncodedImage> ImageCache::find(const ContentHash& content) {
  const auto found = index_.find(content);
  if (found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    hits_++;
    return entries_.front();
  }
  entries_.push_front(std::make_shared<EncodedImage>());
  entries_.front()->content = content;
  index_[content] = entries_.begin();
  return entries_.front();
}

void ImageCache::allocate(EncodedImage& image, int64_t rows, int64_t cols, Dtype dtype) {
  const size_t bytes = static_cast<size_t>(rows * cols) * dtype_size(dtype);
  std::unique_ptr<Memory> memory;
  // All images of a model take the same.
  if (spare_.empty() && bytes_ + bytes > limit_) drop(limit_ > bytes ? limit_ - bytes : 0);
  if (!spare_.empty()) {
    memory = std::move(spare_.back());
    spare_.pop_back();
  } else {
    memory = backend_.allocate(bytes);
  }
  image.tokens = {memory->data(), dtype, rows, cols, cols};
  image.memory = std::move(memory);
  const auto found = index_.find(image.content);
  if (found != index_.end() && found->second->get() == &image) bytes_ += bytes;
}

void ImageCache::forget(const ContentHash& content) {
  const auto found = index_.find(content);
  if (found == index_.end()) return;
  const EncodedImage& image = **found->second;
  if (image.memory) bytes_ -= image.memory->bytes();
  entries_.erase(found->second);
  index_.erase(found);
}

void ImageCache::release(std::vector<std::shared_ptr<EncodedImage>>& images) {
  for (auto& image : images) {
    if (image == nullptr) continue;
    const ContentHash content = image->content;
    const bool is_wanted = image->state == EncodedImage::State::kWanted;
    image.reset();
    const auto found = index_.find(content);
    if (is_wanted && found != index_.end() && found->second->use_count() == 1) forget(content);
  }
  images.clear();
  drop(limit_);
}

void ImageCache::drop(size_t limit) {
  for (auto it = entries_.end(); it != entries_.begin() && bytes_ > limit;) {
    --it;
    if (it->use_count() > 1 || !(*it)->memory) continue;
    EncodedImage& image = **it;
    bytes_ -= image.memory->bytes();
    evictions_++;
    if (spare_.size() < kMostSpare) spare_.push_back(std::move(image.memory));
    index_.erase(image.content);
    it = entries_.erase(it);
  }
}

}  // namespace honeybee
