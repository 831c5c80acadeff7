# Language, warnings, optimisation, sanitizers and ccache: the same for every target.

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "honeybee's native part builds on Linux (x86-64 or arm64); this is ${CMAKE_SYSTEM_NAME}.")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# CMake's own default is -O3 everywhere; only the kernels gain from it (CpuKernels.cmake).
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_compile_options(-Wall -Wextra -Werror=return-type)
if(HB_WERROR)
  add_compile_options(-Werror)
endif()

if(HB_SANITIZE STREQUAL "address")
  set(HB_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(HB_SANITIZE STREQUAL "thread")
  set(HB_SANITIZE_FLAGS -fsanitize=thread)
elseif(HB_SANITIZE)
  message(FATAL_ERROR "HB_SANITIZE is '${HB_SANITIZE}'; expected address, thread or nothing.")
endif()
if(HB_SANITIZE)
  add_compile_options(${HB_SANITIZE_FLAGS} -O1 -g1 -fno-omit-frame-pointer)
  add_link_options(${HB_SANITIZE_FLAGS})
endif()

find_program(HB_CCACHE ccache)
if(HB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HB_CCACHE})
endif()
