"""Fill the store by calls that an executor carries out: in processes of this machine, Slurm jobs, a Dask cluster."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from wndcheck.datasets import DamagedData, MissingData
from wndcheck.devices import cells_at_once, one_thread_each, own_device
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.record_schema import Measurement
from wndcheck.store import executors
from wndcheck.store.files import UnwritableStore, temporary_folder
from wndcheck.store.filling import POLL_SECONDS, DeviceLost, Job, Piece, Turns, fill
from wndcheck.store.measure_log import Journal
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter, Lines, Watcher, append


@dataclass(frozen=True)
class Task:
    """The store to fill, and the options. `events` is the file to which processes of this machine append."""

    store: Path  # its root
    journal: Path
    device: str  # cpu, cuda or cuda:N
    data_root: str | None
    keep_weights: bool = False
    asked: Path | None = None  # a file in the store, there while it is filled: a worker that sees it sees the store
    events: Path | None = None


class Outcome(NamedTuple):
    """What a call sends: events that it could not append to a file, records of a store of its own, keys given up."""

    events: list[dict]
    records: list[Measurement]
    failed: list[str]


def in_this_process(cells: Sequence[Cell], task: Task, write: Callable[[str], None]) -> None:
    """Measure in this process, on all its cores, what the store lacks of the cells."""
    reporter = EventReporter(Lines(write).handle)
    store = Store(task.store, say=reporter.note)
    journal = Journal(task.journal, store, reporter)
    fill(
        cells,
        store,
        journal,
        device=own_device(task.device),
        data_root=task.data_root,
        keep_weights=task.keep_weights,
    )


def in_worker_processes(cells: Sequence[Cell], task: Task, workers: int, write: Callable[[str], None]) -> list[str]:
    """Measure them in that many processes of this machine, of one thread each; return the errors, each once."""
    with temporary_folder() as folder:
        events = folder / "events.jsonl"
        events.touch()
        lines = Lines(write)
        watcher = Watcher(events, lines)
        watcher.start()
        reporter = EventReporter(append(events))
        try:
            with executors.Processes(workers, reporter.note) as processes:
                submit(cells, replace(task, events=events), processes, workers, reporter)
        finally:
            watcher.stop()
    return lines.failures


def in_slurm_jobs(
    cells: Sequence[Cell], task: Task, jobs: int, write: Callable[[str], None], cluster: str = "slurm"
) -> list[str]:
    """Measure them in at most that many Slurm jobs at once; return the errors, each once."""
    reporter = EventReporter((lines := Lines(write)).handle)
    folder = Store(task.store).root / "slurm"
    with executors.SlurmJobs(jobs, reporter.note, folder, task.device, cluster) as slurm:
        submit(cells, task, slurm, jobs, reporter)
    return lines.failures


def on_dask(cells: Sequence[Cell], task: Task, scheduler: str, write: Callable[[str], None]) -> list[str]:
    """Measure them on the workers of a Dask scheduler, named by its address or file; return the errors, each once."""
    lines = Lines(write)
    with executors.dask_workers(scheduler) as (dask, workers):
        at_once = sys.maxsize if cells_at_once(task.device) == 1 else max(1, workers)  # Dask keeps the order
        submit(cells, task, dask, at_once, EventReporter(lines.handle))
    return lines.failures


def submit(cells: Sequence[Cell], task: Task, executor: Executor, at_once: int, reporter: EventReporter) -> None:
    """Measure what the store lacks of the cells by calls of the executor. Errors are reported.

    What dies is measured again, from its last checkpoint where workers share the store; where they do not, they send
    their records.
    """
    store = Store(task.store, say=reporter.note)
    with NamedTemporaryFile(dir=store.root / "locks", prefix="asked-") as asked, suppress(WorkersFailed):
        submitting = Submitting(executor, at_once, replace(task, asked=Path(asked.name)), store, reporter)
        fill(cells, store, reporter, device=task.device, data_root=None, turns=submitting)


# --- the process that asks --------------------------------------------------------------------------------------------


class WorkersFailed(Exception):
    """Pieces could not be measured, and the reason is reported."""


class Submitting(Turns):
    """Measures pieces by calls of an executor: one each on a CPU; a share each on GPUs, where they take turns."""

    def __init__(self, executor: Executor, at_once: int, task: Task, store: Store, reporter: EventReporter) -> None:
        self.executor, self.at_once, self.task, self.store, self.reporter = executor, at_once, task, store, reporter
        self.calls: Counter[str] = Counter()  # by the key of a piece

    def start(self, to_do: Sequence[Piece], jobs: Sequence[Job]) -> list[SubmittedJob]:
        room = self.at_once - len(jobs)
        # Locking a piece lists its folder, after which a file system shared between machines shows its record.
        free = [piece for piece in to_do if piece.is_free(self.store) and not piece.is_measured(self.store)]
        if lost := [piece for piece in free if self.calls[piece.cell.key] == executors.TRIES]:
            self.reporter.failed(
                f"{lost[0].cell.label}: {executors.TRIES} calls ended, and its record is not in {self.store.root}: see "
                "that workers and this process share that folder, or that workers have none of that name"
            )
            raise WorkersFailed
        shares = [[piece] for piece in free[:room]]
        if cells_at_once(self.task.device) > 1:
            shares = [free[first::room] for first in range(min(room, len(free)))]
        self.calls.update(piece.cell.key for share in shares for piece in share)
        return [SubmittedJob(share, self) for share in shares]

    def wait(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            time.sleep(POLL_SECONDS)
        wait([job.future for job in jobs if isinstance(job, SubmittedJob)], POLL_SECONDS, FIRST_COMPLETED)


class SubmittedJob:
    """A call that measures pieces."""

    def __init__(self, pieces: Sequence[Piece], by: Submitting) -> None:
        self.pieces, self.by = pieces, by
        self.future: Future[Outcome] = by.executor.submit(measured, by.task, pieces)

    def advance(self) -> bool:
        """Return False when the call has ended and what it sent is saved. WorkersFailed if it failed."""
        if not self.future.done():
            return True
        store, reporter, pieces = self.by.store, self.by.reporter, {piece.cell.key: piece for piece in self.pieces}
        try:
            events, records, failed = self.future.result()
        except Exception as error:
            reporter.failed(
                f"{self.pieces[0].cell.label}: no worker measured it ({str(error) or type(error).__name__})"
            )
            raise WorkersFailed from error
        for record in records:
            kept = pieces[record.cell.key].store(store)
            with kept.locked(record.cell):  # a process that locks it would remove the file as unfinished
                kept.save(record)
        for event in events:
            if event["event"] == "finished":
                journal = Journal(self.by.task.journal, store, reporter)
                journal.finished(pieces[event["key"]].cell, event["seconds"])
            else:
                reporter.send(event)
        if failed:
            self.pieces = [pieces[key] for key in failed]
            raise WorkersFailed
        return False

    def close(self) -> None:
        self.future.cancel()


# --- the workers ------------------------------------------------------------------------------------------------------


device_is_lost = False  # to this process, by a CUDA error


def measured(task: Task, pieces: Sequence[Piece]) -> Outcome:
    """Measure, in this process, those pieces of one store that no other process has locked. Errors become events."""
    global device_is_lost
    if device_is_lost:
        os._exit(1)  # a new process takes the call
    one_thread_each()
    events: list[dict] = []
    reporter = EventReporter(append(task.events)) if task.events else EventReporter(events.append, interval=inf)
    shares_store, failed = task.asked and task.asked.exists(), [piece.cell.key for piece in pieces]
    with temporary_folder() as own:
        whole = Store(task.store if shares_store else own, reporter.note)
        store, cells = pieces[0].store(whole), [piece.cell for piece in pieces if not piece.is_measured(whole)]
        journal = Journal(task.journal, whole, reporter) if task.events else reporter
        try:
            if task.keep_weights and not shares_store:
                raise UnwritableStore(task.store, OSError("a worker that is to keep nets does not share it"))
            device = own_device(task.device, executors.worker_number)
            options = {"data_root": task.data_root, "keep_weights": task.keep_weights}
            fill(cells, store, journal, device=device, wait=False, **options)
            failed = []
        except DeviceLost as error:
            reporter.failed(str(error))
            device_is_lost, failed = True, [error.piece.cell.key]
        except (MissingData, DamagedData, UnwritableStore) as error:
            reporter.failed(str(error))
        except Exception:
            reporter.failed(f"a cell could not be measured\n{traceback.format_exc().rstrip()}")
        records = [] if shares_store else [record for cell in cells if (record := store.load(cell))]
    return Outcome(events, records, failed)
