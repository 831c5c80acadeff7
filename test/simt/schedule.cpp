#include "schedule.h"

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "exports.h"

namespace honeybee::simt {

namespace {

std::mutex mutex;
std::optional<Schedule> chosen;

template <class T>
T parse_number(std::string_view text, const char* variable) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(status == std::errc() && end == text.data() + text.size(), ErrorCode::kOption, variable, ": \"",
          text, "\" is not a number");
  return value;
}

std::optional<Order> parse_order(std::string_view word) {
  if (word == "forward") return Order::kForward;
  if (word == "reverse") return Order::kReverse;
  if (word == "random") return Order::kRandom;
  return std::nullopt;
}

Schedule from_environment() {
  Schedule schedule;
  if (const char* value = std::getenv("HONEYBEE_SIMT_ORDER")) {
    constexpr const char* kName = "HONEYBEE_SIMT_ORDER";
    const std::string_view text = value;
    const std::string_view word = text.substr(0, text.find(':'));
    const std::optional<Order> order = parse_order(word);
    require(order.has_value(), ErrorCode::kOption, kName, ": \"", text,
            "\" is none of forward, reverse, random[:seed]");
    schedule.order = *order;
    if (word.size() < text.size())
      schedule.seed = parse_number<uint64_t>(text.substr(word.size() + 1), kName);
  }
  if (const char* value = std::getenv("HONEYBEE_SIMT_THREADS")) {
    constexpr const char* kName = "HONEYBEE_SIMT_THREADS";
    schedule.os_threads = parse_number<int>(value, kName);
    require(schedule.os_threads >= 1 && schedule.os_threads <= 64, ErrorCode::kOption, kName, ": ",
            schedule.os_threads, " is not in 1 … 64");
  }
  return schedule;
}

}  // namespace

Schedule schedule() {
  const std::scoped_lock lock(mutex);
  if (!chosen) chosen = from_environment();
  return *chosen;
}

void set_schedule(const Schedule& schedule) {
  const std::scoped_lock lock(mutex);
  chosen = schedule;
}

BlockOrder::BlockOrder(const Schedule& schedule, uint64_t count) : count_(count), first_(0), step_(1) {
  if (schedule.order == Order::kReverse) {
    first_ = count - 1;
    step_ = count - 1;  // one back, modulo the count
  } else if (schedule.order == Order::kRandom) {
    RandomBits random(schedule.seed);
    first_ = random.next() % count;
    do step_ = random.next() % count + 1;
    while (std::gcd(step_, count) != 1);
  }
}

uint64_t BlockOrder::operator[](uint64_t position) const {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((first_ + static_cast<Wide>(position) * step_) % count_);
}

RandomBits::RandomBits(uint64_t seed) : state_((seed + 1) * 0x9e3779b97f4a7c15u | 1) {}

}  // namespace honeybee::simt

int honeybee_simt_set_schedule(const char* order, uint64_t seed, int os_threads) {
  using namespace honeybee::simt;
  const std::optional<Order> parsed = parse_order(order);
  if (!parsed || os_threads < 1) return 1;
  set_schedule({.order = *parsed, .seed = seed, .os_threads = os_threads});
  return 0;
}

void honeybee_simt_reset_schedule() {
  const std::scoped_lock lock(honeybee::simt::mutex);
  honeybee::simt::chosen.reset();
}
