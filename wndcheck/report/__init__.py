"""The report of a run: verdicts as JSON, a summary in Markdown, figures with their data.

It knows nothing of pytest, nor of where measurements are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wndcheck.report.deciding import deciding_check, format_interval
from wndcheck.report.files import encoded, strict_json, write_atomically
from wndcheck.report.gallery import FILES, all_figures, all_sections
from wndcheck.report.measured import Measured, gathered
from wndcheck.report.summary import summary

__all__ = ["Measured", "deciding_check", "format_interval", "gathered", "summary", "write_report"]


def write_report(folder: Path, document: dict[str, Any], measured: Measured) -> list[Path]:
    """Write `verdicts.json`, `summary.md` and, where there is data for them, each figure and table; their paths.

    A figure is an SVG and a CSV, a table a CSV. The folder is made if it is missing and describes one run alone: files
    of an earlier run that this one has no data for are removed. The figures, the only part that needs matplotlib, come
    last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures, sections = all_figures(document, measured), all_sections(document, measured)
    texts = {"verdicts.json": strict_json(document), "summary.md": summary(document, figures, sections)}
    texts |= {f"{figure.stem}.csv": figure.csv() for figure in figures}
    texts |= {name: text for section in sections for name, text in section.files.items()}
    for name in FILES.difference(texts, (f"{figure.stem}.svg" for figure in figures)):
        (folder / name).unlink(missing_ok=True)
    paths = [write_atomically(folder / name, encoded(text)) for name, text in texts.items()]
    if figures:
        from wndcheck.report.figures import svg

        paths += [write_atomically(folder / f"{figure.stem}.svg", svg(figure)) for figure in figures]
    return paths
