"""Cells that fail, and GPUs that a CUDA error takes from a process: the others are measured, and no memory is kept."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from wndcheck import devices
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement import measuring
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.probing import Data
from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.stacks import Stack
from wndcheck.nets.training import BatchOrder, Steps, train
from wndcheck.store import engines
from wndcheck.store.engines import Outcome, Submitting, Task, in_worker_processes, measured, submit
from wndcheck.store.files import append_line
from wndcheck.store.filling import DeviceLost, JobHere, Piece, Work, fill
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter
from wndcheck.tests.store.test_engines import is_free, task
from wndcheck.tests.store.test_filling import Turns
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, Log, assert_same_numbers, random_measurement

pytestmark = pytest.mark.usefixtures("one_thread", "one_thread_each")
SHARED = [replace(TINY_CELL, width=width) for width in (4, 5, 6, 7)]
fill_here = partial(fill, device="cpu", data_root=None)

CUDA_ERROR = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later"


def first_error(nets: Stack) -> Exception:
    """An error whose traceback holds nets, as one does that was raised within a forward pass."""
    try:
        raise ValueError("what the other error is from")
    except ValueError as error:
        return error


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cell, Callable[[], Exception]], list[weakref.ref]]:
    """Let a cell fail as it begins its first epoch; the list then has its nets, each time that it is tried."""

    def install(failing: Cell, error: Callable[[], Exception]) -> list[weakref.ref]:
        run, tried = measuring.run, []

        def injected(cell: Cell, stack: Stack, *rest: object) -> Iterator[tuple[float, bool | None]]:
            with closing(run(cell, stack, *rest)) as work:
                for number, done in enumerate(work):
                    if cell == failing and number:
                        tried.append(weakref.ref(stack))
                        raise error() from first_error(stack)
                    yield done

        monkeypatch.setattr(measuring, "run", injected)
        return tried

    return install


class Watching(Turns):
    """Sees, each time another cell trains, whether the nets of the one that failed are in memory."""

    def __init__(self, tried: list[weakref.ref]) -> None:
        super().__init__()
        self.tried, self.kept = tried, []

    def working(self, cell: Cell, doing: str, share: float) -> None:
        super().working(cell, doing, share)
        self.kept += [doing for nets in self.tried if nets()]


def test_a_failed_cell_keeps_no_memory_while_the_others_are_measured(silent_store: Store, failing) -> None:
    tried = failing(SHARED[3], lambda: RuntimeError("no convergence"))
    log = Watching(tried)
    with pytest.raises(RuntimeError, match="no convergence") as caught:
        fill_here(SHARED, silent_store, log)
    assert caught.traceback[-1].name == "injected", "where it failed can still be read"
    assert (log.done, log.kept, len(tried)) == (SHARED[2::-1], [], 1)
    assert torch.ones(8).sum() == 8


def test_a_lost_gpu_ends_the_run_and_says_at_which_cell(silent_store: Store, failing, monkeypatch) -> None:
    """No other cell is tried with it, none stays locked, and checkpoints are not taken for damaged."""
    monkeypatch.setitem(devices.CELLS_AT_ONCE, "cpu", 2)
    tried, log = failing(SHARED[3], lambda: torch.AcceleratorError(CUDA_ERROR)), Log()
    closed = []

    def waits_for_the_device(*_: object) -> None:
        closed.append(True)
        if len(closed) > 1:  # the other cell, which is closed after it
            raise torch.AcceleratorError(CUDA_ERROR)

    monkeypatch.setattr(Steps, "synchronize", waits_for_the_device)
    with pytest.raises(DeviceLost) as caught:
        fill_here(SHARED, silent_store, log)
    said = f"{SHARED[3].label}: CUDA error: an illegal memory access was encountered: this process can no longer"
    assert str(caught.value).startswith(said)
    assert "type the command again" in str(caught.value)
    assert (len(tried), log.done, len(closed)) == (1, [], 2)
    for cell in SHARED:
        with silent_store.locked(cell) as free:
            assert free
    monkeypatch.undo()
    fill_here(SHARED, silent_store, log)
    found = silent_store.load(SHARED[3])
    assert found
    assert found.provenance["resumed_at_epochs"] == [0]


def test_another_error_as_a_cell_is_closed_is_raised_and_the_cell_released(silent_store: Store) -> None:
    def work(*_: object) -> Work:
        try:
            yield "training", 0.5
        finally:
            raise RuntimeError("not of the device")

    job = JobHere(Piece(TINY_CELL, TINY_CELL), silent_store, Log(), work)
    assert job.advance()
    with pytest.raises(RuntimeError, match="not of the device"):
        job.close()
    with silent_store.locked(TINY_CELL) as free:
        assert free


def test_a_cuda_error_as_nets_are_resumed_is_not_blamed_on_the_checkpoint(
    silent_store: Store, failing, monkeypatch
) -> None:
    failing(SHARED[0], lambda: RuntimeError("stopped"))
    with pytest.raises(RuntimeError, match="stopped"):
        fill_here([SHARED[0]], silent_store, Log())
    (checkpoint,) = silent_store.checkpoints.paths(SHARED[0])

    def lost(*_: object) -> None:
        raise torch.AcceleratorError(CUDA_ERROR)

    monkeypatch.setattr(measuring, "load_weights", lost)
    with pytest.raises(DeviceLost):
        fill_here([SHARED[0]], silent_store, Log())
    assert checkpoint.exists()


def test_cells_that_wait_for_a_gpu_do_not_hold_the_others_up(silent_store: Store, monkeypatch) -> None:
    """A wide cell's steps of an epoch may take a GPU seconds: here they are done when the other cell is measured."""
    monkeypatch.setitem(devices.CELLS_AT_ONCE, "cpu", 2)
    wide, narrow = (replace(cell, protocol=replace(cell.protocol, stages=(0, 2))) for cell in (SHARED[3], SHARED[0]))

    class Late(Steps):
        def has_room(self) -> bool:
            return silent_store.has(narrow)

        are_done = has_room

    def run_late(cell: Cell, stack: Stack, data: Data, seeds: object, order: BatchOrder, done: None) -> object:
        steps = (Late if cell == wide else Steps)(stack, data.images, data.labels, cell.protocol)
        return train(steps, order, cell.protocol, done=done)

    monkeypatch.setattr(measuring, "run", run_late)
    log = Turns()
    fill_here([wide, narrow], silent_store, log)
    assert log.done == [narrow, wide]


