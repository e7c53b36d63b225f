"""The axes of a layer's output (samples, neurons, positions), and the drawing of positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wndcheck.inspect.layer_kinds import CHANNELS, LAST, UNKNOWN
from wndcheck.inspect.padding import drawable
from wndcheck.seeds import derived_seed

TRIAL_SIZES = (2, 3)  # two batch sizes distinguish the axis of samples from all others
UNKNOWN_AXIS = "which axis holds the neurons is unknown"


class ShapeChangedError(ValueError):
    """A layer's output has another shape than in the trial passes, or too few positions that may be drawn."""


class NoPositionError(ValueError):
    """A sample is padding alone, which is no fault of a layer."""


class Axes(NamedTuple):
    """The axis of samples and the axis of neurons; all other axes are positions, `positions` in number."""

    sample: int
    neuron: int
    positions: int
    is_tied: bool = False  # with axes that are as long; this one is usual for the class

    def rows(self, output: Tensor) -> Tensor:
        """The output as (samples, positions, neurons), a view where possible."""
        moved = output.movedim((self.sample, self.neuron), (0, -1))
        return moved.reshape(len(moved), prod(moved.shape[1:-1]), moved.shape[-1])  # also of no samples


class KnownLayer(NamedTuple):
    """The axes of the output of a layer inside or before another one, which tell how many neurons that one has."""

    neurons: int
    ndim: int
    axis: int  # of the neurons


def find_axes(
    shapes: tuple[tuple[int, ...], ...],
    layout: str,
    neuron_axis: int | None,
    own: Sequence[int] = (),
    known: Iterable[KnownLayer] = (),
) -> Axes | str:
    """The axes of a layer's output, or why they cannot be determined.

    shapes: its shapes for batches of TRIAL_SIZES samples. own: the axes as long as the layer's weights have outputs;
    that of the layout is taken if it is among them. known: layers inside or before it, nearest first, which determine
    the axis for an unknown layout without own axes.
    """
    small, large = shapes
    observed = f"its output has shape {small} for {TRIAL_SIZES[0]} samples and {large} for {TRIAL_SIZES[1]}"
    if not small:
        return f"{observed}: expected an axis of samples and one of neurons"
    if len(small) != len(large):
        return f"{observed}: expected the same number of axes"
    varying = [i for i, (a, b) in enumerate(zip(small, large, strict=True)) if a != b]
    if len(varying) != 1 or (small[varying[0]], large[varying[0]]) != TRIAL_SIZES:
        return f"{observed}: its samples do not have an axis of their own; name a layer that keeps them separate"
    if len(small) == 1:
        return f"{observed}: it has no axis of neurons"
    if 0 in small:
        return f"{observed}: it holds no numbers"
    sample = varying[0]
    neuron = _neuron_axis(len(small), sample, layout, neuron_axis)
    if own and neuron_axis is None and neuron not in own:
        neuron = own[0] if len(own) == 1 else None
    elif neuron is None:
        neuron = _axis_of_known(small, sample, known)
    if neuron is None:
        return f"{observed}: {UNKNOWN_AXIS}; give neuron_axis=1 or neuron_axis=-1"
    if neuron == sample or not 0 <= neuron < len(small):
        return f"{observed}: axis {neuron_axis} is not an axis of neurons; give another neuron_axis"
    positions = prod(n for i, n in enumerate(small) if i not in (sample, neuron))
    return Axes(sample, neuron, positions, len(own) > 1 and neuron_axis is None)


def _neuron_axis(ndim: int, sample: int, layout: str, given: int | None) -> int | None:
    if given is not None:
        return given + ndim if given < 0 else given
    if layout == LAST or (layout == UNKNOWN and ndim == 2):
        return ndim - 1 if sample != ndim - 1 else ndim - 2
    return sample + 1 if layout == CHANNELS else None


def _axis_of_known(shape: tuple[int, ...], sample: int, known: Iterable[KnownLayer]) -> int | None:
    """The axis that is as long as a known layer has neurons; of several such axes, the known layer's."""
    for layer in known:
        matching = [axis for axis, n in enumerate(shape) if n == layer.neurons and axis != sample]
        if len(matching) == 1:
            return matching[0]
        if layer.axis in matching and layer.ndim == len(shape):
            return layer.axis
    return None


def resized(shape: tuple[int, ...] | str, samples: int, size: int) -> tuple[int, ...] | str:
    """The shape as it would be with another number of samples."""
    if isinstance(shape, str) or samples not in shape:
        return shape
    axis = shape.index(samples)
    return (*shape[:axis], size, *shape[axis + 1 :])


