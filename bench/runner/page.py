"""The report as one HTML page that needs nothing else."""

import html

from . import plots, tables

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5b6470; --rule: #e3e6ea;
  --ours: #d14900; --ours-wash: #fff1e8; --floor: #6b7280; --peer: #2b6cb0;
  --hue0: #0072b2; --hue1: #009e73; --hue2: #b0599a; --hue3: #9a7d00; --hue4: #3f51b5;
  --hue5: #00838f; --hue6: #7a4b2a; --hue7: #5b8c1a; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e8eaed; --soft: #a0a8b3;
  --rule: #2e343b; --ours: #ff8a4c; --ours-wash: #33231a; --floor: #9aa3ae; --peer: #6fb1f0;
  --hue0: #56b4e9; --hue1: #3ecf9f; --hue2: #e29bcf; --hue3: #e0c341; --hue4: #98a4f0;
  --hue5: #4fc7d3; --hue6: #c9966f; --hue7: #a5d265; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; }
p, figcaption span { color: var(--soft); margin: .2rem 0 1rem; }
nav { margin: 1rem 0; } nav a { margin-right: 1.1rem; color: var(--peer); }
figure { margin: 1.6rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
figcaption span { font-weight: 400; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12.5px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .tick, svg .axis { fill: var(--soft); } svg .tick { font-size: 11.5px; }
svg .value { font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); } .tickmark { stroke: var(--soft); }
.ours { --tone: var(--ours); } .floor { --tone: var(--floor); } .peer { --tone: var(--peer); }
""" + "".join(f".hue{i} {{ --tone: var(--hue{i}); }} " for i in range(8)) + """
.row { fill: transparent; } .row.ours { fill: var(--ours-wash); } g:hover > .row { fill: var(--rule); }
.whisker { stroke: var(--tone); stroke-width: 1.3; }
.box { fill: var(--tone); fill-opacity: .35; stroke: var(--tone); }
.median { stroke: var(--ink); stroke-width: 2.2; } .dot { fill: var(--tone); }
svg .label.ours, svg .value.ours { fill: var(--ours); font-weight: 700; }
svg .label.floor, svg .value.floor { fill: var(--floor); font-style: italic; }
svg .label.peer[class*=hue] { fill: var(--tone); }
.series { fill: none; stroke: var(--tone); stroke-width: 1.8; }
.series.floor { stroke-dasharray: 6 4; } .series.ours { stroke-width: 4; }
.marker { fill: var(--paper); stroke: var(--tone); stroke-width: 1.8; } .marker.ours { fill: var(--ours); }
.leader { stroke: var(--tone); stroke-width: .7; opacity: .6; }
g:hover > .series { stroke-width: 5; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .9rem; margin: 1rem 0; }
.legend svg { width: 26px; height: 14px; display: inline-block; vertical-align: -2px; margin-right: .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: bottom; }
th:first-child { text-align: left; white-space: nowrap; } thead th { color: var(--soft); font-weight: 600; }
tr.ours { background: var(--ours-wash); } tr.ours th { color: var(--ours); }
tr.floor th { font-style: italic; font-weight: 400; color: var(--floor); } tr.peer th { font-weight: 500; }
"""

LEGEND = """<div class="legend">
<span><svg viewBox="0 0 26 14"><rect x="2" y="1" width="22" height="12" class="box ours"/></svg>this library</span>
<span><svg viewBox="0 0 26 14"><rect x="2" y="1" width="22" height="12" class="box peer"/></svg>other libraries</span>
<span><svg viewBox="0 0 26 14"><rect x="2" y="1" width="22" height="12" class="box floor"/></svg>raw floors: bare system calls</span>
<span>box: 25th to 75th percentile · bar: median · whiskers: 5th to 95th · dot: 99th</span>
</div>"""


def line_plots(results):
    """Title, explanation and plot for each size that a parent can have."""
    keys = [scenario["key"] for scenario in results.scenarios]

    def sizes(beginning):
        found = [(int(key.removeprefix(beginning)), key) for key in keys
                 if key.startswith(beginning) and key.removeprefix(beginning).isdigit()]
        return sorted(found)

    base = [(0, "sequential_pinned")]
    wanted = [
        ("Cost against resident memory", "One child after another, one CPU; fork() copies the page tables.",
         base + sizes("resident_"), "resident memory of the parent, MiB", False),
        ("Cost against open descriptors", "One child after another, one CPU; the table is copied, then closed.",
         base + sizes("open_fds_"), "other open descriptors of the parent", False),
        ("Kill to notification against live children", "One CPU; what it costs to find the one that ended.",
         sizes("live_"), "children alive", True),
        ("Spawn and exit against live children", "One CPU; one more child, start to notification.",
         sizes("live_spawn_"), "children alive", True),
    ]
    for title, note, points, x_title, logarithmic in wanted:
        plot = plots.line_plot(results, points, x_title, title, logarithmic)
        if plot:
            yield title, note, plot


def figure(title, note, plot):
    shown = f" <span>· {html.escape(note)}</span>" if note else ""
    return f"<figure><figcaption>{html.escape(title)}{shown}</figcaption>{plot}</figure>"


def note_on(scenario):
    return "on one CPU" if scenario["pinned"] and "one CPU" not in scenario["title"] else ""


def html_table(table):
    head = "".join(f"<th>{html.escape(column)}</th>" for column in ["", *table.columns])
    rows = "".join(
        f'<tr class="{driver["kind"]}"><th>{html.escape(tables.driver_title(driver))}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        for driver, cells in table.rows)
    return (f"<h3>{html.escape(table.title)}</h3><p>{html.escape(table.note)}</p>"
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')


def section(anchor, title, parts):
    return f'<h2 id="{anchor}">{title}</h2>' + "".join(parts) if parts else ""


def html_boxes(results):
    drawn = ((scenario, plots.box_plot(results, scenario)) for scenario in results.scenarios)
    return [figure(scenario["title"][0].upper() + scenario["title"][1:], note_on(scenario), plot)
            for scenario, plot in drawn if plot]


def page_sections(results):
    missing = "".join(f"<li>{html.escape(name)}: needs {html.escape(package)}</li>"
                      for name, package in results.data["missing"])
    return [
        ("sizes", "What the cost depends on", [figure(*drawn) for drawn in line_plots(results)]),
        ("boxes", "Each measurement", html_boxes(results)),
        ("tables", "Tables", [html_table(table) for table in tables.all_tables(results)]),
        ("missing", "Missing", [f"<ul>{missing}</ul>"] if missing else []),
    ]


def document(results):
    sections = page_sections(results)
    links = "".join(f'<a href="#{anchor}">{title}</a>'
                    for anchor, title, parts in sections if parts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Starting child processes, compared</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><h1>Starting child processes, compared</h1>
<p>{html.escape(tables.machine_line(results.data))}<br>
All ran the same work in turn; compare within a plot, not with another machine's.
The multiple beside a figure is against the best raw floor of that measurement.</p>
<nav>{links}</nav>{LEGEND}
{"".join(section(*given) for given in sections)}
</body></html>
"""
