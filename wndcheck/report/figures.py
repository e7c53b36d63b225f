"""Figures as SVG, from the lines of `series`; the same lines give the same bytes. The only module with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from wndcheck.report.series import Figure, Line, gaussian_information
from wndcheck.report.style import (
    CAPTION,
    ESTIMATOR_COLOURS,
    SETTINGS,
    THRESHOLD,
    layer_look,
)

PAPER_LEVEL = 0.01  # §4: the level that hidden layers fall to
NULL_LEVEL = 0.054  # §4: mean .012 plus standard deviation .042 of the estimate for independent Gaussians
AXIS_LABELS = {
    "entropy": "mean neuron entropy H̄ (nats)",
    "score": r"score $\iota$ (nats)",
    "corrected_score": r"corrected score $\iota_c$ (nats)",
    "k": "neighbours k",
    "m": "samples M",
    "rho": "correlation ρ",
}


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file."""
    return saved(figure, "svg", metadata={"Title": figure.title, "Date": None, "Creator": None})


def saved(figure: Figure, kind: str, **options: Any) -> bytes:
    """The figure as a file of a kind that matplotlib knows."""
    with matplotlib.rc_context(SETTINGS):
        canvas = over_widths(figure) if figure.x == "width" else over_parameter(figure)
        canvas.suptitle(figure.title)
        canvas.supxlabel(figure.caption, fontsize=8, color=CAPTION)
        FigureCanvasAgg(canvas)
        file = io.BytesIO()
        canvas.savefig(file, format=kind, **options)
    return file.getvalue()


def over_widths(figure: Figure) -> Canvas:
    """A row for each quantity, a column for each activation, a line for each layer."""
    rows, columns = (
        list(dict.fromkeys(line.labels[key] for line in figure.lines)) for key in ("quantity", "activation")
    )
    canvas = Canvas(figsize=(1.6 + 3.6 * len(columns), 1.1 + 2.8 * len(rows)), layout="constrained")
    axes = canvas.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    for line in figure.lines:
        panel = axes[rows.index(line.labels["quantity"])][columns.index(line.labels["activation"])]
        draw_layer(panel, line, figure.lines)
    for (row, column), panel in np.ndenumerate(axes):
        dress_panel(
            panel, str(rows[row]), [line for line in figure.lines if line.labels["activation"] == columns[column]]
        )
        panel.set_title(str(columns[column]) if row == 0 else "")
        panel.set_ylabel(AXIS_LABELS[str(rows[row])] if column == 0 else "")
        panel.set_xlabel("width N" if row == len(rows) - 1 else "")
        if rows[row] != "entropy":
            dependence_levels(panel, labelled=column == 0, null=rows[row] == "score")
    handles, labels = axes[0][0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside right center")
    return canvas


def draw_layer(panel: Axes, line: Line, lines: Sequence[Line]) -> None:
    """All nets faint, their mean strong; of the initial nets the mean alone, dashed."""
    layer = int(line.labels["layer"])
    last = max(int(other.labels["layer"]) for other in lines)
    trained = line.labels["epochs"] == max(int(other.labels["epochs"]) for other in lines)
    colour, marker = layer_look(layer, last)
    if not trained:
        means = [found.estimate for found in line.intervals]
        label = "before training" if layer == last else None
        panel.plot(line.x, means, color=colour, linewidth=1, linestyle=(0, (4, 2)), alpha=0.6, label=label)
        return
    panel.plot(line.x, np.array(line.values), color=colour, linewidth=0.5, alpha=0.22)
    strong(panel, line, colour, marker, f"layer {layer}" if layer != last else "last layer")


def strong(panel: Axes, line: Line, colour: str, marker: str, label: str, joined: bool = True) -> None:
    """Means with their intervals; joined where what lies between is near the chord."""
    found = line.intervals
    means = np.array([each.estimate for each in found])
    arms = np.array([[each.estimate - each.low, each.high - each.estimate] for each in found]).T
    panel.errorbar(
        line.x,
        means,
        arms,
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=1.5 if joined else 0,
        capsize=2,
        elinewidth=1,
        label=label,
    )


def dress_panel(panel: Axes, quantity: str, lines: Sequence[Line]) -> None:
    """Widths as the doublings they are; dependence linear up to .1, where the thresholds are, and logarithmic above."""
    widths = sorted({int(width) for line in lines for width in line.x})
    panel.set_xscale("log", base=2)
    panel.set_xticks(widths, [str(width) for width in widths], rotation=90 if len(widths) > 8 else 0)
    panel.set_xticks([], minor=True)
    if quantity != "entropy":
        panel.set_yscale("symlog", linthresh=0.1, linscale=2)
        ticks = [-0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
        panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        panel.set_yticks([], minor=True)
        values = np.concatenate([np.ravel(line.values) for line in lines])
        values = np.append(values[np.isfinite(values)], [0.0, 0.1])
        panel.set_ylim(min(-0.01, values.min() * 1.1), values.max() * 1.15)


def dependence_levels(panel: Axes, labelled: bool, null: bool) -> None:
    """The paper's .01 dotted, and the null's level as a thin line for the score, which it biases."""
    threshold(panel, PAPER_LEVEL, "0.01" if labelled else "", ":")
    if null:
        threshold(panel, NULL_LEVEL, "null: mean + sd, 0.054" if labelled else "", "-", width=0.6)


def threshold(panel: Axes, level: float, label: str, style: str, width: float = 1.1) -> None:
    panel.axhline(level, color=THRESHOLD, linestyle=style, linewidth=width, zorder=1.5)
    panel.annotate(
        label,
        (0.01, level),
        (0, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=7,
        color=THRESHOLD,
    )


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
