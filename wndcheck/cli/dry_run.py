"""`wndcheck measure --dry-run`: the work to do, by part, and the time it takes, roughly."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import print_status, print_table
from wndcheck.cli.measure_plan import MeasurePlan
from wndcheck.devices import one_thread_each, own_device
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds, stack_bytes, training_flops
from wndcheck.store.progress import format_duration

if TYPE_CHECKING:
    from wndcheck.store.time_prediction import TimingModel

HEAD = ("part", "cells", "measured", "pieces", "nets to do", "TFLOP", "core hours", "largest stack", "about")
LOG_WIDTH = 100  # columns where the output is not a terminal


def show(plan: MeasurePlan) -> None:
    """Print the table, and what its times rest on."""
    calibration = timed(plan) if plan.missing else None
    rows = [[part, *row(cells, plan, calibration)] for part, cells in plan.parts.items()]
    total = ["total", *row(plan.cells, plan, calibration)]
    width = print_table(HEAD, rows, right=HEAD[1:], unbroken=HEAD, total=total, piped=LOG_WIDTH)
    click.echo(fill(basis(plan, calibration) if calibration else "Nothing is left to do.", width))


def row(cells: Sequence[Cell], plan: MeasurePlan, calibration: TimingModel | None) -> list[str]:
    """Numbers of cells and of measured ones; nets, operations, memory and time of the others."""
    missing = [cell for cell in cells if cell in plan.missing]
    counts = [str(len(cells)), str(len(cells) - len(missing))]
    if not missing or not calibration:
        return [*counts, "0", "0", "", "", "", ""]
    to_do = [piece for cell in missing for piece in plan.pieces(cell)]
    return [
        *counts,
        str(len(to_do)),
        str(sum(len(cell.seeds) for cell in missing)),
        f"{sum(training_flops(cell) for cell in missing if cell not in plan.kept) / 1e12:,.2f}",
        f"{sum(map(core_seconds, to_do)) / 3600:,.2f}",
        f"{max(stack_bytes(piece, len(piece.seeds)) for piece in to_do) / 1e9:.2f} GB",
        format_duration(calibration.together(to_do, plan.workers, plan.kept)),
    ]


def timed(plan: MeasurePlan) -> TimingModel:
    """Return timings on this machine, with the threads that a worker will have."""
    if plan.workers > 1:
        one_thread_each()
    from wndcheck.store.time_prediction import calibrated

    device = own_device(plan.device)
    print_status(f"wndcheck: timing a few steps and estimates on {device}")
    return calibrated(plan.missing, device)


def basis(plan: MeasurePlan, calibration: TimingModel) -> str:
    """Return the basis of the times, as text."""
    again = ""
    if plan.trained_again:
        seconds = calibration.together(plan.trained_again, plan.workers)
        again = f"Of the time, about {format_duration(seconds)} are for cells that are trained again. "
    workers = f"{plan.workers} workers" if plan.workers > 1 else "one worker"
    stacks = f"on {calibration.stacks} stacks of nets trained for some steps, and " if calibration.stacks else ""
    return again + (
        f"Times are for {workers} on {calibration.device}; a part's is for that part only. They rest {stacks}on a few "
        "hundred estimates of pairs, timed just now with random images. Starting up and other work on this machine "
        "come on top; what is half trained takes less. Core hours are counted, for cores of 50 GFLOP/s."
    )
