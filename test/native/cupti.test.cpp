// Times by CUPTI, against a CUPTI that does what it is told: it is found or not, starts or not, and tells of
// work late, in part or not at all. There where that library was built beside this program.
#include "fakes/cupti.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "cuda/cupti_meter.h"
#include "cuda/library_places.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

using cuda::CuptiMeter;
namespace cupti = cuda::cupti;

constexpr uint32_t kKernel = 10;
constexpr uint32_t kMemcpy = 1;
constexpr uint32_t kMemset = 2;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kNow = 5'000 * kMillisecond;

std::string fake_path() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "honeybee-fake-cupti.so";
}

FakeCupti* open_fake() {
  void* const library = dlopen(fake_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<FakeCupti* (*)()>(dlsym(library, "fake_cupti"))();
}

FakeCupti& fake() {
  static FakeCupti* const instance = open_fake();
  return *instance;
}

const cupti::Functions& functions() {
  static const cupti::Search found = cupti::look({fake_path()});
  return found.functions;
}

// As it is at first.
void reset() {
  fake().failing = "";
  fake().succeeding = 0;
  fake().version = 130000;
  fake().now = kNow;
  fake().is_full = fake().is_late = fake().is_running = false;
  fake().flushes = 0;
}

#define TEST_CUPTI(name)                                                                             \
  static void test_##name();                                                                         \
  static const auto registration_##name = std::filesystem::exists(fake_path())                       \
                                              ? std::make_optional<Registration>(#name, test_##name) \
                                              : std::nullopt;                                        \
  static void test_##name()

// What a backend does: a profile of operations on a device that is waited for.
class Profiling {
 public:
  Profiling() : recorder_(16) {
    recorder_.start();
    meter_ = CuptiMeter::start(functions(), recorder_, [this] { waits_++; });
  }

  bool started() const { return meter_ != nullptr; }
  /// An operation that starts what `body` starts.
  template <class Body>
  void op(const char* name, const Body& body) {
    const uint32_t number = recorder_.begin(name, moving({nullptr, Dtype::kF32, 1, 1, 1}, 8));
    meter_->begin(number);
    body();
    meter_->end(number);
    recorder_.end(number);
  }
  Profile finish() {
    meter_->tell();
    meter_.reset();
    recorder_.stop();
    return recorder_.finish();
  }
  int waits() const { return waits_; }

 private:
  ProfileRecorder recorder_;
  std::unique_ptr<CuptiMeter> meter_;
  int waits_ = 0;
};

void kernel(double from_ms, double to_ms, uint32_t kind = kKernel) {
  const auto at = [](double ms) { return kNow + static_cast<uint64_t>(ms * kMillisecond); };
  fake().work(kind, at(from_ms), at(to_ms));
}

struct Timed {
  const char* name;
  double duration_ms;
};

void expect_ops(const Profile& profile, const std::vector<Timed>& expected) {
  EXPECT_EQ(profile.ops.size(), expected.size());
  for (size_t i = 0; i < std::min(profile.ops.size(), expected.size()); i++) {
    const Profile::Op& op = profile.ops[i];
    EXPECT_EQ(std::string(op.name), std::string(expected[i].name));
    EXPECT_TRUE(std::fabs(op.measured.duration_ms.value_or(-1.0) - expected[i].duration_ms) < 1e-6);
  }
}

void expect_nothing_left() {
  EXPECT_EQ(fake().kinds_enabled, 0);
  EXPECT_EQ(fake().buffers_out, 0);
}

// A profile of one operation of 2 ms, whatever was before.
void expect_profile_works() {
  reset();
  Profiling profiling;
  EXPECT_TRUE(profiling.started());
  if (!profiling.started()) return;
  profiling.op("fresh", [] { kernel(1, 3); });
  const Profile profile = profiling.finish();
  expect_ops(profile, {{"fresh", 2.0}});
  EXPECT_EQ(profile.lost_ops, uint64_t{0});
  EXPECT_EQ(profile.dropped_records, uint64_t{0});
  expect_nothing_left();
}

TEST_CUPTI(cupti_is_opened_where_it_is_and_new_enough) {
  reset();
  fake().version = 18;
  const std::string absent = fake_path() + ".13";
  cupti::Search search = cupti::look({absent, "libm.so.6", fake_path()});
  EXPECT_TRUE(!search.found());
  EXPECT_EQ(search.tried.size(), size_t{3});
  EXPECT_TRUE(search.tried[0].starts_with(absent));
  EXPECT_EQ(search.tried[1], std::string("libm.so.6: has no cuptiGetVersion"));
  EXPECT_EQ(search.tried[2], fake_path() + ": has version 18 of its interface, older than that of CUDA 12.0");
  fake().version = 19;
  search = cupti::look({absent, fake_path()});
  EXPECT_EQ(search.path, fake_path());
  EXPECT_EQ(search.tried.size(), size_t{1});
  reset();
  fake().failing = "GetVersion";
  search = cupti::look({fake_path()});
  EXPECT_EQ(search.tried[0], fake_path() + ": does not tell its version");
}

TEST_CUPTI(cupti_places_are_those_of_toolkits_and_packages) {
  const cuda::LibraryName name{"HONEYBEE_TEST_LIBRARY", "libx", {"extras/x", "lib64"}, "x"};
  unsetenv("HONEYBEE_TEST_LIBRARY");
  setenv("CUDA_HOME", "/toolkit", 1);
  const std::vector<std::string> places = cuda::library_places(name);
  unsetenv("CUDA_HOME");
  const std::vector<std::string> first = {"/toolkit/extras/x/libx.so.13",
                                          "/toolkit/extras/x/libx.so.12",
                                          "/toolkit/lib64/libx.so.13",
                                          "/toolkit/lib64/libx.so.12",
                                          "libx.so.13",
                                          "libx.so.12"};
  EXPECT_TRUE(std::equal(first.begin(), first.end(), std::find(places.begin(), places.end(), first[0])));
  setenv("HONEYBEE_TEST_LIBRARY", "/mine.so", 1);
  EXPECT_TRUE(cuda::library_places(name) == std::vector<std::string>{"/mine.so"});
  unsetenv("HONEYBEE_TEST_LIBRARY");
}

TEST_CUPTI(cupti_times_operations_by_what_they_started) {
  reset();
  Profiling profiling;
  kernel(1, 2);  // of nobody
  profiling.op("two", [] {
    kernel(10, 10.5);
    kernel(10.75, 12, kMemcpy);
  });
  kernel(12, 13);
  profiling.op("set", [] { kernel(20, 20.25, kMemset); });
  profiling.op("kernel", [] { kernel(30, 30.125); });
  const Profile profile = profiling.finish();
  EXPECT_EQ(profiling.waits(), 1);
  EXPECT_TRUE(profile.clock == ProfileClock::kCupti);
  EXPECT_EQ(profile.lost_ops, uint64_t{0});
  expect_ops(profile, {{"two", 2.0}, {"set", 0.25}, {"kernel", 0.125}});
  if (profile.ops.size() != 3) return;
  // On the recorder's clock: as long after its start as after that of CUPTI's, which was asked right then.
  const double start = profile.ops[0].measured.start_ms;
  EXPECT_TRUE(start >= 10.0 && start <= 10.0 + profile.wall_ms);
  EXPECT_TRUE(std::fabs(profile.ops[1].measured.start_ms - start - 10.0) < 1e-6);
  expect_nothing_left();
}

TEST_CUPTI(cupti_ids_of_others_are_theirs) {
  reset();
  Profiling profiling;
  const auto push = functions().ActivityPushExternalCorrelationId;
  const auto pop = functions().ActivityPopExternalCorrelationId;
  constexpr auto kTheirs = static_cast<cupti::ExternalKind>(4);
  uint64_t last = 0;
  // A framework around ours that has a kind of its own, and one that has our kind.
  push(kTheirs, uint64_t{1} << 32);
  profiling.op("ours", [] { kernel(1, 2); });
  pop(kTheirs, &last);
  for (const uint64_t id : {uint64_t{0}, (uint64_t{1} << 62) + 5}) {
    push(cupti::ExternalKind::kCustom0, id);
    kernel(100, 200);
    pop(cupti::ExternalKind::kCustom0, &last);
  }
  const Profile profile = profiling.finish();
  expect_ops(profile, {{"ours", 1.0}});
  EXPECT_EQ(profile.lost_ops, uint64_t{0});
}

TEST_CUPTI(cupti_serves_several_at_once) {
  reset();
  Profiling one;
  std::optional<Profile> other;
  std::thread([&] {
    Profiling two;
    two.op("other", [] { kernel(1, 5); });
    one.op("one", [] { kernel(1, 2); });
    other = two.finish();
  }).join();
  EXPECT_TRUE(fake().kinds_enabled > 0);
  one.op("last", [] { kernel(6, 9); });
  const Profile profile = one.finish();
  expect_ops(*other, {{"other", 4.0}});
  expect_ops(profile, {{"one", 1.0}, {"last", 3.0}});
  expect_nothing_left();
}

TEST_CUPTI(cupti_work_that_others_still_run_keeps_nobody) {
  reset();
  Profiling profiling;
  profiling.op("done", [] { kernel(1, 2); });
  profiling.op("running", [] { fake().work(kKernel, kNow, 0); });
  fake().is_running = true;
  const Profile profile = profiling.finish();
  expect_ops(profile, {{"done", 1.0}});
  EXPECT_EQ(profile.lost_ops, uint64_t{1});
  expect_nothing_left();
}

TEST_CUPTI(cupti_buffers_that_come_late_are_given_back_and_nothing_else) {
  reset();
  Profiling profiling;
  profiling.op("lost", [] { kernel(1, 2); });
  fake().is_late = true;
  const Profile profile = profiling.finish();
  EXPECT_TRUE(profile.clock == ProfileClock::kCupti);
  EXPECT_EQ(profile.ops.size(), size_t{0});
  EXPECT_EQ(profile.lost_ops, uint64_t{1});
  EXPECT_TRUE(fake().buffers_out > 0);
  fake().is_late = false;
  // While the next one is taken, of whose first operation they would be.
  {
    Profiling next;
    std::thread(fake().deliver).join();
    next.op("next", [] { kernel(10, 13); });
    const Profile told = next.finish();
    expect_ops(told, {{"next", 3.0}});
  }
  expect_nothing_left();
  // And when none is.
  reset();
  Profiling last;
  last.op("lost", [] { kernel(1, 2); });
  fake().is_late = true;
  last.finish();
  std::thread(fake().deliver).join();
  expect_nothing_left();
  expect_profile_works();
}

TEST_CUPTI(cupti_records_that_were_dropped_are_counted) {
  reset();
  Profiling profiling;
  profiling.op("whole", [] { kernel(1, 2); });
  profiling.op("short", [] {
    kernel(3, 4);
    fake().is_full = true;
    kernel(4, 5);
    fake().is_full = false;
  });
  fake().is_full = true;
  profiling.op("lost", [] { kernel(6, 7); });
  fake().is_full = false;
  const Profile profile = profiling.finish();
  expect_ops(profile, {{"whole", 1.0}, {"short", 1.0}});
  EXPECT_EQ(profile.lost_ops, uint64_t{1});
  EXPECT_EQ(profile.dropped_records, uint64_t{6});  // an id, a call and a kernel, twice
  expect_nothing_left();
  expect_profile_works();
}

TEST_CUPTI(cupti_holds_more_than_a_buffer) {
  reset();
  ProfileRecorder recorder(1);
  recorder.start();
  const auto meter = CuptiMeter::start(functions(), recorder, [] {});
  const uint32_t number = recorder.begin("many", moving({nullptr, Dtype::kF32, 1, 1, 1}, 8));
  // More of nobody's than are kept, before and behind.
  for (int i = 0; i < 70'000; i++) kernel(i, i + 1);
  meter->begin(number);
  for (int i = 0; i < 10'000; i++) kernel(i, i + 1);
  meter->end(number);
  for (int i = 0; i < 70'000; i++) kernel(i, i + 1);
  recorder.end(number);
  meter->tell();
  recorder.stop();
  const Profile profile = recorder.finish();
  EXPECT_EQ(profile.lost_ops, uint64_t{0});
  expect_ops(profile, {{"many", 10'000.0}});
}

TEST_CUPTI(cupti_that_does_not_start_is_left_alone) {
  const std::pair<const char*, int> calls[] = {{"GetTimestamp", 0},   {"ActivityRegisterCallbacks", 0},
                                               {"ActivityEnable", 0}, {"ActivityEnable", 1},
                                               {"ActivityEnable", 3}, {"ActivityEnable", 5}};
  for (const auto& [name, count] : calls) {
    reset();
    fake().failing = name;
    fake().succeeding = count;
    const Profiling profiling;
    EXPECT_TRUE(!profiling.started());
    expect_nothing_left();
    expect_profile_works();
  }
}

TEST_CUPTI(cupti_calls_that_fail_later_cost_times_at_most) {
  const Timed first{"first", 1.0};
  const Timed second{"second", 1.0};
  struct Case {
    const char* name;
    int succeeding;
    std::vector<Timed> measured;
  };
  const Case cases[] = {
      {"ActivityPushExternalCorrelationId", 0, {second}},
      {"ActivityPushExternalCorrelationId", 1, {first}},
      {"ActivityPopExternalCorrelationId", 1, {first, second}},
      {"ActivityFlushAll", 0, {first, second}},  // the second flush brings all
      {"ActivityFlushAll", 1, {first, second}},
      {"ActivityFlushAll", 2, {first, second}},
      {"ActivityGetNextRecord", 0, {}},
      {"ActivityGetNextRecord", 3, {first}},  // an id, a call and a kernel were read
      {"ActivityGetNumDroppedRecords", 0, {first, second}},
      {"ActivityDisable", 5, {first, second}},
  };
  for (const Case& each : cases) {
    reset();
    Profiling profiling;
    fake().failing = each.name;
    fake().succeeding = each.succeeding;
    profiling.op("first", [] { kernel(1, 2); });
    profiling.op("second", [] { kernel(3, 4); });
    const Profile profile = profiling.finish();
    expect_ops(profile, each.measured);
    EXPECT_EQ(profile.lost_ops, 2 - each.measured.size());
    EXPECT_EQ(fake().buffers_out, 0);
    expect_profile_works();
  }
}

}  // namespace
}  // namespace honeybee::testing
