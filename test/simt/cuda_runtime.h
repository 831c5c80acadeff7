#pragma once

/// The simulator's <cuda_runtime.h>: CUDA C++ as a language (this folder's headers) and the runtime calls.
#include "atomics.h"
#include "builtins.h"
#include "collectives.h"
#include "device_math.h"
#include "qualifiers.h"
#include "runtime_api.h"
#include "vectors.h"
