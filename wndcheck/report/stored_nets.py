"""The measured nets of a profile, which the figures and tables of a report show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of, parts, sensitivity_choices
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import ACTIVATIONS, Profile
from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.specification import BEYOND_PAPER


@dataclass(frozen=True)
class Measured:
    """Grids of what has been measured, none of them empty."""

    trained: dict[str, Grid] = field(default_factory=dict)  # by activation
    cifar10: Grid | None = None
    convnets: Grid | None = None
    ensembles: Grid | None = None
    architectures: dict[str, Grid] = field(default_factory=dict)  # "mlp", trained alike, and those beyond the paper's
    # As `families.sensitivity_choices` names them, the profile's own choice first; None is not measured.
    sensitivity: dict[str, Measurement | None] = field(default_factory=dict)
    parts: dict[str, tuple[Measurement | None, ...]] = field(default_factory=dict)  # of the profile, all of their cells

    @property
    def groups(self) -> list[Grid]:
        """All grids; of perceptrons beside other architectures, only those that no other grid has."""
        grids = [grid for grid in (*self.trained.values(), self.cifar10, self.convnets, self.ensembles) if grid]
        known = {measurement.cell for grid in grids for measurement in grid.measurements}
        others = self.architectures.values()
        return [*grids, *(grid for grid in others if not known.issuperset(m.cell for m in grid.measurements))]

    @property
    def seconds(self) -> float:
        """Total time of training and measuring all of the profile's nets, as far as it is recorded."""
        seconds = [m.provenance.get("seconds") for found in self.parts.values() for m in found if m]
        return float(sum(sum(each.values()) for each in seconds if isinstance(each, dict)))

    @property
    def data_reading(self) -> Grid | None:
        """The nets of the ensembles' activation, whose replicates are single nets."""
        return self.trained.get(self.ensembles.measurements[0].cell.activation) if self.ensembles else None


def gathered(profile: Profile, base_seed: int, load: Callable[[Cell], Measurement | None]) -> Measured:
    """Return what has been measured of the profile; `load` returns None for a cell that has not."""
    load = cache(load)

    def grid(family: str) -> Grid | None:
        cells = cells_of([family], profile, base_seed)
        found = [measurement for cell in cells if (measurement := load(cell)) is not None]
        return Grid(tuple(sorted(found, key=lambda m: m.cell.width)), profile) if found else None

    trained = {activation: grid(f"trained/{activation}") for activation in ACTIVATIONS}
    architectures = {kind: grid(f"architectures/{kind}") for kind in ("mlp", *BEYOND_PAPER)}
    return Measured(
        trained={activation: found for activation, found in trained.items() if found},
        cifar10=grid("cifar10"),
        convnets=grid("convnets"),
        ensembles=grid("ensembles"),
        architectures={kind: found for kind, found in architectures.items() if found},
        sensitivity={name: load(cell) for name, cell in sensitivity_choices(profile, base_seed).items()},
        parts={part: tuple(map(load, cells)) for part, cells in parts(profile, base_seed).items()},
    )
