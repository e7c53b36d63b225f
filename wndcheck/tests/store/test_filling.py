from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from math import inf
from pathlib import Path

import pytest

from wndcheck import devices
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import stack_bytes
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.nets.specification import Training
from wndcheck.store import filling
from wndcheck.store.filling import JobHere, Piece, fill, longest_first
from wndcheck.store.measurements import Store
from wndcheck.tests.store.test_locks import HOLD
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, Log, finish, random_measurement, start_python, wait_for

pytestmark = pytest.mark.usefixtures("one_thread")
NARROW, MIDDLE, WIDE = (replace(UNTRAINED, width=width) for width in (3, 4, 5))  # 3, 6 and 10 pairs
fill_here = partial(fill, device="cpu", data_root=None)


def test_each_cell_is_measured_once_the_longest_first(silent_store: Store) -> None:
    log, second = Log(), Log()
    fill_here([NARROW, WIDE, MIDDLE, WIDE, NARROW], silent_store, log)
    assert log.done == [WIDE, MIDDLE, NARROW]
    assert log.plans == [[WIDE, MIDDLE, NARROW]]
    assert all(0 <= share <= 1 for share in log.shares)
    assert log.shares
    made = silent_store.path(WIDE).stat().st_mtime_ns
    fill_here([WIDE, NARROW], silent_store, second)
    assert (second.done, second.plans) == ([], [])
    assert silent_store.path(WIDE).stat().st_mtime_ns == made


def test_cells_that_leave_a_gpu_idle_alternate_with_those_that_do_not() -> None:
    protocols = [Training(0.01, 32, (0, epochs)) for epochs in (30, 20, 10)]
    idle = [replace(TINY_CELL, protocol=protocol) for protocol in protocols]
    busy = [replace(TINY_CELL, width=8000, protocol=protocol) for protocol in protocols[:2]]
    work = [Piece(cell, cell) for cell in (idle[2], busy[1], idle[0], busy[0], idle[1])]
    assert [piece.cell for piece in longest_first(work, "cpu")] == [*busy, *idle]
    assert [piece.cell for piece in longest_first(work, "cuda")] == [idle[0], busy[0], idle[1], busy[1], idle[2]]


def test_only_missing_cells_are_measured(silent_store: Store) -> None:
    there = random_measurement(MIDDLE)
    silent_store.save(there)
    log = Log()
    fill_here([NARROW, MIDDLE], silent_store, log)
    assert log.done == [NARROW]
    found = silent_store.load(MIDDLE)
    assert found is not None
    assert (found["entropy"] == there["entropy"]).all()


def test_a_damaged_cell_is_measured_again(store: Store, messages: list[str]) -> None:
    log = Log()
    store.path(NARROW).write_bytes(b"PK half")
    assert store.load(NARROW) is None
    fill_here([NARROW], store, log)
    assert (len(messages), log.done) == (1, [NARROW])
    assert store.load(NARROW) is not None


TOGETHER = """
import sys, time
from pathlib import Path
import torch
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.store.measurements import Store
from wndcheck.store.filling import fill
from wndcheck.tests.store.test_filling import SHARED
from wndcheck.tests.tiny import UNTRAINED, Log
torch.set_num_threads(1)
measure(UNTRAINED)
root, me = Path(sys.argv[1]), sys.argv[2]
(root / me).touch()
while not (root / "go").exists():
    time.sleep(0.001)
log, store = Log(), Store(root)
fill(SHARED, store, log, device="cpu", data_root=None)
assert all(store.has(cell) for cell in SHARED)
print(*(cell.width for cell in log.done))
"""
SHARED = [replace(TINY_CELL, width=width) for width in (4, 5, 6, 7)]


