#pragma once

namespace honeybee::simt {

/// From now on an access that the processor refuses while a kernel runs on this OS thread is a fault of that
/// kernel; elsewhere it is what it was before.
void catch_bad_addresses();

}  // namespace honeybee::simt
