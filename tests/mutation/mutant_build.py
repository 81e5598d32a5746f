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
                "-w", "-fdiagnostics-color=never", "-iquote", str(ROOT / path.parent)]
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

    def compile(self, path, numbered):
        """Compiles one source with its mutants. Those that are no C++ are left out: their numbers are the result."""
        text = (ROOT / path).read_text()
        source = self.work / path
        source.parent.mkdir(parents=True, exist_ok=True)
        made, stamp = source.with_suffix(".o"), source.with_suffix(".stamp")
        # The child's side is compiled otherwise.
        first = ["-include", str(HERE / "mutation_switch.hpp") if "/child/" in path else str(self.header)]
        command = [*self.commands[path], *first, "-c", str(source), "-o", str(made)]
        headers = (self.work / "headers.stamp").read_text()
        dropped = set()
        while True:
            kept = {n: m for n, m in numbered.items() if n not in dropped}
            whole = f'#line 1 "{path}"\n' + mutations.instrumented(text, kept)
            asked = hashlib.sha1((whole + " ".join(command) + headers).encode()).hexdigest()
            # What was dropped for this text is known as well.
            every = hashlib.sha1((text + repr(sorted(numbered.items())) + " ".join(command) + headers).encode()).hexdigest()
            if made.exists() and stamp.exists():
                known = json.loads(stamp.read_text())
                if known["every"] == every:
                    return set(known["dropped"])
            source.write_text(whole)
            ran = call(command, self.directory)
            if ran.returncode == 0:
                stamp.write_text(json.dumps({"asked": asked, "every": every, "dropped": sorted(dropped)}))
                return dropped
            wrong = self.to_blame(path, text, kept, ran.stdout)
            if not wrong:
                raise RuntimeError(f"{path} does not compile:\n{ran.stdout}")
            dropped |= wrong

    @staticmethod
    def to_blame(path, text, numbered, errors):
        lines = [int(n) for n in re.findall(rf"^{re.escape(path)}:(\d+):\d+: (?:fatal )?error", errors, re.M)]
        wrong = set()
        for line in lines:
            def distance(item):
                first = text.count("\n", 0, item[1].outer_start) + 1
                last = text.count("\n", 0, item[1].outer_end) + 1
                return 0 if first <= line <= last else min(abs(line - first), abs(line - last))
            nearest = min(map(distance, numbered.items()), default=None)
            wrong |= {item[0] for item in numbered.items() if distance(item) == nearest}
        return wrong

    def compile_all(self, numbered):
        """The numbers of those that are no C++."""
        self.prepare()
        by_path = {path: {} for path in self.commands}
        for number, mutation in numbered.items():
            by_path[mutation.path][number] = mutation
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            dropped = set().union(*pool.map(lambda item: self.compile(*item), by_path.items()))
        return dropped

    def link(self, tests):
        """The libraries with their mutants are one shared object; the tests are those of another build."""
        run = self.work / "run"
        run.mkdir(exist_ok=True)
        objects = [str((self.work / path).with_suffix(".o")) for path in sorted(self.commands)]
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
            ran = call(step, ROOT)
            if ran.returncode:
                raise SystemExit(ran.stdout[-6000:])
        return run
