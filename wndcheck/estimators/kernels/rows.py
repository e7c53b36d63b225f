"""Rows of samples, each sorted once: what the kernels take. Permuted samples, and ranks on a grid, need no sorting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOWER = np.uint64(0xFFFFFFFF)


class SortedRows(NamedTuple):
    """N rows of M samples in single precision, all below 1e29 in magnitude, with their order."""

    values: NDArray[np.float32]  # (N, M)
    order: NDArray[np.uint32]  # (N, M), sorting permutation: values[n, order[n]] is ascending[n]
    ascending: NDArray[np.float32]  # (N, M); a view of a single row where all rows hold the same values

    def rearranged(self, order: NDArray[np.uint32]) -> SortedRows:
        """The same values in other places: order (N, M) is the new sorting permutation of every row.

        To move sample s of row n to places[n, s], give np.take_along_axis(places, rows.order, axis=1).
        """
        values = np.empty(order.shape, np.float32)
        values.ravel()[_flat(order)] = self.ascending
        return SortedRows(values, order, self.ascending)


def sort_rows(values: NDArray[np.float32]) -> SortedRows:
    """Sort each row of (N, M); samples of equal value keep their order.

    With the bits of negative numbers inverted, float32 numbers sort like integers. Each is packed with its index into
    one int64, the index in the lower half: sorting these is several times faster than numpy's stable argsort.
    """
    values = np.ascontiguousarray(values, np.float32)
    packed = _monotone(values.view(np.int32)).astype(np.int64)
    packed <<= 32
    packed |= np.arange(values.shape[1])
    packed.sort(axis=1)
    ascending = _monotone((packed >> 32).astype(np.int32)).view(np.float32)
    return SortedRows(values, packed.astype(np.uint32), ascending)


def random_order(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint32]:
    """A random permutation of 0 to M − 1 in each of N rows, (N, M): the order of random integers.

    An integer holds 32 random bits and its index; where two bits coincide, in one of 8600 rows of 1000, the lower index
    comes first.
    """
    keys = rng.integers(0, 2**64, shape, dtype=np.uint64)
    keys &= ~LOWER
    keys |= np.arange(shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    return keys.astype(np.uint32)


def _monotone(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bits of float32 numbers to integers of the same order, and back."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _flat(places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Indices into the flattened rows, (N, M), of a place within each row."""
    n, m = places.shape
    return places + m * np.arange(n)[:, None]
