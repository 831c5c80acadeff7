# The programs for a machine with a GPU: honeybee-gpu-bench measures, honeybee-gpu-check runs the native tests and the
# sanitizers. Plain C++: they open honeybee-cuda.so or honeybee-simt.so beside them when they run.

file(GLOB HB_GPU_SUPPORT CONFIGURE_DEPENDS bench/gpu/support/*.cpp)
add_library(honeybee-gpu-support STATIC ${HB_GPU_SUPPORT})
target_include_directories(honeybee-gpu-support PUBLIC bench/gpu)
target_link_libraries(honeybee-gpu-support PUBLIC honeybee_core)

file(GLOB HB_GPU_BENCH CONFIGURE_DEPENDS bench/gpu/*.cpp)
add_executable(honeybee-gpu-bench ${HB_GPU_BENCH})
target_link_libraries(honeybee-gpu-bench PRIVATE honeybee-gpu-support)

file(GLOB HB_GPU_CHECK CONFIGURE_DEPENDS test/gpu/*.cpp)
add_executable(honeybee-gpu-check ${HB_GPU_CHECK})
target_link_libraries(honeybee-gpu-check PRIVATE honeybee-gpu-support)
