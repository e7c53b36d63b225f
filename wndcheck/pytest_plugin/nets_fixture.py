"""The measured nets of a run, by family, which the fixture `nets` gives the tests of a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from wndcheck import datasets
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.counterparts import Counterparts, Pair
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.grids import Grid, grid
from wndcheck.experiment.profiles import Profile
from wndcheck.experiment.record_schema import Measurement
from wndcheck.store.files import UnwritableStore
from wndcheck.store.filling import DeviceLost, fill
from wndcheck.store.measurements import IncompleteStore, Store
from wndcheck.store.progress import EventReporter


@dataclass
class Nets:
    """Measured nets, read from the store, which the workers first fill together with all that the run needs."""

    profile: Profile
    base_seed: int
    needed: Sequence[Cell]
    store: Store
    reporter: EventReporter
    device: str
    data_root: str | None
    require_data: bool
    known: dict[Cell, Measurement] = field(default_factory=dict)  # several checks read the same one
    beside: dict[str, Counterparts] = field(default_factory=dict)  # by family
    stopped: str = ""  # why nothing more can be trained or saved
    failures: dict[Cell, Exception] = field(default_factory=dict)  # cells that are not tried again for every check

    def grid(self, family: str) -> Grid:
        """Return the measurements of a family; where the profile has none of its nets, the test is not run."""
        if not (cells := cells_of([family], self.profile, self.base_seed)):
            run = f"pytest claims/ --wnd-profile={self.profile.leaves_to}"
            pytest.skip(f"not run: profile {self.profile.name} has no {family}; run: {run}")
        return grid(cells, self.measured, self.profile, family)

    def counterparts(self, family: str) -> Counterparts:
        """Return the nets that differ from a family's in their recipe alone; each is read once."""
        if family not in self.beside:
            self.beside[family] = Counterparts(family, self.profile, self.base_seed, self.measured)
        return self.beside[family]

    def measured(self, cell: Cell) -> Measurement:
        """Return one cell's measurement; a damaged file is measured again. Without its data the check is not run."""
        while (found := self.loaded(cell)) is None:
            self.require(cell)
            if cell in self.failures:
                raise self.failures[cell]
            try:
                if not datasets.is_available(cell.dataset, self.data_root):
                    datasets.load(cell.dataset, self.data_root)  # says what is missing, and what to run
                self.fill([each for each in (*self.needed, cell) if each not in self.failures])
            except datasets.MissingData as missing:
                if self.require_data:
                    raise
                pytest.skip(f"not run: {missing}")
            except Exception as error:
                if not self.store.has(cell):
                    self.failures[cell] = error
                raise
        return found

    def loaded(self, cell: Cell) -> Measurement | None:
        try:
            if cell not in self.known and self.store.has(cell) and (found := self.store.load(cell)):
                self.known[cell] = found
        except OSError:
            self.require(cell)
            raise
        return self.known.get(cell)

    def require(self, cell: Cell) -> None:
        """End the check in an error, without a traceback, where a store that is only read lacks the cell."""
        try:
            self.store.require(cell)
        except IncompleteStore as lacking:
            raise pytest.fail.Exception(str(lacking), pytrace=False) from None

    def fill(self, cells: Sequence[Cell]) -> None:
        """Measure the cells whose data is here; the checks of the others report it as missing.

        After a cell that could not be saved, as on a full disk, or a CUDA error, no other is trained: every check that
        lacks its nets fails and says so.
        """
        try:
            if not self.stopped:
                here = {name: datasets.is_available(name, self.data_root) for name in {cell.dataset for cell in cells}}
                wanted = [cell for cell in cells if here[cell.dataset]]
                fill(wanted, self.store, self.reporter, device=self.device, data_root=self.data_root)
        except (UnwritableStore, DeviceLost) as error:
            self.stopped = str(error)
        if self.stopped:
            pytest.fail(self.stopped, pytrace=False)


@dataclass(frozen=True)
class DeclaredNets:
    """The nets of the families that a claim declares: ``nets["trained/relu"]``."""

    nets: Nets
    families: tuple[str, ...]
    file: str

    def __getitem__(self, family: str) -> Grid:
        """Return the family's measurements at its last stage. UsageError where the claim does not declare it."""
        self.require(family)
        return self.nets.grid(family)

    def of_paper_recipe(self, family: str) -> tuple[Pair, ...]:
        """Return nets of the paper's recipe, paired with the family's. UsageError as for the family."""
        self.require(family)
        return self.nets.counterparts(family).paper

    def require(self, family: str) -> None:
        if family not in self.families:
            declared = ", ".join(self.families) or "none"
            raise pytest.UsageError(
                f"{self.file} asks for nets[{family!r}] and declares {declared}: add {family!r} to families=(...) of "
                "its CLAIM"
            )
