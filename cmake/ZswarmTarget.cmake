# Language level, warnings and sanitizers, the same for every target of ours.
#
#   zswarm_target(NAME)                  applies them to the target NAME
#   zswarm_precompile(NAME HEADER...)    the target's heavy headers, read once; they still are included where they are used
#   zswarm_unity(NAME)                   compiles files of one folder together where ZSWARM_UNITY is set: names in them must differ

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "zswarm needs g++ 12 or newer (this is ${CMAKE_CXX_COMPILER_VERSION}); on Debian: apt-get install g++-12, then CXX=g++-12.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
  message(FATAL_ERROR "zswarm needs clang 16 or newer (this is ${CMAKE_CXX_COMPILER_VERSION}); on Debian: apt-get install clang-16, then CXX=clang++-16.")
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  message(FATAL_ERROR "zswarm runs on x86-64; this is ${CMAKE_SYSTEM_PROCESSOR}.")
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_package(Threads REQUIRED)

# Contraction of a*b+c into one rounding would make results depend on the compiler: fused multiply-add is written
# where it is meant (see kernels/simd/README.md), and nowhere else.
add_compile_options(-ffp-contract=off)

if(ZSWARM_SANITIZE)
  add_compile_options(-fsanitize=${ZSWARM_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ZSWARM_SANITIZE})
  if(ZSWARM_SANITIZE MATCHES "thread")
    # ThreadSanitizer does not know fences; Asio's stand beside locks, which it does know.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  if(ZSWARM_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(ZSWARM_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

function(zswarm_target name)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
                                         -Wold-style-cast -Wunused -Woverloaded-virtual -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False positives of gcc 12: std::string's operator+ (its bug 105651), and standard headers once sanitizers are on.
    target_compile_options(${name} PRIVATE -Wno-restrict)
    if(ZSWARM_SANITIZE)
      target_compile_options(${name} PRIVATE -Wno-maybe-uninitialized)
    endif()
  endif()
endfunction()

# Half of the time of a whole build went into reading the same headers. The preset dev does without, so that an include that is missing is found.
function(zswarm_precompile name)
  target_precompile_headers(${name} PRIVATE ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc 12 forgets which code came from system headers, and repeats its false positives about std::string.
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  else()
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # or ccache never finds anything again
  endif()
endfunction()

# The templates of libraries (fmt, msgpack, GoogleTest) are instantiated once for about six files instead of six times: a whole build takes half the time. A file
# stays in its group when others come or go, so that two names that meet are noticed by who makes the second.
function(zswarm_unity name)
  if(NOT ZSWARM_UNITY)
    return()
  endif()
  get_target_property(sources ${name} SOURCES)
  get_target_property(folder ${name} SOURCE_DIR)
  set(folders "")
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
    cmake_path(GET source PARENT_PATH parent)
    list(APPEND folders ${parent})
    list(APPEND files_${parent} ${source})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(parent IN LISTS folders)
    list(LENGTH files_${parent} count)
    math(EXPR groups "(${count} + 5) / 6")
    foreach(source IN LISTS files_${parent})
      cmake_path(GET source STEM stem)
      string(SHA1 hash ${stem})
      string(SUBSTRING ${hash} 0 4 hash)
      math(EXPR group "0x${hash} % ${groups}")
      cmake_path(RELATIVE_PATH parent BASE_DIRECTORY ${folder} OUTPUT_VARIABLE group_folder)
      string(MAKE_C_IDENTIFIER "${group_folder}_${group}" group)
      set_source_files_properties(${source} TARGET_DIRECTORY ${name} PROPERTIES UNITY_GROUP ${group})
    endforeach()
  endforeach()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # It takes the files of a group for headers, and knows its false positives in smaller units only (see above).
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
