# A Node-API addon: no link to Node itself, whose symbols the process brings.

# cmake-js hands the header folders over; plain cmake asks the two npm packages for them.
if(NOT CMAKE_JS_INC)
  find_program(HB_NODE node REQUIRED)
  execute_process(
    COMMAND ${HB_NODE} -p "[require('node-api-headers').include_dir, path.dirname(require.resolve('node-addon-api'))].join(';')"
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE CMAKE_JS_INC OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE HB_NODE_RESULT)
  if(NOT HB_NODE_RESULT EQUAL 0)
    message(FATAL_ERROR "Node-API headers not found: run `npm ci` first, or configure with -DHB_ADDON=OFF.")
  endif()
endif()

function(hb_add_node_addon name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node")
  target_include_directories(${name} SYSTEM PRIVATE ${CMAKE_JS_INC})
  # Without the last one, worker.terminate() in mid-generation aborts the process.
  target_compile_definitions(${name} PRIVATE
    NAPI_VERSION=8 NAPI_CPP_EXCEPTIONS NODE_ADDON_API_DISABLE_DEPRECATED NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
endfunction()
