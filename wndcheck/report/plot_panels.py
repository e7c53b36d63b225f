"""Panels of trained nets over widths or epochs; axes, levels, styles and legends that all plots share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas

from wndcheck.report.figure_model import Figure, Line
from wndcheck.report.format import layer_name

NULL_LEVEL = 0.054  # §4: mean 0.012 plus standard deviation 0.042 of the estimate for independent Gaussians
PAPER_LEVEL = (0.01, "0.01", ":", 1.1)  # §4: the level that hidden layers fall to
LEVELS = {  # lines across a panel: place, label, style, width
    "entropy_change": [(0.1, "±0.1", ":", 1.1), (-0.1, "", ":", 1.1)],  # ours: the margin of |ΔH| at the widest
    "score": [PAPER_LEVEL, (NULL_LEVEL, "null: mean + sd, 0.054", "-", 0.6)],  # the null's bias is part of ι
    "corrected_score": [PAPER_LEVEL],
    "pair_score": [PAPER_LEVEL],
}
AXIS_LABELS = {
    "entropy": "mean neuron entropy H̄ (nats)",
    "entropy_change": "entropy change ΔH (nats)",
    "score": "score ι (nats)",
    "score_change": "score change Δι (nats)",
    "corrected_score": "corrected score ι_c (nats)",
    "pair_score": "score ι of a pair (nats)",
    "width": "width N",
    "epochs": "epochs",
}
DEPENDENCE = ("score", "corrected_score", "pair_score")
BEFORE = "before training"
SCORE_TICKS = (-0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
LABEL_ROOM = 11  # height in points of a tick's label
# The colours of Okabe and Ito, which colour-blind readers can tell apart.
LAYER_COLOURS = ("#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#999999")
LAST_COLOUR = "#D55E00"
LOOKS = {  # colour and marker of the readings, and of the quantiles over the pairs of a layer
    "data": ("#0072B2", "o"),
    "ensemble, one image each": ("#D55E00", "s"),
    "ensemble, the same image": ("#009E73", "^"),
    "5 %": ("#56B4E9", "v"),
    "25 %": ("#009E73", "s"),
    "50 %": ("#0072B2", "o"),
    "75 %": ("#E69F00", "D"),
    "95 %": ("#D55E00", "^"),
}
MARKERS = ("o", "s", "^", "D", "v", "P")
LAST_MARKER = "X"
LEVEL_COLOUR = "#444444"


def plot_nets(figure: Figure) -> Canvas:
    """A row, a column and a curve for each value of the labels that the figure names."""
    rows, columns = (
        list(dict.fromkeys(line.labels[key] for line in figure.lines)) for key in (figure.rows, figure.columns)
    )
    last = last_layer(figure)
    inches = 3.6 if len(columns) < 4 else 2.6
    canvas = Canvas(figsize=(1.6 + inches * len(columns), 1.1 + 2.8 * len(rows)), layout="constrained")
    axes = canvas.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    for line in figure.lines:
        panel = axes[rows.index(line.labels[figure.rows])][columns.index(line.labels[figure.columns])]
        draw_line(panel, line, figure)
    for (row, column), panel in np.ndenumerate(axes):
        lines = [line for line in figure.lines if line.labels[figure.rows] == rows[row]]
        quantity = str(lines[0].labels["quantity"])
        if quantity in DEPENDENCE:
            scale_scores(panel, "y", np.concatenate([np.ravel(line.values) for line in lines]))
        set_places(panel, figure, 72 * inches * 0.8)
        if row == 0:
            panel.set_title(layer_name(columns[column], last) if figure.columns == "layer" else columns[column])
        if row == len(rows) - 1:
            panel.set_xlabel(AXIS_LABELS[figure.x])
        if column == 0:
            panel.set_ylabel(("" if figure.rows == "quantity" else f"{rows[row]}: ") + AXIS_LABELS[quantity])
        draw_levels(panel, quantity, labelled=column == 0)
        if band := figure.band:
            panel.axhspan(band.low, band.high, color="#999999", alpha=0.25, linewidth=0, zorder=0.5, label=band.label)
            panel.axhline(band.middle, color=LEVEL_COLOUR, linewidth=0.6, zorder=1.5)
    add_legend(canvas)
    return canvas


def last_layer(figure: Figure) -> int:
    return max(int(line.labels["layer"]) for line in figure.lines)


def draw_line(panel: Axes, line: Line, figure: Figure) -> None:
    """All replicates faint, their mean strong; of nets before training only the mean, dashed."""
    colour, marker, label = look(line, figure)
    stages = {other.labels.get("epochs", 0) for other in figure.lines}
    if len(stages) > 1 and line.labels.get("epochs") == 0:
        means = [found.estimate for found in line.intervals]
        panel.plot(line.x, means, color=colour, linewidth=1, linestyle=(0, (4, 2)), alpha=0.6, label=BEFORE)
        return
    panel.plot(line.x, np.array(line.values), color=colour, linewidth=0.5, alpha=0.22)
    draw_means(panel, line, colour, marker, label)


def look(line: Line, figure: Figure) -> tuple[str, str, str]:
    """Colour, marker and name of a curve."""
    if figure.curves == "layer":
        layer, last = int(line.labels["layer"]), last_layer(figure)
        name = figure.layer_names[layer - 1].replace("$", r"\$") if figure.layer_names else layer_name(layer, last)
        return *layer_look(layer, last), name
    name = str(line.labels[figure.curves])
    return *LOOKS[name], f"{name} of pairs below" if figure.curves == "quantile" else name


def layer_look(layer: int, last: int) -> tuple[str, str]:
    """Colour and marker of a layer, counted from 1; the last layer's stand out."""
    if layer == last:
        return LAST_COLOUR, LAST_MARKER
    return LAYER_COLOURS[(layer - 1) % len(LAYER_COLOURS)], MARKERS[(layer - 1) % len(MARKERS)]


