#pragma once
#include <cstddef>
#include <string>

namespace honeybee::cpu {

/// Processors this process may keep busy: its affinity mask, and the quota of its control group.
int usable_cpus();

/// Bytes this process can still take before the system or its control group runs out.
size_t available_memory();

/// "AMD EPYC 9B14", as the kernel names the first processor.
std::string processor_name();

}  // namespace honeybee::cpu
