// What is recorded of operations: gaps between given times, work against loops, and nothing when nobody asks.
#include "core/profile.h"

#include <cmath>
#include <thread>

#include "cpu/cpu_backend.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

void expect_near(double actual, double expected, double tolerance) {
  EXPECT_TRUE(std::fabs(actual - expected) <= tolerance);
}

OpWork some_work() { return moving({nullptr, Dtype::kF32, 1, 1, 1}, 8); }

TEST(profile_gaps_are_what_operations_leave) {
  ProfileRecorder recorder(8);
  recorder.start();
  for (int i = 0; i < 3; i++) recorder.end(recorder.begin("op", some_work()));
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  recorder.stop();
  const double wall = recorder.finish().wall_ms;
  EXPECT_TRUE(wall >= 3.0);
  // As a device with two queues may tell it, in any order.
  recorder.measure(1, {0.7 * wall, 0.1 * wall, std::nullopt}, ProfileClock::kEvents);
  recorder.measure(0, {0.2 * wall, 0.3 * wall, std::nullopt}, ProfileClock::kEvents);
  recorder.measure(2, {0.1 * wall, 0.2 * wall, std::nullopt}, ProfileClock::kEvents);
  const Profile profile = recorder.finish();
  EXPECT_TRUE(profile.clock == ProfileClock::kEvents);
  const double expected[][2] = {{0.0, 0.1}, {0.5, 0.7}, {0.8, 1.0}};
  EXPECT_EQ(profile.gaps.size(), std::size(expected));
  for (size_t i = 0; i < profile.gaps.size(); i++) {
    expect_near(profile.gaps[i].start_ms, expected[i][0] * wall, 1e-6);
    expect_near(profile.gaps[i].start_ms + profile.gaps[i].duration_ms, expected[i][1] * wall, 1e-6);
    EXPECT_TRUE(profile.gaps[i].doing == Doing::kSchedule);
  }
}

TEST(profile_knows_places_and_sleep) {
  ProfileRecorder recorder(8);
  recorder.start();
  {
    const PlaceScope stage({.profile = &recorder}, Stage::kVision);
    const PlaceScope layer({.profile = &recorder}, int64_t{3});
    recorder.next_step();
    recorder.end(recorder.begin("inner", some_work()));
  }
  {
    const DoingScope asleep(&recorder, Doing::kAsleep);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  recorder.next_step();
  recorder.end(recorder.begin("outer", some_work()));
  recorder.stop();
  const Profile profile = recorder.finish();
  EXPECT_EQ(profile.ops.size(), size_t{2});
  EXPECT_TRUE(profile.ops[0].stage == Stage::kVision && profile.ops[0].layer == 3 &&
              profile.ops[0].step == 0);
  EXPECT_TRUE(profile.ops[1].layer == -1 && profile.ops[1].step == 1);
  double awake = 0.0;
  for (const Profile::Gap& gap : profile.gaps) {
    EXPECT_TRUE(gap.doing != Doing::kAsleep);
    if (gap.start_ms < profile.ops[1].measured.start_ms) awake += gap.duration_ms;
  }
  // The clocks need not agree to the last digit.
  EXPECT_TRUE(awake <= profile.ops[1].measured.start_ms - 29.0);
}

TEST(profile_work_of_attention_is_what_loops_count) {
  const auto backend = make_cpu_backend({.threads = 1});
  const KvShape shape{.layers = 2, .kv_heads = 2, .head_dim = 8, .blocks = 16, .dtype = Dtype::kInt8};
  const auto batch = backend->make_batch({.sequences = 3, .rows = 64, .blocks = 4});
  const std::vector<int32_t> row_begin{0, 20, 21, 22};
  const std::vector<int32_t> start{5, 40, -1};  // a prompt that goes on, a step, padding
  const std::vector<int32_t> blocks(12);
  batch->set(row_begin, start, blocks);
  const Tensor q{nullptr, Dtype::kF32, 22, 32, 32};
  int64_t flops = 0;
  int64_t read = 0;
  for (size_t s = 0; s < 2; s++) {
    int64_t last = 0;
    for (int32_t row = row_begin[s]; row < row_begin[s + 1]; row++) {
      last = start[s] + row - row_begin[s];
      for (int64_t key = 0; key <= last; key++) flops += 2 * 2 * q.cols;  // q k and the sum of v
    }
    for (int64_t key = 0; key <= last; key++) read += 2 * shape.kv_heads * (shape.head_dim + 4);
  }
  const OpWork work = paged_attention_work(q, shape, *batch);
  EXPECT_EQ(work.flops, flops);
  EXPECT_EQ(work.bytes, read + 2 * q.rows * q.cols * 4);
  EXPECT_EQ(work.shape.text(), std::string("[22, 32] × [66, 16] int8"));
}

TEST_OP(profile_is_taken_only_while_asked_for) {
  Fixture fixture(backend);
  const Tensor x = fixture.input(Dtype::kF32, 2, 3, std::vector<float>(6, 1.0f));
  const Tensor y = fixture.output(Dtype::kF32, 2, 3);
  ProfileRecorder recorder(8);
  recorder.start();
  backend.copy(x, y);
  backend.profile(&recorder);
  backend.copy(x, y);
  int repeated = 0;
  for (int i = 0; i < 3; i++) {
    backend.repeat("copy", [&] {
      backend.copy(x, y);
      repeated++;
    });
  }
  backend.profile(nullptr);
  backend.copy(x, y);
  recorder.stop();
  EXPECT_EQ(repeated, 3);
  const Profile profile = recorder.finish();
  EXPECT_EQ(profile.ops.size(), size_t{4});
  for (const Profile::Op& op : profile.ops) {
    EXPECT_EQ(std::string(op.name), std::string("copy"));
    EXPECT_EQ(op.work.bytes, int64_t{48});
    EXPECT_EQ(op.work.shape.text(), std::string("[2, 3] → [2, 3] f32"));
  }
}

}  // namespace
}  // namespace honeybee::testing
