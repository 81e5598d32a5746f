"""What is measured: the columns of the report."""

import dataclasses

CHILDREN_IN_FLIGHT = 64


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One column: a driver's workload, in a parent of a given kind."""

    key: str
    title: str
    workload: str
    count: int
    resident_mib: int = 0
    open_fds: int = 0
    live: int = 0
    bulk_bytes: int = 0
    pinned: bool = False
    most_rounds: int = 100

    @property
    def more_is_better(self):
        return self.workload == "bulk"

    @property
    def unit(self):
        return "GiB/s" if self.workload == "bulk" else "µs"

    def arguments(self, child):
        given = {"child": child, "count": self.count, "inflight": CHILDREN_IN_FLIGHT,
                 "resident-mib": self.resident_mib, "open-fds": self.open_fds, "live": self.live}
        if self.bulk_bytes:
            given["bytes"] = self.bulk_bytes
        options = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        return [self.workload, *options]


def all_scenarios(quick):
    """Every scenario; the quick ones are the same with less of everything."""

    def pick(full, less):
        return less if quick else full

    big, crowd = 2048, pick(10000, 1000)
    heavy = pick(2, 1)
    bulk_bytes = pick(1 << 30, 1 << 27)

    scenarios = [
        Scenario("sequential", "one after another", "sequential", pick(500, 30)),
        Scenario("sequential_pinned", "one after another, one CPU", "sequential", pick(500, 30),
                 pinned=True),
        Scenario("inflight", f"{CHILDREN_IN_FLIGHT} in flight", "inflight", pick(4096, 512)),
        Scenario("hold", "loop held by the spawn call", "hold", pick(500, 30)),
        # The first hundred of a process are slower than the rest, so 30 would not do.
        Scenario("hold_resident", f"loop held, parent with {big} MiB", "hold", pick(300, 5),
                 resident_mib=big, most_rounds=1),
        Scenario("capture", "capture 64 KiB", "capture", pick(300, 20)),
        Scenario("capture_pinned", "capture 64 KiB, one CPU", "capture", pick(300, 20),
                 pinned=True),
        Scenario("bulk", "bulk reading", "bulk", pick(2, 1), bulk_bytes=bulk_bytes),
        Scenario("bulk_pinned", "bulk reading, one CPU", "bulk", pick(2, 1),
                 bulk_bytes=bulk_bytes, pinned=True),
    ]
    # What the cost depends on is measured on one CPU: a parent that was busy with
    # its memory is placed beside its children otherwise, and seems the faster for it.
    scenarios += [
        Scenario(f"resident_{mib}", f"parent with {mib} MiB", "sequential", pick(30, 5),
                 resident_mib=mib, pinned=True, most_rounds=pick(3, 1))
        for mib in (512, big)]
    scenarios += [
        Scenario(f"open_fds_{fds}", f"parent with {fds:,} open descriptors", "sequential",
                 pick(200, 20), open_fds=fds, pinned=True)
        for fds in (1000, 10000)]
    scenarios += [
        Scenario(f"{workload}_{live}", f"{title}, {live:,} children live", workload,
                 pick(300, 10), live=live, pinned=True, most_rounds=heavy)
        for workload, title in (("live", "kill to notification"), ("live_spawn", "spawn and exit"))
        for live in (100, crowd)]
    return scenarios
