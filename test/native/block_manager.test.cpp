// Who has which block: against a model of the rules that keeps everything in sets.
#include "engine/block_manager.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using Table = std::vector<int32_t>;

ContentHash content(uint64_t n) { return {n, ~n}; }

std::string hex(const ContentHash& hash) {
  std::string text;
  for (const uint64_t word : {hash.low, hash.high}) {
    for (int shift = 0; shift < 64; shift += 4) {
      // The lowest byte first, its high digit first.
      text += "0123456789abcdef"[word >> (shift ^ 4) & 15];
    }
  }
  return text;
}

TEST(sip_hash_equals_the_reference_implementation) {
  // Key 00 … 0f, message 00, 01, 02 …: vectors_sip128 of the authors.
  const std::map<size_t, std::string> expected = {
      {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
      {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
      {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {16, "6ee2a4ca67b054bbfd3315bf85230577"},
      {63, "5150d1772f50834a503e069a973fbd7c"}};
  std::vector<uint8_t> message(64);
  std::iota(message.begin(), message.end(), uint8_t{0});
  for (const auto& [length, hash] : expected) {
    for (size_t cut = 0; cut <= length; cut++) {
      SipHash sip({0x0706050403020100u, 0x0f0e0d0c0b0a0908u});
      sip.add(std::span(message).first(cut));
      sip.add(std::span(message).subspan(cut, length - cut));
      EXPECT_EQ(hex(sip.finish()), hash);
    }
  }
}

TEST(sip_hash_keys_are_random) { EXPECT_TRUE(random_hash_key() != random_hash_key()); }

TEST(blocks_are_taken_all_or_none) {
  BlockManager blocks(4);
  Table a;
  Table b;
  EXPECT_TRUE(blocks.take(3, a));
  EXPECT_TRUE(!blocks.take(2, b));
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(blocks.free(), int64_t{1});
  EXPECT_TRUE(blocks.take(1, b));
  EXPECT_TRUE(blocks.take(0, b));
  EXPECT_EQ(blocks.used(), int64_t{4});
  blocks.give_back(a);
  blocks.give_back(b);
  EXPECT_EQ(blocks.free(), int64_t{4});
}

TEST(blocks_whose_content_is_known_are_shared_until_they_are_evicted) {
  BlockManager blocks(4);
  Table a;
  EXPECT_TRUE(blocks.take(3, a));
  const Table was = a;
  for (size_t i = 0; i < 3; i++) blocks.publish(a[i], content(i));
  Table b;
  EXPECT_TRUE(blocks.share(content(0), b));
  EXPECT_TRUE(blocks.is_shared(was[0]));
  blocks.give_back(a);
  EXPECT_EQ(blocks.cached(), int64_t{2});
  EXPECT_EQ(blocks.used(), int64_t{1});
  // The last of a prefix goes first: the one before it is still of use alone.
  Table c;
  EXPECT_TRUE(blocks.take(2, c));
  EXPECT_EQ(blocks.evictions(), int64_t{1});
  EXPECT_TRUE(!blocks.share(content(2), b));
  EXPECT_TRUE(blocks.share(content(1), b));
  EXPECT_TRUE(b == (Table{was[0], was[1]}));
  EXPECT_TRUE(!blocks.take(1, c));
}

TEST(blocks_with_the_same_content_are_known_once) {
  BlockManager blocks(2);
  Table a;
  Table b;
  EXPECT_TRUE(blocks.take(1, a) && blocks.take(1, b));
  blocks.publish(a[0], content(7));
  blocks.publish(b[0], content(7));
  blocks.give_back(b);
  EXPECT_EQ(blocks.free(), int64_t{1});
  blocks.give_back(a);
  EXPECT_EQ(blocks.cached(), int64_t{1});
  EXPECT_TRUE(blocks.take(2, a));
  blocks.give_back(a);
  EXPECT_EQ(blocks.free(), int64_t{2});
}

TEST(blocks_in_random_use_are_never_lost_nor_handed_out_twice) {
  for (uint64_t seed = 0; seed < 300; seed++) {
    Random random(seed);
    const int64_t count = 1 + random.below(24);
    BlockManager blocks(count);
    std::vector<Table> tables(6);
    std::map<uint64_t, int32_t> known;  // content → block, as far as this test knows
    std::map<int32_t, int> references;
    for (int step = 0; step < 200; step++) {
      Table& table = tables[static_cast<size_t>(random.below(6))];
      switch (random.below(5)) {
        case 0: {
          const int64_t wanted = random.below(5);
          const Table before = table;
          const bool fits = wanted <= count - static_cast<int64_t>(references.size());
          EXPECT_EQ(blocks.take(wanted, table), fits);
          EXPECT_EQ(table.size(), before.size() + static_cast<size_t>(fits ? wanted : 0));
          for (size_t i = before.size(); i < table.size(); i++) {
            EXPECT_TRUE(!references.contains(table[i]));
            references[table[i]] = 1;
            std::erase_if(known, [&](const auto& entry) { return entry.second == table[i]; });
          }
          break;
        }
        case 1: {
          const auto name = static_cast<uint64_t>(random.below(12));
          const bool shared = blocks.share(content(name), table);
          EXPECT_EQ(shared, known.contains(name));
          if (!shared) break;
          EXPECT_EQ(table.back(), known[name]);
          references[table.back()]++;
          break;
        }
        case 2: {
          if (table.empty()) break;
          const auto name = static_cast<uint64_t>(random.below(12));
          const int32_t block = table[static_cast<size_t>(random.below(static_cast<int64_t>(table.size())))];
          const bool named =
              std::ranges::any_of(known, [&](const auto& entry) { return entry.second == block; });
          blocks.publish(block, content(name));
          if (!named) known.emplace(name, block);
          break;
        }
        case 3: {
          const Table& other = tables[static_cast<size_t>(random.below(6))];
          const Table some(other.begin(), other.begin() + static_cast<ptrdiff_t>(other.size() / 2));
          blocks.share_blocks(some, table);
          for (const int32_t block : some) references[block]++;
          break;
        }
        default:
          for (const int32_t block : table) {
            if (--references[block] == 0) references.erase(block);
          }
          blocks.give_back(table);
          EXPECT_TRUE(table.empty());
      }
      EXPECT_EQ(blocks.used(), static_cast<int64_t>(references.size()));
      const auto cached =
          std::ranges::count_if(known, [&](const auto& entry) { return !references.contains(entry.second); });
      EXPECT_EQ(blocks.cached(), static_cast<int64_t>(cached));
      EXPECT_EQ(blocks.free() + blocks.cached() + blocks.used(), count);
    }
    for (Table& table : tables) blocks.give_back(table);
    EXPECT_EQ(blocks.available(), count);
  }
}

}  // namespace
}  // namespace honeybee::testing
