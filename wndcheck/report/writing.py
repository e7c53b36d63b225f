"""Write the report of a run into a folder.

It knows nothing of pytest, nor of where measurements are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from wndcheck.experiment.profiles import PROFILES
from wndcheck.report.data import FIGURES, all_figures
from wndcheck.report.drawings import picture
from wndcheck.report.files import encoded, write_atomically
from wndcheck.report.measured import Measured
from wndcheck.report.pages import PAGE, page, summary
from wndcheck.report.series import Figure, Scatter
from wndcheck.report.tables import ACCURACY, FILES, READINGS, Section, all_sections, measure_command
from wndcheck.verdicts.run import FILE, Run, encode


def write_report(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write `verdicts.json`, `summary.md`, `index.html` and, where there is data for them, each figure and table.

    Returns their paths.

    A figure is an SVG and a CSV, a table a CSV. The folder is made if it is missing and describes one run alone: files
    of an earlier run that this one has no data for are removed. The figures, the only part that needs matplotlib, and
    the page, which has them all inside, come last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures, sections = all_figures(run, measured), all_sections(run, measured)
    contents = {FILE: encode(run), "summary.md": encoded(summary(run, figures, sections))}
    contents |= {f"{figure.stem}.csv": encoded(figure.csv()) for figure in figures}
    contents |= {name: encoded(text) for section in sections for name, text in section.files.items()}
    possible = {*FILES, *(f"{stem}{suffix}" for stem in FIGURES for suffix in (".svg", ".csv"))}
    for name in possible.difference(contents, (f"{figure.stem}.svg" for figure in figures)):
        (folder / name).unlink(missing_ok=True)
    paths = [write_atomically(folder / name, content) for name, content in contents.items()]
    drawings = draw(figures)
    paths += [write_atomically(folder / f"{stem}.svg", svg) for stem, svg in drawings.items()]
    pictures = [picture(stem, svg) for stem, svg in drawings.items()]
    return [*paths, write_atomically(folder / PAGE, encoded(page(run, pictures, sections)))]


def write_page(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write the page of a run whose report lies in the folder; the paths of what was written.

    Figures that lie there are taken as they are; those that are missing, and for which there is data, are made and
    written. FigureError for a figure's file that is not an SVG.
    """
    made = [figure for figure in all_figures(run, measured) if not (folder / f"{figure.stem}.svg").exists()]
    contents = {f"{figure.stem}.csv": encoded(figure.csv()) for figure in made}
    contents |= {f"{stem}.svg": svg for stem, svg in draw(made).items()}
    paths = [write_atomically(folder / name, content) for name, content in contents.items()]
    there = [stem for stem in FIGURES if (folder / f"{stem}.svg").exists()]
    pictures = [picture(stem, (folder / f"{stem}.svg").read_bytes()) for stem in there]
    text = page(run, pictures, with_missing(all_sections(run, measured), run, folder))
    return [*paths, write_atomically(folder / PAGE, encoded(text))]


def with_missing(sections: list[Section], run: Run, folder: Path) -> list[Section]:
    """The sections, and in place of those whose nets the store does not have, what to type.

    Nothing in place of them for a profile that this version does not have.
    """
    if run.profile not in PROFILES:
        return sections
    titles = [section.title for section in sections]
    missing = [title for title in (ACCURACY, READINGS) if title not in titles]
    words = "The store does not have the nets for this table. To measure them, and write the page after that:"
    command = f"{measure_command(run.profile, run.base_seed)} && wndcheck report {quote(str(folder))}"
    return [*(Section(title, missing=words, command=command) for title in missing), *sections]


def draw(figures: Iterable[Figure | Scatter]) -> dict[str, bytes]:
    """The figures as SVG files, by their stems."""
    if not (figures := list(figures)):
        return {}
    from wndcheck.report.plots import svg

    return {figure.stem: svg(figure) for figure in figures}
