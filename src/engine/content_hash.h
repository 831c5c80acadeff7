#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace honeybee {

/// 128 bits that stand for a content: of an image, or of a prompt up to some position.
struct ContentHash {
  uint64_t low = 0;
  uint64_t high = 0;
  auto operator<=>(const ContentHash&) const = default;
};

/// For hash tables: the bits are uniform already.
struct ContentHashBits {
  size_t operator()(const ContentHash& hash) const { return static_cast<size_t>(hash.low); }
};

using HashKey = std::array<uint64_t, 2>;

/// From the system's source of randomness, so that nobody outside can find contents that collide.
HashKey random_hash_key();

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein 2012): a pseudo-random function, so that under
/// a secret key two of 2^30 contents, chosen however cleverly, meet with a probability below 2^-68. It reads
/// more than a gigabyte a second, which a cryptographic hash does not.
class SipHash {
 public:
  explicit SipHash(const HashKey& key);

  void add(std::span<const uint8_t> bytes);
  /// The bytes of a value without padding.
  template <class T>
  void add_value(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>);
    add({reinterpret_cast<const uint8_t*>(&value), sizeof(T)});
  }
  /// Of all bytes added; the object is used up.
  ContentHash finish();

 private:
  void rounds(int count);
  void take_word(uint64_t word);

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;  ///< the bytes of an unfinished word
  uint64_t length_ = 0;
};

}  // namespace honeybee
