#include "napi/devices.h"

#include <cstdlib>

#include "core/backend_library.h"
#include "cpu/cpu_backend.h"
#include "cpu/machine.h"

namespace honeybee {
namespace {

constexpr int64_t kMostThreads = 1024;

// "cuda" of "cuda:1".
std::string kind_of(const std::string& device) { return device.substr(0, device.find(':')); }

// 1 of "cuda:1".
int index_of(const std::string& device) {
  const size_t colon = device.find(':');
  return colon == std::string::npos ? 0 : std::atoi(device.c_str() + colon + 1);
}

void require_known(const DeviceOptions& options) {
  const std::string kind = kind_of(options.device);
  require(kind == "cpu" || kind == "cuda" || kind == "simt", ErrorCode::kDevice, "device \"", options.device,
          "\" is not known; there are cpu, cuda:N and simt");
  require(kind == "cpu" || !options.library.empty(), ErrorCode::kDevice, "device \"", options.device,
          "\" needs the path of its library");
}

std::vector<cpu::Isa> supported_isas() {
  std::vector<cpu::Isa> isas;
  for (int i = 0; i < cpu::kIsaCount; i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    if (cpu::isa_supported(isa)) isas.push_back(isa);
  }
  return isas;
}

cpu::Isa read_isa(const std::string& name) {
  std::string known;
  for (int i = 0; i < cpu::kIsaCount; i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    if (name == cpu::isa_name(isa)) return isa;
    known += std::string(i == 0 ? "" : ", ") + cpu::isa_name(isa);
  }
  fail(ErrorCode::kOption, "unknown isa \"", name, "\"; known are ", known);
}

}  // namespace

DeviceInfo describe_cpu() {
  return {.name = "cpu",
          .description = cpu::processor_name() + ", " + cpu::isa_name(cpu::best_isa()),
          .problem = "",
          .isas = supported_isas()};
}

std::vector<DeviceInfo> list_devices(const std::string& kind, const std::string& library) {
  std::vector<DeviceInfo> list;
  for (const BackendDevice& device : BackendLibrary::open(library).devices()) {
    const bool numbered = kind == "cuda" || device.index > 0;
    list.push_back({.name = numbered ? kind + ":" + std::to_string(device.index) : kind,
                    .description = device.description,
                    .problem = device.problem,
                    .isas = {}});
  }
  return list;
}

std::vector<std::string> library_notes(const std::string& library) {
  return BackendLibrary::open(library).notes();
}

DeviceOptions read_device_options(const ObjectReader& r) {
  DeviceOptions options;
  options.device = r.text("device");
  if (r.has("library")) options.library = r.text("library");
  options.memory = static_cast<size_t>(r.integer_or("memory", 0));
  require_known(options);
  if (r.has("threads")) options.threads = static_cast<int>(r.integer("threads", 0, kMostThreads));
  options.batch_invariant = r.boolean_or("batchInvariant", false);
  if (r.has("isa")) options.isa = read_isa(r.text("isa"));
  return options;
}

std::unique_ptr<Backend> open_backend(const DeviceOptions& options) {
  require_known(options);
  if (options.device != "cpu") {
    return BackendLibrary::open(options.library)
        .make_backend({.name = options.device,
                       .index = index_of(options.device),
                       .memory = options.memory,
                       .batch_invariant = options.batch_invariant});
  }
  return make_cpu_backend(
      {.threads = options.threads, .batch_invariant = options.batch_invariant, .isa = options.isa});
}

}  // namespace honeybee
