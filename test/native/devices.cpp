#include "cpu/cpu_backend.h"
#include "cpu/isa.h"
#include "testing.h"

namespace honeybee::testing {

std::vector<Device> devices() {
  std::vector<Device> list;
  for (int i = 0; i < cpu::kIsaCount; i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    if (!cpu::isa_supported(isa)) continue;
    list.push_back({std::string("cpu/") + cpu::isa_name(isa),
                    [isa](int threads) { return make_cpu_backend({.threads = threads, .isa = isa}); }});
  }
  return list;
}

}  // namespace honeybee::testing
