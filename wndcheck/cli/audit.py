"""`wndcheck audit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import DATA, Integer, own_store, print_error, print_status, with_cli_options

LONGEST_NET = 300.0  # seconds of a core that a net may take of a cell that is not named

if TYPE_CHECKING:
    from wndcheck.experiment.cells import Cell
    from wndcheck.experiment.profiles import Profile
    from wndcheck.store.measurements import Store


@click.command(short_help="Train some nets of a committed run anew, and compare.")
@click.argument("folder", metavar="REPORT", type=click.Path(path_type=Path))
@click.option(
    "--cells",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="A part of the profile, or a shell pattern for labels, as of `wndcheck measure`. May be given several times.  "
    "[default: the cheapest cell of each family of nets, unless a net takes a core more than five minutes]",
)
@click.option(
    "--nets",
    type=Integer(min=1),
    metavar="N",
    help="Nets, or ensembles, to train of each cell, the first ones.  [default: as many as a core trains in a minute, "
    "at least one]",
)
@click.option("--device", metavar="auto|cpu|cuda|cuda:N", default="auto", show_default=True, help="Device that trains.")
@click.option(
    "--workers",
    metavar="N",
    type=Integer(min=1),
    help="Processes that share the work, of one core each.  [default: one per visible GPU, or core]",
)
@DATA
@click.pass_context
def audit(
    context: click.Context,
    folder: Path,
    patterns: tuple[str, ...],
    nets: int | None,
    device: str,
    workers: int | None,
    data: Path | None,
) -> None:
    """Train nets of a run anew, from the same seeds, and compare what is measured of them with the run's measurements,
    which are in REPORT/store. These and the report are not changed.

    One line per cell: "same bit for bit", as must be with the same versions and threads on the same kind of CPU;
    elsewhere "agrees" if before training there is no difference but rounding, and after it the differences by seed of
    every quantity of every layer have a mean of nearly 0 (t-tests at .01 over their number), "not tested" if fewer than
    five nets were trained for that (--nets), or "differs" and in what.

    Exit status: 0 if no cell differs; 1 if one does, or could not be compared, with the reason on standard error; 2 if
    the command line is wrong, or REPORT is not that of a run with its measurements; 130 if it was interrupted.
    """
    from wndcheck.devices import automatic_workers, resolve
    from wndcheck.experiment.profiles import named
    from wndcheck.report.format import count_of
    from wndcheck.store.audit import Agreement, compared, first_nets
    from wndcheck.store.files import temporary_folder
    from wndcheck.verdicts.run_files import read_run, report_folder

    folder = report_folder(folder)
    try:
        run = read_run(folder)
        resolve(device)
        store = committed_store(folder)
        cells = chosen_cells(named(run.profile), run.base_seed, patterns, store)
    except ValueError as error:
        raise click.UsageError(with_cli_options(error)) from None
    found = {cell: measurement for cell in cells if (measurement := store.load(cell))}
    parts = {cell: first_nets(cell, nets) for cell in found}
    if run.stopped:
        print_status(f"wndcheck: {folder} is not a whole run: {run.stopped}")
    with temporary_folder() as temporary:
        try:
            anew = measured([*parts.values()], temporary, device, workers or automatic_workers(device), data)
        except KeyboardInterrupt:
            context.exit(130)
        status = int(len(found) < len(cells))
        for cell, part in parts.items():
            if not (measurement := anew.load(part)):
                print_status(f"not measured: {cell.label}")
                status = 1
                continue
            result = compared(found[cell], measurement)
            status |= result.agreement is Agreement.DIFFERS
            of_nets = f"{part.replicates} of {count_of(cell.replicates, 'ensemble' if cell.ensembles else 'net')}"
            click.echo(
                f"{result.agreement:16}  {cell.label}, {of_nets}" + f": {result.evidence}" * bool(result.evidence)
            )
    context.exit(status)


def committed_store(folder: Path) -> Store:
    """Return the store of a report. ValueError if it has none, or not of this version."""
    from wndcheck.store.measurements import OF_REPORT, Store

    if not (store := own_store(folder)):
        raise ValueError(
            f"{folder} has no measurements: put them there with `wndcheck store export {folder / OF_REPORT}`"
        )
    return Store(store, print_status, complete=True)


def chosen_cells(profile: Profile, base_seed: int, patterns: Sequence[str], store: Store) -> list[Cell]:
    """Return the cells of the store that the patterns name, or the cheapest of each family. ValueError without any."""
    from wndcheck.cli.measure_plan import selected
    from wndcheck.experiment.costs import core_seconds
    from wndcheck.experiment.families import FAMILIES, cells_of
    from wndcheck.store.audit import first_nets

    groups = selected(profile, base_seed, patterns).values()
    if not patterns:
        groups = (cells_of([family], profile, base_seed) for family in FAMILIES)
    held = [[cell for cell in cells if store.has(cell)] for cells in groups]
    chosen = [cells if patterns else [min(cells, key=core_seconds)] for cells in held if cells]
    for cells in chosen if not patterns else ():
        if (seconds := core_seconds(first_nets(cells[0], 1))) > LONGEST_NET:
            minutes = f"{seconds / 60:.0f} minutes"
            print_status(f"left out, as a net takes a core some {minutes}: {cells.pop().label} (--cells names it)")
    if not any(chosen):
        which = "that --cells names" if patterns else "in this version of the record"
        raise ValueError(
            f"{store.root} has no cell of profile {profile.name}, base seed {base_seed}, {which}: `wndcheck store list "
            f"--store={store.root}` lists what it has"
        )
    return list(dict.fromkeys(cell for cells in chosen for cell in cells))


def measured(cells: list[Cell], root: Path, device: str, workers: int, data: Path | None) -> Store:
    """Train and measure cells whose data is here, in a new store. Errors are printed."""
    from wndcheck.datasets import DamagedData, load
    from wndcheck.devices import resolve
    from wndcheck.store.engines import Task, in_worker_processes
    from wndcheck.store.executors import termination_as_interruption
    from wndcheck.store.measurements import Store

    data_root, missing = str(data) if data else None, set()
    for name in sorted({cell.dataset for cell in cells}):
        try:
            load(name, data_root)
        except (DamagedData, OSError) as error:
            print_error(error)
            missing.add(name)
    here = tuple(cell for cell in cells if cell.dataset not in missing)
    with termination_as_interruption():
        if not here:
            return Store(root, print_status)
        task = Task(root, root / "measure.log", resolve(device), data_root)
        in_worker_processes(here, task, min(workers, len(here)), lambda line: print_status(with_cli_options(line)))
    return Store(root, print_status)
