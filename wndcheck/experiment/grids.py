"""Measurements of one family of nets over its widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wndcheck.experiment.cells import Cell, Violation
from wndcheck.experiment.profiles import NARROW, Profile
from wndcheck.experiment.record_schema import Measurement, on_images


@dataclass(frozen=True)
class Grid:
    """Measurements that differ only in their width, narrowest first, at one stage (the last by default).

    `family` is their name in `wndcheck.experiment.families`. With `takes_untrained` every net counts as trained. Where
    widths have different numbers of nets, quantities are of those that all of them have: the first S.
    """

    measurements: tuple[Measurement, ...]
    profile: Profile
    stage: int = -1
    family: str = ""
    takes_untrained: bool = False

    @property
    def widths(self) -> list[int]:
        return [m.width for m in self.measurements]

    @property
    def trained(self) -> np.ndarray:
        """Whether each net counts as trained, (widths, S); nets that were never to be trained always do."""
        if self.takes_untrained:
            return np.ones((len(self.measurements), self.nets), dtype=bool)
        return np.array([is_trained(m, self.profile)[: self.nets] for m in self.measurements])

    @property
    def nets(self) -> int:
        """Number of nets, or of ensembles, that all widths have; their seeds are the same."""
        return min(m.replicates for m in self.measurements)

    @property
    def seeds(self) -> Sequence[int]:
        """The seed of each net, or the first seed of each ensemble, at the narrowest width."""
        cell = self.measurements[0].cell
        return cell.seeds[:: cell.nets_per_ensemble] if cell.ensembles else cell.seeds

    @property
    def epochs(self) -> tuple[int, ...]:
        """The number of epochs at each stage."""
        return self.measurements[0].cell.protocol.stages

    @property
    def label(self) -> str:
        """The activation function, by which figures tell families apart."""
        return self.measurements[0].cell.activation

    def raw(self, name: str) -> np.ndarray:
        """A quantity of every net, trained or not: (widths, S, ...); ValueError for an unknown one."""
        if name not in (known := self.measurements[0].arrays):
            raise ValueError(f"quantity {name!r}: expected one of {', '.join(sorted(known))}")
        return np.stack([m[name][self.stage][: self.nets] for m in self.measurements])

    def of(self, name: str, layer: int | None = None) -> np.ndarray:
        """A quantity (see record_schema.LAYER_QUANTITIES and QUANTILES) of the trained nets, NaN for the others.

        (widths, S, layers), or (widths, S) of one layer, counted from 1 as the paper does; quantiles have an axis more.
        ValueError for an unknown quantity or layer.
        """
        values = self.raw(name)
        values = np.where(self.trained.reshape(*values.shape[:2], *[1] * (values.ndim - 2)), values, np.nan)
        if layer is None:
            return values
        if not 1 <= layer <= values.shape[2]:
            raise ValueError(f"layer {layer}: expected 1 to {values.shape[2]}")
        return values[:, :, layer - 1]

    def by_images(self, name: str, layer: int | None = None) -> dict[int, np.ndarray]:
        """One of record_schema.SCORES, as `of` gives it, by the number of images M that it was measured on, ascending.

        Without further numbers of images that all widths share, these are the probe's alone.
        """
        probes = [m.cell.probe for m in self.measurements]
        further = set(probes[0].further_images).intersection(*(probe.further_images for probe in probes))
        more = {images: self.of(on_images(name, images), layer) for images in sorted(further)}
        return {probes[0].images: self.of(name, layer)} | more

    def at_stage(self, stage: int) -> Grid:
        """The same grid at another stage of training: 0 is the initial net, -1 the last stage; ValueError beyond it."""
        last = len(self.measurements[0]["score"]) - 1
        if not -1 <= stage <= last:
            raise ValueError(f"stage {stage}: expected 0 to {last}, or -1 for the last")
        return replace(self, stage=stage)

    def at(self, *widths: int) -> Grid:
        """The same grid, of some widths; ValueError for one that it does not have."""
        if missing := set(widths).difference(self.widths):
            raise ValueError(f"width {min(missing)}: expected one of {', '.join(map(str, self.widths))}")
        return replace(self, measurements=tuple(m for m in self.measurements if m.width in widths))

    def from_width(self, least: int) -> Grid:
        """The same grid, of the widths from `least` up."""
        return self.at(*(width for width in self.widths if width >= least))

    @property
    def wide(self) -> Grid:
        """The same grid from N = 20 up, which trends are over.

        The paper calls narrower nets "usually worse" and less regular (§4, B); whole layers of them are dead or tied
        and have no score, so that trends from there on would be over other widths with every seed.
        """
        return self.from_width(NARROW)

    @property
    def widest(self) -> Grid:
        """The same grid, of its greatest width."""
        return self.at(self.widths[-1])

    @property
    def whole(self) -> Grid:
        """The same grid, with the nets that did not train."""
        return replace(self, takes_untrained=True)

    @property
    def untrained(self) -> dict[str, int]:
        """The numbers of nets, and of those that did not train, as `decide` takes them."""
        return {"nets": int(self.trained.size), "untrained": int((~self.trained).sum())}


def is_trained(measurement: Measurement, profile: Profile) -> np.ndarray:
    """Whether each net, or ensemble, has reached the profile's training accuracy by the last stage, (R,) bool.

    A net that has diverged has not.
    """
    protocol = measurement.cell.protocol
    if isinstance(protocol, Violation) or protocol.stages == (0,):
        return np.ones(measurement.cell.replicates, dtype=bool)
    return np.nan_to_num(measurement["accuracy"][-1], nan=0.0) >= profile.trained_bar(measurement.cell)


def grid(cells: Sequence[Cell], measured: Callable[[Cell], Measurement], profile: Profile, family: str = "") -> Grid:
    """The grid of some cells; `measured` gives the measurement of one."""
    measurements = tuple(measured(cell) for cell in sorted(cells, key=lambda c: c.width))
    return Grid(measurements, profile, family=family)
