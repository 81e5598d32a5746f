"""Compiles mutants into the libraries, all at once, and links the tests with them."""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import subprocess

import mutations

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ["subprocess", "asio_integration"]


def call(command, directory):
    return subprocess.run(command, cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Build:
    """What is made in a build directory of Meson: only its list of commands is used."""

    def __init__(self, directory, jobs):
        self.directory = pathlib.Path(directory).resolve()
        self.work = self.directory / "mutated"
        self.jobs = jobs
        self.commands = {}
        for entry in json.loads((self.directory / "compile_commands.json").read_text()):
            path = (self.directory / entry["file"]).resolve().relative_to(ROOT)
            words = shlex.split(entry["command"])
            words = words[words[0] == "ccache":]
            for option, values in (("-MF", 2), ("-MQ", 2), ("-o", 2), ("-c", 2), ("-MD", 1)):
                at = words.index(option)
                del words[at:at + values]
            self.commands[str(path)] = [w for w in words if not re.match("-W(?!l,)", w)] + [
                "-w", "-fdiagnostics-color=never"]
        self.work.mkdir(exist_ok=True)

    def prepare(self):
        """The headers of both halves, compiled once: they are most of what a source takes."""
        listed = []
        for half in PROGRAMS:
            for line in (ROOT / half / "sources.txt").read_text().splitlines():
                if line.startswith(("header ", "internal ")):
                    listed.append(f"#include <{half}/{line.split()[1]}>\n")
        self.header = self.work / "all_headers.hpp"
        text = "".join(listed) + f'#include "{HERE / "mutation_switch.hpp"}"\n'
        made = self.work / "all_headers.hpp.gch"
        stamp = hashlib.sha1((text + "".join(sorted(
            p.read_text() for half in PROGRAMS for p in (ROOT / half).rglob("*.hpp")))).encode()).hexdigest()
        if not made.exists() or (self.work / "headers.stamp").read_text() != stamp:
            self.header.write_text(text)
            any_source = next(p for p in self.commands if p.startswith("asio_integration"))
            ran = call([*self.commands[any_source], "-x", "c++-header", str(self.header), "-o", str(made)], self.directory)
            if ran.returncode:
                raise SystemExit(ran.stdout)
            (self.work / "headers.stamp").write_text(stamp)

    def groups(self):
        """Sources that are compiled as one, eight at a time as for ./dev test; but the child's side."""
        for half in PROGRAMS:
            those = [p for p in self.commands if p.startswith(half)]
            yield from ([p] for p in those if "/child/" in p and not p.endswith("hooks.cpp"))
            rest = [p for p in those if "/child/" not in p or p.endswith("hooks.cpp")]
            yield from (rest[i:i + 8] for i in range(0, len(rest), 8))

    def object_of(self, group):
        return self.work / (group[0].replace("/", "_").removesuffix(".cpp") + ".o")

    def compile(self, group, numbered):
        """Compiles sources with their mutants. Those that are no C++ are left out: their numbers are the result."""
        texts = {path: (ROOT / path).read_text() for path in group}
        made = self.object_of(group)
        source, stamp = made.with_suffix(".cpp"), made.with_suffix(".stamp")
        # The child's side is compiled otherwise.
        alone = len(group) == 1 and "/child/" in group[0]
        first = ["-include", str(HERE / "mutation_switch.hpp") if alone else str(self.header)]
        places = [word for path in group for word in ("-iquote", str(ROOT / path).rpartition("/")[0])]
        command = [*self.commands[group[0]], *places, *first, "-c", str(source), "-o", str(made)]
        headers = (self.work / "headers.stamp").read_text()
        every = hashlib.sha1((repr(texts) + repr(sorted(numbered.items())) + " ".join(command) + headers).encode())
        every = every.hexdigest()
        if made.exists() and stamp.exists():
            known = json.loads(stamp.read_text())
            if known["every"] == every:
                return set(known["dropped"])
        dropped = set()
        while True:
            kept = {n: m for n, m in numbered.items() if n not in dropped}
            whole = ""
            for path, text in texts.items():
                whole += f'#line 1 "{path}"\n'
                whole += mutations.instrumented(text, {n: m for n, m in kept.items() if m.path == path}) + "\n"
            source.write_text(whole)
            ran = call(command, self.directory)
            if ran.returncode == 0:
                stamp.write_text(json.dumps({"every": every, "dropped": sorted(dropped)}))
                return dropped
            wrong = self.to_blame(texts, kept, ran.stdout)
            if not wrong:
                raise RuntimeError(f"{group} do not compile:\n{ran.stdout}")
            dropped |= wrong

    @staticmethod
    def to_blame(texts, numbered, errors):
        """The numbers of those that stand on lines with errors, or nearest to them."""
        wrong = set()
        for path, line in re.findall(r"^([\w/]+\.cpp):(\d+):\d+: (?:fatal )?error", errors, re.M):
            if path not in texts:
                continue

            def distance(mutation):
                first = texts[path].count("\n", 0, mutation.outer_start) + 1
                last = texts[path].count("\n", 0, mutation.outer_end) + 1
                return max(first - int(line), int(line) - last, 0)

            those = {n: distance(m) for n, m in numbered.items() if m.path == path}
            wrong |= {n for n, d in those.items() if d == min(those.values())}
        return wrong

    def compile_all(self, numbered):
        """The numbers of those that are no C++."""
        self.prepare()
        work = [(group, {n: m for n, m in numbered.items() if m.path in group}) for group in self.groups()]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return set().union(*pool.map(lambda item: self.compile(*item), work))

    def link(self, tests):
        """The libraries with their mutants are one shared object; the tests are those of another build."""
        run = self.work / "run"
        run.mkdir(exist_ok=True)
        objects = [str(self.object_of(group)) for group in self.groups()]
        compiler = ["g++", "-std=c++20", "-fPIC"]
        steps = [
            [*compiler, "-c", str(HERE / "mutation_switch.cpp"), "-o", str(self.work / "mutation_switch.o")],
            [*compiler, "-c", str(HERE / "reached_by_tests.cpp"), "-o", str(self.work / "reached_by_tests.o")],
            ["g++", "-shared", "-fuse-ld=lld", "-Wl,-z,now", "-o", str(run / "libmutants.so"), *objects,
             str(self.work / "mutation_switch.o"), "-pthread"],
        ]
        for name in PROGRAMS:
            program = pathlib.Path(tests).resolve() / "tests" / name / f"test_{name}.p"
            steps.append([
                "g++", "-fuse-ld=lld", "-Wl,-z,now", "-o", str(run / f"test_{name}"),
                *map(str, sorted(program.glob("*.o"))), str(self.work / "reached_by_tests.o"),
                f"-L{run}", "-lmutants", f"-L{tests}/tests/support", "-ltest_support", "-lmutants", "-Wl,-rpath,$ORIGIN",
                "-lgtest_main", "-lgmock", "-lgtest", "-pthread"])
        for step in steps:
            made = pathlib.Path(step[step.index("-o") + 1])
            since = made.stat().st_mtime if made.exists() else 0
            if all(pathlib.Path(word).stat().st_mtime < since for word in step if word.endswith((".o", ".cpp")) and word != str(made)):
                continue
            ran = call(step, ROOT)
            if ran.returncode:
                raise SystemExit(ran.stdout[-6000:])
        return run
