"""How figures look: light, thin lines, the colours of Okabe and Ito, which colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "wndcheck",  # otherwise every run would name its clip paths differently
    "svg.fonttype": "path",  # the same picture wherever it is read; the words are in the summary and the CSV
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
LAYER_COLOURS = ("#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#999999")
LAST_COLOUR = "#D55E00"
ESTIMATOR_COLOURS = {"vanilla": "#D55E00", "stabilised": "#0072B2", "entropy estimate": "#0072B2"}
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
THRESHOLD = "#444444"
CAPTION = "#555555"


def layer_look(layer: int, last: int) -> tuple[str, str]:
    """Colour and marker of a layer, counted from 1; the last layer's stand out."""
    if layer == last:
        return LAST_COLOUR, LAST_MARKER
    return LAYER_COLOURS[(layer - 1) % len(LAYER_COLOURS)], MARKERS[(layer - 1) % len(MARKERS)]
