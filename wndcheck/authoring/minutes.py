"""What one more replicate of a check costs, by the seconds that the store says its nets took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import PROFILES
from wndcheck.store.files import DAMAGE
from wndcheck.store.measurements import Store, verified
from wndcheck.verdicts.checks import Claim
from wndcheck.verdicts.coverage.modules import claim_modules


@dataclass
class Costs:
    """Seconds of one core, or GPU, by claim, for the nets of a profile and base seed."""

    folder: Path
    store: Store
    profile: str
    base_seed: int
    known: dict[Cell, float] = field(default_factory=dict)

    @cached_property
    def claims(self) -> dict[str, Claim]:
        if self.profile not in PROFILES or not self.folder.is_dir():
            return {}
        return {module.claim.id: module.claim for module in claim_modules(self.folder)}

    def seconds_a_replicate(self, claim: str, replicate: str) -> float:
        """Of one more net in every cell of the claim, its controls' included, or of one more ensemble of nets.

        NaN where the store lacks one of them, or where the claim has none.
        """
        if claim not in self.claims:
            return nan
        cells = self.claims[claim].cells(PROFILES[self.profile], self.base_seed)
        return self.seconds([cell for cell in cells if bool(cell.ensembles) == (replicate == "ensembles")])

    def seconds(self, cells: Sequence[Cell]) -> float:
        return sum(map(self.of_cell, cells)) if cells else nan

    def of_cell(self, cell: Cell) -> float:
        if cell not in self.known:
            self.known[cell] = spent(self.store, cell) / cell.replicates
        return self.known[cell]

    def minutes(self, claim: str, replicate: str, further: float, workers: int) -> float:
        """Of that many further replicates, on that many workers; NaN where it is not known."""
        if further == 0:
            return 0.0
        if not isfinite(further) or replicate == "experiments":
            return nan
        return self.seconds_a_replicate(claim, replicate) * further / workers / 60


def spent(store: Store, cell: Cell) -> float:
    """Seconds that a cell took to train and measure; NaN where the store has none, or a file that it cannot trust."""
    try:
        told = verified(store.path(cell)).provenance.get("seconds")
    except (*DAMAGE, OSError):
        return nan
    return float(sum(told.values())) if isinstance(told, dict) else nan
