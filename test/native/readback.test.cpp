// Values on their way to the host: what they were when they were asked for, whatever happens next.
#include "core/readback.h"

#include <vector>

#include "core/arena.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

std::vector<float> counted(int64_t count, float from) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); i++) values[i] = from + static_cast<float>(i);
  return values;
}

}  // namespace

TEST(readback_brings_what_was_there_when_it_was_asked_for) {
  for (const Device& device : devices()) {
    const auto backend = device.make(1);
    const auto readback = backend->make_readback();
    Arena arena(*backend);
    for (const int64_t rows : {1, 5, 3}) {
      const Tensor whole = arena.matrix(rows, 7, Dtype::kF32);
      const Tensor wide = arena.matrix(rows, 9, Dtype::kF32);
      backend->upload(counted(rows * 7, 1.0f).data(), whole);
      backend->upload(counted(rows * 9, 100.0f).data(), wide);
      std::vector<float> first(static_cast<size_t>(rows * 7), -1.0f);
      std::vector<float> second(static_cast<size_t>(rows * 4), -1.0f);
      const Download downloads[] = {{whole, first.data()}, {wide.col_range(2, 4), second.data()}};
      readback->start(downloads);
      backend->upload(std::vector<float>(static_cast<size_t>(rows * 9)).data(), wide);
      backend->copy(wide.col_range(0, 7), whole);
      readback->wait();
      EXPECT_TRUE(first == counted(rows * 7, 1.0f));
      for (int64_t i = 0; i < rows * 4; i++)
        EXPECT_EQ(second[static_cast<size_t>(i)], 102.0f + static_cast<float>(i / 4 * 9 + i % 4));
    }
  }
}

TEST(readback_forgets_what_nobody_waited_for) {
  for (const Device& device : devices()) {
    const auto backend = device.make(1);
    if (!backend->queues()) continue;
    const auto readback = backend->make_readback();
    Arena arena(*backend);
    const Tensor tensor = arena.matrix(2, 3, Dtype::kF32);
    std::vector<float> forgotten(6, -1.0f);
    std::vector<float> wanted(6);
    const Download before[] = {{tensor, forgotten.data()}};
    const Download now[] = {{tensor, wanted.data()}};
    readback->start(before);
    backend->upload(counted(6, 4.0f).data(), tensor);
    readback->start(now);
    readback->wait();
    readback->wait();
    EXPECT_TRUE(wanted == counted(6, 4.0f));
    EXPECT_TRUE(forgotten == std::vector<float>(6, -1.0f));
  }
}

}  // namespace honeybee::testing
