"""The nets of a sweep, measured one after the other in this process, or by several of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from wndcheck.devices import THREAD_VARIABLES, one_thread_each
from wndcheck.sweep.measuring import Family
from wndcheck.sweep.records import NetRecord

_family: Family  # of a worker


def measured(family: Family, nets: Sequence[tuple[int, int]], workers: int) -> Iterator[NetRecord]:
    """The record of each net (width, seed), in their order. ValueError where workers cannot be given the family."""
    if min(workers, len(nets)) < 2:
        yield from (family.measure(*net) for net in nets)
        return
    try:
        given = pickle.dumps(family)
    except Exception as error:
        raise ValueError(
            f"make_net, train, evaluate or x cannot be sent to worker processes ({error}): take one worker, or "
            "functions at the top level of a module"
        ) from None
    context = multiprocessing.get_context("spawn")
    with single_threads(), ProcessPoolExecutor(min(workers, len(nets)), context, start, (given,)) as pool:
        try:
            yield from pool.map(measure, nets)
        except BrokenProcessPool:
            raise ValueError("a worker process was killed (out of memory?): take fewer workers") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def start(given: bytes) -> None:
    global _family
    _family = pickle.loads(given)


def measure(net: tuple[int, int]) -> NetRecord:
    return _family.measure(*net)


@contextmanager
def single_threads() -> Iterator[None]:
    """Processes that are started within have one thread each, unless the user has set otherwise."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    one_thread_each()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
