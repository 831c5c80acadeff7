#include "engine/content_hash.h"

#include <bit>
#include <cstring>
#include <random>

namespace honeybee {

static_assert(std::endian::native == std::endian::little);

HashKey random_hash_key() {
  std::random_device device;
  const auto word = [&] { return (uint64_t{device()} << 32) | device(); };
  return {word(), word()};
}

SipHash::SipHash(const HashKey& key)
    : v0_(key[0] ^ 0x736f6d6570736575u),
      v1_(key[1] ^ 0x646f72616e646f6du ^ 0xee),
      v2_(key[0] ^ 0x6c7967656e657261u),
      v3_(key[1] ^ 0x7465646279746573u) {}

void SipHash::rounds(int count) {
  for (; count > 0; count--) {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
}

void SipHash::take_word(uint64_t word) {
  v3_ ^= word;
  rounds(2);
  v0_ ^= word;
}

void SipHash::add(std::span<const uint8_t> bytes) {
  size_t i = 0;
  const auto add_byte = [&] {
    tail_ |= uint64_t{bytes[i++]} << (8 * (length_++ % 8));
    if (length_ % 8 != 0) return;
    take_word(tail_);
    tail_ = 0;
  };
  while (i < bytes.size() && length_ % 8 != 0) add_byte();
  for (; i + 8 <= bytes.size(); i += 8, length_ += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    take_word(word);
  }
  while (i < bytes.size()) add_byte();
}

ContentHash SipHash::finish() {
  take_word(tail_ | (length_ << 56));
  v2_ ^= 0xee;
  rounds(4);
  ContentHash hash;
  hash.low = v0_ ^ v1_ ^ v2_ ^ v3_;
  v1_ ^= 0xdd;
  rounds(4);
  hash.high = v0_ ^ v1_ ^ v2_ ^ v3_;
  return hash;
}

}  // namespace honeybee
