"""Figures as SVG files; the same figure gives the same bytes. Only this and `plot_panels` import matplotlib."""

from __future__ import annotations

import io
import re
import warnings
from math import inf, isfinite
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.report.figure_model import Figure, Line, Scatter
from wndcheck.report.format import layer_name
from wndcheck.report.network import Layers, svg_text
from wndcheck.report.plot_panels import (
    AXIS_LABELS,
    LAST_COLOUR,
    LAYER_COLOURS,
    LEVEL_COLOUR,
    NULL_LEVEL,
    SCORE_TICKS,
    add_legend,
    draw_means,
    layer_look,
    plot_nets,
    set_ticks,
)

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "wndcheck",  # otherwise every run would name its clip paths differently
    "svg.fonttype": "none",  # text stays text
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ebebeb",
    "grid.linewidth": 0.6,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.minor.visible": False,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}
# What each colour becomes where the reader's system, or the page, is dark: an SVG in an <img> follows its color-scheme.
DARK = {
    "#ffffff": "#1b1f23",
    "#000000": "#e8e8e4",
    "#333333": "#e8e8e4",
    "#444444": "#e8e8e4",
    "#555555": "#a6adb5",
    "#ebebeb": "#2e343a",
    "#0072b2": "#3c97dc",
    "#56b4e9": "#9bd5fa",
    "#009e73": "#1fc196",
    "#cc79a7": "#dd94bd",
    "#e69f00": "#f0b52f",
    "#d55e00": "#f07f2b",
    "#999999": "#8d949b",
}
RULES = [
    f'[style*="{name}: {light}"] {{ {name}: {dark} !important }}'
    for light, dark in DARK.items()
    for name in ("fill", "stroke")
]
STYLE = f"@media (prefers-color-scheme: dark) {{ text {{ fill: {DARK['#000000']} }} {' '.join(RULES)} }}"
FONT, FALLBACKS = "'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif"
DRAWN = re.compile(r' (?:d|x|y)="[^"]*"')
DIGITS = re.compile(r"(\.\d\d)\d+")  # beyond a hundredth of a point
PARAMETER_LABELS = {"k": "neighbours k", "m": "samples M", "rho": "correlation ρ"}
ESTIMATOR_COLOURS = {"vanilla": "#D55E00", "stabilised": "#0072B2", "entropy estimate": "#0072B2"}
LEMMA_TICKS = (-1, -0.1, 0, 0.1, 1)
HIDDEN_COLOUR = LAYER_COLOURS[1]
LONGEST = 40  # characters of a layer's name


def svg(figure: Figure | Scatter | Layers) -> bytes:
    """The figure as an SVG file, with its title and description."""
    metadata = {"Title": figure.title, "Description": figure.description, "Date": None, "Creator": None}
    file = io.BytesIO()
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it is only measured as a box: text stays text
        drawing(figure).savefig(file, format="svg", metadata=metadata)
    text = file.getvalue().decode().replace("</style>", f"{STYLE}</style>", 1).replace(FONT, FALLBACKS)
    return DRAWN.sub(lambda found: DIGITS.sub(r"\1", found[0]), text).encode()


def drawing(figure: Figure | Scatter | Layers) -> Canvas:
    """The figure with its title and caption, as matplotlib has it."""
    with matplotlib.rc_context(SETTINGS):
        canvas = plot(figure)
        canvas.suptitle(figure.title, wrap=True)
        canvas.supxlabel(figure.caption, fontsize=8, color=SETTINGS["axes.edgecolor"], wrap=True)
        FigureCanvasAgg(canvas)
    return canvas


def plot(figure: Figure | Scatter | Layers) -> Canvas:
    if isinstance(figure, Scatter):
        return plot_changes(figure)
    if isinstance(figure, Layers):
        return plot_layers(figure)
    return plot_nets(figure) if figure.x in ("width", "epochs") else plot_experiment(figure)


# --- experiments of the estimators ------------------------------------------------------------------------------------


def plot_experiment(figure: Figure) -> Canvas:
    """One panel over k, M or ρ: the truth, every experiment, the means, and the margins of the checks."""
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
        draw_means(panel, line, colour, marker, name, joined=figure.x != "rho")
        draw_margins(panel, line, colour, places, truth)
    if figure.x == "m":
        panel.set_xscale("log")
    if figure.x != "rho":
        set_ticks(panel.xaxis, places)
    panel.set_xlabel(PARAMETER_LABELS[figure.x])
    panel.set_ylabel("mutual information (nats)" if figure.x == "rho" else "entropy (nats)")
    canvas.legend(loc="outside right center", fontsize=8)
    return canvas