def draw_means(panel: Axes, line: Line, colour: str, marker: str, label: str, joined: bool = True) -> None:
    """Means with their intervals, connected by lines if `joined`."""
    found = line.intervals
    panel.errorbar(
        line.x,
        [each.estimate for each in found],
        np.array([[each.estimate - each.low, each.high - each.estimate] for each in found]).T,
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=1.5 if joined else 0,
        capsize=2,
        elinewidth=1,
        label=label,
    )


def set_ticks(axis: Axis, ticks: Iterable[float], rotation: float = 0) -> None:
    """These ticks and no minor ones."""
    ticks = list(ticks)
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks], rotation=rotation)
    axis.set_ticks([], minor=True)


def scale_scores(panel: Axes, name: str, values: Iterable[float]) -> None:
    """Scale the axis x or y linearly up to 0.1, where the thresholds are, and logarithmically above, to all values."""
    horizontal = name == "x"
    (panel.set_xscale if horizontal else panel.set_yscale)("symlog", linthresh=0.1, linscale=2)
    set_ticks(panel.xaxis if horizontal else panel.yaxis, SCORE_TICKS)
    ends = [0.0, 0.1, *(x for x in values if isfinite(x))]
    (panel.set_xlim if horizontal else panel.set_ylim)(min(-0.01, 1.1 * min(ends)), 1.15 * max(ends))


def set_places(panel: Axes, figure: Figure, points: float) -> None:
    """Widths on a scale of doublings, epochs of decades after the first; a panel is about so many points wide."""
    places = sorted({int(x) for line in figure.lines for x in line.x})
    if figure.x == "epochs":
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlim(-0.25, 1.5 * places[-1])
        set_ticks(panel.xaxis, places)
    else:
        panel.set_xscale("log", base=2)
        ticks = spaced(places, points)
        set_ticks(panel.xaxis, ticks, rotation=90 if len(ticks) * 2 * LABEL_ROOM > points else 0)


def spaced(widths: Sequence[int], points: float) -> list[int]:
    """Of the widths, narrowest first, those whose labels do not touch the one before."""
    kept = list(widths[:1])
    for width in widths[1:]:
        if np.log(width / kept[-1]) * points >= LABEL_ROOM * np.log(widths[-1] / widths[0]):
            kept.append(width)
    return kept


def draw_levels(panel: Axes, quantity: str, labelled: bool) -> None:
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    for level, label, style, width in LEVELS.get(quantity, ()):
        panel.axhline(level, color=LEVEL_COLOUR, linestyle=style, linewidth=width, zorder=1.5)
        panel.annotate(label if labelled else "", (0.01, level), (0, 2), fontsize=7, color=LEVEL_COLOUR, **place)


def add_legend(canvas: Canvas) -> None:
    """One entry per name, from all panels."""
    found = {}
    for panel in canvas.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    labels = sorted(found, key=lambda label: label == BEFORE)
    canvas.legend([found[label] for label in labels], labels, loc="outside right center")
