"""Figures as SVG, from the lines of `series`; the same lines give the same bytes. Matplotlib is only loaded here."""

from __future__ import annotations

import io
import warnings
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from wndcheck.report.alt import description
from wndcheck.report.experiment_panel import over_parameter
from wndcheck.report.layers import Layers
from wndcheck.report.layers_panel import of_layers
from wndcheck.report.panels import of_nets
from wndcheck.report.scatter import AnyFigure, Scatter
from wndcheck.report.scatter_panel import of_changes
from wndcheck.report.series import Figure
from wndcheck.report.style import CAPTION, SETTINGS


def svg(figure: AnyFigure | Layers) -> bytes:
    """The figure as an SVG file, with what it shows in words."""
    words = description(figure) if isinstance(figure, Figure) else figure.description
    metadata = {"Title": figure.title, "Description": words, "Date": None, "Creator": None}
    return saved(figure, "svg", metadata=metadata)


def saved(figure: AnyFigure | Layers, kind: str, **options: Any) -> bytes:
    """The figure as a file of a kind that matplotlib knows."""
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box is drawn; the page has the word
        canvas = canvas_of(figure)
        canvas.suptitle(figure.title, wrap=True)
        canvas.supxlabel(figure.caption, fontsize=8, color=CAPTION, wrap=True)
        FigureCanvasAgg(canvas)
        file = io.BytesIO()
        canvas.savefig(file, format=kind, **options)
    return file.getvalue()


def canvas_of(figure: AnyFigure | Layers) -> Canvas:
    if isinstance(figure, Scatter):
        return of_changes(figure)
    if isinstance(figure, Layers):
        return of_layers(figure)
    return of_nets(figure) if figure.x in ("width", "epochs") else over_parameter(figure)
