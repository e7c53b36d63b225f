"""A store that is filled by processes, Slurm jobs or a Dask cluster: the same bits, whatever dies on the way."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from distributed import Client

from wndcheck.experiment import pieces as module
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.pieces import joined, pieces
from wndcheck.nets.specification import Training
from wndcheck.store.engines import (
    Outcome,
    Submitting,
    Task,
    in_slurm_jobs,
    in_worker_processes,
    on_dask,
    submit,
)
from wndcheck.store.executors import TRIES, Processes, SlurmJobs, UnusableEngine, hand_out
from wndcheck.store.files import temporary_folder
from wndcheck.store.filling import Piece
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, assert_same_numbers, random_measurement, start_python, wait_for

pytestmark = pytest.mark.usefixtures("one_thread", "one_thread_each")
ENDLESS = tuple(replace(TINY_CELL, width=width, protocol=Training(0.01, 64, (0, 10_000))) for width in (5, 6))
LONG = replace(TINY_CELL, seeds=(5, 3, 8, 1), protocol=Training(0.01, 64, (0, 1, 2, 3, 4)))
CELLS = (LONG, replace(TINY_CELL, seeds=(7,), width=3), replace(UNTRAINED, seeds=(4,)))


@pytest.fixture
def two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.6 * core_seconds(LONG))
    assert [piece.seeds for piece in pieces(LONG)] == [(5, 3), (8, 1)]


def task(root: Path) -> Task:
    return Task(root, root / "log", "cpu", str(root / "no-data"))


def assert_filled(root: Path) -> None:
    store = Store(root, pytest.fail)
    assert_same_numbers(store.load(LONG), joined(LONG, [measure(piece) for piece in pieces(LONG)]))
    for cell in CELLS[1:]:
        assert_same_numbers(store.load(cell), measure(cell))
    left = [path.name for path in root.rglob("*") if path.suffix in (".part", ".safetensors") or "asked" in path.name]
    assert (left, store.pieces.measured()) == ([], [])
    logged = (root / "log").read_text(encoding="utf-8")
    assert [logged.count(cell.label) for cell in CELLS[1:]] == [1, 1]


def checkpoints(root: Path) -> list[Path]:
    return list(root.rglob("[!.]*.safetensors"))


def is_free(root: Path, cell: Cell) -> bool:
    with Store(root).locked(cell) as has_lock:
        return has_lock


def killed(find: Callable[[], list[int]], root: Path, half_trained: int = 1) -> threading.Thread:
    """A thread that kills processes once so many pieces are half trained."""

    def kill() -> None:
        wait_for(lambda: len(checkpoints(root)) >= half_trained)
        for process in find():
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def assert_resumed(root: Path) -> None:
    found = Store(root).load(LONG)
    assert found
    assert found.provenance["resumed_at_epochs"]


# --- processes of this machine ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_pieces")
def test_killed_processes_are_replaced_and_their_pieces_resumed(tmp_path: Path) -> None:
    lines: list[str] = []
    killing = killed(lambda: [process.pid or 0 for process in multiprocessing.active_children()], tmp_path)
    assert in_worker_processes(CELLS, task(tmp_path), 2, lines.append) == []
    killing.join(60)
    assert any("a worker process ended" in line for line in lines)
    assert_filled(tmp_path)
    assert_resumed(tmp_path)
    assert not multiprocessing.active_children()


def test_a_call_that_always_kills_its_process_is_given_up(tmp_path: Path) -> None:
    lines: list[str] = []
    with Processes(1, lines.append) as processes:
        call, other = processes.submit(os._exit, 1), processes.submit(os.getppid)
        with pytest.raises(BrokenProcessPool):
            call.result(60)
        assert other.result(60) == os.getpid()
    assert len(lines) == TRIES - 1


TOGETHER = """
import os, sys
from functools import partial
from pathlib import Path
from typing import Any, cast
from wndcheck.store.engines import in_worker_processes
from wndcheck.tests.store.test_engines import ENDLESS, task
os.setsid()  # a terminal's group of processes
try:
    in_worker_processes(ENDLESS, task(Path(sys.argv[1])), 2, partial(print, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupted_run_ends_in_order(tmp_path: Path) -> None:
    """One piece is trained, and the other is locked here."""
    with Store(tmp_path).locked(ENDLESS[1]):
        parent = start_python(TOGETHER, tmp_path)
        wait_for(lambda: parent.poll() is not None or checkpoints(tmp_path))
        assert not is_free(tmp_path, ENDLESS[0])
        os.killpg(parent.pid, signal.SIGINT)
        output, errors = parent.communicate(timeout=30)
    assert (parent.returncode, errors) == (130, ""), output
    assert is_free(tmp_path, ENDLESS[0])
    assert len(checkpoints(tmp_path)) == 1
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part" or "asked" in path.name]


def test_workers_end_with_the_process_above_them(tmp_path: Path) -> None:
    parent = start_python(TOGETHER, tmp_path)
    wait_for(lambda: parent.poll() is not None or len(checkpoints(tmp_path)) == 2)
    parent.kill()
    _, errors = parent.communicate(timeout=30)  # its pipes end when the last process that has them does
    assert "Traceback" not in errors  # Python's resource tracker speaks of semaphores
    wait_for(lambda: all(is_free(tmp_path, cell) for cell in ENDLESS))  # a process closes its pipes before its locks


def test_what_another_process_measures_is_waited_for_and_what_it_leaves_is_measured(tmp_path: Path) -> None:
    lines: list[str] = []
    store, (measured_there, left) = Store(tmp_path), CELLS[1:]

    def finish_one() -> None:
        wait_for(lambda: lines)
        store.save(random_measurement(measured_there))

    with store.locked(measured_there):
        finishing = threading.Thread(target=finish_one, daemon=True)
        finishing.start()
        assert in_worker_processes(CELLS[1:], task(tmp_path), 2, lines.append) == []
    finishing.join(60)
    assert_same_numbers(store.load(measured_there), random_measurement(measured_there))
    assert_same_numbers(store.load(left), measure(left))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (replace(UNTRAINED, dataset="mnist"), r"^mnist is not in .*no-data\. [\s\S]*To fetch it, run: wndcheck fetch"),
        (
            replace(UNTRAINED, probe=replace(UNTRAINED.probe, images_per_class=5000)),
            r"^a cell could not be measured\nTraceback [\s\S]*ValueError: .*5000",
        ),
    ],
    ids=["missing data", "another error"],
)
def test_an_error_is_reported_once_and_the_others_are_measured(tmp_path: Path, cell: Cell, message: str) -> None:
    same = [replace(cell, width=5)] * (cell.dataset == "mnist")  # a traceback names its cell
    (failure,) = in_worker_processes([cell, *same, CELLS[2]], task(tmp_path), 1, lambda line: None)
    assert re.search(message, failure)
    assert is_free(tmp_path, cell)
    assert [Store(tmp_path).has(each) for each in (cell, CELLS[2])] == [False, True]


