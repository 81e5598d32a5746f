#!/usr/bin/env python3
"""Checks what a shared library of ours exports, and what the child's side calls.

usage: check_symbols.py exports LIBRARY MAP   nothing but the map's, no code of others
       check_symbols.py now LIBRARY           symbols are resolved when it is loaded
       check_symbols.py locks LIBRARY         no function of ours has a static that is made at
                                              its first call, under a lock that forks inherit
       check_symbols.py child ARCHIVE [LIBRARY] between fork and exec goes outside
       check_symbols.py debian LIBRARY SYMBOLS [VERSION] Debian's file has the same; mended
                                                         with what is new in VERSION
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


def check_locks(library):
    for _, name in symbols("-C", library):
        if re.match(r"guard variable for subprocess::.*\)( const)?::\w+", name):
            yield f"{library} has a {name}: detail/made_once.hpp has none"


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


LISTED = re.compile(r' (?:\((?P<tags>.*?)\))?"?(?P<name>[^"]*)@Base"? ')
# Debian's c++filt calls a stream otherwise than nm does: such a name stands there mangled.
SPELT_OTHERWISE = "lsERSo"


def listed(line):
    """(name, whether every build has it) of a line of Debian's symbols file."""
    found = LISTED.match(line)
    return (found["name"], "optional" not in (found["tags"] or "")) if found else (None, False)


def as_listed(mangled, name, version):
    if SPELT_OTHERWISE in mangled:
        return f" {mangled}@Base {version}"
    # size_t is another type where there are 32 bits.
    tags = "arch-bits=64|c++" if re.search(r"\blong\b", name) else "c++"
    return f' ({tags})"{name}@Base" {version}'


def check_debian(library, symbols_file, version=None):
    """Of what is exported strongly: what is inline comes and goes with the optimization."""
    with open(symbols_file) as file:
        lines = file.read().splitlines()
    strong = {name for kind, name in symbols("-D", "--defined-only", library) if kind in "TBDR"}
    names = dict(zip(sorted(strong), demangled(sorted(strong))))
    told = {name for name, is_needed in map(listed, lines) if is_needed}
    new = {as_listed(mangled, name, version or "VERSION") for mangled, name in names.items() if not {mangled, name} & told}
    gone = told - strong - set(names.values())
    if version:
        kept = [line for line in lines[1:] if listed(line)[0] not in gone]
        with open(symbols_file, "w") as file:
            file.write("\n".join([lines[0], *sorted({*kept, *new}, key=lambda line: ("optional=" in line, line))]) + "\n")
        return
    yield from (f"{library} exports what {symbols_file} has not: {line}" for line in sorted(new))
    yield from (f"{symbols_file} has what {library} does not export: {name}" for name in sorted(gone))
    if new or gone:
        yield f"mend it by: tests/symbols/check_symbols.py debian {library} {symbols_file} VERSION"


def demangled(names):
    done = subprocess.run(["c++filt"], check=True, capture_output=True, text=True, input="\n".join(names))
    return done.stdout.splitlines()


def main():
    checks = {"exports": check_exports, "now": check_now, "locks": check_locks, "child": check_child, "debian": check_debian}
    faults = list(checks[sys.argv[1]](*sys.argv[2:]))
    if faults:
        print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