def truth_line(figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Places and the truth there: a curve over ρ, the same everywhere over k and M."""
    places = sorted({x for line in figure.lines for x in line.x})
    if figure.x != "rho":
        return np.array(places), np.full(len(places), figure.lines[0].truth[0])
    curve = np.union1d(np.linspace(places[0], places[-1], 200), places)
    return curve, np.array([gaussian_information(rho) for rho in curve])


def draw_margins(panel: Axes, line: Line, colour: str, places: np.ndarray, truth: np.ndarray) -> None:
    """The borders of the checks' regions, dotted."""
    label = f"margin, {line.labels['estimator']}"
    borders = {border for region in line.regions for border in (region.low, region.high) if isfinite(border)}
    for border in sorted(borders):
        panel.plot(places, truth + border, color=colour, linestyle=":", linewidth=1.1, label=label)
        label = "_"  # a leading underscore keeps the other border out of the legend


# --- information gained against entropy gained ------------------------------------------------------------------------


def plot_changes(figure: Scatter) -> Canvas:
    """A panel for each activation, all on the same axes."""
    names = list(dict.fromkeys(point.activation for point in figure.plotted_points))
    canvas = Canvas(figsize=(1.6 + 3.6 * len(names), 4.3), layout="constrained")
    axes = canvas.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
    for panel, name in zip(axes, names, strict=True):
        for layer in range(1, figure.last + 1):
            draw_layer(panel, figure, name, layer)
        draw_bound(panel, figure)
        panel.set_title(name)
        panel.set_xlabel(AXIS_LABELS["entropy_change"])
    axes[0].set_ylabel(AXIS_LABELS["score_change"])
    add_legend(canvas)
    return canvas


def draw_layer(panel: Axes, figure: Scatter, activation: str, layer: int) -> None:
    """The last stage strong, in markers that differ by layer; earlier ones as faint dots."""
    points = [point for point in figure.plotted_points if (point.activation, point.layer) == (activation, layer)]
    last = max(point.epochs for point in figure.plotted_points)
    colour, marker = layer_look(layer, figure.last)
    for strong in (False, True):
        shown = [point for point in points if (point.epochs == last) == strong]
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


def draw_bound(panel: Axes, figure: Scatter) -> None:
    """Both axes linear up to 0.1 and logarithmic above, so that the bound is a straight line."""
    x = [point.entropy_change for point in figure.plotted_points]
    y = [point.score_change for point in figure.plotted_points]
    panel.set_xscale("symlog", linthresh=0.1)
    panel.set_yscale("symlog", linthresh=0.1)
    for axis in (panel.xaxis, panel.yaxis):
        set_ticks(axis, LEMMA_TICKS)
    low, high = min(*x, *y, -0.02) * 1.2, max(*x, *y, 0.1) * 1.3
    ends = [low, -0.1, 0, 0.1, high] if low < -0.1 else [low, 0, 0.1, high]
    panel.plot(ends, ends, color=LEVEL_COLOUR, linewidth=1.1, label="bound, ΔI = ΔH")
    panel.set_xlim(min(*x, -0.02) * 1.2, max(*x, 0.1) * 1.3)
    panel.set_ylim(min(*y, -0.02) * 1.2, max(*y, 0.1) * 1.3)


# --- layers of a user's network ---------------------------------------------------------------------------------------


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
    panel.set_xscale("symlog", linthresh=0.1, linscale=2)
    set_ticks(panel.xaxis, SCORE_TICKS)
    panel.set_xlabel(AXIS_LABELS["corrected_score"])
    panel.axvline(figure.margin, color=LEVEL_COLOUR, linestyle=":", linewidth=1.1, zorder=0.5)
    panel.axvline(NULL_LEVEL, color=LEVEL_COLOUR, linewidth=0.6, zorder=0.5)
    ends = [x for each, score in figure.scored for x in (each.interval.low, each.interval.high, score.score)]
    ends = [x for x in ends if abs(x) < inf]
    panel.set_xlim(min(-0.01, *ends) * 1.1, max(0.1, *ends) * 1.15)
    add_legend(canvas)
    return canvas


def shortened(name: str) -> str:
    """The name as an SVG may hold it; of a name that is too long both ends."""
    name = svg_text(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2 - 1]}…{name[-LONGEST // 2 :]}"
