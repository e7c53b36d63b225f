"""Figures as SVG, from the lines of `series`; the same lines give the same bytes. Matplotlib is only loaded here."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg

from wndcheck.report.experiment_panel import over_parameter
from wndcheck.report.panels import of_nets
from wndcheck.report.series import Figure
from wndcheck.report.style import CAPTION, SETTINGS


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file."""
    return saved(figure, "svg", metadata={"Title": figure.title, "Date": None, "Creator": None})


def saved(figure: Figure, kind: str, **options: Any) -> bytes:
    """The figure as a file of a kind that matplotlib knows."""
    with matplotlib.rc_context(SETTINGS):
        canvas = of_nets(figure) if figure.x in ("width", "epochs") else over_parameter(figure)
        canvas.suptitle(figure.title)
        canvas.supxlabel(figure.caption, fontsize=8, color=CAPTION)
        FigureCanvasAgg(canvas)
        file = io.BytesIO()
        canvas.savefig(file, format=kind, **options)
    return file.getvalue()
