"""Threads that are started once and kept: starting them takes as long as the pairs of a small layer."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numba


def in_threads(work: Callable[[], None], tasks: int, n_jobs: int | None) -> None:
    """Run work in this thread and in up to n_jobs − 1 others, by default one per core, at most one per task."""
    threads = min(n_jobs or numba.config.NUMBA_NUM_THREADS, tasks)  # pyright: ignore
    others = [_pool(threads - 1).submit(work) for _ in range(threads - 1)]
    work()
    for other in others:
        other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="wndcheck")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of the threads
