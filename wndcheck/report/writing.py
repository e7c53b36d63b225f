"""Write the report of a run, or only its page, into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from shlex import quote

from wndcheck.experiment.profiles import PROFILES
from wndcheck.report.figure_model import Figure, Scatter
from wndcheck.report.figures import FIGURES, all_figures, bad_field
from wndcheck.report.files import encoded, write_atomically
from wndcheck.report.pages import PAGE, page, summary
from wndcheck.report.section_model import Section, measure_command
from wndcheck.report.stored_nets import Measured
from wndcheck.report.svg_images import read_picture
from wndcheck.report.tables import ACCURACY, FILES, READINGS, all_sections
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import FILE, RunError, encode

LARGEST_NUMBER = 1e150


def write_report(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write `verdicts.json`, `summary.md`, each table (CSV) and figure (SVG, CSV) with data, and `index.html`.

    Returns their paths. The folder is made if it is missing and describes only this run: figures and tables of an
    earlier run are removed. verdicts.json comes first, so that no fault of the rest loses it; figures, the only part
    that needs matplotlib, and the page, which includes them, come last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [write_atomically(folder / FILE, encode(run))]
    for name in (*FILES, *(f"{stem}{suffix}" for stem in FIGURES for suffix in (".svg", ".csv"))):
        (folder / name).unlink(missing_ok=True)
    figures, sections = all_figures(run, measured), all_sections(run, measured)
    contents = {"summary.md": encoded(summary(run, figures, sections))}
    contents |= {name: encoded(text) for section in sections for name, text in section.files.items()}
    paths += [write_atomically(folder / name, content) for name, content in contents.items()]
    return paths + write_figures_and_page(folder, run, figures, sections)


def write_page(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write the page of a run whose report is in the folder, and the figures with data that are missing there.

    Returns the paths of what was written, the page last. FigureError for a figure's file that is not an SVG, RunError
    for a number of the run that cannot be shown.
    """
    try:
        refuse_extreme_numbers(run)
        figures = all_figures(run, measured)
    except RunError as error:
        again = f"`pytest claims/ -n auto --wnd-report={quote(str(folder))}`"
        raise RunError(f"{folder / FILE}: {error}: run it again with {again}") from None
    missing = [figure for figure in figures if not (folder / f"{figure.stem}.svg").exists()]
    sections = with_missing(all_sections(run, measured), run, folder)
    return write_figures_and_page(folder, run, missing, sections)


def refuse_extreme_numbers(run: Run) -> None:
    """RunError for a number so large that its square has no place in a float, which only editing the file can give."""
    for finding in run.findings.values():
        at, region = finding.interval, finding.check.region
        numbers = {"interval.estimate": at.estimate, "interval.low": at.low, "interval.high": at.high}
        numbers |= {"check.region.low": region.low, "check.region.high": region.high}
        numbers |= {f"values[{i}]": value for i, value in enumerate(finding.values)}
        for field, number in numbers.items():
            if isfinite(number) and abs(number) > LARGEST_NUMBER:
                raise bad_field(finding, field, number, f"a number of at most {LARGEST_NUMBER:g}")


def write_figures_and_page(
    folder: Path, run: Run, figures: Sequence[Figure | Scatter], sections: Sequence[Section]
) -> list[Path]:
    """Write some figures, and the page with all that are then in the folder."""
    paths = [write_atomically(folder / f"{figure.stem}.csv", encoded(figure.csv())) for figure in figures]
    if figures:
        from wndcheck.report.plots import svg

        paths += [write_atomically(folder / f"{figure.stem}.svg", svg(figure)) for figure in figures]
    drawn = [folder / f"{stem}.svg" for stem in FIGURES]
    pictures = [read_picture(path) for path in drawn if path.exists()]
    return [*paths, write_atomically(folder / PAGE, encoded(page(run, pictures, sections)))]


def with_missing(sections: list[Section], run: Run, folder: Path) -> list[Section]:
    """The sections; in place of those whose nets the store lacks, the command that measures them."""
    if run.profile not in PROFILES:
        return sections
    titles = [section.title for section in sections]
    missing = [title for title in (ACCURACY, READINGS) if title not in titles]
    text = "The store does not have the nets for this table. To measure them, and write the page after that:"
    command = f"{measure_command(run.profile, run.base_seed)} && wndcheck report {quote(str(folder))}"
    return [*(Section(title, missing=text, command=command) for title in missing), *sections]
