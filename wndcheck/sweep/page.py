"""The report of a sweep: page, figure and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wndcheck.report.figure_model import Figure, csv_text
from wndcheck.report.figures import SCORES, entropy_figure
from wndcheck.report.files import encoded, write_together
from wndcheck.report.network import refuse_occupied
from wndcheck.report.network_figures import svg_text
from wndcheck.report.pages import PAGE, anchors, render
from wndcheck.report.svg_images import picture
from wndcheck.sweep.grids import SweepGrid
from wndcheck.verdicts.run_files import encode

if TYPE_CHECKING:
    from wndcheck.sweep.widths import WidthSweep

NUMBERS, ROWS, STEM = "sweep.json", "sweep.csv", "figure-sweep"
TITLE = "Wide nets of your own: entropy and dependence of neurons against width"


def figure_of(grid: SweepGrid) -> Figure:
    """Figures 2 and 3 of the paper for these nets. ValueError where no layer has an entropy."""
    figure = entropy_figure("Entropy and dependence of neurons against width", [grid], SCORES)
    if not figure:
        raise ValueError("no layer of these nets has an entropy: there is nothing to draw")
    *hidden, last = map(svg_text, grid.layers)
    return replace(figure, stem=STEM, layer_names=(*(f"layer {name}" for name in hidden), f"last layer, {last}"))


def write_sweep(
    folder: Path, sweep: WidthSweep, how: Mapping[str, object], environment: Mapping[str, object], command: str = ""
) -> list[Path]:
    """Write sweep.json (verdicts), sweep.csv (a row a net, stage and layer), the figure and index.html; their paths.

    `how` and `environment` are shown as they are; `command` repeats the sweep. OccupiedError where the folder holds the
    report of something else.
    """
    from wndcheck.report.plots import svg

    refuse_occupied(folder, NUMBERS)
    folder.mkdir(parents=True, exist_ok=True)
    claims = json.loads(encode(sweep.claims))
    document = {"how": dict(how), "environment": dict(environment), "claims": claims, "remarks": sweep.remarks}
    rows = sweep.rows()
    figure = figure_of(sweep.grid)
    drawing = svg(figure)
    contents = {
        NUMBERS: encode(document),
        ROWS: encoded(csv_text(rows[0], (row.values() for row in rows))),
        f"{STEM}.csv": encoded(figure.csv()),
        f"{STEM}.svg": drawing,
    }
    parts = {"verdicts": "Verdicts", "figure": "Figure", "claims": "Claims"}
    parts |= {"remarks": "What limits the verdicts"} if sweep.remarks else {}
    page = render(
        "sweep.html.j2",
        TITLE,
        str(how.get("make_net", "")),
        parts | {"how": "How it was measured", "environment": "Environment"},
        sweep=sweep,
        picture=picture(STEM, drawing),
        anchors=anchors((claim.id for claim in sweep.claims), "claim"),
        how=how,
        environment=environment,
        command_line=command,
    )
    contents[PAGE] = encoded(page)
    return write_together(folder, contents)
