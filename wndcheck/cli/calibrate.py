"""`wndcheck calibrate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import CLAIMS, DATA, FOLDER, PROFILE, STORE, print_error, expectations, with_cli_options, print_status

if TYPE_CHECKING:
    from wndcheck.authoring.calibration import Calibration
    from wndcheck.authoring.seed_runs import Series
    from wndcheck.verdicts.run import Run


@click.command(short_help="Verdicts of a profile under many base seeds.")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="Base seeds.")
@click.option("--first", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="The first one.")
@PROFILE
@CLAIMS
@STORE
@DATA
@click.option(
    "--report-folder",
    "folder",
    type=FOLDER,
    help="Where calibration.md and calibration.csv go.  [default: reports/calibration-PROFILE]",
)
@click.option("--workers", metavar="N", type=click.IntRange(min=1), help="Processes of a run.  [default: one a core]")
@click.option("--no-cache", is_flag=True, help="Run the seeds whose runs are kept, too.")
@click.pass_context
def calibrate(
    context: click.Context,
    seeds: int,
    first: int,
    profile: str,
    claims_folder: Path,
    root: Path | None,
    data: Path | None,
    folder: Path | None,
    workers: int | None,
    no_cache: bool,
) -> None:
    """Decide all claims under many base seeds, whose nets differ, and report how often each verdict is reached, the
    rates of wrong verdicts, and the nets that each check needs.

    A seed's run is kept below the store's folder, in calibration/PROFILE, and not repeated while the claims, wndcheck
    and the data sets found are the same; a run that failed is repeated. Ctrl-C costs the current run, not the nets it
    has measured.

    Exit status: 0 if no claim and no check was supported under one seed and refuted under another; 1 if one was, or if
    a run failed; 2 if the command line is wrong; 130 if it was interrupted.
    """
    from filelock import FileLock, Timeout

    from wndcheck.authoring.seed_runs import Series
    from wndcheck.experiment.profiles import named
    from wndcheck.store.measurements import store_root
    from wndcheck.store.worker_processes import termination_as_interruption

    expectations(claims_folder)  # refuses a folder that is not of claims
    series = Series(claims_folder, profile, store_root(root) / "calibration" / profile, root, data, workers)
    try:
        named(profile)
        series.work.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    except OSError as error:
        raise click.UsageError(
            f"the folder {series.work} cannot be made ({error.strerror}): name another folder with --store"
        ) from None
    try:
        with FileLock(series.work / ".lock", timeout=0), termination_as_interruption():
            calibration = carried_out(series, range(first, first + seeds), no_cache)
            status = written(calibration, series, folder or Path("reports") / f"calibration-{profile}")
    except KeyboardInterrupt:
        print_status("wndcheck: interrupted: finished runs are kept, and the same command goes on from there")
        status = 130
    except Timeout:
        raise click.UsageError(
            f"another calibration is running in {series.work}: wait for it, or name another folder with --store"
        ) from None
    except OSError as error:
        print_error(error)
        status = 1
    context.exit(status)


def carried_out(series: Series, seeds: range, no_cache: bool) -> Calibration:
    """Run the seeds whose runs are not kept, and read all; say a line a seed."""
    from wndcheck.authoring.calibration import Calibration

    runs: list[Run] = []
    failed: dict[int, str] = {}
    for place, seed in enumerate(seeds, 1):
        began = time.monotonic()
        kept = None if no_cache else series.kept(seed)
        status = 0 if kept else series.carry_out(seed)
        took = "kept" if kept else f"{time.monotonic() - began:.0f} s"
        which = f"seed {seed} ({place} of {len(seeds)}, {took})"
        if status:
            failed[seed] = f"pytest ended with status {status}"
            print_error(f"{which}: {failed[seed]}; its output is in {series.folder(seed)}:\n{series.end_of_log(seed)}")
        try:
            runs.append(run := kept or series.read(seed))
        except ValueError as error:
            if not status:
                print_error(f"{which}: {error}")
            failed.setdefault(seed, str(error))
        else:
            counts = ", ".join(f"{count} {verdict}" for verdict, count in run.counts.items())
            print_status(f"wndcheck: {which}: {len(run.claims)} claims: {counts}")
    return Calibration(runs, failed)


def written(calibration: Calibration, series: Series, folder: Path) -> int:
    """Write the tables and print what they come to; return the exit status."""
    from wndcheck.authoring import calibration_report
    from wndcheck.report.files import encoded, write_atomically

    if not calibration.runs:
        print_error("no run has come to verdicts: nothing is written")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    text = calibration_report.markdown(calibration, calibration.facts(series.digest))
    write_atomically(folder / "calibration.md", encoded(text))
    write_atomically(folder / "calibration.csv", encoded(calibration_report.csv(calibration)))
    flips = [f"flips: {flip}" for flip in calibration.flips]
    wrong = [f"wrong more often than 1 %: {check}" for check in calibration.too_often_wrong]
    summary = f"{calibration.summary}; {folder / 'calibration.md'}"
    click.echo("\n".join([summary, *flips, *wrong, calibration.resampling_summary]))
    return 1 if calibration.flips or calibration.failed else 0
