"""Fill the store with several processes of this machine: what they say becomes lines, and so does how they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from wndcheck.datasets import DamagedData, MissingData
from wndcheck.experiment.cells import Cell
from wndcheck.store.filling import fill
from wndcheck.store.journal import Journal
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter, Lines, Watcher, append
from wndcheck.store.workers import one_thread_each, own_device

GRACE = 10.0  # seconds that workers get to end in order


@dataclass(frozen=True)
class Task:
    """What is to be measured, and where everything lies."""

    cells: tuple[Cell, ...]
    store: Path  # the store's root
    journal: Path
    device: str
    data_root: str | None

    def carry_out(self, device: str, tell: Callable[[dict], None]) -> None:
        """Measure, in this process, what the store lacks and nobody else holds, until it has all of it."""
        reporter = EventReporter(tell)
        store = Store(self.store, say=reporter.note)
        fill(self.cells, store, Journal(self.journal, store, reporter), device=device, data_root=self.data_root)


def alone(task: Task, write: Callable[[str], None]) -> None:
    """Carry the task out in this process, on all its cores."""
    task.carry_out(own_device(task.device), Lines(write).tell)


def together(task: Task, workers: int, write: Callable[[str], None]) -> list[str]:
    """Carry the task out in that many processes, of one thread each; what went wrong, each thing once.

    A worker that fails or dies leaves its cells to the others. However this function ends, so have they.
    """
    one_thread_each()
    with tempfile.TemporaryDirectory(prefix="wndcheck-") as folder:
        events = Path(folder) / "events.jsonl"
        events.touch()
        lines = Lines(write)
        watcher = Watcher(events, lines)
        watcher.start()
        processes: list[BaseProcess] = []
        try:
            with without_interruption():
                for number in range(workers):
                    processes.append(started(task, number, events))
            for number, process in in_order_of_ending(processes):
                if process.exitcode not in (0, TOLD):
                    EventReporter(append(events)).failed(how_it_ended(number, process.exitcode))
        finally:
            end(processes)
            watcher.stop()
    return lines.failures


# --- the process above ------------------------------------------------------------------------------------------------


def started(task: Task, number: int, events: Path) -> BaseProcess:
    """A worker at work: a fresh Python, which has read none of the variables that `one_thread_each` sets."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=(task, number, events), name=f"wndcheck {number}", daemon=True)
    process.start()
    return process


def without_interruption() -> AbstractContextManager[None]:
    """Ctrl-C goes to every process of a terminal. Those started in here never hear it: the one above ends them."""
    return hearing(signal.SIGINT, signal.SIG_IGN)


def termination_as_interruption() -> AbstractContextManager[None]:
    """SIGTERM, with which schedulers end a command, is heard as Ctrl-C is."""
    return hearing(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def hearing(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Have the handler hear the signal for a while; threads other than the main one cannot, and change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def in_order_of_ending(processes: list[BaseProcess]) -> Iterator[tuple[int, BaseProcess]]:
    running = {process.sentinel: (number, process) for number, process in enumerate(processes)}
    while running:
        for sentinel in wait(list(running)):
            number, process = running.pop(cast(int, sentinel))
            process.join()
            yield number, process


def how_it_ended(number: int, code: int | None) -> str:
    ended = f"ended with status {code}"
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        ended = f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"worker {number} {ended}; what it was measuring is left to the others, or to the same command again"


def end(processes: list[BaseProcess]) -> None:
    """Have all of them end: in order, letting go of their cells, or else at once."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


# --- the workers ------------------------------------------------------------------------------------------------------

TOLD = 3  # exit status of a worker that has said what went wrong


def work(task: Task, number: int, events: Path) -> None:
    """What a worker does."""
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    tell = append(events)
    try:
        task.carry_out(own_device(task.device, number), tell)
    except (MissingData, DamagedData) as error:
        EventReporter(tell).failed(str(error))
    except Exception:
        EventReporter(tell).failed(f"a cell could not be measured\n{traceback.format_exc().rstrip()}")
    else:
        return
    sys.exit(TOLD)


def leave(*_: object) -> None:
    """End in order: cells are let go, and no file stays unfinished."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def leave_with_parent() -> None:
    """A parent that is killed ends nobody; without it, nobody hears what the worker does."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
