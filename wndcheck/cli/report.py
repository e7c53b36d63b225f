"""`wndcheck report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import STORE, own_store, print_status, with_cli_options

if TYPE_CHECKING:
    from wndcheck.report.stored_nets import Measured
    from wndcheck.verdicts.run import Run


@click.command(short_help="Write the page of a run that has ended.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default=Path("reports/latest"))
@STORE
def report(folder: Path, root: Path | None) -> None:
    """Write index.html, one page that needs no network, from the verdicts.json and the figures in DIR.

    DIR is the folder of a report, `reports/latest` unless another is named. Tables, and figures that are missing there,
    are made from the store, where it has the run's nets: from the one in DIR, if there is one and --store does not name
    another. Nothing is measured, and other files that exist are not changed.

    Exit status: 0; 1 if the page cannot be written; 2 if the command line is wrong, verdicts.json or the store cannot
    be read, or a figure in DIR is not an SVG file.
    """
    from wndcheck.report.writing import write_page
    from wndcheck.verdicts.run_files import read_run, report_folder

    folder = report_folder(folder)
    try:
        run = read_run(folder)
        measured = stored(run, root or own_store(folder))
        paths = write_page(folder, run, measured)
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    except OSError as error:
        file = Path(error.filename or folder).name
        raise click.ClickException(
            f"{file} cannot be written to {folder} ({error.strerror}): copy the report to a folder of your own"
        ) from None
    if run.stopped:
        print_status(f"wndcheck: this is not a whole run: {run.stopped}")
    for path in paths[:-1]:
        print_status(f"wndcheck: made {path}")
    click.echo(f"{paths[-1]} ({paths[-1].stat().st_size / 1e6:.1f} MB)")


def stored(run: Run, root: Path | None) -> Measured:
    """Return what the store has of the run's nets: nothing without a store, or for a profile that this version lacks.

    UsageError where the store cannot be read; a file in it that cannot be read is named, and left out.
    """
    from wndcheck.experiment.profiles import PROFILES
    from wndcheck.report.stored_nets import Measured, gathered
    from wndcheck.store.measurements import Store

    store = Store(root, print_status, make=False)
    try:
        is_there = store.root.is_dir()
    except OSError as error:
        raise click.UsageError(
            f"the store {store.root} cannot be read ({error.strerror}): name another --store"
        ) from None
    if not is_there or run.profile not in PROFILES:
        return Measured()
    return gathered(PROFILES[run.profile], run.base_seed, store.load_readable)
