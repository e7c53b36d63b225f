"""What a run shows beside its verdicts: measured nets, by the part of the profile they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of, sensitivity_choices
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import ACTIVATIONS, Profile
from wndcheck.experiment.records import Measurement


@dataclass(frozen=True)
class Measured:
    """Grids of what has been measured; a part of which nothing has is not there."""

    trained: dict[str, Grid] = field(default_factory=dict)  # by activation
    cifar10: Grid | None = None
    convnets: Grid | None = None
    ensembles: Grid | None = None
    # As `families.sensitivity_choices` names them, the profile's own choice first; None is not measured.
    sensitivity: dict[str, Measurement | None] = field(default_factory=dict)

    @property
    def groups(self) -> list[Grid]:
        """Every grid there is."""
        grids = (*self.trained.values(), self.cifar10, self.convnets, self.ensembles)
        return [grid for grid in grids if grid and grid.measurements]

    @property
    def seconds(self) -> float:
        """What training and measuring all of them took, whenever and wherever it was done, as far as they say."""
        found = [*(m for grid in self.groups for m in grid.measurements), *filter(None, self.sensitivity.values())]
        told = [m.provenance.get("seconds") for m in {m.cell: m for m in found}.values()]
        return float(sum(sum(each.values()) for each in told if isinstance(each, dict)))

    @property
    def beside_ensembles(self) -> Grid | None:
        """The nets, one a replicate, of the ensembles' activation."""
        if not self.ensembles or not self.ensembles.measurements:
            return None
        return self.trained.get(self.ensembles.measurements[0].cell.activation)


def gathered(profile: Profile, base_seed: int, load: Callable[[Cell], Measurement | None]) -> Measured:
    """What `load` has of the profile's cells; it returns None for a cell that is not measured."""

    def grid(family: str) -> Grid | None:
        cells = cells_of([family], profile, base_seed)
        found = [measurement for cell in cells if (measurement := load(cell)) is not None]
        return Grid(tuple(sorted(found, key=lambda m: m.cell.width)), profile) if found else None

    trained = {activation: grid(f"trained/{activation}") for activation in ACTIVATIONS}
    return Measured(
        trained={activation: found for activation, found in trained.items() if found},
        cifar10=grid("cifar10"),
        convnets=grid("convnets"),
        ensembles=grid("ensembles"),
        sensitivity={name: load(cell) for name, cell in sensitivity_choices(profile, base_seed).items()},
    )
