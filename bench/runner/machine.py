"""What machine this is, and what else it does."""

import datetime
import os
import pathlib
import platform
import re
import resource


def machine():
    def first_match(file, pattern):
        found = re.search(pattern, pathlib.Path(file).read_text(), re.MULTILINE)
        return found[1] if found else None

    memory_kib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)") or 0)
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*: (.*)$") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / (1 << 20)),
        "kernel": f"{platform.system()} {platform.release()}",
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
    }


class ForeignLoad:
    """How much of the CPUs others took since it was made: what spoils a benchmark."""

    def __init__(self):
        self.busy, self.total, self.own = self.read()

    @staticmethod
    def read():
        fields = [int(field) for field in
                  pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = fields[3] + fields[4]
        own = sum(sum(resource.getrusage(who)[:2])
                  for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(fields) - idle, sum(fields), own * os.sysconf("SC_CLK_TCK")

    def share(self):
        busy, total, own = self.read()
        foreign = (busy - self.busy) - (own - self.own)
        return round(max(foreign, 0) / max(total - self.total, 1), 3)
