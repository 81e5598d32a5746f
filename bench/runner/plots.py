"""Plots as SVG text: box plots of one scenario, dots of figures that are known by their
median alone, and lines over a size of the parent.

Colours and fonts come from the page's style sheet, by class: `ours`, `floor`
and `peer`.
"""

import html
import math

from . import tables

LABEL_WIDTH, PLOT_WIDTH, VALUE_WIDTH = 200, 570, 140
WIDTH = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
ROW, TOP, BOTTOM = 26, 10, 46
MARKERS = ("circle", "square", "triangle", "diamond")


class Scale:
    """Values to pixels: logarithmic, or linear from zero, between `low` and `high`."""

    def __init__(self, low, high, begin, end, logarithmic):
        self.logarithmic = logarithmic and low > 0
        self.low, self.high = (low, max(high, low * 1.1)) if self.logarithmic else (0, high or 1)
        self.begin, self.end = begin, end

    def __call__(self, value):
        def transform(x):
            return math.log(x) if self.logarithmic else x

        share = ((transform(min(max(value, self.low), self.high)) - transform(self.low))
                 / (transform(self.high) - transform(self.low)))
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            decades = math.log10(self.high / self.low)
            steps = (1, 2, 5) if decades < 2 else (1, 3) if decades < 3.5 else (1,)
            values = [step * 10.0 ** power for power in powers for step in steps]
        else:
            rough = self.high / 5
            power = 10 ** math.floor(math.log10(rough))
            step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
            values = [step * i for i in range(math.floor(self.high / step) + 1)]
        return [value for value in values if self.low <= value <= self.high]


def short(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def text(x, y, content, css="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">'
            f"{html.escape(content)}</text>")


def line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def rectangle(x, y, width, height, css):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" '
            f'class="{css}" rx="2"/>')


def svg(width, height, parts, title):
    return (f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}">'
            + "".join(parts) + "</svg>")


def box_row(driver, figures, unit, ratio, y, scale):
    """One library: whiskers from p5 to p95, box from p25 to p75, its median, a dot at p99."""
    css, middle = driver["kind"], y + ROW / 2
    at = {key: scale(figures[key]) for key in ("p5", "p25", "p50", "p75", "p95", "p99")}
    details = " · ".join(f"{key} {tables.number(figures[key])}" for key in at)
    value = tables.number(figures["median"])
    shown = f"{value} {unit}" + (f" · {ratio}" if ratio else "")
    return "".join([
        f"<g><title>{html.escape(driver['label'])}: {details} {unit}</title>",
        f'<rect x="0" y="{y}" width="{WIDTH}" height="{ROW}" class="row {css}"/>',
        text(LABEL_WIDTH - 12, middle + 4, driver["label"], f"label {css}", "end"),
        line(at["p5"], middle, at["p95"], middle, f"whisker {css}"),
        line(at["p5"], middle - 4, at["p5"], middle + 4, f"whisker {css}"),
        line(at["p95"], middle - 4, at["p95"], middle + 4, f"whisker {css}"),
        rectangle(at["p25"], middle - 7, at["p75"] - at["p25"], 14, f"box {css}"),
        line(at["p50"], middle - 7, at["p50"], middle + 7, "median"),
        f'<circle cx="{at["p99"]:.1f}" cy="{middle:.1f}" r="2" class="dot {css}"/>',
        text(LABEL_WIDTH + PLOT_WIDTH + 12, middle + 4, shown, f"value {css}"),
        "</g>"])


def box_plot(results, scenario):
    """All libraries in one scenario, the best on top; None when nothing was measured."""
    key, best_first = scenario["key"], -1 if scenario["more_is_better"] else 1
    measured = [(driver, results.figures(key, driver["name"])) for driver in results.drivers]
    measured = [(driver, figures) for driver, figures in measured if figures]
    if not measured:
        return None
    measured.sort(key=lambda entry: best_first * entry[1]["median"])

    end_of_plot = LABEL_WIDTH + PLOT_WIDTH
    low = min(figures["p5"] for _, figures in measured) * 0.9
    high = max(figures["p99"] for _, figures in measured) * 1.05
    scale = Scale(low, high, LABEL_WIDTH, end_of_plot, not scenario["more_is_better"])
    bottom = TOP + ROW * len(measured)
    parts = []
    for tick in scale.ticks():
        parts += [line(scale(tick), TOP, scale(tick), bottom, "grid"),
                  text(scale(tick), bottom + 16, short(tick), "tick", "middle")]
    for index, (driver, figures) in enumerate(measured):
        ratio = tables.times(results.ratio_to_floor(key, driver["name"]))
        parts.append(box_row(driver, figures, scenario["unit"], ratio, TOP + ROW * index, scale))
    better = "more is better" if scenario["more_is_better"] else "less is better"
    kind = ", logarithmic" if scale.logarithmic else ""
    parts.append(text(LABEL_WIDTH + PLOT_WIDTH / 2, bottom + 36, f"{scenario['unit']}{kind} · {better}",
                      "axis", "middle"))
    return svg(WIDTH, bottom + BOTTOM, parts, scenario["title"])


