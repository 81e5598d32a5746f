#!/usr/bin/env python3
"""Checks what a shared library of ours exports, and what the child's side calls.

usage: check_symbols.py exports LIBRARY MAP   nothing but the map's, no code of others
       check_symbols.py now LIBRARY           symbols are resolved when it is loaded
       check_symbols.py child ARCHIVE [LIBRARY] between fork and exec goes outside
"""

import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(*options):
    """(kind, name) of each line of nm."""
    lines = output("nm", *options).splitlines()
    matches = (re.match(r"(?:[0-9a-f]+)? +(\w) (.*)", line) for line in lines)
    return [(match.group(1), match.group(2)) for match in matches if match]


def as_pattern(line):
    text = re.escape(line).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(re.sub(r"\\\[!(.)\\\]", r"[^\1]", text))


def check_exports(library, map_file):
    with open(map_file) as file:
        lines = [line.strip().rstrip(";") for line in file if re.search(r"\w(::|\?).*;$", line)]
    patterns = {line: as_pattern(line) for line in lines}
    exported = symbols("-DC", "--defined-only", library)
    state = "uBDVRbdr"
    for kind, name in exported:
        if not any(pattern.fullmatch(name) for pattern in patterns.values()):
            yield f"{name} is exported, and not in {map_file}"
        if not re.match(r"(.* (for|to) )?subprocess::", name) and kind not in state:
            yield f"{name} is code of another library"
    own = [line for line in lines if "subprocess::detail" in line]
    for line in own:
        if not any(patterns[line].fullmatch(name) for _, name in exported):
            yield f"{line} in {map_file} matches nothing"


def check_now(library):
    if not re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", output("readelf", "-dW", library)):
        yield f"{library} resolves symbols when they are first called"


# A launcher is the parent's as well; the other objects are the child's alone.
# The hooks are the caller's code, run by a child with a memory of its own.
HOOKS = "run_hooks"


def check_child(archive, library=None):
    objects = [name for name in output("ar", "t", archive).splitlines() if "detail_child_" in name]
    if not objects:
        yield f"{archive} holds no object of detail/child"
    paths = {}
    for line in output("nm", "-A", archive).splitlines():
        found = re.match(r"(.*?):(?:([^:]*):)?(?:[0-9a-f]*) *(\w) (\S+)$", line.replace(archive + ":", "", 1))
        if found:
            paths.setdefault(found.group(1).rsplit("/", 1)[-1], []).append((found.group(3), found.group(4)))
    defined = {name for rows in paths.values() for kind, name in rows if kind not in "Uwv"}
    exported = {name for _, name in symbols("-D", "--defined-only", library)} if library else set()
    for member, rows in paths.items():
        for kind, name in rows:
            if kind not in "Uwv" or not any(member in one for one in objects) or HOOKS in name:
                continue
            if name not in defined:
                yield f"{member} calls {name}, which is not the child's"
            elif name in exported:
                yield f"{member} calls {name}, which another library can replace"


def main():
    checks = {"exports": check_exports, "now": check_now, "child": check_child}
    faults = list(checks[sys.argv[1]](*sys.argv[2:]))
    if faults:
        print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
