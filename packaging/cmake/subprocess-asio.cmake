# Where Asio is, for the build of the library and for the programs that use it: both
# have to have the same. Sets subprocess_ASIO_FOUND, and makes the target
# subprocess::asio_headers.
#
# SUBPROCESS_ASIO_TARGET names a target of the host that brings Asio's headers. Not
# set: asio::asio or asio, where there is one; otherwise asio.hpp is looked for.

set(subprocess_ASIO_FOUND TRUE)
if(TARGET subprocess::asio_headers)
  return()
endif()

set(subprocess_asio_target "${SUBPROCESS_ASIO_TARGET}")
foreach(candidate IN ITEMS asio::asio asio)
  if(NOT subprocess_asio_target AND TARGET ${candidate})
    set(subprocess_asio_target ${candidate})
  endif()
endforeach()

if(subprocess_asio_target)
  get_target_property(subprocess_asio_dirs ${subprocess_asio_target} INTERFACE_INCLUDE_DIRECTORIES)
  string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" subprocess_asio_dirs "${subprocess_asio_dirs}")
else()
  find_path(SUBPROCESS_ASIO_INCLUDE_DIR asio.hpp DOC "Where asio.hpp is")
  set(subprocess_asio_dirs "${SUBPROCESS_ASIO_INCLUDE_DIR}")
  if(NOT SUBPROCESS_ASIO_INCLUDE_DIR)
    set(subprocess_ASIO_FOUND FALSE)
    return()
  endif()
endif()

add_library(subprocess::asio_headers INTERFACE IMPORTED ${subprocess_asio_scope})
if(subprocess_asio_target)
  target_link_libraries(subprocess::asio_headers INTERFACE ${subprocess_asio_target})
else()
  target_include_directories(subprocess::asio_headers INTERFACE "${SUBPROCESS_ASIO_INCLUDE_DIR}")
endif()

# Asio 1.22 knows coroutines of clang only by an experimental header that is gone.
foreach(directory IN LISTS subprocess_asio_dirs)
  if(EXISTS "${directory}/asio/version.hpp")
    file(STRINGS "${directory}/asio/version.hpp" subprocess_asio_version REGEX "^#define ASIO_VERSION ")
    string(REGEX MATCH "[0-9]+" subprocess_asio_version "${subprocess_asio_version}")
    if(subprocess_asio_version LESS 102300)
      target_compile_definitions(subprocess::asio_headers INTERFACE ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
    endif()
  endif()
endforeach()
