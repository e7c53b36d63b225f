"""`wndcheck measure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import (
    DATA,
    ENGINE,
    FILE,
    PROFILE,
    SCHEDULER,
    STORE,
    WORKERS,
    print_error,
    print_status,
    require,
    with_cli_options,
)
from wndcheck.seeds import BASE_SEED

if TYPE_CHECKING:
    from wndcheck.cli.measure_plan import MeasurePlan


@click.command(short_help="Train and measure the nets of a profile.")
@PROFILE
@click.option("--seed", metavar="N", type=int, default=BASE_SEED, show_default=True, help="Base seed; moves all seeds.")
@click.option(
    "--cells",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="A part of the profile (mlp, cifar10, initial, violations, ensembles, convnets, architectures, sensitivity, "
    "and of medium more-seeds, fixed-images, paper-recipe) or a shell pattern for labels, such as '*relu N=50 *'. May "
    "be given several times.  [default: all cells]",
)
@click.option("--device", metavar="auto|cpu|cuda|cuda:N", default="auto", show_default=True, help="Device that trains.")
@WORKERS
@ENGINE
@SCHEDULER
@STORE
@DATA
@click.option(
    "--log", type=FILE, help="File to add one line per measured cell to.  [default: measure.log next to the cells]"
)
@click.option(
    "--keep-weights",
    is_flag=True,
    help="Keep the nets that are trained now, at all stages, next to the cells (of ensembles, what was probed of "
    "them): when other quantities are to be measured, they need not be trained again.",
)
@click.option("--dry-run", is_flag=True, help="Measure nothing: show the work to do, and about how long it takes.")
@click.pass_context
def measure(
    context: click.Context,
    profile: str,
    seed: int,
    patterns: tuple[str, ...],
    device: str,
    workers: int | None,
    engine: str,
    scheduler: str | None,
    root: Path | None,
    data: Path | None,
    log: Path | None,
    keep_weights: bool,
    dry_run: bool,
) -> None:
    """Train and measure the nets of a profile, as far as the store lacks them.

    Several such commands, and runs of the claims, share one store and the work. Ctrl-C or a crash costs little: what is
    measured stays, and the same command goes on from the last checkpoint of what is half trained. On a CPU, cells that
    would keep a core for more than 45 minutes are measured in pieces and joined, by seeds. Nets that were kept are
    measured without training.

    Exit status: 0 if all the cells are measured; 1 if data is missing or a cell failed, with the reason on standard
    error; 2 if the command line is wrong; 130 if it was interrupted.
    """
    from wndcheck.cli.measure_plan import planned
    from wndcheck.store.executors import termination_as_interruption

    try:
        require(engine, scheduler)
        engine = "local" if dry_run else engine  # what is timed is this machine
        plan = planned(
            profile, seed, patterns, device, workers, root, make=not dry_run, say=print_status, engine=engine
        )
        for line in (plan.summary, *plan.remarks):
            print_status(f"wndcheck: {line}")
        if not dry_run:
            log = start_log(plan, log)
    except (ValueError, OSError) as error:
        raise click.UsageError(with_cli_options(error)) from None
    if log and not dry_run:
        with termination_as_interruption():
            context.exit(measure_missing(plan, log, data, keep_weights, scheduler))
    from wndcheck.cli.dry_run import show

    show(plan)


def start_log(plan: MeasurePlan, log: Path | None) -> Path:
    """Begin the log and return its path. OSError if it cannot be written."""
    from wndcheck.store import measure_log
    from wndcheck.store.files import UnwritableStore

    path = log.expanduser() if log else plan.store.root / measure_log.FILE
    try:
        measure_log.begin(path)
    except OSError as error:
        if not log:
            raise UnwritableStore(path.parent, error) from error
        raise OSError(f"the log {path} cannot be written ({error.strerror}): name another file with --log") from error
    return path


def measure_missing(plan: MeasurePlan, log: Path, data: Path | None, keep_weights: bool, scheduler: str | None) -> int:
    """Measure what is missing; return the exit status."""
    from wndcheck.datasets import DamagedData, load
    from wndcheck.report.format import count_of
    from wndcheck.store import engines

    data_root = str(data) if data else None
    task = engines.Task(plan.store.root.parent, log, plan.device, data_root, keep_weights)
    failures: list[str] = []

    def write(line: str) -> None:
        print_status(with_cli_options(line))

    try:
        for name in sorted({cell.dataset for cell in plan.missing}):
            load(name, data_root)  # fails now, not after hours of training, if data is missing or damaged
        if scheduler:
            failures = engines.on_dask(plan.missing, task, scheduler, write)
        elif plan.engine == "slurm":
            failures = engines.in_slurm_jobs(plan.missing, task, plan.workers, write)
        elif plan.workers > 1:
            failures = engines.in_worker_processes(plan.missing, task, plan.workers, write)
        else:
            engines.in_this_process(plan.missing, task, write)
    except KeyboardInterrupt:
        print_status(
            "wndcheck: interrupted: measured cells and checkpoints are kept, and the same command goes on from there"
        )
        return 130
    except (DamagedData, OSError) as error:
        print_error(error)
        return 1
    left = sum(not plan.store.has(cell) for cell in plan.cells)
    if left:
        print_error(f"{left} of {count_of(len(plan.cells), 'cell')} not measured; see the errors above")
        return 1
    if failures:
        print_status("wndcheck: in spite of the errors above all cells are measured: other workers took them over")
    click.echo(f"{count_of(len(plan.cells), 'cell')} measured, in {plan.store.root}")
    return 0
