"""How an experiment of the estimators is drawn: one panel, over k, M or ρ."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from wndcheck.experiment.simulations import gaussian_information
from wndcheck.report.panels import strong
from wndcheck.report.series import Figure, Line
from wndcheck.report.style import ESTIMATOR_COLOURS

AXIS_LABELS = {"k": "neighbours k", "m": "samples M", "rho": "correlation ρ"}


def over_parameter(figure: Figure) -> Canvas:
    """One panel: the truth, every experiment, the means, and the borders that the checks set."""
    canvas = Canvas(figsize=(7.8, 3.9), layout="constrained")
    panel = canvas.subplots()
    places, truth = truth_line(figure)
    truth_label = "truth, -½ log(1 - ρ²)" if figure.x == "rho" else "truth, ½ log 2πe"
    panel.plot(places, truth, color="black", linewidth=0.9, label=truth_label)
    for line, marker in zip(figure.lines, ("o", "s"), strict=False):
        name = str(line.labels["estimator"])
        colour = ESTIMATOR_COLOURS[name]
        spread = [x for x, values in zip(line.x, line.values, strict=True) for _ in values]
        panel.scatter(spread, np.concatenate(line.values), s=9, color=colour, alpha=0.25, linewidths=0)
        strong(panel, line, colour, marker, name, joined=figure.x != "rho")
        draw_borders(panel, line, f"margin, {name}", places, truth)
    dress_axis(panel, figure)
    canvas.legend(loc="outside right center", fontsize=8)
    return canvas


def truth_line(figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Places and the truth there: a curve over ρ, the same everywhere over k and M."""
    places = sorted({x for line in figure.lines for x in line.x})
    if figure.x != "rho":
        return np.array(places), np.full(len(places), figure.lines[0].truth[0])
    curve = np.union1d(np.linspace(places[0], places[-1], 200), places)
    return curve, np.array([gaussian_information(rho) for rho in curve])


def draw_borders(panel: Axes, line: Line, label: str, places: np.ndarray, truth: np.ndarray) -> None:
    """The borders of the checks' regions, dotted."""
    colour = ESTIMATOR_COLOURS[str(line.labels["estimator"])]
    for border in sorted({border for region in line.regions for border in region if np.isfinite(border)}):
        panel.plot(places, truth + border, color=colour, linestyle=":", linewidth=1.1, label=label)
        label = "_"  # a leading underscore keeps the other border out of the legend


def dress_axis(panel: Axes, figure: Figure) -> None:
    places = sorted({x for line in figure.lines for x in line.x})
    if figure.x == "m":
        panel.set_xscale("log")
    if figure.x != "rho":
        panel.set_xticks(places, [f"{x:g}" for x in places])
        panel.set_xticks([], minor=True)
    panel.set_xlabel(AXIS_LABELS[figure.x])
    panel.set_ylabel("mutual information (nats)" if figure.x == "rho" else "entropy (nats)")
