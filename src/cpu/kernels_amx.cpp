#define HB_ISA amx
#include "cpu/kernel_families.h"
