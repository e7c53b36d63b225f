"""The report of a run: verdicts as JSON, a summary in Markdown, figures with their data. It knows nothing of pytest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wndcheck.grids import Grid
from wndcheck.report.deciding import deciding_check, format_interval
from wndcheck.report.files import encoded, strict_json, write_atomically
from wndcheck.report.series import STEMS, all_figures
from wndcheck.report.summary import summary

__all__ = ["deciding_check", "format_interval", "summary", "write_report"]


def write_report(folder: Path, document: dict[str, Any], grids: dict[str, Grid]) -> list[Path]:
    """Write `verdicts.json`, `summary.md` and, where there is data for it, each figure as SVG and CSV; their paths.

    `grids` holds one grid an activation, by its name. The folder is made if it is missing and describes one run alone:
    figures of an earlier run that this one has no data for are removed. The figures, the only part that needs
    matplotlib, come last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = all_figures(document, grids)
    for stem in STEMS.difference(figure.stem for figure in figures):
        for suffix in (".svg", ".csv"):
            (folder / f"{stem}{suffix}").unlink(missing_ok=True)
    texts = {"verdicts.json": strict_json(document), "summary.md": summary(document, figures)}
    texts |= {f"{figure.stem}.csv": figure.csv() for figure in figures}
    paths = [write_atomically(folder / name, encoded(text)) for name, text in texts.items()]
    if figures:
        from wndcheck.report.figures import svg

        paths += [write_atomically(folder / f"{figure.stem}.svg", svg(figure)) for figure in figures]
    return paths
