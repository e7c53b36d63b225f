"""Fill the store with several processes of this machine; their events and exit statuses become lines of text."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from wndcheck.datasets import DamagedData, MissingData
from wndcheck.devices import one_thread_each, own_device
from wndcheck.experiment.cells import Cell
from wndcheck.store.files import UnwritableStore, temporary_folder
from wndcheck.store.filling import fill
from wndcheck.store.measure_log import Journal
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter, Lines, Watcher, append

GRACE = 10.0  # seconds that workers get to release their cells


@dataclass(frozen=True)
class Task:
    """The cells to measure, their store, and the options."""

    cells: tuple[Cell, ...]
    store: Path  # the store's root
    journal: Path
    device: str
    data_root: str | None
    keep_weights: bool = False

    def carry_out(self, device: str, send: Callable[[dict], None]) -> None:
        """Measure, in this process, what the store lacks and no other process has locked, until it has all of it."""
        reporter = EventReporter(send)
        store = Store(self.store, say=reporter.note)
        journal = Journal(self.journal, store, reporter)
        fill(self.cells, store, journal, device=device, data_root=self.data_root, keep_weights=self.keep_weights)


def in_this_process(task: Task, write: Callable[[str], None]) -> None:
    """Carry the task out in this process, on all its cores."""
    task.carry_out(own_device(task.device), Lines(write).handle)


def in_worker_processes(task: Task, workers: int, write: Callable[[str], None]) -> list[str]:
    """Carry the task out in that many processes, of one thread each; returns the errors, each once.

    A worker that fails or dies leaves its cells to the others. When this function returns or raises, all have ended.
    """
    one_thread_each()
    context = multiprocessing.get_context("spawn")  # a fresh Python, which reads the variables of one_thread_each
    with temporary_folder() as folder:
        events = folder / "events.jsonl"
        events.touch()
        lines = Lines(write)
        watcher = Watcher(events, lines)
        watcher.start()
        processes: list[BaseProcess] = []
        try:
            # A terminal sends Ctrl-C to all processes: workers ignore it, and their parent ends them.
            with signal_handler(signal.SIGINT, signal.SIG_IGN):
                for number in range(workers):
                    processes.append(context.Process(target=work, args=(task, number, events), daemon=True))
                    processes[-1].start()
            for number, process in in_order_of_ending(processes):
                if process.exitcode not in (0, REPORTED):
                    EventReporter(append(events)).failed(how_it_ended(number, process.exitcode))
        finally:
            end(processes)
            watcher.stop()
    return lines.failures


# --- the parent -------------------------------------------------------------------------------------------------------


@contextmanager
def termination_as_interruption() -> Iterator[None]:
    """Handle SIGTERM, with which schedulers end a command, and SIGHUP, of a terminal that is closed, as Ctrl-C."""
    with ExitStack() as handlers:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                handlers.enter_context(signal_handler(number, signal.default_int_handler))
        yield


@contextmanager
def signal_handler(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Set a signal's handler within the context; without effect in other threads than the main one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def in_order_of_ending(processes: list[BaseProcess]) -> Iterator[tuple[int, BaseProcess]]:
    """Wait for the processes, and yield each with its number when it has ended."""
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
    return f"worker {number} {ended}; its cells are left to the other workers, or to the same command run again"


def end(processes: list[BaseProcess]) -> None:
    """Terminate all of them, so that they release their cells; kill those that take too long."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


# --- the workers ------------------------------------------------------------------------------------------------------

REPORTED = 3  # exit status of a worker that has reported its error


def work(task: Task, number: int, events: Path) -> None:
    """Carry the task out as worker `number`; errors become events."""
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    reporter = EventReporter(append(events))
    try:
        task.carry_out(own_device(task.device, number), reporter.send)
    except (MissingData, DamagedData, UnwritableStore) as error:
        reporter.failed(str(error))
    except Exception:
        reporter.failed(f"a cell could not be measured\n{traceback.format_exc().rstrip()}")
    else:
        return
    sys.exit(REPORTED)


def leave(*_: object) -> None:
    """Exit by an exception, so that cells are released and no file stays unfinished."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def leave_with_parent() -> None:
    """End when the parent does: a parent that is killed cannot end its workers."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
