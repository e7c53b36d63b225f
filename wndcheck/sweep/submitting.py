"""The nets of a sweep, measured one after the other in this process, or several at once by calls of an executor."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import TYPE_CHECKING

from wndcheck.devices import THREAD_VARIABLES, one_thread_each, own_device
from wndcheck.report.format import one_line
from wndcheck.store import executors
from wndcheck.sweep.records import NetRecord

if TYPE_CHECKING:
    from wndcheck.sweep.measuring import Family  # imports torch, which then has its threads

Net = tuple[int, int]  # width, seed
_one_at_a_time = threading.Lock()  # of the nets that one process measures: its random generators are seeded for each


def measured(
    family: Family, nets: Sequence[Net], workers: int, executor: Executor | None, say: Callable[[str], None]
) -> Iterator[NetRecord]:
    """The record of each net, as soon as it is measured; `workers` of them at once, by default in processes of this
    machine. A net whose workers died has that as its problem. ValueError where the family cannot be sent to a worker.
    """
    at_once = min(workers, len(nets))
    if executor is None and at_once < 2:
        yield from (family.measure(*net) for net in nets)
        return
    try:
        given = pickle.dumps(family)
    except Exception as error:
        raise ValueError(
            f"make_net, train, evaluate or x cannot be sent to worker processes ({error}): take one worker, or "
            "functions at the top level of a module"
        ) from None
    left, calls = list(reversed(nets)), dict[Future[NetRecord], Net]()
    with ExitStack() as stack:
        if executor is None:
            for variable in set(THREAD_VARIABLES) - set(os.environ):  # which processes set here
                stack.callback(os.environ.pop, variable, None)
            executor = stack.enter_context(executors.Processes(at_once, say))
            try:
                executor.submit(os.getpid).result()
            except BrokenProcessPool:
                raise ValueError(
                    "worker processes end as they start, with the error above: they import this script, which is to "
                    "sweep below `if __name__ == '__main__':` alone; or take one worker"
                ) from None
        stack.callback(lambda: [call.cancel() for call in calls])
        while left or calls:
            while left and len(calls) < at_once:  # no more: each call holds the inputs
                net = left.pop()
                calls[executor.submit(measure, given, sys.path, *net)] = net
            for call in wait(calls, return_when=FIRST_COMPLETED).done:
                net = calls.pop(call)
                try:
                    record = call.result()
                except Exception as error:
                    why = one_line(f"{type(error).__name__}: {error}")
                    record = NetRecord(*net, problem=f"no worker measured it, {why}")
                yield record


def measure(given: bytes, folders: Sequence[str], width: int, seed: int) -> NetRecord:
    """Measure a net in this process; `folders` are searched for the modules of the functions."""
    if "torch" not in sys.modules:  # which reads them
        one_thread_each()
    sys.path += [folder for folder in folders if folder not in sys.path]
    with _one_at_a_time:
        family: Family = pickle.loads(given)
        family.device = own_device(family.device, executors.worker_number)
        return family.measure(width, seed)
