# One translation unit per instruction set, each compiled for its own; which of them runs is decided at run time
# (src/cpu/isa.h), so no other file may be compiled with -m flags. The tests of kernels over emulated tiles are two more.

set(HB_ISA_PORTABLE)
set(HB_ISA_AVX2 -mavx2 -mfma -mf16c)
set(HB_ISA_AVX512 ${HB_ISA_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
set(HB_ISA_AVX512BF16 ${HB_ISA_AVX512} -mavx512bf16 -mavx512vnni)
set(HB_ISA_AMX ${HB_ISA_AVX512BF16} -mamx-tile -mamx-bf16 -mamx-int8)

# -O3 keeps arrays of accumulators in registers, which -O2 of g++ 12 does not (half the FMA rate). Contraction is off
# so that an FMA is one where the source says so: GEMM and GEMV must round alike.
set(HB_KERNEL_OPTIONS -O3 -fno-math-errno -ffp-contract=off)
if(HB_SANITIZE)
  list(REMOVE_ITEM HB_KERNEL_OPTIONS -O3)
endif()

# Sets the flags of <prefix><isa>.cpp for each of the instruction sets that follow, and drops from the list of sources
# those of another architecture.
function(hb_configure_cpu_kernels sources_variable prefix)
  set(sources ${${sources_variable}})
  foreach(isa IN LISTS ARGN)
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/${prefix}${isa}.cpp)
    string(TOUPPER ${isa} name)
    if(isa STREQUAL "portable" OR CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${HB_KERNEL_OPTIONS};${HB_ISA_${name}}")
    else()
      list(REMOVE_ITEM sources ${file})
    endif()
  endforeach()
  set(${sources_variable} ${sources} PARENT_SCOPE)
endfunction()
