#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/backend.h"

/// A test harness without dependencies, so that the same binary runs on a GPU machine without Node.
///
///   TEST(name) { … }              runs once
///   TEST_OP(name) { … backend … } runs on every device of this machine
///
/// EXPECT_* record a failure and go on; a test fails on its first recorded failure or on a stray exception.
namespace honeybee::testing {

/// Something that makes backends of one kind: the CPU with one instruction set, the simulator, a GPU.
struct Device {
  std::string name;  ///< "cpu/avx2"
  /// `threads` 0 lets the backend choose; devices without CPU threads ignore it.
  std::function<std::unique_ptr<Backend>(int threads)> make;
  /// The same with BackendOptions::batch_invariant, on two threads.
  std::function<std::unique_ptr<Backend>()> make_invariant;
};

/// Every device that this machine can run (devices.cpp).
std::vector<Device> devices();

/// The device of the running TEST_OP, for tests that need a second backend (another number of threads).
const Device& current_device();

struct Test {
  const char* name;
  std::function<void()> plain;       ///< of TEST
  std::function<void(Backend&)> op;  ///< of TEST_OP
};

/// Adds a test to the list of this binary while static objects are built.
struct Registration {
  Registration(const char* name, void (*body)());
  Registration(const char* name, void (*body)(Backend&));
};

const std::vector<Test>& tests();

/// Notes a failure of the running test; the first few of each test are printed.
void record_failure(const char* file, int line, const std::string& message);
/// Forgets the failures of the test before.
void begin_test();
/// Failures of the running test so far.
int failure_count();

// What the macros below call.
void expect_close(const char* file, int line, const std::vector<float>& actual,
                  const std::vector<double>& expected, double tolerance);
void expect_same_bits(const char* file, int line, const std::vector<float>& actual,
                      const std::vector<float>& expected);
void expect_error(const char* file, int line, const std::function<void()>& statement, ErrorCode code,
                  const char* substring);

template <class A, class B>
void expect_equal(const char* file, int line, const A& actual, const B& expected, const char* text) {
  if (actual == expected) return;
  std::ostringstream message;
  message << text << " is " << actual << ", expected " << expected;
  record_failure(file, line, message.str());
}

#define TEST(name)                                                                        \
  static void test_##name();                                                              \
  static const ::honeybee::testing::Registration registration_##name(#name, test_##name); \
  static void test_##name()

#define TEST_OP(name)                                                                     \
  static void test_##name(::honeybee::Backend& backend);                                  \
  static const ::honeybee::testing::Registration registration_##name(#name, test_##name); \
  static void test_##name([[maybe_unused]] ::honeybee::Backend& backend)

#define EXPECT_TRUE(condition)                                                                         \
  do {                                                                                                 \
    if (!(condition)) ::honeybee::testing::record_failure(__FILE__, __LINE__, #condition " is false"); \
  } while (false)

/// Equality by ==.
#define EXPECT_EQ(actual, expected) \
  ::honeybee::testing::expect_equal(__FILE__, __LINE__, (actual), (expected), #actual)

/// Each |actual[i] - expected[i]| ≤ tolerance; floats against doubles.
#define EXPECT_CLOSE(actual, expected, tolerance) \
  ::honeybee::testing::expect_close(__FILE__, __LINE__, (actual), (expected), (tolerance))

/// The same floats to the bit.
#define EXPECT_SAME_BITS(actual, expected) \
  ::honeybee::testing::expect_same_bits(__FILE__, __LINE__, (actual), (expected))

/// The statement throws an Error with this code whose message contains the substring.
#define EXPECT_ERROR(statement, code, substring) \
  ::honeybee::testing::expect_error(__FILE__, __LINE__, [&] { statement; }, (code), (substring))

}  // namespace honeybee::testing
