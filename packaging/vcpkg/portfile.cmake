# Tried by vcpkg's scripts of August 2026, with a stand-in for its port of Asio: the port is
# built, and a host that uses vcpkg's toolchain file finds it (test/). vcpkg itself, with
# what it checks afterwards, could not be had where this was written.

vcpkg_from_git(
  OUT_SOURCE_PATH SOURCE_PATH
  URL https://example.org/subprocess.git
  REF 0000000000000000000000000000000000000000 # The commit of the tag v${VERSION}.
)

string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" "dynamic" shared)
string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" "static" static)
vcpkg_check_features(OUT_FEATURE_OPTIONS features FEATURES asio SUBPROCESS_ASIO)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${features}
    -DSUBPROCESS_SHARED=${shared}
    -DSUBPROCESS_STATIC=${static}
    -DSUBPROCESS_EXAMPLES=OFF
    -DSUBPROCESS_CMAKE_DIR=share/${PORT}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
