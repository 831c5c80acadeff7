#include "statistics.h"

#include <map>
#include <mutex>
#include <sstream>
#include <string>

#include "exports.h"

namespace honeybee::simt {

namespace {

struct Counted {
  uint64_t launches = 0;
  Statistics sum;
};

std::mutex mutex;
Statistics all;

std::map<std::string, Counted>& table() {
  static auto* const kernels = new std::map<std::string, Counted>;  // outlives every static that launches
  return *kernels;
}

}  // namespace

Statistics& Statistics::operator+=(const Statistics& other) {
  blocks += other.blocks;
  threads += other.threads;
  switches += other.switches;
  barriers += other.barriers;
  collectives += other.collectives;
  async_copies += other.async_copies;
  ldmatrix += other.ldmatrix;
  bank_conflicts += other.bank_conflicts;
  mma += other.mma;
  return *this;
}

void count_launch(const char* kernel, const Statistics& statistics) {
  const std::scoped_lock lock(mutex);
  Counted& counted = table()[kernel];
  counted.launches++;
  counted.sum += statistics;
  all += statistics;
}

Statistics launched() {
  const std::scoped_lock lock(mutex);
  return all;
}

}  // namespace honeybee::simt

using honeybee::simt::mutex;
using honeybee::simt::table;

const char* honeybee_simt_launches() {
  static thread_local std::string text;
  const std::scoped_lock lock(mutex);
  std::ostringstream lines;
  for (const auto& [kernel, counted] : table()) lines << kernel << '\t' << counted.launches << '\n';
  return (text = lines.str()).c_str();
}

const char* honeybee_simt_statistics() {
  static thread_local std::string text;
  const std::scoped_lock lock(mutex);
  std::ostringstream lines;
  lines << "kernel\tlaunches\tblocks\tthreads\tswitches\tbarriers\tcollectives\tasyncCopies\tldmatrix\t"
           "bankConflicts\tmma\n";
  for (const auto& [kernel, counted] : table()) {
    const honeybee::simt::Statistics& sum = counted.sum;
    lines << kernel << '\t' << counted.launches << '\t' << sum.blocks << '\t' << sum.threads << '\t'
          << sum.switches << '\t' << sum.barriers << '\t' << sum.collectives << '\t' << sum.async_copies
          << '\t' << sum.ldmatrix << '\t' << sum.bank_conflicts << '\t' << sum.mma << '\n';
  }
  return (text = lines.str()).c_str();
}

void honeybee_simt_reset_launches() {
  const std::scoped_lock lock(mutex);
  table().clear();
}
