"""The records of a sweep as a grid, the model that the estimands of claims and the figures are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import NARROW
from wndcheck.sweep.records import NO_SUCH_LAYER, NetRecord


@dataclass(frozen=True)
class SweptNets:
    """The nets of one width: `arrays` holds quantities as (stages, S, layers) float64, NaN where a net has none.

    The last layer is the one that nets reach last, NaN where it was not measured. `neurons`: number in each layer, NaN
    where unknown. `trained`: (S,), whether a net was measured at all stages.
    """

    width: int
    arrays: dict[str, np.ndarray]
    trained: np.ndarray
    neurons: tuple[float, ...]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def replicates(self) -> int:
        return len(self.trained)


@dataclass(frozen=True)
class SweepGrid(Grid):
    """A grid of a user's nets; `layers` are the names of the layers, hidden ones first, the last one at the end."""

    measurements: tuple[SweptNets, ...] = ()  # type: ignore[assignment]
    profile: None = None  # type: ignore[assignment]
    layers: tuple[str, ...] = ()
    net_seeds: tuple[int, ...] = ()

    @property
    def trained(self) -> np.ndarray:
        if self.takes_untrained:
            return np.ones((len(self.measurements), self.nets), dtype=bool)
        return np.stack([m.trained for m in self.measurements])

    @property
    def seeds(self) -> Sequence[int]:
        return self.net_seeds

    @property
    def epochs(self) -> tuple[int, ...]:
        return tuple(range(len(self.measurements[0]["score"])))

    @property
    def label(self) -> str:
        return "your nets"

    @property
    def hidden(self) -> dict[str, int]:
        """The hidden layers by name, with their numbers from 1, as estimands take them."""
        return {name: number for number, name in enumerate(self.layers[:-1], 1)}

    @cached_property
    def neurons(self) -> np.ndarray:
        """Neurons of each layer, (widths, layers)."""
        return np.array([m.neurons for m in self.measurements])

    @property
    def grows(self) -> np.ndarray:
        """Whether a layer has more neurons at some width than at another, (layers,)."""
        return np.asarray(np.fmax.reduce(self.neurons) > np.fmin.reduce(self.neurons))

    @property
    def wide(self) -> SweepGrid:
        """The same grid, of the widths at which every hidden layer that grows has at least 20 neurons (§4)."""
        is_narrow = (self.neurons < NARROW)[:, :-1] & self.grows[:-1]
        kept = [m for m, narrow in zip(self.measurements, is_narrow, strict=True) if not narrow.any()]
        return replace(self, measurements=tuple(kept))


def grid_of(records: Sequence[NetRecord]) -> tuple[SweepGrid, dict[str, str]]:
    """The grid of all widths with a net that was measured or has diverged, and why layers were left out, by layer.

    A layer is the one of the same name at every width. ValueError where no net was measured, nets have different
    numbers of stages, no hidden layer is left, or none of them grows with the width.
    """
    whole = [record for record in records if not record.problem]
    if not whole:
        first = {record.problem: record.line for record in reversed(records)}  # of each problem
        raise ValueError("no net could be measured:\n" + "\n".join(reversed(first.values())))
    if len(stages := {record.stages for record in whole}) > 1:
        raise ValueError(f"nets have {min(stages)} to {max(stages)} stages: train must yield equally often for all")
    names, left_out = common_layers({record.width: record for record in reversed(whole)})
    kept = sorted({record.width for record in records if record.diverged or not record.problem})
    shape = dict.fromkeys(name for record in whole for each in record.numbers.values() for name in each), *stages
    nets = [nets_of_width([r for r in records if r.width == width], names, *shape) for width in kept]
    seeds = tuple(record.seed for record in records if record.width == kept[0])
    grid = SweepGrid(tuple(nets), layers=(*names, whole[0].last), net_seeds=seeds)
    if len(kept) > 1 and not grid.grows[:-1].any():
        raise ValueError("every layer has as many neurons at all widths: expected make_net to use its width")
    return grid, left_out


def common_layers(examples: Mapping[int, NetRecord]) -> tuple[list[str], dict[str, str]]:
    """The hidden layers that a net of each width has, and why others are left out. ValueError if none is left."""
    left_out = {name: why for each in examples.values() for name, why in each.left_out.items()}
    names = list(dict.fromkeys(name for each in examples.values() for name in each.neurons if name != each.last))
    for name in names:
        lacking = [width for width, each in examples.items() if name not in each.neurons]
        if lacking and left_out.get(name, NO_SUCH_LAYER) == NO_SUCH_LAYER:
            left_out[name] = f"missing at N = {', '.join(map(str, sorted(lacking)))}"
    common = [name for name in names if name not in left_out]
    if not common:
        why = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise ValueError(f"no hidden layer was measured at every width: {why or 'there is none'}")
    return common, left_out


def nets_of_width(
    records: Sequence[NetRecord], names: Sequence[str], quantities: Iterable[str], stages: int
) -> SweptNets:
    """The nets of one width, in the order of the seeds; those with a problem have no numbers."""
    arrays = {name: np.full((stages, len(records), len(names) + 1), np.nan) for name in quantities}
    neurons = [np.nan] * (len(names) + 1)
    for net, record in enumerate(records):
        if record.neurons:
            neurons = [record.neurons.get(name, np.nan) for name in (*names, record.last)]
        for place, layer in enumerate((*names, record.last) if not record.problem else ()):
            for name, values in record.numbers.get(layer, {}).items():
                arrays[name][:, net, place] = values
    return SweptNets(records[0].width, arrays, np.array([not r.problem for r in records]), tuple(neurons))
