// The families of kernels that are compiled for every instruction set; included by kernels_<isa>.cpp only,
// after HB_ISA is defined. A new family is one line here.
#include "cpu/attention_kernels.h"
#include "cpu/conv_kernels.h"
#include "cpu/convert_kernels.h"
#include "cpu/deformable_kernels.h"
#include "cpu/elementwise_kernels.h"
#include "cpu/integer_kernels.h"
#include "cpu/linear_kernels.h"
#include "cpu/norm_kernels.h"
#include "cpu/pool_kernels.h"