# --- Slurm ------------------------------------------------------------------------------------------------------------


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    of_threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in of_threads for child in file.read_text(encoding="ascii").split()]
    return [*children, *(each for child in children for each in descendants(child))]


@pytest.mark.usefixtures("two_pieces")
def test_a_killed_job_is_submitted_again_and_resumed(tmp_path: Path) -> None:
    """By submitit's executor for this machine."""
    lines: list[str] = []
    killing = killed(lambda: descendants(os.getpid())[-1:], tmp_path)
    assert in_slurm_jobs(CELLS, task(tmp_path), 2, lines.append, cluster="local") == []
    killing.join(60)
    assert any("a worker process ended" in line for line in lines)
    assert_filled(tmp_path)


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("cuda", 1), ("cuda:1", 1)])
def test_a_job_asks_for_eight_hours_and_a_gpu_where_it_takes_one(tmp_path: Path, device: str, gpus: int) -> None:
    with SlurmJobs(1, pytest.fail, tmp_path, device, cluster="local") as jobs:
        asked = jobs.executor._executor.parameters
    assert (asked["timeout_min"], asked["mem_gb"], asked["cpus_per_task"], asked["gpus_per_node"]) == (480, 8, 1, gpus)


# --- Dask -------------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler and two workers in processes of this machine; the scheduler's file, and the workers."""
    file = folder / "scheduler.json"
    started = [start_dask("scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard", f"--scheduler-file={file}")]
    try:
        wait_for(lambda: file.exists() or started[0].poll() is not None)
        common = (f"--scheduler-file={file}", "--no-dashboard", "--no-nanny", "--host=127.0.0.1")
        for number in range(2):
            folder_of_worker = f"--local-directory={folder / str(number)}"
            started.append(start_dask("worker", *(options or ("--nthreads=1",)), *common, folder_of_worker))
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(2, timeout=60)
        yield str(file), started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.communicate()


def start_dask(*arguments: str) -> subprocess.Popen[str]:
    return start_python("import sys; from dask.__main__ import main; sys.argv[0] = 'dask'; main()", *arguments)


