"""Several processes that fill a store: interrupted, killed, orphaned."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.devices import THREAD_VARIABLES
from wndcheck.experiment.cells import Cell
from wndcheck.nets.specification import Training
from wndcheck.store.files import temporary_folder
from wndcheck.store.measurements import Store
from wndcheck.store.worker_processes import REPORTED, Task, how_it_ended, in_worker_processes, work
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, random_measurement, start_python, wait_for

ENDLESS = tuple(replace(TINY_CELL, width=width, protocol=Training(0.01, 64, (0, 10_000))) for width in (5, 6))

TOGETHER = """
import os, sys
from functools import partial
from pathlib import Path
from wndcheck.store.worker_processes import in_worker_processes
from wndcheck.tests.store.test_worker_processes import ENDLESS, task
os.setsid()  # a terminal's group of processes
try:
    in_worker_processes(task(Path(sys.argv[1]), ENDLESS), 2, partial(print, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")


def task(root: Path, cells: tuple[Cell, ...]) -> Task:
    return Task(cells, root, root / "log", "cpu", str(root / "no-data"))


def checkpoints(root: Path) -> list[Path]:
    return list(Store(root).checkpoints.folder.glob("[!.]*.safetensors"))


def is_free(root: Path, cell: Cell) -> bool:
    with Store(root).locked(cell) as has_lock:
        return has_lock


def test_an_interrupted_run_ends_in_order(tmp_path):
    """One worker trains, and another waits for what is held here."""
    with Store(tmp_path).locked(ENDLESS[1]):
        parent = start_python(TOGETHER, tmp_path)
        wait_for(lambda: parent.poll() is not None or checkpoints(tmp_path))
        assert not is_free(tmp_path, ENDLESS[0])
        os.killpg(parent.pid, signal.SIGINT)
        output, errors = parent.communicate(timeout=30)
    assert (parent.returncode, errors) == (130, ""), output
    assert is_free(tmp_path, ENDLESS[0])
    assert len(checkpoints(tmp_path)) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_workers_end_with_the_process_above_them(tmp_path):
    """They wait for cells that are held here, which takes no time to set up."""
    store = Store(tmp_path)
    with store.locked(ENDLESS[0]), store.locked(ENDLESS[1]):
        parent = start_python(TOGETHER, tmp_path)
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("wndcheck: 2 cells to train and measure")
        parent.kill()
        output, errors = parent.communicate(timeout=30)  # its pipes end when the last process that has them does
    assert (output, errors) == ("", "")


@pytest.mark.usefixtures("one_thread_each")
def test_a_killed_worker_is_reported_and_the_others_finish(tmp_path):
    """They wait for cells that are held here, and end when the store has these. They ignore Ctrl-C."""
    lines: list[str] = []
    store = Store(tmp_path)

    def kill_one() -> None:
        wait_for(lambda: lines)
        workers = multiprocessing.active_children()
        try:
            for worker in workers:
                os.kill(worker.pid, signal.SIGINT)
            workers[0].kill()
            wait_for(lambda: len(lines) > 1)
            time.sleep(0.5)  # for further lines
        finally:
            for cell in ENDLESS:
                store.save(random_measurement(cell))

    killing = threading.Thread(target=kill_one, daemon=True)
    with store.locked(ENDLESS[0]), store.locked(ENDLESS[1]):
        killing.start()
        (killed,) = in_worker_processes(task(tmp_path, ENDLESS), 2, lines.append)
    killing.join(60)
    assert killed.endswith(
        "was killed by SIGKILL (out of memory?); its cells are left to the other workers, or to the same command "
        "run again"
    )
    assert lines[1:] == [f"wndcheck: error: {killed}"]
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("one_thread")
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
def test_a_failed_worker_reports_why_and_releases_its_cell(tmp_path, cell, message):
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            work(task(tmp_path, (cell,)), 0, tmp_path / "events")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == REPORTED
    *_, last = map(json.loads, (tmp_path / "events").read_text(encoding="utf-8").splitlines())
    assert last["event"] == "failed"
    assert re.search(message, last["text"])
    assert is_free(tmp_path, cell)


TEMPORARY = """
import time
from wndcheck.store.files import temporary_folder
with temporary_folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def test_temporary_folders_of_killed_processes_are_removed(tmp_path, monkeypatch):
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


@pytest.mark.parametrize(
    ("code", "start"), [(-15, "worker 1 was killed by SIGTERM; "), (7, "worker 1 ended with status 7; ")]
)
def test_how_a_worker_ended(code, start):
    assert how_it_ended(1, code).startswith(start)
