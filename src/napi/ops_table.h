#pragma once
#include <string>

#include "napi/ops_call.h"

namespace honeybee {

/// Takes the arguments of one operation of the Backend from a call and runs it.
using OpBody = void (*)(OpCall& call);

/// By the Backend's name: "linear", "layer_norm". Throws Error(kOption) for an unknown one.
OpBody find_op(const std::string& name);

}  // namespace honeybee