def test_two_processes_share_the_work(silent_store: Store) -> None:
    root = silent_store.root.parent
    both = [start_python(TOGETHER, root, me) for me in ("one", "other")]
    for process, me in zip(both, ("one", "other"), strict=True):
        wait_for(lambda p=process, me=me: p.poll() is not None or (root / me).exists())
    (root / "go").touch()
    measured = [[int(width) for width in finish(process).split()] for process in both]
    assert Counter(width for widths in measured for width in widths) == {cell.width: 1 for cell in SHARED}
    assert all(measured), f"one process did all the work: {measured}"


def test_a_cell_whose_holder_dies_is_measured_here(silent_store: Store) -> None:
    holder = start_python(HOLD, silent_store.root.parent)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    log = Log()
    filling = threading.Thread(daemon=True, target=fill_here, args=([TINY_CELL, NARROW], silent_store, log))
    filling.start()
    wait_for(lambda: log.done == [NARROW])  # it goes on to what it can have
    time.sleep(0.5)
    assert log.done == [NARROW]
    assert not silent_store.has(TINY_CELL)
    holder.kill()
    holder.communicate()
    filling.join(60)
    assert log.done == [NARROW, TINY_CELL]
    assert silent_store.load(TINY_CELL) is not None


def test_a_cell_held_by_another_process_is_waited_for(silent_store: Store) -> None:
    log = Log()
    with silent_store.locked(NARROW) as has_lock:
        assert has_lock
        filling = threading.Thread(daemon=True, target=fill_here, args=([NARROW], silent_store, log))
        filling.start()
        wait_for(lambda: log.plans)
        silent_store.save(random_measurement(NARROW))
    filling.join(60)
    assert not filling.is_alive()
    assert log.done == []


class Overtaken(Store):
    """Another process measures a cell after it was found missing and before it is held."""

    @contextmanager
    def locked(self, cell: Cell) -> Iterator[bool]:
        if not self.has(cell):
            self.save(random_measurement(cell))
        with super().locked(cell) as has_lock:
            yield has_lock


def test_a_cell_measured_before_it_is_locked_is_not_measured_again(tmp_path: Path) -> None:
    store, log = Overtaken(tmp_path, pytest.fail), Log()
    fill_here([NARROW], store, log)
    assert (log.done, log.shares) == ([], [])
    found = store.load(NARROW)
    assert found is not None
    assert (found["entropy"] == random_measurement(NARROW)["entropy"]).all()


def test_a_job_whose_cell_is_measured_does_nothing(silent_store: Store) -> None:
    log = Log()
    job = JobHere(Piece(NARROW, NARROW), silent_store, log, lambda cell, store: pytest.fail("measured again"))
    assert job.has_lock
    written = silent_store.save(random_measurement(NARROW)).read_bytes()
    assert not job.advance()
    assert (log.done, log.shares) == ([], [])
    assert silent_store.path(NARROW).read_bytes() == written
    job.close()
    with silent_store.locked(NARROW) as free:
        assert free


# --- several cells in one process ------------------------------------------------------------------------------------


