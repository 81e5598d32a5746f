"""A Conan 2 recipe. Conan has never run it: it could not be had where it was written."""

import pathlib
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class SubprocessRecipe(ConanFile):
    name = "subprocess"
    url = "https://example.org/subprocess"
    license = "BSL-1.0"
    description = "Child processes for C++20: POSIX, and standalone Asio"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "with_asio": [True, False]}
    default_options = {"shared": False, "fPIC": True, "with_asio": True}
    implements = ["auto_shared_fpic"]

    def set_version(self):
        self.version = re.search(r"^  version: '(.*)'", (ROOT / "meson.build").read_text(), re.M).group(1)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "meson.build", "LICENSE", "subprocess/*", "asio_integration/*", "packaging/*"):
            copy(self, pattern, src=ROOT, dst=self.export_sources_folder)

    def requirements(self):
        if self.options.with_asio:
            # The headers show it, and half of the library is compiled with it.
            self.requires("asio/[>=1.22.1 <2]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["SUBPROCESS_SHARED"] = bool(self.options.shared)
        toolchain.cache_variables["SUBPROCESS_STATIC"] = not self.options.shared
        toolchain.cache_variables["SUBPROCESS_ASIO"] = "ON" if self.options.with_asio else "OFF"
        toolchain.cache_variables["SUBPROCESS_EXAMPLES"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=f"{self.package_folder}/licenses")
        CMake(self).install()

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "subprocess")
        core = self.cpp_info.components["subprocess"]
        core.libs = ["subprocess"]
        core.system_libs = ["pthread"]
        core.set_property("cmake_target_name", "subprocess::subprocess")
        core.set_property("pkg_config_name", "subprocess")
        if self.options.with_asio:
            loop = self.cpp_info.components["asio"]
            loop.libs = ["subprocess-asio"]
            loop.requires = ["subprocess", "asio::asio"]
            loop.set_property("cmake_target_name", "subprocess::asio")
            loop.set_property("pkg_config_name", "subprocess-asio")
