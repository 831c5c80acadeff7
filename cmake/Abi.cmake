# HONEYBEE_ABI: the version and a hash of the headers through which the addon and a backend library talk.

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH HB_ROOT)
file(GLOB HB_ABI_HEADERS CONFIGURE_DEPENDS ${HB_ROOT}/src/core/*.h)
list(SORT HB_ABI_HEADERS)
set(HB_ABI_TEXT "")
foreach(header IN LISTS HB_ABI_HEADERS)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(READ ${header} text)
  string(APPEND HB_ABI_TEXT "${text}")
endforeach()
string(SHA256 HB_ABI_HASH "${HB_ABI_TEXT}")
string(SUBSTRING ${HB_ABI_HASH} 0 16 HB_ABI_HASH)

file(READ ${HB_ROOT}/package.json HB_PACKAGE)
string(REGEX MATCH "\"version\": \"([^\"]+)\"" HB_PACKAGE "${HB_PACKAGE}")
set(HB_ABI "${CMAKE_MATCH_1}-${HB_ABI_HASH}")

# The one file that knows it; the property holds for targets of the including directory.
set_source_files_properties(${HB_ROOT}/src/core/backend_library.cpp
  PROPERTIES COMPILE_DEFINITIONS "HONEYBEE_ABI=\"${HB_ABI}\"")
