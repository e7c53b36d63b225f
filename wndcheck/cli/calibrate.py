"""`wndcheck calibrate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wndcheck.cli.console import (
    CLAIMS,
    DATA,
    FOLDER,
    PROFILE,
    STORE,
    Integer,
    expectations,
    print_error,
    print_status,
    with_cli_options,
)

if TYPE_CHECKING:
    from wndcheck.authoring.calibration import Calibration
    from wndcheck.authoring.seed_runs import Series
    from wndcheck.verdicts.run import Run


class SeedCount(Integer):
    """A number of seeds, whose error says how to name a range of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip().isdecimal():
            self.fail(f"{value!r} is not a number of seeds; seeds 3 to 5 are --first=3 --seeds=3", param, ctx)
        return super().convert(value, param, ctx)


@click.command(short_help="Decide a profile's claims under many base seeds.")
@click.option(
    "--seeds", metavar="N", type=SeedCount(min=1), default=20, show_default=True, help="Number of base seeds."
)
@click.option("--first", metavar="N", type=Integer(min=0), default=0, show_default=True, help="First base seed.")
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
@click.option("--workers", metavar="N", type=Integer(min=1), help="Processes per run.  [default: one per core]")
@click.option("--no-cache", is_flag=True, help="Also run the seeds whose runs are kept.")
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
    from wndcheck.store.executors import termination_as_interruption
    from wndcheck.store.measurements import store_root

    expectations(claims_folder)  # refuses a folder without claims
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
            calibration = run_seeds(series, range(first, first + seeds), no_cache)
            status = write_tables(calibration, series, folder or Path("reports") / f"calibration-{profile}")
    except KeyboardInterrupt:
        print_status("wndcheck: interrupted: finished runs are kept; the same command continues")
        status = 130
    except Timeout:
        raise click.UsageError(
            f"another calibration is running in {series.work}: wait for it, or name another folder with --store"
        ) from None
    except OSError as error:
        print_error(error)
        status = 1
    context.exit(status)


def run_seeds(series: Series, seeds: range, no_cache: bool) -> Calibration:
    """Run the seeds whose runs are not kept, and read all; print one line per seed."""
    from wndcheck.authoring.calibration import Calibration
    from wndcheck.report.format import count_of
    from wndcheck.report.wording import count_verdicts

    runs: list[Run] = []
    failed: dict[int, str] = {}
    for place, seed in enumerate(seeds, 1):
        began = time.monotonic()
        kept = None if no_cache else series.kept(seed)
        status = 0 if kept else series.run_claims(seed)
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
            print_status(f"wndcheck: {which}: {count_of(len(run.claims), 'claim')}: {count_verdicts(run)}")
    return Calibration(runs, failed)


def write_tables(calibration: Calibration, series: Series, folder: Path) -> int:
    """Write the tables and print a summary; return the exit status."""
    from wndcheck.authoring import calibration_report
    from wndcheck.report.files import encoded, write_atomically

    if not calibration.runs:
        print_error("no run finished: nothing is written")
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
