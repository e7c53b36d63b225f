"""Nets that executors measure: what dies is measured by another worker, with the same numbers."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from msgspec import structs

from wndcheck.devices import THREAD_VARIABLES
from wndcheck.store.executors import Processes, SlurmJobs, dask_workers
from wndcheck.sweep.records import NetRecord
from wndcheck.tests.store.test_engines import cluster
from wndcheck.tests.sweep.families import KilledOnce, make_slowly, swept
from wndcheck.tests.tiny import start_python

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"widths": (20, 30), "seeds": 2, "max_pairs": 10, "max_samples": 100}


def without_seconds(records: list[NetRecord]) -> list[NetRecord]:
    return [structs.replace(record, seconds=0.0) for record in records]


@pytest.fixture(scope="module")
def expected() -> list[NetRecord]:
    return without_seconds(swept(train=KilledOnce(Path(__file__), signal.SIGKILL), **FEW).records)


@pytest.fixture(autouse=True)
def unset_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker has one thread without being told."""
    for variable in THREAD_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def assert_measured(
    expected: list[NetRecord], folder: Path, executor: Executor | None, number: signal.Signals = signal.SIGKILL
) -> list[str]:
    """Sweep nets of which one ends its worker; return the lines on what died."""
    lines: list[str] = []
    killing = KilledOnce(folder / "killed", number)
    found = swept(train=killing, **FEW, workers=2, executor=executor, progress=lines.append)
    assert killing.file.exists()
    assert without_seconds(found.records) == expected
    assert len([line for line in lines if line.startswith("[")]) == len(expected)
    return [line for line in lines if not line.startswith("[")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_ends_is_replaced(tmp_path: Path, expected: list[NetRecord], number: signal.Signals) -> None:
    own = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    own.start()
    try:
        (line,) = assert_measured(expected, tmp_path, None, number)
        assert line.startswith("a worker process ended (killed, or out of memory?)")
        assert own.is_alive(), "a process of the user's is left alone"
    finally:
        own.kill()
        own.join()
    assert not set(THREAD_VARIABLES) & set(os.environ)


NUMBER = "__import__('time').sleep(0.5) or __import__('wndcheck.store.executors').store.executors.worker_number"


def test_a_process_that_takes_the_place_of_another_has_its_number() -> None:
    """By which they take the GPUs in turn."""
    with Processes(2, lambda line: None) as processes:
        before = [processes.submit(eval, NUMBER) for _ in range(2)]
        assert {call.result(60) for call in before} == {0, 1}
        dying = processes.submit(os._exit, 1)  # three times, and so in both
        assert isinstance(dying.exception(60), BrokenProcessPool)
        after = [processes.submit(eval, NUMBER) for _ in range(2)]
        assert {call.result(60) for call in after} == {0, 1}


def test_a_slurm_job_that_ends_is_submitted_again(tmp_path: Path, expected: list[NetRecord]) -> None:
    """By submitit's executor for this machine."""
    lines: list[str] = []
    with SlurmJobs(2, lines.append, tmp_path / "slurm", "cpu", cluster="local") as jobs:
        assert_measured(expected, tmp_path, jobs)
    assert len(lines) == 1


def test_what_a_dask_worker_dies_of_is_measured_by_the_other(tmp_path: Path, expected: list[NetRecord]) -> None:
    with cluster(tmp_path) as (scheduler, workers), dask_workers(scheduler) as (dask, _):
        assert_measured(expected, tmp_path, dask)
        assert sorted(worker.poll() or 0 for worker in workers) == [-signal.SIGKILL, 0]


def test_threads_of_one_process_take_turns() -> None:
    """Nets of one process share its random generators, which are seeded for each."""
    with ThreadPoolExecutor(2) as threads:
        found = swept(make_slowly, **FEW, workers=2, executor=threads).records
    assert without_seconds(found) == without_seconds(swept(**FEW).records)


class Watched(ThreadPoolExecutor):
    """Keeps the nets in the order of their calls, and how many calls had not ended at each."""

    def __init__(self) -> None:
        super().__init__(4)
        self.calls: list[Future] = []
        self.nets: list[tuple[int, int]] = []
        self.at_once: list[int] = []

    def submit(self, fn, /, *args):  # type: ignore[override]
        self.calls.append(super().submit(fn, *args))
        self.nets.append(args[-2:])
        self.at_once.append(sum(not call.done() for call in self.calls))
        return self.calls[-1]


def test_nets_are_measured_in_order_and_no_more_at_once_than_asked_for() -> None:
    """Each call holds the inputs."""
    with Watched() as threads:
        swept(make_slowly, **FEW, workers=2, executor=threads)
    assert threads.nets == [(20, 0), (20, 1), (30, 0), (30, 1)]
    assert max(threads.at_once) == 2


class ElsewhereOnly(ThreadPoolExecutor):
    """A worker that has not imported a module, and has not its folder in the path."""

    def submit(self, fn, given, folders, *net):  # type: ignore[override]
        folders = [*folders]
        sys.path.remove(folders[0])
        del sys.modules["own_nets"]
        call = super().submit(fn, given, folders, *net)
        call.exception(60)
        sys.path.insert(0, folders[0])
        return call


def test_functions_are_found_where_the_caller_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_nets.py").write_text(OWN_NETS)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made = importlib.import_module("own_nets").made
    with ElsewhereOnly(1) as executor:
        found = swept(made, **FEW | {"seeds": 1, "widths": (20,)}, executor=executor)
    assert not found.records[0].problem
    assert sys.modules.pop("own_nets").made is not made


OWN_NETS = """
from wndcheck.tests.sweep.families import make_net
def made(width):
    return make_net(width)
"""
RUN = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, sys.argv[1]]))"
SCRIPT = """
from wndcheck.sweep.widths import width_sweep
from wndcheck.tests.sweep.families import inputs, make_net
width_sweep(make_net, inputs(), [20, 30], 2, max_pairs=10, workers=2)
"""


def test_a_script_that_sweeps_when_it_is_imported_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    process = start_python(RUN, tmp_path / "script.py")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "ValueError: worker processes end as they start, with the error above: they import this script" in errors
