"""How the layers of a user's network are drawn: a line each, the first on top."""

from __future__ import annotations

from math import inf, isfinite

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from wndcheck.report.layers import Layers, printable
from wndcheck.report.panels import AXIS_LABELS, NULL_LEVEL, SCORE_TICKS, add_legend
from wndcheck.report.style import LAST_COLOUR, LAYER_COLOURS, THRESHOLD

HIDDEN_COLOUR = LAYER_COLOURS[1]
LONGEST = 40  # letters of a layer's name


def of_layers(figure: Layers) -> Canvas:
    """Scores along the axis that those of the paper's figures have, too."""
    canvas = Canvas(figsize=(7.2, 1.6 + 0.3 * len(figure.layers)), layout="constrained")
    panel = canvas.subplots()
    for place, (each, score) in enumerate(figure.scored):
        colour = LAST_COLOUR if each.layer == figure.last else HIDDEN_COLOUR
        at = each.interval
        if isfinite(at.low):
            panel.plot([at.low, at.high], [place, place], color=colour, linewidth=1.5)
        name = "$\\iota_c$, last layer" if each.layer == figure.last else "$\\iota_c$"
        panel.plot(at.estimate, place, marker="o", linestyle="", color=colour, markersize=5, label=name)
        panel.plot(score.score, place, "D", color=THRESHOLD, markersize=4, fillstyle="none", label="$\\iota$")
    dress(panel, figure)
    add_legend(canvas)
    return canvas


def dress(panel: Axes, figure: Layers) -> None:
    """Names of the layers, thresholds, and an axis that is linear up to .1."""
    panel.set_yticks(range(len(figure.layers)), [shortened(each.layer) for each in figure.layers])
    for label in panel.get_yticklabels():
        label.set_parse_math(False)  # a name is a name
    panel.set_ylim(len(figure.layers) - 0.4, -0.6)
    panel.set_xscale("symlog", linthresh=0.1, linscale=2)
    panel.set_xticks(SCORE_TICKS, [f"{tick:g}" for tick in SCORE_TICKS])
    panel.set_xticks([], minor=True)
    panel.set_xlabel(AXIS_LABELS["corrected_score"])
    panel.axvline(figure.margin, color=THRESHOLD, linestyle=":", linewidth=1.1, zorder=0.5)
    panel.axvline(NULL_LEVEL, color=THRESHOLD, linewidth=0.6, zorder=0.5)
    ends = [x for each, score in figure.scored for x in (*bounds(each.interval.low, each.interval.high), score.score)]
    panel.set_xlim(min(-0.01, *ends) * 1.1, max(0.1, *ends) * 1.15)


def bounds(low: float, high: float) -> list[float]:
    return [x for x in (low, high) if abs(x) < inf]


def shortened(name: str) -> str:
    """A name that an SVG may hold, both ends of one that is too long."""
    name = printable(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2 - 1]}…{name[-LONGEST // 2 :]}"
