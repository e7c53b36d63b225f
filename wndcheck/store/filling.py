"""Fill the store with the cells a run needs, alone or together with other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol

from wndcheck.devices import cells_at_once, spare_bytes
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import cost, stack_bytes
from wndcheck.store.measurements import Store

if TYPE_CHECKING:
    from wndcheck.experiment.measurement.measuring import Work

PATIENCE = 0.2  # seconds between looks at the cells that other processes hold


class Reporter(Protocol):
    """Receives the events of filling a store. `share` runs from 0 to 1."""

    def planned(self, cells: list[Cell]) -> None: ...
    def working(self, cell: Cell, doing: str, share: float) -> None: ...
    def finished(self, cell: Cell, seconds: float) -> None: ...


def fill(
    cells: Iterable[Cell],
    store: Store,
    reporter: Reporter,
    *,
    device: str,
    data_root: str | None,
    keep_weights: bool = False,
) -> None:
    """Measure every cell the store lacks, longest first, leaving to other processes what they hold.

    Cells that share a device take turns, a stretch of training each. Returns when the store has all of them. A holder
    that dies releases its cell, and it is measured here. A cell that cannot be measured is left; when the others are
    done, the first error is raised. With `keep_weights` the nets that are trained are kept, to be measured again.
    Nothing is measured for a store that was named as complete: IncompleteStore if it lacks a cell.
    """
    wanted = longest_first(cells)
    missing = [cell for cell in wanted if not store.has(cell)]
    if store.is_complete:
        store.require(*missing)
        return
    for cell in set(wanted).difference(missing):
        store.checkpoints.discard(cell)  # of a process killed after it had saved the measurement
    if missing:
        reporter.planned(missing)
    start = partial(Job, store=store, reporter=reporter, device=device, data_root=data_root, keep_weights=keep_weights)
    jobs: list[Job] = []
    failures: list[Exception] = []
    looked = -PATIENCE
    try:
        while missing or jobs:
            if len(jobs) < cells_at_once(device) and time.monotonic() - looked >= PATIENCE:
                missing = [cell for cell in missing if not store.has(cell)]
                jobs += started(missing, start, jobs, device)
                missing = [cell for cell in missing if cell not in {job.cell for job in jobs}]
                looked = time.monotonic()
            if not jobs:
                time.sleep(PATIENCE)
            at_work = [job for job in jobs if advanced(job, failures)]
            if len(at_work) < len(jobs):
                looked = -PATIENCE
            jobs = at_work
    finally:
        for job in jobs:
            job.close()
    if failures:
        raise failures[0]


def advanced(job: Job, failures: list[Exception]) -> bool:
    """Advance the job; False when it is done, or failed: then the error is kept, and its cell is released."""
    try:
        return job.advance()
    except Exception as error:
        failures.append(error)
        job.close()
        return False


def started(missing: list[Cell], start: Callable[[Cell], Job], jobs: list[Job], device: str) -> list[Job]:
    """Jobs for as many of the missing cells as the device takes beside those at work, and nobody else holds."""
    fresh: list[Job] = []
    for cell in missing:
        running = len(jobs) + len(fresh)
        if running == cells_at_once(device):
            break
        begun = sum(stack_bytes(job.cell, len(job.cell.seeds)) for job in fresh)  # takes its memory when it advances
        if running and begun + stack_bytes(cell, len(cell.seeds)) > spare_bytes(device):
            continue
        job = start(cell)
        if job.is_mine:
            fresh.append(job)
        else:
            job.close()
    return fresh


class Job:
    """One cell at work in this process, which holds it until it is measured."""

    def __init__(
        self,
        cell: Cell,
        *,
        store: Store,
        reporter: Reporter,
        device: str,
        data_root: str | None,
        keep_weights: bool = False,
    ) -> None:
        self.cell, self.store, self.reporter = cell, store, reporter
        self.device, self.data_root, self.keep_weights = device, data_root, keep_weights
        self.held = ExitStack()
        self.is_mine = self.held.enter_context(store.held(cell))
        self.work: Work | None = None
        self.began = time.perf_counter()

    def advance(self) -> bool:
        """Do a piece of the work; False when the store has the cell."""
        if self.work is None:
            if self.store.has(self.cell):  # measured by the one who held it before
                self.close()
                return False
            self.work = self.started()
        try:
            self.reporter.working(self.cell, *next(self.work))
            return True
        except StopIteration as done:
            self.store.save(done.value)
            self.store.checkpoints.discard(self.cell)
            self.check_weights()
            self.reporter.finished(self.cell, time.perf_counter() - self.began)
            self.close()
            return False
        except Exception as error:
            error.add_note(f"while training or measuring {self.cell.label}")
            raise

    def started(self) -> Work:
        from wndcheck.experiment.measurement.measuring import Keeping, measuring  # torch; a warm store needs none

        keeping = Keeping(self.store.checkpoints, self.store.weights, self.keep_weights)
        return measuring(self.cell, device=self.device, data_root=self.data_root, keeping=keeping)

    def check_weights(self) -> None:
        """Remove what is of no use, and say so where nets were to be kept and are not."""
        if not self.keep_weights:
            return
        weights = self.store.weights
        weights.discard_incomplete(self.cell)
        if not weights.has(self.cell):
            self.store.say(
                f"the nets of {self.cell.label} are not kept: an earlier run trained their first stages without "
                "--keep-weights"
            )

    def close(self) -> None:
        """Release the cell, measured or not."""
        if self.work:
            self.work.close()
        self.held.close()


def longest_first(cells: Iterable[Cell]) -> list[Cell]:
    """Each cell once, the costliest first, in the same order in every process."""
    return sorted(set(cells), key=lambda cell: (-cost(cell), cell.key))
