"""Fill the store with the cells a run needs, by itself or together with other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import zip_longest
from traceback import clear_frames
from typing import NamedTuple, Protocol

from wndcheck.devices import HOST_POLL_SECONDS, cells_at_once, host_threads, spare_bytes
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import device_seconds, is_bound_by_launches, stack_bytes
from wndcheck.experiment.pieces import joined, pieces
from wndcheck.store.files import UnwritableStore
from wndcheck.store.lock_holders import stopped_holders
from wndcheck.store.measurements import Store

Work = Generator[tuple[str, float], None, None]  # yields the activity, and the share of it that is done
POLL_SECONDS = 0.2  # seconds between polls of the cells that other processes have locked


class Job(Protocol):
    """Pieces at work, here or elsewhere."""

    @property
    def pieces(self) -> Sequence[Piece]: ...
    def advance(self) -> bool: ...
    def close(self) -> None: ...


class DeviceLost(OSError):
    """A CUDA error in a piece, after which this process cannot use the device; what is measured is kept."""

    def __init__(self, piece: Piece, error: Exception) -> None:
        self.piece = piece
        reason = str(error).splitlines()[0]
        super().__init__(
            f"{piece.cell.label}: {reason}: this process can no longer use the GPU. What is measured is kept: type the "
            "command again; if it happens again, see `nvidia-smi` and the system's log for the GPU's state"
        )


class Reporter(Protocol):
    """Receives the events of filling a store. `share` runs from 0 to 1."""

    def planned(self, cells: list[Cell], device: str) -> None: ...
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
    turns: Turns | None = None,
    wait: bool = True,
) -> None:
    """Measure every cell the store lacks, longest first, but those that other processes have locked.

    On a CPU, cells that take a core long are measured in pieces, by several processes or one after the other, which the
    store keeps until it can join them. Cells that share a device take turns, a stretch of training each. Returns when
    the store has all of them, or without `wait` when other processes have locked what it lacks. A process that dies
    releases its cells, and they are measured here, or where `turns` submits them to. A cell that cannot be measured is
    left out, and the first error is raised when the others are done; a store that cannot be written any more, or a GPU
    that cannot be used, is raised at once. With `keep_weights` the nets that are trained are kept, to be measured
    again. Nothing is measured for a store that is only read: IncompleteStore if it lacks a cell.
    """
    wanted = set(cells)
    missing = {cell for cell in wanted if not store.has(cell)}
    if not store.is_writable:
        store.require(*missing)
        return
    for cell in wanted - missing:
        store.discard_unfinished(cell)  # of a process killed after it had saved the measurement
    in_pieces = {cell: pieces_on(device, cell, store) for cell in missing}
    work = longest_first((Piece(part, cell) for cell, parts in in_pieces.items() for part in parts), device)
    waiting = work
    if to_do := [piece for piece in work if not piece.is_measured(store)]:
        reporter.planned([piece.cell for piece in to_do], device)
    turns = turns or Turns(store, reporter, device, data_root, keep_weights)
    jobs: list[Job] = []
    failures: dict[Piece, Exception] = {}
    told: set[int] = set()
    last_poll = -POLL_SECONDS
    try:
        while waiting or jobs:
            if len(jobs) < turns.at_once and time.monotonic() - last_poll >= POLL_SECONDS:
                for cell, parts in in_pieces.items():
                    join_pieces(cell, parts, store)
                taken = {piece for job in jobs for piece in job.pieces}.union(failures)
                waiting = [piece for piece in work if piece not in taken and not store.has(piece.whole)]
                to_do = [piece for piece in waiting if not piece.is_measured(store)]
                failed = {piece.whole for piece in failures}
                waiting = [piece for piece in waiting if piece in to_do or piece.whole not in failed]
                jobs += turns.start(to_do, jobs)
                last_poll = time.monotonic()
            if not jobs and not wait:
                break
            if not jobs:
                told |= tell_of_stopped(waiting, store, told)
            turns.wait(jobs)
            for job in list(jobs):
                try:
                    if job.advance():
                        continue
                except (UnwritableStore, DeviceLost):  # none of the others could be saved, or trained
                    raise
                except Exception as error:
                    failures |= dict.fromkeys(job.pieces, error)
                job.close()
                jobs.remove(job)
                last_poll = -POLL_SECONDS
    finally:
        for job in jobs:
            job.close()
    if failures:
        raise next(iter(failures.values()))


class Piece(NamedTuple):
    """A part of a cell's nets, which is a cell itself, or the whole cell."""

    cell: Cell
    whole: Cell

    @property
    def bytes(self) -> float:
        return stack_bytes(self.cell, len(self.cell.seeds))

    def store(self, store: Store) -> Store:
        """The store that keeps it: that of pieces, unless it is the whole cell."""
        return store if self.cell == self.whole else store.pieces

    def is_free(self, store: Store) -> bool:
        """Whether no process has locked it."""
        with self.store(store).locked(self.cell) as has_lock:
            return has_lock

    def is_measured(self, store: Store) -> bool:
        """Whether it, or the whole cell, is measured; in this order, since pieces are removed once they are joined."""
        return self.store(store).has(self.cell) or store.has(self.whole)


def pieces_on(device: str, cell: Cell, store: Store) -> tuple[Cell, ...]:
    """The pieces in which a cell is measured: the cell itself on a GPU, and where its nets need no training."""
    return pieces(cell) if device == "cpu" and not store.weights.has(cell) else (cell,)


