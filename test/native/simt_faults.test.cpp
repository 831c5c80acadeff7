#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "simt_library.h"

/// Faults planted in kernels (test/simt/planted.cu) and how the simulator shows each.
namespace honeybee::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

enum class Outcome { kRight, kWrong, kNamed, kSanitizerReport };

struct Result {
  Outcome outcome;
  std::string message;
};

Result run_here(int fault) {
  char message[1024];
  const int outcome = SIMT_FUNCTION(honeybee_simt_planted)(fault, message, sizeof message);
  require(outcome >= 0, ErrorCode::kOption, "no planted fault ", fault);
  return {static_cast<Outcome>(outcome), message};
}

// In a process of its own, which a sanitizer may end.
Result run_in_child(int fault) {
  constexpr int kFirstStatus = 100;  // others are a sanitizer's
  int message[2];
  require(pipe(message) == 0, ErrorCode::kDevice, "no pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  require(child >= 0, ErrorCode::kDevice, "no child process");
  if (child == 0) {
    close(message[0]);
    if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
    const Result result = run_here(fault);
    const bool written = write(message[1], result.message.data(), result.message.size()) >= 0;
    const int status = written ? kFirstStatus + static_cast<int>(result.outcome) : 1;
#ifdef __SANITIZE_THREAD__
    std::exit(status);  // ThreadSanitizer puts its own status in place of this one
#else
    _exit(status);
#endif
  }
  close(message[1]);
  std::string text;
  char buffer[1024];
  for (ssize_t count; (count = read(message[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  close(message[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) - kFirstStatus : -1;
  if (code < 0 || code > static_cast<int>(Outcome::kNamed)) return {Outcome::kSanitizerReport, text};
  return {static_cast<Outcome>(code), text};
}

Result run(int fault) { return kSanitized ? run_in_child(fault) : run_here(fault); }

struct Expectation {
  const char* kernel;   ///< part of the message; "" if the fault shows as a wrong result
  const char* message;  ///< another part
};

const Expectation kWrongResult = {"", ""};

const std::map<std::string_view, Expectation> kExpectations = {
    {"no barrier before a read", kWrongResult},
    {"no barrier after a read", kWrongResult},
    {"no warp barrier before a read", kWrongResult},
    {"no wait for cp.async", kWrongResult},
    {"no barrier after the wait for cp.async", kWrongResult},
    {"shared memory read before it is written", kWrongResult},
    {"read beyond device memory", kWrongResult},
    {"write beyond a shared array",
     {"planted_neighbours_kernel<float>", "beyond the 512 bytes of the shared array 'tile'"}},
    {"write beyond dynamic shared memory",
     {"planted_reverse_kernel", "beyond the 384 bytes of dynamic shared memory"}},
    {"write beyond device memory", {"planted_pairs_kernel", "byte 800 of allocation"}},
    {"barriers in both branches",
     {"planted_neighbours_kernel<float>", "divergent barrier: __syncthreads at"}},
    {"exit of some threads before a barrier",
     {"planted_neighbours_kernel<float>", "not reached by threads that have exited"}},
    {"shuffles in both branches", {"planted_reverse_kernel", "divergent warp collective"}},
    {"shuffle with differing masks", {"planted_reverse_kernel", "divergent warp collective"}},
    {"shuffle from a lane outside the mask", {"planted_reverse_kernel", "which takes no part"}},
    {"ldmatrix of a misaligned row", {"planted_product_kernel<__half>", "not a multiple of 16"}},
    {"ldmatrix of device memory", {"planted_product_kernel<__half>", "outside shared memory"}},
    {"cp.async of a misaligned address", {"planted_product_kernel<__half>", "not a multiple of 16"}},
    {"too many cp.async under way", {"planted_product_kernel<__half>", "more than 256 cp_async_16"}},
    {"null pointer",
     {"planted_pairs_kernel", "illegal access, or one misaligned for its vector type, at address 0x0"}},
    {"read far beyond device memory", {"planted_pairs_kernel", "The address is byte 4896 of allocation"}},
    {"stack overflow", {"planted_pairs_kernel", "stack overflows"}},
    {"static shared memory beyond 48 KiB",
     {"planted_shared_kernel", "no room for the shared array 'second'"}},
    {"dynamic shared memory beyond 227 KiB",
     {"planted_reverse_kernel", "232449 bytes of dynamic shared memory"}},
    {"block of more than 1024 threads", {"planted_pairs_kernel", "a block of 1056 × 1 × 1"}},
    {"grid of more than 65535 in y", {"planted_product_kernel<__half>", "a grid of 2 × 65536 × 1"}},
};

struct Turn {
  const char* order;
  uint64_t seed;
};

const Turn kTurns[] = {{"forward", 0}, {"reverse", 0}, {"random", 1}, {"random", 2}};

class ScheduleForTest {
 public:
  explicit ScheduleForTest(const Turn& turn, int os_threads = 1) {
    EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_set_schedule)(turn.order, turn.seed, os_threads), 0);
  }
  ~ScheduleForTest() { SIMT_FUNCTION(honeybee_simt_reset_schedule)(); }
};

int planted_number(std::string_view name) {
  for (int fault = 0; const char* known = SIMT_FUNCTION(honeybee_simt_planted_name)(fault); fault++)
    if (name == known) return fault;
  fail(ErrorCode::kOption, "no planted fault \"", name, "\"");
}

void expect_found(std::string_view name, const Expectation& expectation, const Turn& turn, int os_threads) {
  const ScheduleForTest schedule(turn, os_threads);
  const Result result = run(planted_number(name));
  if (kSanitized && result.outcome == Outcome::kSanitizerReport) return;
  const bool by_name = expectation.message[0] != 0;
  const bool found = by_name ? result.outcome == Outcome::kNamed &&
                                   result.message.find(expectation.kernel) != std::string::npos &&
                                   result.message.find(expectation.message) != std::string::npos
                             : result.outcome == Outcome::kWrong;
  if (!found) {
    record_failure(__FILE__, __LINE__,
                   std::string(name) + " in order " + turn.order + ": outcome " +
                       std::to_string(static_cast<int>(result.outcome)) + ", \"" + result.message + "\"");
  }
}

// A sanitizer needs one order and, in processes of their own, much longer.
TEST_SIMT(simt_planted_faults_are_found_in_every_order) {
  for (const auto& [name, expectation] : kExpectations) {
    expect_found(name, expectation, {"random", 1}, 2);
    if (kSanitized) continue;
    for (const Turn& turn : kTurns) expect_found(name, expectation, turn, 1);
  }
}

// A misaligned load goes unnoticed where the compiler takes it apart, but never gives the right values.
TEST_SIMT(simt_misaligned_vectors_are_found) {
  for (const Turn& turn : kTurns) {
    const ScheduleForTest schedule(turn);
    EXPECT_TRUE(run(planted_number("misaligned vector load")).outcome != Outcome::kRight);
  }
}

// Only an order other than the one its author had in mind shows this one (and ThreadSanitizer, in any).
TEST_SIMT(simt_race_for_one_word_shows_in_some_order) {
  const auto outcome = [](const Turn& turn) {
    const ScheduleForTest schedule(turn);
    return run(planted_number("all threads write one word")).outcome;
  };
  EXPECT_TRUE(outcome({"reverse", 0}) != Outcome::kRight);
#ifdef __SANITIZE_THREAD__
  EXPECT_TRUE(outcome({"forward", 0}) == Outcome::kSanitizerReport);
#endif
}

TEST_SIMT(simt_every_planted_fault_is_expected) {
  for (int fault = 1; const char* name = SIMT_FUNCTION(honeybee_simt_planted_name)(fault); fault++) {
    const std::string_view known = name;
    if (known == "misaligned vector load" || known == "all threads write one word") continue;
    if (!kExpectations.contains(known))
      record_failure(__FILE__, __LINE__, "nothing is expected of " + std::string(name));
  }
}

TEST_SIMT(simt_faultless_kernels_are_right_in_every_order) {
  for (const Turn& turn : kTurns) {
    for (const int os_threads : {1, 2}) {
      const ScheduleForTest schedule(turn, os_threads);
      EXPECT_EQ(static_cast<int>(run(0).outcome), static_cast<int>(Outcome::kRight));
    }
  }
}

TEST_SIMT(simt_counts_launches_by_kernel) {
  SIMT_FUNCTION(honeybee_simt_reset_launches)();
  EXPECT_EQ(static_cast<int>(run_here(0).outcome), static_cast<int>(Outcome::kRight));
  const std::string launches = SIMT_FUNCTION(honeybee_simt_launches)();
  EXPECT_EQ(launches,
            "honeybee::simt::planted_neighbours_kernel<__half>\t1\n"
            "honeybee::simt::planted_neighbours_kernel<float>\t1\n"
            "honeybee::simt::planted_pairs_kernel\t1\n"
            "honeybee::simt::planted_product_kernel<__half>\t1\n"
            "honeybee::simt::planted_product_kernel<__nv_bfloat16>\t1\n"
            "honeybee::simt::planted_reverse_kernel\t1\n");
  // 2 × 2 blocks of 128 threads, 3 tiles deep with two barriers each; 4 warps · 2 steps · (4 ldmatrix, 8 mma)
  // a tile, without a bank conflict.
  const std::string statistics = SIMT_FUNCTION(honeybee_simt_statistics)();
  const size_t row = statistics.find("planted_product_kernel<__half>\t1\t4\t512\t");
  EXPECT_TRUE(row != std::string::npos);
  const std::string line = statistics.substr(row, statistics.find('\n', row) - row);
  EXPECT_TRUE(line.ends_with("\t24\t1152\t6144\t384\t0\t768"));
  SIMT_FUNCTION(honeybee_simt_reset_launches)();
  EXPECT_EQ(std::string(SIMT_FUNCTION(honeybee_simt_launches)()), "");
}

TEST_SIMT(simt_refuses_unknown_schedules) {
  EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_set_schedule)("sideways", 0, 1), 1);
  EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_set_schedule)("forward", 0, 0), 1);
}

// Shuffles, votes, barriers, atomics and fragment layouts against their definitions.
TEST_SIMT(simt_semantics) {
  for (const Turn& turn : kTurns) {
    const ScheduleForTest schedule(turn);
    EXPECT_EQ(std::string(SIMT_FUNCTION(honeybee_simt_semantics)()), "");
  }
}

}  // namespace
}  // namespace honeybee::testing