def dot_row(row, y, scale):
    """One library: its median, and a line to its 99th percentile where that is known."""
    label, css, median, p99, shown = row
    middle = y + ROW / 2
    details = f"median {tables.number(median)}" + (f" · p99 {tables.number(p99)}" if p99 else "")
    parts = [
        f"<g><title>{html.escape(label)}: {details}</title>",
        f'<rect x="0" y="{y}" width="{WIDTH}" height="{ROW}" class="row {css}"/>',
        text(LABEL_WIDTH - 12, middle + 4, label, f"label {css}", "end")]
    if p99:
        parts += [line(scale(median), middle, scale(p99), middle, f"whisker {css}"),
                  line(scale(p99), middle - 4, scale(p99), middle + 4, f"whisker {css}")]
    return "".join([*parts,
        f'<circle cx="{scale(median):.1f}" cy="{middle:.1f}" r="5" class="dot {css}"/>',
        text(LABEL_WIDTH + PLOT_WIDTH + 12, middle + 4, shown, f"value {css}"),
        "</g>"])


def dot_plot(rows, unit, title):
    """Rows of (label, class, median, p99 or None, what is told beside), the best on top."""
    rows = sorted(rows, key=lambda row: row[2])
    low = rows[0][2] * 0.8
    high = max(row[3] or row[2] for row in rows) * 1.1
    scale = Scale(low, high, LABEL_WIDTH, LABEL_WIDTH + PLOT_WIDTH, True)
    bottom = TOP + ROW * len(rows)
    parts = []
    for tick in scale.ticks():
        parts += [line(scale(tick), TOP, scale(tick), bottom, "grid"),
                  text(scale(tick), bottom + 16, short(tick), "tick", "middle")]
    parts += [dot_row(row, TOP + ROW * index, scale) for index, row in enumerate(rows)]
    parts.append(text(LABEL_WIDTH + PLOT_WIDTH / 2, bottom + 36, f"{unit}, logarithmic · less is better", "axis", "middle"))
    return svg(WIDTH, bottom + BOTTOM, parts, title)


def marker(shape, x, y, css):
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{css}"/>'
    points = {"square": ((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)),
              "triangle": ((0, -5), (4.5, 3.5), (-4.5, 3.5)),
              "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0))}[shape]
    corners = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in points)
    return f'<polygon points="{corners}" class="{css}"/>'


def spread(positions, gap, lowest, highest):
    """Moves label positions apart by at least `gap`, in their order, within the bounds."""
    order = sorted(range(len(positions)), key=positions.__getitem__)
    placed = list(positions)
    for before, here in zip(order, order[1:]):
        placed[here] = max(placed[here], placed[before] + gap)
    limit = highest
    for here in reversed(order):
        placed[here] = max(min(placed[here], limit), lowest)
        limit = placed[here] - gap
    return placed


def line_plot(results, points, x_title, title, logarithmic_x=False):
    """Median cost over `points`, pairs of an x value and a scenario's key; labels at the ends."""
    series = []
    for driver in results.drivers:
        values = [(x, results.median(key, driver["name"])) for x, key in points]
        values = [(x, y) for x, y in values if y is not None]
        if len(values) > 1:
            series.append((driver, values))
    if not series:
        return None

    left, right, top, bottom = 70, 640, 14, 420
    all_y = [y for _, values in series for _, y in values]
    xs = [x for x, _ in points]
    scale_x = Scale(min(xs) if logarithmic_x else 0, max(xs), left, right, logarithmic_x)
    scale_y = Scale(min(all_y) * 0.85, max(all_y) * 1.15, bottom, top, True)
    parts = []
    for tick in scale_y.ticks():
        parts += [line(left, scale_y(tick), right, scale_y(tick), "grid"),
                  text(left - 8, scale_y(tick) + 4, short(tick), "tick", "end")]
    for x in xs:
        parts += [line(scale_x(x), bottom, scale_x(x), bottom + 5, "tickmark"),
                  text(scale_x(x), bottom + 20, f"{x:,}", "tick", "middle")]
    label_ys = spread([scale_y(values[-1][1]) for _, values in series], 16, top + 4, bottom + 8)

    # Ours last, so that it lies on top.
    numbered = sorted(enumerate(series), key=lambda entry: entry[1][0]["kind"] == "ours")
    for index, (driver, values) in numbered:
        hue = f"hue{index % 8}" if driver["kind"] == "peer" else ""
        css = f"{driver['kind']} {hue}"
        path = " ".join(f"{scale_x(x):.1f},{scale_y(y):.1f}" for x, y in values)
        x_end, y_end = scale_x(values[-1][0]), scale_y(values[-1][1])
        label = f"{driver['label']}  {tables.number(values[-1][1])}"
        parts.append(f"<g><title>{html.escape(label)} µs</title>"
                     f'<polyline points="{path}" class="series {css}"/>')
        parts += [marker(MARKERS[index % len(MARKERS)], scale_x(x), scale_y(y), f"marker {css}")
                  for x, y in values]
        parts += [line(x_end + 6, y_end, right + 24, label_ys[index], f"leader {css}"),
                  text(right + 28, label_ys[index] + 4, label, f"label {css}"), "</g>"]
    parts += [text((left + right) / 2, bottom + 42, x_title, "axis", "middle"),
              f'<text transform="translate(16 {(top + bottom) / 2}) rotate(-90)" class="axis" '
              'text-anchor="middle">µs per child, logarithmic</text>']
    return svg(WIDTH, bottom + 54, parts, title)