def join_pieces(cell: Cell, parts: Sequence[Cell], store: Store) -> None:
    """Save the measurement of a cell all of whose pieces are measured, and remove these."""
    if len(parts) == 1 or not all(store.pieces.has(part) for part in parts):
        return
    with ExitStack() as locks:
        if not all(locks.enter_context(store.pieces.locked(part)) for part in parts):
            return  # another process joins them
        measured = [measurement for part in parts if (measurement := store.pieces.load(part))]
        if len(measured) == len(parts) and not store.has(cell):
            store.weights.take_over(cell, parts, store.pieces.weights)
            store.save(joined(cell, measured))
        if store.has(cell):
            store.discard_unfinished(cell)


class Turns:
    """Measures pieces in this process, in which those that share its device take turns."""

    def __init__(
        self, store: Store, reporter: Reporter, device: str, data_root: str | None, keep_weights: bool
    ) -> None:
        self.store, self.reporter, self.device = store, reporter, device
        self.at_once, self.host_threads = cells_at_once(device), host_threads(device)
        self.begin = partial(measured, device=device, data_root=data_root, keep_weights=keep_weights)

    def start(self, to_do: Sequence[Piece], jobs: Sequence[Job]) -> Sequence[Job]:
        """Jobs for pieces that no other process has locked, as many as there is room for next to the running ones."""
        new: list[JobHere] = []
        for piece in to_do:
            running = [*jobs, *new]
            if len(running) >= self.at_once:
                break
            room = spare_bytes(self.device) - sum(job.piece.bytes for job in new)  # they take it when they advance
            whole = room + sum(each.bytes for job in running for each in job.pieces)
            needed = piece.bytes if piece.bytes <= whole else whole / 2  # it is split in any case
            if running and needed > room:
                continue
            job = JobHere(piece, self.store, self.reporter, self.begin)
            if job.has_lock:
                new.append(job)
            else:
                job.close()
        return new

    def wait(self, jobs: Sequence[Job]) -> None:
        """Return when a job can advance, or after POLL_SECONDS."""
        if not jobs:
            time.sleep(POLL_SECONDS)
        elif self.host_threads > 1 and not any(isinstance(job, JobHere) and job.trains for job in jobs):
            time.sleep(HOST_POLL_SECONDS)


class JobHere:
    """One cell, or a piece of one, that this process measures, and keeps locked until the job is closed."""

    def __init__(self, piece: Piece, store: Store, reporter: Reporter, start: Callable[[Cell, Store], Work]) -> None:
        self.piece, self.store, self.reporter, self.start = piece, store, reporter, start
        self.pieces = (piece,)
        self.lock = ExitStack()
        self.has_lock = self.lock.enter_context(piece.store(store).locked(piece.cell))
        self.work: Work | None = None
        self.trains = True  # or is about to, rather than waits for threads that measure
        self.began = time.perf_counter()

    def advance(self) -> bool:
        """Do a piece of the work; return False when the store has the cell."""
        cell = self.piece.cell
        if self.work is None:
            if self.piece.is_measured(self.store):  # by the process that had locked it before
                return False
            self.work = self.start(cell, self.piece.store(self.store))
        try:
            doing, share = next(self.work)
            self.trains = doing == "training"
            self.reporter.working(cell, doing, share)
            return True
        except StopIteration:
            self.reporter.finished(cell, time.perf_counter() - self.began)
            return False
        except Exception as error:
            error.add_note(f"while training or measuring {cell.label}")
            release(error)
            if is_device_lost(error):
                raise DeviceLost(self.piece, error) from error
            raise

    def close(self) -> None:
        """Release the cell, measured or not."""
        with self.lock:
            try:
                if self.work:
                    self.work.close()
            except RuntimeError as error:  # it waits for steps of a device that another piece has lost
                if not is_device_lost(error):
                    raise


def release(error: BaseException | None) -> None:
    """Free what the frames of an error's traceback hold, such as nets on a GPU; the traceback itself stays."""
    while error:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def is_device_lost(error: Exception) -> bool:
    from wndcheck.experiment.measurement import measuring

    return measuring.is_device_lost(error)


def measured(cell: Cell, store: Store, *, device: str, data_root: str | None, keep_weights: bool) -> Work:
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


def tell_of_stopped(waiting: Iterable[Piece], store: Store, told: set[int]) -> set[int]:
    """Say which stopped processes hold the locks of pieces that are waited for, but those told of; return their ids."""
    stopped = stopped_holders(piece.store(store).lock_path(piece.cell) for piece in waiting)
    for process in stopped - told:
        store.say(
            f"waiting for process {process}, which is stopped and has locked cells: `kill -CONT {process}` lets it go "
            f"on; `kill -KILL {process}` ends it, and its cells are measured here"
        )
    return stopped


def longest_first(work: Iterable[Piece], device: str) -> list[Piece]:
    """The longest first, in the same order in every process; on a GPU, where several train at once, those that would
    leave it idle alternate with the others.
    """
    ordered = sorted(work, key=lambda piece: (-device_seconds(piece.cell, device), piece.cell.key))
    if cells_at_once(device) == 1:
        return ordered
    idle = [piece for piece in ordered if is_bound_by_launches(piece.cell)]
    busy = [piece for piece in ordered if not is_bound_by_launches(piece.cell)]
    return [piece for pair in zip_longest(idle, busy) for piece in pair if piece]
