"""The measured nets of a run, as the claims ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from wndcheck import datasets
from wndcheck.cells import Activation, Cell
from wndcheck.grids import Grid, grid
from wndcheck.profiles import Profile
from wndcheck.records import Measurement
from wndcheck.storage.store import Store
from wndcheck.sweep.filling import fill
from wndcheck.sweep.progress import EventReporter


@dataclass
class Nets:
    """Reads measured nets from the store, which it first fills, with the other workers, with all the run needs."""

    profile: Profile
    base_seed: int
    needed: Sequence[Cell]
    store: Store
    reporter: EventReporter
    device: str
    data_root: str | None
    require_data: bool

    def trained(self, activation: Activation, stage: int = -1) -> Grid:
        """The profile's nets of an activation, all widths."""
        cells = [cell for cell in self.profile.trained_cells(self.base_seed) if cell.activation == activation]
        return grid(cells, self.measured, self.profile, stage)

    def initial(self, activation: Activation) -> Grid:
        """Untrained nets of the paper's greatest width."""
        return grid([self.profile.initial(activation, self.base_seed)], self.measured, self.profile)

    def violating(self, kind: str) -> Grid:
        """Nets that break a claim by construction (see `wndcheck.networks.violations`)."""
        return grid(self.profile.violation_cells(kind, self.base_seed), self.measured, self.profile)

    def ensembles(self, stage: int = -1) -> Grid:
        """Ensembles of ReLU nets, all their widths."""
        return grid(self.profile.ensemble_cells(self.base_seed), self.measured, self.profile, stage)

    def violating_ensembles(self) -> Grid:
        """The narrowest and the widest ensembles, of nets that break the lemma by construction."""
        return grid(self.profile.violating_ensemble_cells(self.base_seed), self.measured, self.profile)

    def measured(self, cell: Cell) -> Measurement:
        """One cell's measurement; a damaged file is measured again."""
        while (found := self.store.load(cell) if self.store.has(cell) else None) is None:
            self.fill([*self.needed, cell])
        return found

    def fill(self, cells: Sequence[Cell]) -> None:
        try:
            fill(cells, self.store, self.reporter, device=self.device, data_root=self.data_root)
        except datasets.MissingData as missing:
            if self.require_data:
                raise
            pytest.skip(f"not run: {missing}")
