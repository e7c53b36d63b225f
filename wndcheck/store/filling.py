"""Fill the store with the cells a run needs, by itself or together with other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Protocol

from wndcheck.devices import cells_at_once, spare_bytes
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import cost, stack_bytes
from wndcheck.store.measurements import Store

Work = Generator[tuple[str, float], None, None]  # yields the activity, and the share of it that is done
POLL_SECONDS = 0.2  # seconds between polls of the cells that other processes have locked


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
    """Measure every cell the store lacks, longest first, but those that other processes have locked.

    Cells that share a device take turns, a stretch of training each. Returns when the store has all of them. A process
    that dies releases its cells, and they are measured here. A cell that cannot be measured is left out, and the first
    error is raised when the others are done. With `keep_weights` the nets that are trained are kept, to be measured
    again. Nothing is measured for a store that was named as complete: IncompleteStore if it lacks a cell.
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
    start = partial(measured, store=store, device=device, data_root=data_root, keep_weights=keep_weights)
    jobs: list[Job] = []
    failures: list[Exception] = []
    last_poll = -POLL_SECONDS
    try:
        while missing or jobs:
            if len(jobs) < cells_at_once(device) and time.monotonic() - last_poll >= POLL_SECONDS:
                missing = [cell for cell in missing if not store.has(cell)]
                jobs += new_jobs(missing, jobs, device, lambda cell: Job(cell, store, reporter, start))
                missing = [cell for cell in missing if cell not in {job.cell for job in jobs}]
                last_poll = time.monotonic()
            if not jobs:
                time.sleep(POLL_SECONDS)
            for job in list(jobs):
                try:
                    if job.advance():
                        continue
                except Exception as error:
                    failures.append(error)
                job.close()
                jobs.remove(job)
                last_poll = -POLL_SECONDS
    finally:
        for job in jobs:
            job.close()
    if failures:
        raise failures[0]


def new_jobs(missing: list[Cell], jobs: list[Job], device: str, start: Callable[[Cell], Job]) -> list[Job]:
    """Jobs for missing cells that are not locked, as many as the device has room for next to the running ones."""
    new: list[Job] = []
    for cell in missing:
        running = len(jobs) + len(new)
        if running == cells_at_once(device):
            break
        begun = sum(stack_bytes(job.cell, len(job.cell.seeds)) for job in new)  # takes its memory when it advances
        if running and begun + stack_bytes(cell, len(cell.seeds)) > spare_bytes(device):
            continue
        job = start(cell)
        if job.has_lock:
            new.append(job)
        else:
            job.close()
    return new


class Job:
    """One cell that this process measures, and keeps locked until the job is closed."""

    def __init__(self, cell: Cell, store: Store, reporter: Reporter, start: Callable[[Cell], Work]) -> None:
        self.cell, self.store, self.reporter, self.start = cell, store, reporter, start
        self.lock = ExitStack()
        self.has_lock = self.lock.enter_context(store.locked(cell))
        self.work: Work | None = None
        self.began = time.perf_counter()

    def advance(self) -> bool:
        """Do a piece of the work; return False when the store has the cell."""
        if self.work is None:
            if self.store.has(self.cell):  # measured by the process that had locked it before
                return False
            self.work = self.start(self.cell)
        try:
            self.reporter.working(self.cell, *next(self.work))
            return True
        except StopIteration:
            self.reporter.finished(self.cell, time.perf_counter() - self.began)
            return False
        except Exception as error:
            error.add_note(f"while training or measuring {self.cell.label}")
            raise

    def close(self) -> None:
        """Release the cell, measured or not."""
        if self.work:
            self.work.close()
        self.lock.close()


def measured(cell: Cell, *, store: Store, device: str, data_root: str | None, keep_weights: bool) -> Work:
    """Measure a cell piece by piece, and save its measurement."""
    from wndcheck.experiment.measurement.measuring import Keeping, measuring  # torch; a warm store needs none

    keeping = Keeping(store.checkpoints, store.weights, keep_weights)
    store.save((yield from measuring(cell, device=device, data_root=data_root, keeping=keeping)))
    store.checkpoints.discard(cell)
    if not keep_weights:
        return
    store.weights.discard_incomplete(cell)
    if not store.weights.has(cell):
        store.say(
            f"the nets of {cell.label} are not kept: an earlier run trained their first stages without --keep-weights"
        )


def longest_first(cells: Iterable[Cell]) -> list[Cell]:
    """Each cell once, the costliest first, in the same order in every process."""
    return sorted(set(cells), key=lambda cell: (-cost(cell), cell.key))