class PositionSampler:
    """Draws positions of each sample of a layer's output; the draw does not depend on how batches are cut.

    All neurons of the layer are taken at the same positions of a sample; positions differ between samples.
    """

    def __init__(self, name: str, axes: Axes, positions: int, random_state: int) -> None:
        self.axes = axes
        self.per_sample = min(positions, axes.positions)
        self.unmasked = 0  # positions of an output to which no mask applies
        self.rng = np.random.default_rng(derived_seed("positions", name.replace("/", "|"), random_state))

    def rows(self, output: Tensor, samples: int, real: Mapping[str, Tensor] | None = None) -> NDArray[np.float32]:
        """(samples × positions, neurons) on the host; a copy, unaffected by in-place changes of the output.

        real: masks of the positions that may be drawn, (samples, positions), which apply to outputs of as many
        positions. ShapeChangedError if the output has another shape than in the trial passes, or if a sample has too
        few positions that may be drawn; NoPositionError if it has none.
        """
        rows = self.axes.rows(output.detach())  # some networks enable gradients
        if len(rows) != samples or rows.shape[1] < self.per_sample:
            raise ShapeChangedError(
                f"its output has shape {tuple(output.shape)} for {samples} samples, unlike in the trial passes; give "
                "batches of one shape"
            )
        positions = self._drawn(samples, rows.shape[1], real or {})
        if positions is not None:
            index = torch.arange(samples, device=rows.device)[:, None]
            rows = rows[index, torch.from_numpy(positions).to(rows.device)]
        return rows.flatten(0, 1).to("cpu", torch.float32, copy=True).numpy()

    def _drawn(self, samples: int, positions: int, real: Mapping[str, Tensor]) -> NDArray[np.int64] | None:
        """The positions drawn of each sample, (samples, per_sample); None for all."""
        allowed = drawable(real, positions)
        if allowed is None:
            self.unmasked = positions if real and positions > 1 else 0
            if self.per_sample == positions:
                return None
            return draw_positions(self.rng, samples, positions, self.per_sample)
        counts = allowed.sum(1)
        if (fewest := int(counts.min())) < self.per_sample:
            remedy = f"give positions={fewest} or fewer" if fewest else "leave out samples without any"
            raise (ShapeChangedError if fewest else NoPositionError)(
                f"a sample has {fewest} positions that are not padding: expected at least {self.per_sample}; {remedy}"
            )
        real_first = np.argsort(~allowed, axis=1, kind="stable")
        return np.take_along_axis(real_first, draw_positions(self.rng, samples, counts, self.per_sample), axis=1)


def remark_on_masks(samplers: Mapping[str, PositionSampler]) -> str:
    """A remark on layers to which the mask of padding did not apply, or ""."""
    unmasked = {name: sampler.unmasked for name, sampler in samplers.items() if sampler.unmasked}
    if not unmasked:
        return ""
    name, count = next(iter(unmasked.items()))
    return (
        f"the mask of padding does not apply to {len(unmasked)} of {len(samplers)} layers, whose outputs have other "
        f"numbers of positions ({name}: {count}): their positions are drawn over padding, too"
    )


def remark_on_tie(axes: Mapping[str, Axes]) -> str:
    """A remark on layers whose neurons may be along another axis, or ""."""
    names = [name for name, at in axes.items() if at.is_tied]
    if not names:
        return ""
    return (
        f"several axes of the outputs of {len(names)} of {len(axes)} layers are as long as the layer has outputs; the "
        f"neurons are taken along the one that is usual for its class ({names[0]}: axis {axes[names[0]].neuron}); if "
        "they are along another, give neuron_axis"
    )


def draw_positions(
    rng: np.random.Generator, samples: int, positions: int | NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """`count` distinct positions of each sample, (samples, count), uniformly drawn from so many of each, or of all.

    Floyd's algorithm with one uniform number per draw, in the order of the samples, so that batches may be cut
    anywhere.
    """
    uniform = rng.random((samples, count))
    chosen = np.full((samples, count), -1, dtype=np.int64)
    for column in range(count):
        last = positions - count + column
        candidate = (uniform[:, column] * (last + 1)).astype(np.int64)
        taken = (chosen[:, :column] == candidate[:, None]).any(axis=1)
        chosen[:, column] = np.where(taken, last, candidate)
    return chosen