# --- workers ----------------------------------------------------------------------------------------------------------


def measured_on_a_faulty_gpu(given: Task, pieces: Sequence[Piece]) -> Outcome:
    """`measured`, in a worker in which a CUDA error is raised whenever nets of width 3 train."""
    run = measuring.run

    def injected(cell: Cell, *rest: Any) -> Iterator[tuple[float, bool | None]]:
        if cell.width == 3:
            append_line(given.store / "tries", str(os.getpid()))
            raise torch.AcceleratorError("CUDA error: device-side assert triggered\nFor debugging consider passing")
        yield from run(cell, *rest)

    measuring.run = injected
    try:
        return measured(given, pieces)
    finally:
        measuring.run = run


def test_after_a_cuda_error_another_process_measures_the_other_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "measured", measured_on_a_faulty_gpu)
    longest = replace(TINY_CELL.protocol, stages=(0, 1, 2, 3, 4))
    faulty, others = (
        replace(TINY_CELL, width=3, protocol=longest),
        [replace(UNTRAINED, width=width) for width in (13, 12, 11)],
    )
    lines: list[str] = []
    (failure,) = in_worker_processes([faulty, *others], task(tmp_path), 1, lines.append)
    assert failure.startswith(f"{faulty.label}: CUDA error: device-side assert triggered: this process can no longer")
    assert len((tmp_path / "tries").read_text().split()) == 1, "the cell was tried again and again"
    assert sum("a worker process ended" in line for line in lines) == 1
    for cell in others:
        assert_same_numbers(Store(tmp_path).load(cell), measure(cell))
    assert is_free(tmp_path, faulty)


class LosesItsGpu(ThreadPoolExecutor):
    """A worker that loses its device at the second piece of its first share."""

    def __init__(self) -> None:
        super().__init__(1)
        self.shares: list[list[int]] = []

    def submit(self, fn, /, given, pieces):  # type: ignore[override]
        self.shares.append([piece.cell.width for piece in pieces])
        done = pieces[:1] if len(self.shares) == 1 else pieces
        failed = [piece.cell.key for piece in pieces[1:2]] if len(self.shares) == 1 else []
        records = [random_measurement(piece.cell) for piece in done]
        return super().submit(Outcome, [], records, failed)


def test_the_other_cells_of_a_share_whose_device_is_lost_are_submitted_again(tmp_path: Path) -> None:
    cells = [replace(UNTRAINED, width=width) for width in (9, 8, 7, 6)]
    with LosesItsGpu() as executor:
        submit(cells, replace(task(tmp_path), device="cuda"), executor, 1, EventReporter(lambda event: None))
    assert executor.shares == [[9, 8, 7, 6], [7, 6]]
    assert [Store(tmp_path).has(cell) for cell in cells] == [True, False, True, True]


class Failing(ThreadPoolExecutor):
    """Calls that end by an error, not by an outcome."""

    def __init__(self, error: Exception) -> None:
        super().__init__(1)
        self.error = error

    def submit(self, fn, /, *args):  # type: ignore[override]
        def fail() -> None:
            raise self.error

        return super().submit(fail)


@pytest.mark.parametrize(
    ("error", "said"), [(OSError("no room"), "no room"), (MemoryError(), "MemoryError")], ids=["with words", "without"]
)
def test_a_call_that_fails_says_why(tmp_path: Path, error: Exception, said: str) -> None:
    events: list[dict] = []
    with Failing(error) as executor:
        submit([UNTRAINED], task(tmp_path), executor, 1, EventReporter(events.append))
    (failure,) = [event for event in events if event["event"] == "failed"]
    assert f"{UNTRAINED.label}: no worker measured it ({said})" in str(failure)
    assert is_free(tmp_path, UNTRAINED)


class Sending(ThreadPoolExecutor):
    """A worker that does not share the store."""

    def submit(self, fn, /, given, pieces):  # type: ignore[override]
        return super().submit(Outcome, [], [random_measurement(piece.cell) for piece in pieces], [])


def test_a_record_that_is_sent_is_saved_under_its_lock(tmp_path: Path) -> None:
    """Another process that locked it would remove the file as unfinished."""
    free: list[bool] = []

    class Watched(Store):
        def save(self, measurement: Measurement) -> None:
            free.append(is_free(tmp_path, measurement.cell))
            super().save(measurement)

    with Sending(1) as executor:
        submitting = Submitting(executor, 1, task(tmp_path), Watched(tmp_path), EventReporter(print))
        (job,) = submitting.start([Piece(UNTRAINED, UNTRAINED)], [])
        job.future.result(60)
        assert not job.advance()
    assert free == [False]
    assert_same_numbers(Store(tmp_path).load(UNTRAINED), random_measurement(UNTRAINED))
