"""How information gained is drawn against entropy gained."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from wndcheck.report.panels import AXIS_LABELS, add_legend
from wndcheck.report.rows import layer_name
from wndcheck.report.scatter import Scatter
from wndcheck.report.style import THRESHOLD, layer_look

TICKS = (-1, -0.1, 0, 0.1, 1)


def of_changes(figure: Scatter) -> Canvas:
    """A panel for each activation, all on the same axes."""
    names = list(dict.fromkeys(point.activation for point in figure.shown))
    canvas = Canvas(figsize=(1.6 + 3.6 * len(names), 4.3), layout="constrained")
    axes = canvas.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
    for panel, name in zip(axes, names, strict=True):
        for layer in range(1, figure.last + 1):
            draw_layer(panel, figure, name, layer)
        dress(panel, figure)
        panel.set_title(name)
        panel.set_xlabel(AXIS_LABELS["entropy_change"])
    axes[0].set_ylabel(r"score change $\Delta\iota$ (nats)")
    add_legend(canvas)
    return canvas


def draw_layer(panel: Axes, figure: Scatter, activation: str, layer: int) -> None:
    """The last stage strong, in markers that differ by layer; earlier ones as faint dots."""
    points = [point for point in figure.shown if (point.activation, point.layer) == (activation, layer)]
    end = max(point.epochs for point in figure.shown)
    colour, marker = layer_look(layer, figure.last)
    for strong in (False, True):
        shown = [point for point in points if (point.epochs == end) == strong]
        panel.plot(
            [point.entropy_change for point in shown],
            [point.score_change for point in shown],
            linestyle="",
            marker=marker if strong else ".",
            markersize=3.5 if strong else 2.5,
            markeredgewidth=0,
            color=colour,
            alpha=0.75 if strong else 0.3,
            label=layer_name(layer, figure.last) if strong else "_",
        )


def dress(panel: Axes, figure: Scatter) -> None:
    """Both axes linear up to .1 and logarithmic above, so that the bound is a straight line."""
    x = [point.entropy_change for point in figure.shown]
    y = [point.score_change for point in figure.shown]
    panel.set_xscale("symlog", linthresh=0.1)
    panel.set_yscale("symlog", linthresh=0.1)
    panel.set_xticks(TICKS, map(str, TICKS))
    panel.set_yticks(TICKS, map(str, TICKS))
    panel.set_xticks([], minor=True)
    panel.set_yticks([], minor=True)
    low, high = min(*x, *y, -0.02) * 1.2, max(*x, *y, 0.1) * 1.3
    ends = [low, -0.1, 0, 0.1, high] if low < -0.1 else [low, 0, 0.1, high]
    panel.plot(ends, ends, color=THRESHOLD, linewidth=1.1, label="bound, ΔI = ΔH")
    panel.set_xlim(min(*x, -0.02) * 1.2, max(*x, 0.1) * 1.3)
    panel.set_ylim(min(*y, -0.02) * 1.2, max(*y, 0.1) * 1.3)
