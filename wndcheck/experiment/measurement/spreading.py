"""Pieces of work one after the other, or on threads while the caller goes on with something else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")
GLANCE = 0.002  # seconds between two looks at the threads


def spread(pieces: Sequence[Callable[[], T]], threads: int) -> Generator[float, None, list[T]]:
    """The results of the pieces, in order; between them, or while they are at work, it yields the share that is done.

    With one thread it is the caller's own. What a piece raises is raised here, and the pieces not yet begun are not.
    """
    if threads == 1:
        results = []
        for done, piece in enumerate(pieces):
            yield done / len(pieces)
            results.append(piece())
        return results
    futures = [_pool(threads).submit(piece) for piece in pieces]
    try:
        while (pending := wait(futures, GLANCE).not_done) and not any(f.exception() for f in futures if f.done()):
            yield 1 - len(pending) / len(futures)
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="wndcheck")
