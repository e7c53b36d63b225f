"""Cells in pieces: cells of fewer seeds, none of which keeps a core for long; measured separately and joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds
from wndcheck.experiment.record_schema import Measurement, record_shapes

T = TypeVar("T")
LONGEST = 40 * 60.0  # predicted seconds of a core; predictions are near enough that none takes more than 45 minutes


def pieces(cell: Cell) -> tuple[Cell, ...]:
    """The cell in as few pieces of at most LONGEST as can be, whole ensembles or nets each; often the cell itself.

    Each net trains as it would in the whole cell, and what is measured of it, or of an ensemble, depends on no other.
    """
    most = max(1, int(LONGEST / core_seconds(cell) * cell.replicates))  # replicates of a piece
    if most >= cell.replicates:
        return (cell,)
    size = cell.nets_per_ensemble if cell.ensembles else 1
    replicates = [cell.seeds[start : start + size] for start in range(0, len(cell.seeds), size)]
    parts = split(replicates, most)
    return tuple(replace(cell, seeds=sum(part, ()), ensembles=len(part) if cell.ensembles else 0) for part in parts)


def split(items: Sequence[T], size: int) -> list[tuple[T, ...]]:
    """The items in as few parts of at most `size` as can be, all of much the same length, in order."""
    parts = -(-len(items) // size)
    bounds = [len(items) * part // parts for part in range(parts + 1)]
    return [tuple(items[low:high]) for low, high in pairwise(bounds)]


def joined(cell: Cell, measured: Sequence[Measurement]) -> Measurement:
    """The cell's measurement, from those of its pieces in order. ValueError if they are not all of its seeds."""
    if cell.seeds != (found := tuple(seed for piece in measured for seed in piece.cell.seeds)):
        raise ValueError(f"pieces of the seeds {found}: expected {cell.seeds}")
    arrays = {name: np.concatenate([piece[name] for piece in measured], axis=1) for name in record_shapes(cell)}
    return Measurement(cell, arrays, {**_merged([piece.provenance for piece in measured]), "pieces": len(measured)})


def _merged(provenances: Iterable[dict]) -> dict:
    """One provenance of several: durations and numbers summed, lists one after the other, different texts beside each
    other, and the time of the last.
    """
    first, *others = provenances
    merged = dict(first)
    for other in others:
        for name, value in other.items():
            before = merged[name]
            if isinstance(value, dict):
                merged[name] = _merged([before, value])
            elif name in ("made", "threads"):
                merged[name] = max(before, value)
            elif isinstance(value, str):
                merged[name] = before if value in before.split(" + ") else f"{before} + {value}"
            else:
                merged[name] = before + value
    return merged
