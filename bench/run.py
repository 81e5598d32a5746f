#!/usr/bin/env python3
"""Runs every driver on the same work, interleaved, and reports.

Writes results.json, results.md and report.html into --out. On a noisy machine
only ratios within one run mean anything: the drivers take turns in every round,
and a figure is the median of the rounds' medians.
"""

import argparse
import json
import pathlib
import signal
import sys

from runner import drivers, page, scenarios, summary, tables
from runner.machine import ForeignLoad, machine
from runner.progress import Progress

TIME_LIMIT_SECONDS = {"full": 60, "quick": 20}


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="a minute or so, for a first look")
    parser.add_argument("--rounds", type=int, help="how often everything is run (5; quick: 3)")
    parser.add_argument("--only", metavar="LIB,...", help="run these drivers only")
    parser.add_argument("--workload", metavar="W,...", help="run these workloads or scenarios only")
    parser.add_argument("--list", action="store_true", help="name drivers and scenarios, run none")
    given = parser.parse_args()
    given.rounds = given.rounds or (3 if given.quick else 5)
    return given


def chosen(items, names, *attributes):
    """Those of `items` one of whose attributes is in the list `names`; all without a list."""
    wanted = set(names.split(",")) if names else None
    return [item for item in items
            if wanted is None or wanted & {getattr(item, attribute) for attribute in attributes}]


def measure(given, found, wanted):
    """Runs all; gives samples[scenario][driver], a list a round, failures and answers."""
    child = (given.build_dir / "bench/peers/tiny_child").resolve()
    time_limit = TIME_LIMIT_SECONDS["quick" if given.quick else "full"]
    plan = [(number, scenario, driver)
            for number in range(given.rounds) for scenario in wanted
            if number < scenario.most_rounds
            # A different order in each round, so that nobody always runs after the same one.
            for driver in found[number % len(found):] + found[:number % len(found)]]
    samples = {scenario.key: {} for scenario in wanted}
    failures = {scenario.key: {} for scenario in wanted}
    answers = {}
    progress = Progress(len(plan))
    for number, scenario, driver in plan:
        progress.show(number, scenario, driver)
        if driver.name in failures[scenario.key]:
            continue  # It would only fail again, and take its time.
        try:
            answer = drivers.run(driver, scenario, child, time_limit)
        except drivers.DriverFailed as failed:
            failures[scenario.key][driver.name] = str(failed)
            continue
        answers[driver.name] = answer
        samples[scenario.key].setdefault(driver.name, []).append(answer["samples"])
    progress.end()
    return samples, failures, answers


def collect(given, found, missing, wanted):
    described, load = machine(), ForeignLoad()
    samples, failures, answers = measure(given, found, wanted)
    described["foreign_cpu_share"] = load.share()
    results = {
        key: {name: summary.summarize(rounds) for name, rounds in by_driver.items()}
        | {name: {"error": text} for name, text in failures[key].items()}
        for key, by_driver in samples.items()}
    return {
        "machine": described, "quick": given.quick, "rounds": given.rounds, "missing": missing,
        "scenarios": [{"key": known.key, "title": known.title, "workload": known.workload,
                       "unit": known.unit, "count": known.count, "pinned": known.pinned,
                       "resident_mib": known.resident_mib, "open_fds": known.open_fds,
                       "live": known.live, "more_is_better": known.more_is_better}
                      for known in wanted],
        "drivers": [{"name": driver.name,
                     "label": (driver.name if driver.is_ours else
                               answers.get(driver.name, {}).get("library", driver.name)),
                     "version": answers.get(driver.name, {}).get("version", ""),
                     "kind": ("ours" if driver.is_ours else
                              "floor" if driver.is_floor else "peer")}
                    for driver in found],
        "results": results,
    }


def main():
    # As an exception, so that a driver and its children are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    drivers.adopt_orphans()
    given = parse()
    found, missing = drivers.find(given.build_dir)
    found = chosen(found, given.only, "name")
    wanted = chosen(scenarios.all_scenarios(given.quick), given.workload, "key", "workload")
    if given.list:
        print("drivers:  ", *(driver.name for driver in found))
        print("scenarios:", *(scenario.key for scenario in wanted))
        return
    if not found or not wanted:
        sys.exit("nothing to run: no driver was built, or none has that name")

    data = collect(given, found, missing, wanted)
    results = summary.Results(data)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "results.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    (given.out / "results.md").write_text(tables.markdown(results))
    (given.out / "report.html").write_text(page.document(results))
    for name, package in missing:
        print(f"missing: {name} (needs {package})", file=sys.stderr)
    print(f"written: {given.out}/results.json, results.md, report.html", file=sys.stderr)


if __name__ == "__main__":
    main()
