"""Plots of a user's own network: its layers, a layer's pairs, and layers over checkpoints."""

from __future__ import annotations

from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from wndcheck.report.network_figures import Checkpoints, Layers, Pairs, svg_text
from wndcheck.report.plot_panels import (
    AXIS_LABELS,
    LAST_COLOUR,
    LAYER_COLOURS,
    LEVEL_COLOUR,
    MARKERS,
    NULL_LEVEL,
    add_legend,
    scale_scores,
    set_ticks,
)

HIDDEN_COLOUR = LAYER_COLOURS[1]
LONGEST = 40  # characters of a layer's name
NEURON_INCHES, NEURON_POINTS = 0.11, 6  # of a row or column of the heat map, and of its neuron's number
HEAT_INCHES, BINS = 2.4, 50  # least width and height of the heat map; bins of the histogram


def plot_layers(figure: Layers) -> Canvas:
    """A line for each layer, the first on top, on the axis of the paper's figures."""
    canvas = Canvas(figsize=(7.2, 1.6 + 0.3 * len(figure.layers)), layout="constrained")
    panel = canvas.subplots()
    for place, (each, score) in enumerate(figure.scored):
        colour = LAST_COLOUR if each.layer == figure.last else HIDDEN_COLOUR
        at = each.interval
        if isfinite(at.low):
            panel.plot([at.low, at.high], [place, place], color=colour, linewidth=1.5)
        name = "ι_c, last layer" if each.layer == figure.last else "ι_c"
        panel.plot(at.estimate, place, marker="o", linestyle="", color=colour, markersize=5, label=name)
        panel.plot(score.score, place, "D", color=LEVEL_COLOUR, markersize=4, fillstyle="none", label="ι")
    panel.set_yticks(range(len(figure.layers)), [shortened(each.layer) for each in figure.layers])
    for label in panel.get_yticklabels():
        label.set_parse_math(False)  # a $ is a $
    panel.set_ylim(len(figure.layers) - 0.4, -0.6)
    panel.axvline(figure.margin, color=LEVEL_COLOUR, linestyle=":", linewidth=1.1, zorder=0.5)
    panel.axvline(NULL_LEVEL, color=LEVEL_COLOUR, linewidth=0.6, zorder=0.5)
    scale_scores(panel, "x", [x for e, s in figure.scored for x in (e.interval.low, e.interval.high, s.score)])
    panel.set_xlabel(AXIS_LABELS["corrected_score"])
    add_legend(canvas)
    return canvas


def plot_pairs(figure: Pairs) -> Canvas:
    """Histograms of the pairs and of their null, and a map of the strongest, as large as its neurons' numbers need."""
    strongest, values = figure.strongest, figure.corrected[figure.strongest]
    first, second = figure.found.pairs[strongest].T
    rows, columns = np.unique(first), np.unique(second)
    width, height = (max(HEAT_INCHES, NEURON_INCHES * len(neurons)) for neurons in (columns, rows))
    canvas = Canvas(figsize=(4.8 + width, 1.6 + height), layout="constrained")
    histogram, heat = canvas.subplots(1, 2, width_ratios=(3.2, width))
    draw_histogram(histogram, figure)
    drawn = heat.scatter(
        np.searchsorted(columns, second),
        np.searchsorted(rows, first),
        c=values,
        s=(72 * 0.8 * min(width / len(columns), height / len(rows), 3 * NEURON_INCHES)) ** 2,
        marker="s",
        cmap="viridis",
        norm="log" if values[0] > 10 * values[-1] > 0 else "linear",
        linewidths=0,
    )
    heat.set_xticks(range(len(columns)), columns.tolist(), fontsize=NEURON_POINTS, rotation=90)
    heat.set_yticks(range(len(rows)), rows.tolist(), fontsize=NEURON_POINTS)
    heat.set_xlim(-0.7, len(columns) - 0.3)
    heat.set_ylim(len(rows) - 0.3, -0.7)
    heat.set_xlabel("second neuron")
    heat.set_ylabel("first neuron")
    canvas.colorbar(drawn, ax=heat, label=AXIS_LABELS["corrected_score"])
    return canvas


def draw_histogram(panel: Axes, figure: Pairs) -> None:
    """Shares of the pairs and of their null; pairs far beyond the others are in the last bin."""
    known = figure.found.pair_mi[np.isfinite(figure.found.pair_mi)]
    null = figure.null[np.isfinite(figure.null)]
    ends = min(known.min(), null.min()), max(np.quantile(known, 0.98), null.max())
    edges = np.linspace(*ends, BINS + 1)
    looks = ((null, LEVEL_COLOUR, "permuted", False), (known, HIDDEN_COLOUR, "pairs", True))
    for values, colour, label, filled in looks:
        share = np.histogram(values.clip(*ends), edges)[0] / len(values)
        panel.stairs(share, edges, color=colour, label=label, fill=filled, alpha=0.6 if filled else 1, linewidth=1)
    panel.set_xlabel(AXIS_LABELS["pair_score"])
    panel.set_ylabel("share")
    panel.legend(fontsize=8)


def plot_checkpoints(figure: Checkpoints) -> Canvas:
    """A line for each layer over the steps; the last one stands out."""
    canvas = Canvas(figsize=(7.2, max(3.6, 0.2 * len(figure.layers))), layout="constrained")
    panel = canvas.subplots()
    ends: list[float] = []
    for number, name in enumerate(figure.layers):
        at = {step: found[name].interval for step, found in figure.of(name).items()}
        is_last = name == figure.layers[-1]
        colour = LAST_COLOUR if is_last else LAYER_COLOURS[number % len(LAYER_COLOURS)]
        marker, label = MARKERS[number // len(LAYER_COLOURS) % len(MARKERS)], svg_text(shortened(name))
        panel.plot(
            list(at), [each.estimate for each in at.values()], color=colour, marker=marker, markersize=4, label=label
        )
        for step, each in at.items():
            if isfinite(each.low):
                panel.plot([step, step], [each.low, each.high], color=colour, linewidth=1)
        ends += [end for each in at.values() for end in (each.low, each.estimate, each.high)]
    panel.axhline(figure.margin, color=LEVEL_COLOUR, linestyle=":", linewidth=1.1, zorder=0.5)
    scale_scores(panel, "y", ends)
    set_ticks(panel.xaxis, figure.steps)
    panel.set_xlabel("step")
    panel.set_ylabel(AXIS_LABELS["corrected_score"])
    add_legend(canvas)
    for text in canvas.legends[0].get_texts():
        text.set_parse_math(False)
    return canvas


def shortened(name: str) -> str:
    """The name as an SVG may hold it; of a name that is too long both ends."""
    name = svg_text(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2 - 1]}…{name[-LONGEST // 2 :]}"
