#!/usr/bin/env python3
"""Tries .ci/check_release on a copy of the files that it reads, each spoilt in turn.

usage: test_check_release.py ROOT
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
CHECK = ROOT / ".ci/check_release"
FILES = (
    "CHANGELOG.md", "README.md", "debian/changelog", "debian/control", "meson.build", "packaging/address.txt",
    "packaging/cmake/subprocess-config.cmake.in", "packaging/conan/conanfile.py", "packaging/subprocess.wrap",
    "packaging/vcpkg/portfile.cmake", "packaging/vcpkg/vcpkg.json", "subprocess/version.hpp",
    "tests/install/host_cmake/CMakeLists.txt",
)


class check_release(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        for name in FILES:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)

    def edit(self, name, pattern, text):
        old = (self.root / name).read_text()
        new = re.sub(pattern, text, old, count=1, flags=re.M)
        self.assertNotEqual(new, old, f"{name}: nothing to edit")
        (self.root / name).write_text(new)

    def complaints(self, what):
        done = subprocess.run([CHECK, what, self.root], text=True, capture_output=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        self.assertEqual(done.returncode, 1 if lines else 0, done.stdout + done.stderr)
        return lines

    def publish(self):
        changes = (self.root / "CHANGELOG.md").read_text()
        (self.root / "CHANGELOG.md").write_text(re.sub(r"^(## \[Unreleased\]\n).*?(?=^## )", r"\1\n", changes, flags=re.M | re.S))
        self.edit("packaging/address.txt", r"^repository: .*$", "repository: https://code.invalid/subprocess")
        self.edit("packaging/address.txt", r"^maintainer: .*$", "maintainer: Somebody <somebody@code.invalid>")

    def test_agrees_with_the_work_tree(self):
        self.assertEqual(self.complaints("agree"), [])

    def test_each_place_of_the_version_is_compared(self):
        self.edit("meson.build", r"^  version: '.*'", "  version: '7.8.9'")
        self.assertEqual({line.split()[1].rstrip(":") for line in self.complaints("agree")},
                         {"CHANGELOG.md", "README.md", "debian/changelog", "packaging/cmake/subprocess-config.cmake.in",
                          "packaging/subprocess.wrap", "packaging/vcpkg/vcpkg.json", "subprocess/version.hpp",
                          "tests/install/host_cmake/CMakeLists.txt"})

    def test_each_place_of_the_address_is_compared(self):
        self.publish()
        self.assertEqual({line.split()[1].rstrip(":") for line in self.complaints("agree")},
                         {"debian/changelog", "debian/control", "packaging/conan/conanfile.py", "packaging/subprocess.wrap",
                          "packaging/vcpkg/portfile.cmake", "packaging/vcpkg/vcpkg.json"})

    def test_a_place_that_is_gone_is_told(self):
        self.edit("packaging/subprocess.wrap", r"^url = .*\n", "")
        self.assertRegex(self.complaints("agree")[0], "subprocess.wrap.*says None")

    def test_a_date_is_the_same_in_both_changelogs(self):
        self.edit("CHANGELOG.md", r"^(## \[\d.*\] - ).*$", r"\g<1>2031-02-03")
        self.assertRegex(self.complaints("agree")[0], "debian/changelog.*not Mon, 03 Feb 2031")

    def test_a_release_without_a_date_is_told(self):
        self.edit("CHANGELOG.md", r"^(## \[\d.*\]) - .*$", r"\1")
        self.assertRegex(self.complaints("agree")[0], "CHANGELOG.md needs")

    def test_the_abi_is_that_of_the_packages(self):
        self.edit("meson.build", r"^abi_version = .*$", "abi_version = '4'")
        self.assertEqual(len(self.complaints("agree")), 2)

    def test_a_placeholder_does_not_go_out(self):
        self.edit("packaging/address.txt", r"^repository: .*$", "repository: https://example.org/another")
        self.complaints("write")
        self.assertEqual(self.complaints("agree"), [])
        self.assertTrue(any("example.org" in line for line in self.complaints("ready")))

    def test_what_is_written_is_ready(self):
        self.publish()
        self.complaints("write")
        self.assertEqual(self.complaints("ready"), [])

    def test_what_is_unreleased_does_not_go_out(self):
        self.publish()
        self.complaints("write")
        self.edit("CHANGELOG.md", r"^## \[Unreleased\]\n", "## [Unreleased]\n\n- Something.\n")
        self.assertRegex(self.complaints("ready")[0], "Unreleased")

    def test_changelogs_are_not_rewritten_for_a_new_version(self):
        self.edit("meson.build", r"^  version: '.*'", "  version: '7.8.9'")
        self.assertEqual({line.split()[1].rstrip(":") for line in self.complaints("write")}, {"CHANGELOG.md", "debian/changelog"})
        self.assertIn("#define SUBPROCESS_VERSION_MINOR 8\n", (self.root / "subprocess/version.hpp").read_text())


if __name__ == "__main__":
    unittest.main()
