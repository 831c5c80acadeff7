# honeybee-simt.so: the sources of the CUDA backend, compiled for the host against the simulator in test/simt, whose
# headers stand before the toolkit's.

file(GLOB HB_SIMT_CUDA CONFIGURE_DEPENDS cuda/*.cu test/simt/*.cu)
file(GLOB HB_SIMT_HOST CONFIGURE_DEPENDS cuda/*.cpp test/simt/*.cpp src/core/*.cpp)
# Kernels read vectors through pointers of other types, which nvcc allows. Optimisation as for the CPU's kernels:
# simulated warps are slow enough.
set_source_files_properties(${HB_SIMT_CUDA} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++;-fno-strict-aliasing;-Wno-unknown-pragmas")

add_library(honeybee-simt MODULE ${HB_SIMT_CUDA} ${HB_SIMT_HOST})
set_target_properties(honeybee-simt PROPERTIES PREFIX "" SUFFIX ".so")
target_include_directories(honeybee-simt PRIVATE test/simt src .)
target_link_libraries(honeybee-simt PRIVATE Threads::Threads ${CMAKE_DL_LIBS})

# A tool that listens to ranges, for tests: what Nsight is to honeybee-cuda.so.
add_library(honeybee-nvtx-tool MODULE test/simt/tools/nvtx_tool.cpp)
set_target_properties(honeybee-nvtx-tool PROPERTIES PREFIX "" SUFFIX ".so")
add_dependencies(honeybee-simt honeybee-nvtx-tool)