class Turns(Log):
    """Keeps whose turn it was, how many turns there were before a cell was finished, and how many cells were at work.

    A cell is at work, and has its memory, from its first turn until it is finished.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Cell] = []
        self.before_one_was_done = 0
        self.at_work: set[Cell] = set()
        self.most_at_work = 0

    def working(self, cell: Cell, doing: str, share: float) -> None:
        super().working(cell, doing, share)
        self.turns.append(cell)
        self.at_work.add(cell)
        self.most_at_work = max(self.most_at_work, len(self.at_work))

    def finished(self, cell: Cell, seconds: float) -> None:
        self.before_one_was_done = self.before_one_was_done if self.done else len(self.turns)
        super().finished(cell, seconds)
        self.at_work.remove(cell)


def test_cells_on_one_device_take_turns_and_keep_their_bits(
    silent_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(devices.CELLS_AT_ONCE, "cpu", 3)
    log, cells = Turns(), SHARED[:3]
    fill_here(cells, silent_store, log)
    together = log.turns[: log.before_one_was_done]
    assert len(together) > 2 * 7  # an epoch of each is seven stretches
    assert all(cell == its for cell, its in zip(together, cycle(log.plans[0]), strict=False))
    assert Counter(log.done) == Counter(cells)
    for cell in cells:
        found, alone = silent_store.load(cell), measure(cell)
        assert found is not None
        for name, array in alone.arrays.items():
            assert found[name].tobytes() == array.tobytes(), (cell.width, name)


@pytest.mark.parametrize(("at_once", "room", "most"), [(3, 1.5, 1), (3, 2.5, 2), (3, inf, 3), (2, inf, 2)])
def test_device_and_memory_bound_the_cells_at_once(
    at_once: int, room: float, most: int, silent_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [replace(TINY_CELL, seeds=(seed,)) for seed in range(4)]
    log, (stack,) = Turns(), {stack_bytes(cell, 1) for cell in cells}
    monkeypatch.setitem(devices.CELLS_AT_ONCE, "cpu", at_once)
    monkeypatch.setattr(filling, "spare_bytes", lambda device: (room - len(log.at_work)) * stack)
    fill_here(cells, silent_store, log)
    assert log.most_at_work == most
    assert Counter(log.done) == Counter(cells)


def test_a_stack_that_is_split_in_any_case_starts_beside_others(
    silent_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is trained in parts that fit what is free then; half the memory is enough for it to begin."""
    big = Piece(cell := replace(TINY_CELL, seeds=tuple(range(50))), cell)
    small = [Piece(cell := replace(TINY_CELL, seeds=(seed,)), cell) for seed in range(60, 66)]
    monkeypatch.setitem(devices.CELLS_AT_ONCE, "cpu", 12)
    turns = filling.Turns(silent_store, Log(), "cpu", None, False)
    with ExitStack() as jobs:
        running: list[JobHere] = []

        def begun(free: float, *pieces: Piece) -> list[Piece]:
            """What starts on a device that has room for so many nets more."""
            monkeypatch.setattr(filling, "spare_bytes", lambda device: free * small[0].bytes)
            new = turns.start(pieces, running)
            for job in new:
                running.append(jobs.enter_context(closing(job)))
            return [job.piece for job in new]

        assert begun(20, *small[:4]) == small[:4]
        assert begun(3, big) == [], "less than half of the memory is free"
        assert begun(16, big) == [big]
        assert begun(0.5, small[4]) == []


def test_threads_that_measure_are_waited_for_only_where_nothing_trains(
    silent_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, whose cells are measured in several threads of the host."""
    slept: list[float] = []
    monkeypatch.setattr(filling, "host_threads", lambda device: 4)
    turns = filling.Turns(silent_store, Log(), "cuda", None, False)
    measuring = (("measuring stage 0", share / 10) for share in range(10))
    with closing(JobHere(Piece(NARROW, NARROW), silent_store, Log(), lambda cell, store: measuring)) as job:
        monkeypatch.setattr(time, "sleep", slept.append)
        turns.wait([job])
        assert slept == []
        job.advance()
        turns.wait([job])
        turns.wait([])
    assert slept == [devices.HOST_POLL_SECONDS, filling.POLL_SECONDS]


def test_a_failed_cell_does_not_stop_the_others(silent_store: Store, tmp_path: Path) -> None:
    lacking, also = (replace(UNTRAINED, dataset="mnist", width=width) for width in (7, 6))
    log = Log()
    with pytest.raises(FileNotFoundError, match="mnist") as caught:
        fill([NARROW, also, lacking, WIDE], silent_store, log, device="cpu", data_root=str(tmp_path / "nowhere"))
    assert caught.value.__notes__ == [f"while training or measuring {lacking.label}"]  # the first error
    assert log.done == [WIDE, NARROW]
    assert log.plans[0][:2] == [lacking, also]
    with silent_store.locked(lacking) as free:
        assert free
