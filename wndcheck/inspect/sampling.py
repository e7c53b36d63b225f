"""Samples, positions and neurons: from a layer's output of any shape to rows of neurons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wndcheck.inspect.layers import CHANNELS, LAST, UNKNOWN
from wndcheck.seeds import derived_seed

SCOUTS = (2, 3)  # batches of two sizes tell the axis of the samples from any other


class Unmeasurable(ValueError):
    """A layer turns out, in the middle of a forward pass, not to be what it was."""


class Axes(NamedTuple):
    """Which axis holds the samples and which the neurons; all others are positions."""

    sample: int
    neuron: int
    positions: int

    def rows(self, output: Tensor) -> Tensor:
        """(samples, positions, neurons), a view where possible."""
        moved = output.movedim((self.sample, self.neuron), (0, -1))
        return moved.reshape(len(moved), -1, moved.shape[-1])


def axes(shapes: tuple[tuple[int, ...], ...], layout: str, neuron_axis: int | None) -> Axes | str:
    """The axes of outputs of these shapes for batches of `SCOUTS` samples, or why they cannot be told."""
    small, large = shapes
    said = f"it puts out shape {small} for {SCOUTS[0]} samples and {large} for {SCOUTS[1]}"
    if not small:
        return f"{said}: expected an axis of samples and one of neurons"
    if len(small) != len(large):
        return f"{said}: expected as many axes"
    moving = [i for i, (a, b) in enumerate(zip(small, large, strict=True)) if a != b]
    if len(moving) != 1 or (small[moving[0]], large[moving[0]]) != SCOUTS:
        return f"{said}: its samples do not have an axis of their own; name a layer that keeps them apart"
    if len(small) == 1:
        return f"{said}: it has no axis of neurons"
    sample = moving[0]
    neuron = _neuron_axis(len(small), sample, layout, neuron_axis)
    if neuron is None:
        return f"{said}: which axis holds the neurons cannot be told; give neuron_axis=1 or neuron_axis=-1"
    if neuron == sample or not 0 <= neuron < len(small):
        return f"{said}: axis {neuron_axis} is not one of neurons; give another neuron_axis"
    return Axes(sample, neuron, int(np.prod([n for i, n in enumerate(small) if i not in (sample, neuron)])))


def _neuron_axis(ndim: int, sample: int, layout: str, given: int | None) -> int | None:
    if given is not None:
        return given + ndim if given < 0 else given
    if layout == LAST or (layout == UNKNOWN and ndim == 2):
        return ndim - 1 if sample != ndim - 1 else ndim - 2
    return sample + 1 if layout == CHANNELS else None


class Sampler:
    """Draws positions of every sample, the same ones whatever the batches.

    All neurons of a layer are read at the same positions of a sample, and every sample has its own.
    """

    def __init__(self, name: str, axes: Axes, positions: int, random_state: int) -> None:
        self.name, self.axes = name, axes
        self.per_sample = min(positions, axes.positions)
        self.rng = np.random.default_rng(derived_seed("positions", name.replace("/", "|"), random_state))

    def rows(self, output: Tensor, samples: int) -> NDArray[np.float32]:
        """(samples × positions, neurons) on the host, a copy: what happens to the output later does not show."""
        rows = self.axes.rows(output)
        if len(rows) != samples or rows.shape[1] < self.per_sample:
            raise Unmeasurable(
                f"layer {self.name!r}: it puts out shape {tuple(output.shape)} for {samples} samples, otherwise "
                "than for a few; give batches of one shape"
            )
        if self.per_sample < rows.shape[1]:
            places = drawn(self.rng, samples, rows.shape[1], self.per_sample)
            of = torch.arange(samples, device=rows.device)[:, None]
            rows = rows[of, torch.from_numpy(places).to(rows.device)]
        return rows.flatten(0, 1).to("cpu", torch.float32, copy=True).numpy()


def drawn(rng: np.random.Generator, samples: int, positions: int, count: int) -> NDArray[np.int64]:
    """`count` different positions of each sample, (samples, count).

    Floyd's algorithm, one uniform number a draw in the order of the samples, so that batches may be cut anywhere.
    """
    uniform = rng.random((samples, count))
    chosen = np.full((samples, count), -1, dtype=np.int64)
    for place, last in enumerate(range(positions - count, positions)):
        candidate = (uniform[:, place] * (last + 1)).astype(np.int64)
        taken = (chosen[:, :place] == candidate[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, last, candidate)
    return chosen
