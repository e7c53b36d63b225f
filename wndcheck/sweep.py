"""Fill the store with the cells a run needs: alone, together with other processes, or through a `map`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from wndcheck.cells import Cell, Training
from wndcheck.store import Store

PATIENCE = 0.2  # seconds between looks at the cells that other processes hold


class Reporter(Protocol):
    """Told what a sweep does. `share` runs from 0 to 1."""

    def planned(self, cells: list[Cell]) -> None: ...
    def working(self, cell: Cell, doing: str, share: float) -> None: ...
    def finished(self, cell: Cell, seconds: float) -> None: ...


def fill(cells: Iterable[Cell], store: Store, reporter: Reporter, *, device: str, data_root: str | None) -> None:
    """Measure every cell the store lacks, longest first, leaving to other processes what they hold.

    Returns when the store has all of them. A holder that dies lets its cell go, and it is measured here.
    """
    missing = longest_first(cell for cell in cells if not store.has(cell))
    if missing:
        reporter.planned(missing)
    while missing:
        held_elsewhere = [cell for cell in missing if not ensure(cell, store, reporter, device, data_root)]
        if len(held_elsewhere) == len(missing):
            time.sleep(PATIENCE)
        missing = [cell for cell in held_elsewhere if not store.has(cell)]


def ensure(cell: Cell, store: Store, reporter: Reporter, device: str, data_root: str | None) -> bool:
    """Have the cell in the store; False if another process holds it."""
    with store.held(cell) as mine:
        if not mine:
            return False
        if not store.has(cell):
            from wndcheck.measurement import measure  # imports torch, which a warm store does without

            started = time.perf_counter()
            store.save(measure(cell, device=device, data_root=data_root, progress=partial(reporter.working, cell)))
            reporter.finished(cell, time.perf_counter() - started)
        return True


def fill_with(
    map: Callable, cells: Iterable[Cell], store: Store, reporter: Reporter, *, device: str, data_root: str | None
) -> None:
    """Fill the store through any `map`, such as that of an executor on other machines that share the store."""
    work = partial(ensure, store=store, reporter=reporter, device=device, data_root=data_root)
    list(map(work, longest_first(cells)))


def longest_first(cells: Iterable[Cell]) -> list[Cell]:
    """Each cell once, the costliest first, in the same order in every process."""
    return sorted(set(cells), key=lambda cell: (-cost(cell), cell.key))


def cost(cell: Cell) -> float:
    """Rough work of a cell in multiplications, to put the longest first and to foretell the time left."""
    epochs = cell.protocol.stages[-1] if isinstance(cell.protocol, Training) else 0
    images = {"mnist-subset": 10_000, "mnist": 60_000, "cifar10": 50_000}[cell.dataset]
    hidden_pairs = min(cell.probe.most_pairs, cell.width * (cell.width - 1) // 2)
    steps = epochs * images / getattr(cell.protocol, "batch_size", 1)
    training = 6 * epochs * images * cell.parameters_per_net + 2e7 * steps / len(cell.seeds)
    measuring = 1.5e6 * len(cell.protocol.stages) * 2 * cell.layers * hidden_pairs
    return len(cell.seeds) * (training + measuring)
