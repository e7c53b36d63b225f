"""The report of a run: verdicts as JSON, a summary in Markdown, figures with their data, and a page of it all.

It knows nothing of pytest, nor of where measurements are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wndcheck.report.deciding import deciding_check, format_interval
from wndcheck.report.files import encoded, strict_json, write_atomically
from wndcheck.report.gallery import FILES, STEMS, TITLES, all_figures, all_sections
from wndcheck.report.markdown import Section
from wndcheck.report.measured import Measured, gathered
from wndcheck.report.page import FILE as PAGE
from wndcheck.report.page import page, picture
from wndcheck.report.page.markdown import sections_of
from wndcheck.report.scatter import AnyFigure
from wndcheck.report.summary import summary

__all__ = ["Measured", "deciding_check", "format_interval", "gathered", "summary", "write_page", "write_report"]


def write_report(folder: Path, document: dict[str, Any], measured: Measured) -> list[Path]:
    """Write `verdicts.json`, `summary.md`, `index.html` and, where there is data for them, each figure and table.

    Returns their paths.

    A figure is an SVG and a CSV, a table a CSV. The folder is made if it is missing and describes one run alone: files
    of an earlier run that this one has no data for are removed. The figures, the only part that needs matplotlib, and
    the page, which has them all inside, come last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures, sections = all_figures(document, measured), all_sections(document, measured)
    texts = {"verdicts.json": strict_json(document), "summary.md": summary(document, figures, sections)}
    texts |= {f"{figure.stem}.csv": figure.csv() for figure in figures}
    texts |= {name: text for section in sections for name, text in section.files.items()}
    for name in FILES.difference(texts, (f"{figure.stem}.svg" for figure in figures)):
        (folder / name).unlink(missing_ok=True)
    paths = [write_atomically(folder / name, encoded(text)) for name, text in texts.items()]
    drawings = drawn(figures)
    paths += [write_atomically(folder / f"{stem}.svg", svg) for stem, svg in drawings.items()]
    pictures = [picture(stem, svg) for stem, svg in drawings.items()]
    return [*paths, write_atomically(folder / PAGE, encoded(page(document, pictures, sections)))]


def write_page(folder: Path, document: dict[str, Any], measured: Measured) -> list[Path]:
    """Write the page of a run whose report lies in the folder; the paths of what was written.

    Figures and sections that lie there are taken as they are; those that are missing, and for which there is data, are
    made, and the figures written. PictureError for an SVG file that is none.
    """
    figures, sections = all_figures(document, measured), all_sections(document, measured)
    made = [figure for figure in figures if not (folder / f"{figure.stem}.svg").exists()]
    texts = {f"{figure.stem}.csv": encoded(figure.csv()) for figure in made}
    texts |= {f"{stem}.svg": svg for stem, svg in drawn(made).items()}
    paths = [write_atomically(folder / name, content) for name, content in texts.items()]
    there = [f"figure-{stem}" for stem in STEMS if (folder / f"figure-{stem}.svg").exists()]
    pictures = [picture(stem, (folder / f"{stem}.svg").read_bytes()) for stem in there]
    text = page(document, pictures, kept_sections(folder, sections))
    return [*paths, write_atomically(folder / PAGE, encoded(text))]


def drawn(figures: list[AnyFigure]) -> dict[str, bytes]:
    """The figures as SVG files, by their stems."""
    if not figures:
        return {}
    from wndcheck.report.figures import svg

    return {figure.stem: svg(figure) for figure in figures}


def kept_sections(folder: Path, made: list[Section]) -> list[Section]:
    """The sections in the folder's summary.md, and those made anew that it lacks."""
    try:
        summary = (folder / "summary.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        summary = ""
    by_title = {section.title: section for section in made}
    by_title |= {title: Section(title, parts, {}) for title, parts in sections_of(summary, TITLES).items()}
    return [by_title[title] for title in TITLES if title in by_title]
