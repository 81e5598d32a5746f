"""Reducing samples to a few figures, and looking the figures up."""

import math
import statistics

PERCENTILES = (5, 25, 50, 75, 95, 99)


def percentile(ordered, percent):
    """Linear between the two nearest of the ordered samples."""
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def summarize(rounds):
    """`rounds` holds one list of samples for each round."""
    ordered = sorted(sample for samples in rounds for sample in samples)
    medians = [statistics.median(samples) for samples in rounds]
    figures = {f"p{percent}": round(percentile(ordered, percent), 3) for percent in PERCENTILES}
    return figures | {"median": round(statistics.median(medians), 3),
                      "round_medians": [round(median, 3) for median in medians],
                      "samples": len(ordered)}


class Results:
    """Read access to the dictionary that results.json holds."""

    def __init__(self, data):
        self.data = data
        self.scenarios = data["scenarios"]
        self.drivers = data["drivers"]

    def figures(self, scenario_key, driver_name):
        entry = self.data["results"].get(scenario_key, {}).get(driver_name, {})
        return entry if "median" in entry else None

    def failure(self, scenario_key, driver_name):
        return self.data["results"].get(scenario_key, {}).get(driver_name, {}).get("error")

    def median(self, scenario_key, driver_name):
        figures = self.figures(scenario_key, driver_name)
        return figures["median"] if figures else None

    def scenario(self, key):
        return next((known for known in self.scenarios if known["key"] == key), None)

    def floor(self, scenario_key):
        """The best of the raw floors in this column."""
        medians = [self.median(scenario_key, driver["name"])
                   for driver in self.drivers if driver["kind"] == "floor"]
        known = [median for median in medians if median is not None]
        if not known:
            return None
        return max(known) if self.scenario(scenario_key)["more_is_better"] else min(known)

    def ratio_to_floor(self, scenario_key, driver_name):
        """How many times the floor's cost; for throughput, the floor's over ours."""
        median, floor = self.median(scenario_key, driver_name), self.floor(scenario_key)
        if not median or not floor:
            return None
        return floor / median if self.scenario(scenario_key)["more_is_better"] else median / floor

    def growth(self, scenario_key, base_key, driver_name):
        median, base = self.median(scenario_key, driver_name), self.median(base_key, driver_name)
        return median / base if median and base else None
