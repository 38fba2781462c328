# Finds erl_interface (ei.h, libei.a) of the Erlang/OTP on this machine and makes the target ErlInterface::ei.
file(GLOB _ei_dirs
  /usr/lib/erlang/lib/erl_interface-*
  /usr/local/lib/erlang/lib/erl_interface-*
  /opt/erlang/lib/erl_interface-*)
find_path(EI_INCLUDE_DIR ei.h PATHS ENV ERL_EI_INCLUDE_DIR)
find_library(EI_LIBRARY ei PATHS ENV ERL_EI_LIBDIR)
foreach(_dir ${_ei_dirs})
  if(NOT EI_INCLUDE_DIR)
    find_path(EI_INCLUDE_DIR ei.h PATHS ${_dir}/include NO_DEFAULT_PATH)
  endif()
  if(NOT EI_LIBRARY)
    find_library(EI_LIBRARY ei PATHS ${_dir}/lib NO_DEFAULT_PATH)
  endif()
endforeach()
if(NOT EI_INCLUDE_DIR OR NOT EI_LIBRARY)
  message(FATAL_ERROR "erl_interface not found: expected ei.h and libei (Debian package erlang-dev)")
endif()
add_library(ErlInterface::ei STATIC IMPORTED)
set_target_properties(ErlInterface::ei PROPERTIES
  IMPORTED_LOCATION ${EI_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${EI_INCLUDE_DIR}
  INTERFACE_LINK_LIBRARIES Threads::Threads)
