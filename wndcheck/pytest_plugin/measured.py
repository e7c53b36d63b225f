"""The measured nets of a run, as the claims ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from wndcheck import datasets
from wndcheck.experiment.cells import Activation, Cell
from wndcheck.experiment.grids import Grid, grid
from wndcheck.experiment.profiles import Profile
from wndcheck.experiment.records import Measurement
from wndcheck.store.filling import fill
from wndcheck.store.measurements import Store
from wndcheck.store.progress import EventReporter


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
    known: dict[Cell, Measurement] = field(default_factory=dict)  # several checks read the same one

    def trained(self, activation: Activation, stage: int = -1) -> Grid:
        """The profile's nets of an activation, all widths."""
        cells = [cell for cell in self.profile.trained_cells(self.base_seed) if cell.activation == activation]
        return grid(cells, self.measured, self.profile, stage)

    def initial(self, activation: Activation) -> Grid:
        """Untrained nets of the paper's greatest width."""
        return grid([self.profile.initial(activation, self.base_seed)], self.measured, self.profile)

    def violating(self, kind: str, stage: int = -1) -> Grid:
        """Nets that break a claim by construction (see `wndcheck.nets.violations`); at stage 0 not yet."""
        return grid(self.profile.violation_cells(kind, self.base_seed), self.measured, self.profile, stage)

    def biased(self, activation: Activation, stage: int = -1) -> Grid:
        """Untrained nets with Gaussian biases; at stage 0 without."""
        cells = [cell for cell in self.profile.biased_cells(self.base_seed) if cell.activation == activation]
        return grid(cells, self.measured, self.profile, stage)

    def relu_bottleneck(self) -> Grid:
        """ReLU nets with a bottleneck between any two layers; those of `violating` are tanh nets."""
        return grid([self.profile.relu_bottleneck(self.base_seed)], self.measured, self.profile)

    def ensembles(self, stage: int = -1) -> Grid:
        """Ensembles of ReLU nets, all their widths."""
        return grid(self.profile.ensemble_cells(self.base_seed), self.measured, self.profile, stage)

    def violating_ensembles(self, stage: int = -1) -> Grid:
        """The narrowest and the widest ensembles, of nets that break the lemma by construction."""
        return grid(self.profile.violating_ensemble_cells(self.base_seed), self.measured, self.profile, stage)

    def initial_ensembles(self) -> Grid:
        """Ensembles of wide untrained ReLU nets."""
        return grid([self.profile.initial_ensemble(self.base_seed)], self.measured, self.profile)

    def cifar10(self, stage: int = -1) -> Grid:
        """ReLU nets on CIFAR-10, all their widths."""
        return grid(self.profile.cifar10_cells(self.base_seed), self.measured, self.profile, stage)

    def cifar10_on_more_images(self) -> Grid:
        """Those of one width, measured on twice as many images."""
        return grid([self.profile.cifar10_on_more_images(self.base_seed)], self.measured, self.profile)

    def convnets(self, stage: int = -1) -> Grid:
        """Convolutional nets, all widths of their dense layers; where the profile has none, the check is not run."""
        if not (cells := self.profile.convnet_cells(self.base_seed)):
            pytest.skip(f"not run: profile {self.profile.name} trains no convolutional nets; try --wnd-profile=full")
        return grid(cells, self.measured, self.profile, stage)

    def measured(self, cell: Cell) -> Measurement:
        """One cell's measurement; a damaged file is measured again. Without its data the check is not run."""
        while (found := self.loaded(cell)) is None:
            self.store.require(cell)
            try:
                if not datasets.is_available(cell.dataset, self.data_root):
                    datasets.load(cell.dataset, self.data_root)  # says what is missing, and what to type
                self.fill([*self.needed, cell])
            except datasets.MissingData as missing:
                if self.require_data:
                    raise
                pytest.skip(f"not run: {missing}")
        return found

    def loaded(self, cell: Cell) -> Measurement | None:
        if cell not in self.known and self.store.has(cell) and (found := self.store.load(cell)):
            self.known[cell] = found
        return self.known.get(cell)

    def fill(self, cells: Sequence[Cell]) -> None:
        """Measure those of the cells whose data is here; the others' checks will say that theirs is not."""
        here = {name: datasets.is_available(name, self.data_root) for name in {cell.dataset for cell in cells}}
        wanted = [cell for cell in cells if here[cell.dataset]]
        fill(wanted, self.store, self.reporter, device=self.device, data_root=self.data_root)
