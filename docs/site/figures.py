"""The plots of the page on performance, from the figures in its own tables, by what draws
the benchmark's report. A table's figure is `MEDIAN [/ P99] (RATIO×)`.

A line `<!-- plot: N | TITLE -->` below a table becomes a plot of the table's Nth column.
"""

import html
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
from runner import plots

PLOT = re.compile(r"^<!-- plot: (\d+) \| (.*) -->$", re.MULTILINE)
FIGURE = re.compile(r"([\d.,]+)(?: / ([\d.,]+))?(?: \((\S+×)\))?$")


def number(text):
    return float(text.replace(",", "")) if text else None


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text):
    """(where it ends, column titles, rows) of each table."""
    for found in re.finditer(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = map(cells, found.group().splitlines())
        yield found.end(), head, rows


def label_and_kind(cell):
    plain = re.sub(r"[*`]", "", cell)
    return plain, "ours" if "**" in cell else "floor" if plain.startswith("floor") else "peer"


def drawn(rows, column, title):
    points = []
    for row in rows:
        figure = FIGURE.match(row[column])
        if figure:
            median, p99 = number(figure.group(1)), number(figure.group(2))
            told = figure.group(1) + " µs" + (f" · {figure.group(3)}" if figure.group(3) else "")
            points.append((*label_and_kind(row[0]), median, p99, told))
    if len(points) < 2:
        sys.exit(f"docs/performance.md: column {column} has no figures to plot for {title!r}")
    plot = plots.dot_plot(points, "µs", title)
    return f'<figure class="plot"><figcaption>{html.escape(title)}</figcaption>{plot}</figure>'


def with_plots(text):
    known = list(tables(text))

    def plot(found):
        above = [rows for end, _, rows in known if end <= found.start()]
        return drawn(above[-1], int(found.group(1)), found.group(2))

    return PLOT.sub(plot, text)


# Columns of the README's table, and where their figures stand: the table's heading, and the column.
README_COLUMNS = {
    "start to end": ("Starting and waiting", 2),
    "loop held by the start": ("Starting and waiting", 4),
    "the same, 2 GiB resident": ("Starting and waiting", 5),
    "capture of 64 KiB": ("Output", 2),
}


def table_of(page, heading):
    return next(tables(page[page.index(f"\n### {heading}\n"):]))


def check_readme(readme, page):
    """The README's table repeats figures of the page, letter by letter but for the percentiles."""
    table = next(((head, rows) for _, head, rows in tables(readme) if "start to end" in head), None)
    if not table:
        sys.exit("README.md: the table beside others is gone")
    head, rows = table
    for row in rows:
        name = label_and_kind(row[0])[0].split(",")[0]
        for column, told in list(zip(head, row))[1:]:
            heading, place = README_COLUMNS[column]
            found = [line[place] for line in table_of(page, heading)[2] if label_and_kind(line[0])[0] == name]
            measured = [re.sub(r" / [\d.,]+", "", one) for one in found]
            if measured != [told]:
                sys.exit(f"README.md: {name}, {column}: {told}; docs/performance.md has {measured}")
