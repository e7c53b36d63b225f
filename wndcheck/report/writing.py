"""Write the report of a run, or only its page, into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from shlex import quote

from wndcheck.experiment.profiles import PROFILES
from wndcheck.report.figure_model import Figure, Scatter
from wndcheck.report.figures import FIGURES, all_figures, bad_field
from wndcheck.report.files import encoded, write_atomically, write_together
from wndcheck.report.pages import PAGE, page, summary
from wndcheck.report.section_model import Section, measure_command
from wndcheck.report.stored_nets import Measured
from wndcheck.report.svg_images import Picture, picture, read_picture
from wndcheck.report.tables import ACCURACY, FILES, READINGS, all_sections
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import FILE, RunError, encode

LARGEST_NUMBER = 1e150


SUMMARY = "summary.md"
ALL_FILES = (PAGE, SUMMARY, *FILES, *(f"{stem}{suffix}" for stem in FIGURES for suffix in (".svg", ".csv")))


def write_report(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write `verdicts.json`, `summary.md`, each table (CSV) and figure (SVG, CSV) with data, and `index.html`.

    Returns their paths. The folder is made if it is missing and describes only this run: all files of an earlier run's
    report are replaced or removed. Where one cannot be written, such as on a full disk, the earlier report stays as it
    is; without one, verdicts.json alone is tried. Whatever else fails, verdicts.json is written, alone, and the error
    is raised after that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents, failure = {FILE: encode(run)}, None
    try:
        figures, sections = all_figures(run, measured), all_sections(run, measured)
        rest = {SUMMARY: encoded(summary(run, figures, sections))}
        rest |= {name: encoded(text) for section in sections for name, text in section.files.items()}
        contents |= rest | figures_and_page(run, figures, sections, {})
    except (Exception, KeyboardInterrupt) as error:
        failure = error
    try:
        paths = write_together(folder, contents, instead_of=ALL_FILES)
    except OSError:
        if not (folder / FILE).exists():
            with suppress(OSError):
                write_atomically(folder / FILE, contents[FILE])
        raise
    if failure:
        raise failure
    return paths


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
    there = {stem: read_picture(path) for stem in FIGURES if (path := folder / f"{stem}.svg").exists()}
    missing = [figure for figure in figures if figure.stem not in there]
    sections = with_missing(all_sections(run, measured), run, folder)
    return write_together(folder, figures_and_page(run, missing, sections, there))


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


def figures_and_page(
    run: Run, figures: Sequence[Figure | Scatter], sections: Sequence[Section], there: Mapping[str, Picture]
) -> dict[str, bytes]:
    """The files of some figures, and last the page with these and those that are there, by stem."""
    contents = {f"{figure.stem}.csv": encoded(figure.csv()) for figure in figures}
    pictures = dict(there)
    if figures:
        from wndcheck.report.plots import svg

        for figure in figures:
            contents[f"{figure.stem}.svg"] = drawing = svg(figure)
            pictures[figure.stem] = picture(figure.stem, drawing)
    ordered = [pictures[stem] for stem in FIGURES if stem in pictures]
    return contents | {PAGE: encoded(page(run, ordered, sections))}


def with_missing(sections: list[Section], run: Run, folder: Path) -> list[Section]:
    """The sections; in place of those whose nets the store lacks, the command that measures them."""
    if run.profile not in PROFILES:
        return sections
    titles = [section.title for section in sections]
    missing = [title for title in (ACCURACY, READINGS) if title not in titles]
    text = "The store does not have the nets for this table. To measure them, and write the page after that:"
    command = f"{measure_command(run.profile, run.base_seed)} && wndcheck report {quote(str(folder))}"
    return [*(Section(title, missing=text, command=command) for title in missing), *sections]
