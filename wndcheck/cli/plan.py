"""`wndcheck plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import isfinite, isnan, nan
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import CLAIMS, STORE, WORKERS, columns, fitting, own_store, print_table, with_cli_options

if TYPE_CHECKING:
    from wndcheck.authoring.pooling import PooledCheck
    from wndcheck.experiment.cells import Cell
    from wndcheck.store.measurements import Store

# The columns taken from calibration's table.
COLUMNS = ("claimed", "n", "pooled mean", "sd between replicates", "P(inconclusive)", "for 90 %")
STACKED = 100  # columns; on a narrower terminal a check is named below its claim
# The columns left out of the table on a terminal narrower than the number.
LEFT_OUT = {175: ("pooled mean", "sd between replicates"), 135: ("n", "P(inconclusive)"), STACKED: ("check", "claimed")}
PIPED = 200  # columns where the output is not a terminal


@click.command(short_help="Nets needed for a verdict, and the minutes they cost.")
@click.argument("folders", metavar="[RUN_DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Show all checks, not only the one primary check per claim that needs most nets.",
)
@CLAIMS
@WORKERS
@STORE
def plan(folders: tuple[Path, ...], every: bool, claims_folder: Path, workers: int | None, root: Path | None) -> None:
    """Print, for the checks of a run, the nets that give the right verdict with 90 % probability, and the minutes that
    the missing ones cost.

    RUN_DIR is the folder of a report, with its verdicts.json; of several, with different base seeds, the values are
    pooled.  [default: reports/latest]

    P(inconclusive) is the probability that another run of as many nets (n) gives no verdict. Values are taken as
    normal, with the pooled mean and the sd between nets. Minutes are those of one check, from the seconds that the
    measurements of the store took, of the one in the first RUN_DIR if there is one and --store does not name another;
    other checks share its nets. Where the nets of most runs could not be measured, or did not train, more of them do
    not help, and the table says so. A narrow terminal shows fewer columns.

    `wndcheck calibrate` gives the rates of wrong verdicts.

    Exit status: 0; 2 if the command line is wrong, or there is no verdicts.json to read.
    """
    from wndcheck.authoring.calibration_report import describe_check
    from wndcheck.authoring.comparable_runs import comparable
    from wndcheck.authoring.pooling import pool_checks
    from wndcheck.devices import automatic_workers
    from wndcheck.report.format import MISSING, count_of, format_number, format_seeds
    from wndcheck.store.measurements import Store
    from wndcheck.verdicts.run_files import read_run

    try:
        folders = folders or (Path("reports/latest"),)
        runs = comparable([(folder, read_run(folder)) for folder in folders])
        shared_by = workers or automatic_workers("auto")
        store = Store(root or own_store(folders[0]), make=False)
        seconds = seconds_per_replicate(claims_folder, store, runs[0].profile, runs[0].base_seed)
        checks = [each for each in pool_checks(runs) if each.findings and not each.must_be]
        shown = checks if every else neediest(checks)
        minutes = [minutes_missing(each, seconds) / shared_by for each in shown]
        rows = [
            {"claim": each.claim, "check": each.name, **describe_check(each), "minutes": format_number(cost, 1)}
            for each, cost in zip(shown, minutes, strict=True)
        ]
    except (ValueError, OSError) as error:
        raise click.UsageError(with_cli_options(error)) from None
    if columns(PIPED) < STACKED:
        rows = [row | {"claim": f"{row['claim']}\n  {row['check']}"} for row in rows]
    head = fitting(("claim", "check", *COLUMNS, "minutes"), LEFT_OUT, columns(PIPED))
    cells = [[row[name] for name in head] for row in rows]
    width = print_table(head, cells, right=(*COLUMNS, "minutes"), unbroken=("claim",), piped=PIPED)
    seeds = f"base seed{'s' * (len(runs) > 1)} {format_seeds([run.base_seed for run in runs])}"
    basis = f"Profile {runs[0].profile}, {seeds}; minutes are for {count_of(shared_by, 'worker')}."
    if any(isnan(cost) and has_cost(each) for each, cost in zip(shown, minutes, strict=True)):
        basis += f" Minutes marked {MISSING} are unknown: {why_unknown(claims_folder, store, runs[0].profile)}."
    click.echo(fill(basis, width, break_long_words=False, break_on_hyphens=False))


def neediest(checks: Sequence[PooledCheck]) -> list[PooledCheck]:
    """Return the primary check of every claim that needs the most nets; the first of equals."""
    from wndcheck.report.format import group_by

    def needs(each: PooledCheck) -> float:
        nets = each.reliability.nets
        return -1 if isnan(nets) else nets

    groups = group_by((each for each in checks if each.primary), lambda each: each.claim)
    return [max(group, key=needs) for group in groups]


def has_cost(each: PooledCheck) -> bool:
    """Whether a finite number of nets, or ensembles, is missing, whose minutes a store can tell."""
    missing = each.reliability.nets - each.n
    return isfinite(missing) and missing > 0 and each.last.check.replicate != "experiments"


def why_unknown(folder: Path, store: Store, profile: str) -> str:
    """Return why the minutes of some checks are unknown, and what to do."""
    if not folder.is_dir():
        return f"the claims folder {folder} is not there; name it with --claims-folder"
    if not store.root.is_dir():
        return f"the store {store.root} is not there; name it with --store, or run `wndcheck measure` to fill it"
    command = f"wndcheck measure --profile={profile}"
    return f"the store {store.root} lacks some of their nets (run `{command}`), or {folder} the claim"


def minutes_missing(each: PooledCheck, seconds: Callable[[str, bool], float]) -> float:
    """Return the minutes of one worker for the replicates that the check lacks; NaN if unknown."""
    replicate, missing = each.last.check.replicate, each.reliability.nets - each.n
    if missing <= 0:
        return 0.0
    if not has_cost(each):
        return nan
    return missing * seconds(each.claim, replicate == "ensembles") / 60


def seconds_per_replicate(folder: Path, store: Store, profile: str, base_seed: int) -> Callable[[str, bool], float]:
    """Return a function of a claim's id: the seconds of one more net, or ensemble, in every cell of the claim.

    They are seconds of one core, or GPU; NaN where the store lacks a cell, or the claim is not in the folder or has no
    such cells.
    """
    from wndcheck.experiment.families import cells_of
    from wndcheck.experiment.profiles import PROFILES
    from wndcheck.verdicts.coverage.claim_files import claims_in

    known = folder.is_dir() and profile in PROFILES
    families = {each.id: each.claim.families for each in claims_in(folder)} if known else {}
    of_cell = cache(lambda cell: recorded_seconds(store, cell) / cell.replicates)

    def seconds(claim: str, ensembles: bool) -> float:
        cells = cells_of(families[claim], PROFILES[profile], base_seed) if claim in families else ()
        chosen = [cell for cell in cells if bool(cell.ensembles) == ensembles]
        return sum(map(of_cell, chosen)) if chosen else nan

    return seconds


def recorded_seconds(store: Store, cell: Cell) -> float:
    """Return the seconds to train and measure a cell; NaN if the store lacks it, or its file is damaged."""
    from wndcheck.store.files import DAMAGE
    from wndcheck.store.measurements import verified

    try:
        seconds = verified(store.path(cell)).provenance.get("seconds")
    except (*DAMAGE, OSError):
        return nan
    return float(sum(seconds.values())) if isinstance(seconds, dict) else nan