@pytest.mark.usefixtures("two_pieces")
def test_what_a_killed_dask_worker_measured_is_resumed_by_the_other(tmp_path: Path) -> None:
    root, lines = tmp_path / "store", []
    with cluster(tmp_path) as (scheduler, workers):
        killing = killed(lambda: [workers[0].pid], root, half_trained=2)  # one by each worker
        assert on_dask(CELLS, task(root), scheduler, lines.append) == []
        killing.join(60)
        assert workers[0].poll() == -signal.SIGKILL
        assert workers[1].poll() is None
    assert re.search(r"\[4/4\] .*: \d+ s$", lines[-1])
    assert_filled(root)
    assert_resumed(root)


@pytest.mark.usefixtures("two_pieces")
def test_records_of_workers_that_do_not_share_the_store_are_sent(tmp_path: Path) -> None:
    """Workers do not see what this process calls /proc/self/fd/N."""
    (tmp_path / "store").mkdir()
    folder = os.open(tmp_path / "store", os.O_RDONLY)
    try:
        with cluster(tmp_path) as (scheduler, _):
            own = Path(f"/proc/self/fd/{folder}")
            assert on_dask(CELLS, task(own), scheduler, lambda line: None) == []
            (failure,) = on_dask([ENDLESS[0]], replace(task(own), keep_weights=True), scheduler, lambda line: None)
    finally:
        os.close(folder)
    assert_filled(tmp_path / "store")
    assert failure.startswith(f"the store {own} cannot be written (a worker that is to keep nets does not share it)")


def test_files_are_given_again_to_workers_one_of_which_died_meanwhile() -> None:
    calls: list[str] = []

    class Failing:
        def __init__(self, failures: int) -> None:
            self.failures = failures

        def upload_file(self, path: str) -> None:
            calls.append(path)
            if len(calls) <= self.failures:
                raise OSError("Stream is closed")

    hand_out(cast(Any, Failing(2)), Path("family.py"), "tcp://a:1")
    assert calls == ["family.py"] * 3
    calls.clear()
    message = r"workers of tcp://a:1 end, or the scheduler does, .* family.py: .* again \(Stream is closed\)"
    with pytest.raises(UnusableEngine, match=message):
        hand_out(cast(Any, Failing(3)), Path("family.py"), "tcp://a:1")


def test_dask_workers_of_several_threads_are_refused(tmp_path: Path) -> None:
    several = pytest.raises(UnusableEngine, match=r"have several threads: start `dask worker --nthreads=1`")
    with cluster(tmp_path, "--nthreads=2") as (scheduler, _), several:
        on_dask(CELLS, task(tmp_path), scheduler, pytest.fail)


# --- GPUs -------------------------------------------------------------------------------------------------------------


def test_gpus_get_a_share_of_the_cells_each(tmp_path: Path) -> None:
    """Every share has long and short ones. Without a GPU, the calls say so."""
    work, store = (
        [Piece(cell, cell) for cell in (replace(UNTRAINED, width=width) for width in range(3, 10))],
        Store(tmp_path),
    )
    with store.locked(work[1].cell), ThreadPoolExecutor(2) as executor:
        submitting = Submitting(executor, 3, replace(task(tmp_path), device="cuda"), store, EventReporter(print))
        jobs = submitting.start(work, [])
        assert [[piece.cell.width for piece in job.pieces] for job in jobs] == [[3, 7], [5, 8], [6, 9]]
        assert submitting.start(work[:1], jobs) == []


class Losing(ThreadPoolExecutor):
    """Workers whose records never arrive, as on file systems that only seem to be shared."""

    calls = 0

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[override]
        self.calls += 1
        return super().submit(Outcome, [], [], [])


def test_a_piece_whose_record_never_arrives_is_given_up(tmp_path: Path) -> None:
    events: list[dict] = []
    with Losing(1) as losing:
        submit(CELLS[1:2], task(tmp_path), losing, 1, EventReporter(events.append))
    (failure,) = [event for event in events if event["event"] == "failed"]
    assert losing.calls == TRIES
    assert f"{TRIES} calls ended, and its record is not in {tmp_path}" in str(failure)


TEMPORARY = """
import time
from wndcheck.store.files import temporary_folder
with temporary_folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def test_temporary_folders_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    holders = [start_python(TEMPORARY) for _ in range(2)]
    folders = [Path(holder.stdout.readline().strip()) for holder in holders]
    assert all(folder.parent == tmp_path and folder.exists() for folder in folders)
    try:
        holders[0].kill()
        holders[0].communicate()
        with temporary_folder() as own:
            assert set(tmp_path.iterdir()) == {own, folders[1]}
    finally:
        holders[1].kill()
        holders[1].communicate()
    assert list(tmp_path.iterdir()) == [folders[1]]
