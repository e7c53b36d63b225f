"""Panels of trained nets over widths or epochs, and what all plots share: axes, levels, looks, legends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from wndcheck.report.format import layer_name
from wndcheck.report.series import Band, Figure, Line

PAPER_LEVEL = 0.01  # §4: the level that hidden layers fall to
NULL_LEVEL = 0.054  # §4: mean .012 plus standard deviation .042 of the estimate for independent Gaussians
CHANGE_LEVEL = 0.1  # ours: the margin of |ΔH| at the widest
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
LABEL_ROOM = 11  # points that a tick's label takes, turned upright
# The colours of Okabe and Ito, which colour-blind readers can tell apart.
LAYER_COLOURS = ("#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#999999")
LAST_COLOUR = "#D55E00"
READING_LOOKS = {  # colour and marker
    "data": ("#0072B2", "o"),
    "ensemble, one image each": ("#D55E00", "s"),
    "ensemble, the same image": ("#009E73", "^"),
}
QUANTILE_LOOKS = {  # of the pairs of a layer
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
    inches = 3.6 if len(columns) < 4 else 2.6
    canvas = Canvas(figsize=(1.6 + inches * len(columns), 1.1 + 2.8 * len(rows)), layout="constrained")
    axes = canvas.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    for line in figure.lines:
        panel = axes[rows.index(line.labels[figure.rows])][columns.index(line.labels[figure.columns])]
        draw_line(panel, line, figure)
    for (row, column), panel in np.ndenumerate(axes):
        lines = [line for line in figure.lines if line.labels[figure.rows] == rows[row]]
        quantity = str(lines[0].labels["quantity"])
        set_values(panel, lines)
        set_places(panel, figure, 72 * inches * 0.8)
        panel.set_title(column_title(figure, columns[column]) if row == 0 else "")
        panel.set_ylabel(row_title(figure, quantity, rows[row]) if column == 0 else "")
        panel.set_xlabel(AXIS_LABELS[figure.x] if row == len(rows) - 1 else "")
        draw_levels(panel, quantity, labelled=column == 0)
        draw_band(panel, figure.band)
    add_legend(canvas)
    return canvas


def row_title(figure: Figure, quantity: str, value: str | int) -> str:
    return AXIS_LABELS[quantity] if figure.rows == "quantity" else f"{value}: {AXIS_LABELS[quantity]}"


def column_title(figure: Figure, value: str | int) -> str:
    return layer_name(int(value), last_layer(figure)) if figure.columns == "layer" else str(value)


def last_layer(figure: Figure) -> int:
    return max(int(line.labels["layer"]) for line in figure.lines)


def draw_line(panel: Axes, line: Line, figure: Figure) -> None:
    """All replicates faint, their mean strong; of nets before training the mean alone, dashed."""
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
    if figure.curves == "reading":
        reading = str(line.labels["reading"])
        return *READING_LOOKS[reading], reading
    if figure.curves == "quantile":
        quantile = str(line.labels["quantile"])
        return *QUANTILE_LOOKS[quantile], f"{quantile} of pairs below"
    layer, last = int(line.labels["layer"]), last_layer(figure)
    return *layer_look(layer, last), layer_name(layer, last)


def layer_look(layer: int, last: int) -> tuple[str, str]:
    """Colour and marker of a layer, counted from 1; the last layer's stand out."""
    if layer == last:
        return LAST_COLOUR, LAST_MARKER
    return LAYER_COLOURS[(layer - 1) % len(LAYER_COLOURS)], MARKERS[(layer - 1) % len(MARKERS)]


def draw_means(panel: Axes, line: Line, colour: str, marker: str, label: str, joined: bool = True) -> None:
    """Means with their intervals; joined where what lies between is near the chord."""
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


def set_values(panel: Axes, lines: Sequence[Line]) -> None:
    """The axis of dependence is linear up to .1, where the thresholds are, and logarithmic above."""
    if lines[0].labels["quantity"] not in DEPENDENCE:
        return
    panel.set_yscale("symlog", linthresh=0.1, linscale=2)
    panel.set_yticks(SCORE_TICKS, [f"{tick:g}" for tick in SCORE_TICKS])
    panel.set_yticks([], minor=True)
    values = np.concatenate([np.ravel(line.values) for line in lines])
    values = np.append(values[np.isfinite(values)], [0.0, 0.1])
    panel.set_ylim(min(-0.01, values.min() * 1.1), values.max() * 1.15)


def set_places(panel: Axes, figure: Figure, points: float) -> None:
    """Widths on a scale of doublings, epochs of decades after the first; a panel is about so many points wide."""
    places = sorted({int(x) for line in figure.lines for x in line.x})
    if figure.x == "epochs":
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlim(-0.25, 1.5 * places[-1])
        panel.set_xticks(places, [str(place) for place in places])
    else:
        panel.set_xscale("log", base=2)
        ticks = spaced(places, points)
        rotation = 90 if len(ticks) * 2 * LABEL_ROOM > points else 0
        panel.set_xticks(ticks, [str(tick) for tick in ticks], rotation=rotation)
    panel.set_xticks([], minor=True)


def spaced(widths: Sequence[int], points: float) -> list[int]:
    """Of the widths, narrowest first, those whose labels do not touch the one before."""
    kept = list(widths[:1])
    for width in widths[1:]:
        if np.log(width / kept[-1]) * points >= LABEL_ROOM * np.log(widths[-1] / widths[0]):
            kept.append(width)
    return kept


def draw_band(panel: Axes, band: Band | None) -> None:
    """The band and its middle, behind the lines."""
    if band:
        panel.axhspan(band.low, band.high, color="#999999", alpha=0.25, linewidth=0, zorder=0.5, label=band.label)
        panel.axhline(band.middle, color=LEVEL_COLOUR, linewidth=0.6, zorder=1.5)


def draw_levels(panel: Axes, quantity: str, labelled: bool) -> None:
    """The paper's .01 dotted, the null's level as a thin line for the score, which it biases; the margin of ΔH."""
    if quantity == "entropy_change":
        draw_level(panel, CHANGE_LEVEL, "±0.1" if labelled else "")
        draw_level(panel, -CHANGE_LEVEL, "")
    if quantity in DEPENDENCE:
        draw_level(panel, PAPER_LEVEL, "0.01" if labelled else "")
    if quantity == "score":
        draw_level(panel, NULL_LEVEL, "null: mean + sd, 0.054" if labelled else "", style="-", width=0.6)


def draw_level(panel: Axes, level: float, label: str, style: str = ":", width: float = 1.1) -> None:
    panel.axhline(level, color=LEVEL_COLOUR, linestyle=style, linewidth=width, zorder=1.5)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    panel.annotate(label, (0.01, level), (0, 2), fontsize=7, color=LEVEL_COLOUR, **place)


def add_legend(canvas: Canvas) -> None:
    """Every name once, whichever panels have it."""
    found = {}
    for panel in canvas.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    labels = sorted(found, key=lambda label: label == BEFORE)
    canvas.legend([found[label] for label in labels], labels, loc="outside right center")
