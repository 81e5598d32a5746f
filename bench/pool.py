#!/usr/bin/env python3
"""Requests through pools of workers, by this library, by others and by hand.

Writes pool.json and pool.md into --out. The drivers take turns in every round. Figures
are better quartiles, of windows of 5 ms or of rounds: what other programs take of the
machine can only make it worse.
"""

import argparse
import dataclasses
import json
import pathlib
import signal
import statistics
import sys

from runner import drivers, tables
from runner.machine import ForeignLoad, machine
from runner.progress import Progress
from runner.summary import percentile

OURS = "pool/driver_pool"
KNOWN = [
    ("floor_pool", "floor: pipes and epoll", None),
    ("peer_pool_go", "Go os/exec", "golang-go"),
    ("peer_pool_node", "Node child_process", "nodejs"),
    ("peer_pool_asyncio", "Python asyncio", "python3"),
    ("peer_pool_executor", "Python ProcessPoolExecutor", "python3"),
]
LABELS = {
    "worker_pool": "`worker_pool`, a lease for each request",
    "worker_pool-kept": "`worker_pool`, leases kept",
    "spawn-each": "`async_capture`, a process for each request",
}
WORKERS = (1, 2, 8)
TIME_LIMIT_SECONDS = 20
WINDOW_SECONDS = 0.005


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is asked of a driver; see runner/scenarios.py for the rest of them."""

    workload: str
    workers: int
    pinned: bool
    milliseconds: int
    open_fds: int = 0
    live: int = 0

    @property
    def title(self):
        return f"{self.workload}, {self.workers} worker(s), {'one CPU' if self.pinned else 'all CPUs'}"

    def arguments(self, worker):
        return [self.workload, "--child", worker, "--workers", str(self.workers),
                "--milliseconds", str(self.milliseconds)]


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=200, help="how long each run measures")
    parser.add_argument("--only", metavar="DRIVER,...", help="run these drivers only")
    return parser.parse_args()


def all_scenarios(milliseconds):
    return [Scenario(workload, workers, pinned, milliseconds)
            for pinned in (True, False)
            for workload, workers in [*(("request", count) for count in WORKERS), ("restart", 1)]]


def measure(given, found, scenarios):
    """The answers of the rounds by (scenario, driver), or why there is none."""
    worker = (given.build_dir / "bench/pool/echo_worker").resolve()
    answers, failures = {}, {}
    progress = Progress(given.rounds * len(scenarios) * len(found))
    for number in range(given.rounds):
        for scenario in scenarios:
            # A different order in each round, so that nobody always runs after the same one.
            for driver in found[number % len(found):] + found[:number % len(found)]:
                progress.show(number, scenario, driver)
                key = scenario, driver.name
                if key in failures:
                    continue
                try:
                    answer = drivers.run(driver, scenario, worker, TIME_LIMIT_SECONDS)
                except drivers.DriverFailed as failed:
                    failures[key] = str(failed)
                    continue
                answers.setdefault(key, []).append(answer)
    progress.end()
    return answers, failures


def quartile(values, percent):
    return percentile(sorted(values), percent)


def windows_of(rounds):
    """How many answers came in each; only whole ones, behind the warming up."""
    whole = [answer["windows"][next(i for i, count in enumerate(answer["windows"]) if count) + 1:-1]
             for answer in rounds]
    return [count for windows in whole for count in windows] or [0]


def figures(rounds):
    samples = [sorted(answer["samples"]) for answer in rounds]
    return {
        "per_second": quartile(windows_of(rounds), 75) / WINDOW_SECONDS,
        "p50": quartile([statistics.median(one) for one in samples], 25),
        "p99": quartile([percentile(one, 99) for one in samples], 25),
        "samples": sum(map(len, samples)),
    }


class Page:
    def __init__(self, found, answers, failures):
        self.found, self.failures = found, failures
        self.known = {key: figures(rounds) for key, rounds in answers.items()}
        self.titles = {driver.name: self.title(driver, answers) for driver in found}

    @staticmethod
    def title(driver, answers):
        told = next((rounds[0] for (_, name), rounds in answers.items() if name == driver.name), None)
        if driver.is_ours:
            return f"**{LABELS.get(driver.name, driver.name)}**"
        if not told or driver.is_floor:
            return told["library"] if told else driver.name
        return f"{told['library']} {told['version']}"

    def ratio(self, scenario, driver, time_of):
        floor = next((one for one in self.found if one.is_floor), None)
        base = self.known.get((scenario, floor.name)) if floor else None
        return tables.times(time_of(self.known[scenario, driver.name]) / time_of(base)) if base else "?"

    def request_cell(self, scenario, driver):
        entry = self.known.get((scenario, driver.name))
        if not entry:
            return self.failures.get((scenario, driver.name), "–")
        ratio = self.ratio(scenario, driver, lambda figure: 1 / max(figure["per_second"], 1))
        return (f"{tables.number(entry['per_second'])} ({ratio}) · "
                f"{tables.number(entry['p50'])} / {tables.number(entry['p99'])}")

    def restart_cell(self, scenario, driver):
        entry = self.known.get((scenario, driver.name))
        if not entry:
            return "–"
        ratio = self.ratio(scenario, driver, lambda figure: figure["p50"])
        return f"{tables.number(entry['p50'])} ({ratio}) / {tables.number(entry['p99'])}"

    def table(self, columns, scenarios, cell):
        lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        for driver in self.found:
            cells = [cell(scenario, driver) for scenario in scenarios]
            if any(text not in ("–", "not supported") for text in cells):
                lines.append(f"| {self.titles[driver.name]} | " + " | ".join(cells) + " |")
        return [*lines, ""]

    def markdown(self, data, scenarios):
        lines = ["# Requests through a pool", "", tables.machine_line(data), "",
                 "A line of 32 bytes to a worker and back; as many clients as workers, each with one request "
                 "under way. The workers echo, and cost next to nothing; those of ProcessPoolExecutor are "
                 "Python. Requests a second are the better quartile of those in 5 ms, the others that of the rounds.", ""]
        for pinned in (True, False):
            shown = [one for one in scenarios if one.pinned == pinned and one.workload == "request"]
            lines += [f"## {'One CPU' if pinned else 'All CPUs'}", "",
                      "Requests a second (the time for one, in times of the floor's) · median / 99th percentile, µs.", ""]
            lines += self.table([f"{one.workers} worker{'s' * (one.workers > 1)}" for one in shown], shown,
                                self.request_cell)
        shown = [one for one in scenarios if one.workload == "restart"]
        lines += ["## A worker dies", "",
                  "From SIGKILL to the first answer of its successor: median (times the floor's) / 99th percentile, µs.",
                  ""]
        lines += self.table(["one CPU" if one.pinned else "all CPUs" for one in shown], shown, self.restart_cell)
        lines += [f"- missing: {name}: needs {package}" for name, package in data["missing"]]
        return "\n".join(lines).rstrip() + "\n"


def main():
    # As an exception, so that a driver and its children are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    drivers.adopt_orphans()
    given = parse()
    found, missing = drivers.find(given.build_dir, OURS, KNOWN, "pool")
    if given.only:
        found = [driver for driver in found if driver.name in given.only.split(",")]
    if not found:
        sys.exit("nothing to run: no driver was built, or none has that name")
    scenarios = all_scenarios(given.milliseconds)
    described, load = machine(), ForeignLoad()
    answers, failures = measure(given, found, scenarios)
    described["foreign_cpu_share"] = load.share()
    data = {"machine": described, "rounds": given.rounds, "quick": False, "missing": missing}
    page = Page(found, answers, failures)
    given.out.mkdir(parents=True, exist_ok=True)
    text = page.markdown(data, scenarios)
    (given.out / "pool.md").write_text(text)
    (given.out / "pool.json").write_text(json.dumps(data | {
        "results": [{"scenario": dataclasses.asdict(scenario), "driver": name} | entry
                    for (scenario, name), entry in page.known.items()]}, indent=1, ensure_ascii=False) + "\n")
    print(text)
    print(f"written: {given.out}/pool.json, pool.md", file=sys.stderr)


if __name__ == "__main__":
    main()
