"""The tables, as rows of text; written as Markdown here and as HTML by page.py."""

import dataclasses


@dataclasses.dataclass
class Table:
    title: str
    note: str
    columns: list[str]
    rows: list[tuple[dict, list[str]]]  # The driver, and its cells.


# The groups of columns, by the beginning of the scenario's key.
GROUPS = [
    ("Starting and waiting", ("sequential", "inflight", "hold"),
     "µs per child, median of the rounds' medians; in brackets, times the best raw floor of the "
     "column. Where the loop is held, also the 99th percentile."),
    ("Size of the parent", ("resident", "open_fds"),
     "One child after another on one CPU, µs per child; in brackets, times the best raw floor of "
     "the column."),
    ("Output", ("capture", "bulk"),
     "Capture in µs, bulk reading in GiB/s; in brackets, times the best raw floor's time."),
    ("Among live children", ("live",),
     "On one CPU, µs; in brackets, times the best raw floor of the column."),
]


def number(value):
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio):
    if ratio is None:
        return ""
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.2f}×" if ratio < 10 else f"{ratio:.1f}×"


def cell(results, scenario, driver):
    key, name = scenario["key"], driver["name"]
    figures = results.figures(key, name)
    if not figures:
        return results.failure(key, name) or "–"
    text = number(figures["median"])
    if scenario["workload"] == "hold":
        text += f" / {number(figures['p99'])}"
    ratio = times(results.ratio_to_floor(key, name))
    return f"{text} ({ratio})" if ratio else text


def column_title(scenario):
    return f"{scenario['title']}, {scenario['unit']}"


def growth_pairs(results):
    """Pairs of a scenario and the cheaper one that it is compared with."""
    keys = [scenario["key"] for scenario in results.scenarios]
    pairs = [(key, "sequential_pinned") for key in keys if key.startswith(("resident", "open_fds"))]
    for beginning in ("live_", "live_spawn_"):
        sizes = [key for key in keys
                 if key.startswith(beginning) and key.removeprefix(beginning).isdigit()]
        if len(sizes) == 2:
            pairs.append((sizes[1], sizes[0]))
    return [pair for pair in pairs if set(pair) <= set(keys)]


def growth_table(results):
    pairs = growth_pairs(results)
    rows = [(driver, [times(results.growth(key, base, driver["name"])) or "–"
                      for key, base in pairs])
            for driver in results.drivers]
    columns = [f"{results.scenario(key)['title']} : {results.scenario(base)['title']}"
               for key, base in pairs]
    return Table("Growth", "How many times its own cost in the smaller case each library takes.",
                 columns, rows)


def all_tables(results):
    tables = []
    for title, beginnings, note in GROUPS:
        scenarios = [known for known in results.scenarios if known["key"].startswith(beginnings)]
        if scenarios:
            rows = [(driver, [cell(results, scenario, driver) for scenario in scenarios])
                    for driver in results.drivers]
            tables.append(Table(title, note, [column_title(known) for known in scenarios], rows))
    if growth_pairs(results):
        tables.append(growth_table(results))
    return tables


def driver_title(driver):
    # Floors have the kernel's version, which stands at the top already.
    return driver["label"] if driver["kind"] == "floor" else f"{driver['label']} {driver['version']}"


def machine_line(data):
    machine = data["machine"]
    return (f"{machine['date']} · {machine['cpu']}, {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB · {machine['kernel']} · {data['rounds']} rounds"
            f"{' · quick run' if data['quick'] else ''} · other programs took "
            f"{machine['foreign_cpu_share']:.0%} of the CPU time meanwhile")


def markdown(results):
    lines = ["# Starting child processes, compared", "", machine_line(results.data), ""]
    for table in all_tables(results):
        lines += [f"## {table.title}", "", table.note, "",
                  "| | " + " | ".join(table.columns) + " |",
                  "|---|" + "---|" * len(table.columns)]
        for driver, cells in table.rows:
            title = driver_title(driver)
            title = f"**{title}**" if driver["kind"] == "ours" else title
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
        lines.append("")
    if results.data["missing"]:
        lines += ["## Missing", ""]
        lines += [f"- {name}: needs {package}" for name, package in results.data["missing"]]
        lines.append("")
    return "\n".join(lines)
