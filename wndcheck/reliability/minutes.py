"""What one more replicate of a check costs, by the seconds that the store says its nets took."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from pathlib import Path

from wndcheck.cells import Cell
from wndcheck.profiles import PROFILES
from wndcheck.storage.files import DAMAGE
from wndcheck.storage.store import Store, verified
from wndcheck.verdicts import Claim


def claims_in(folder: Path) -> dict[str, Claim]:
    """The claims of a folder's files, by their ids; none without the folder. Loads the files, as pytest does.

    ValueError for a file that cannot be loaded.
    """
    claims = [claim_in(path) for path in sorted(folder.glob("*.py"))]
    return {claim.id: claim for claim in claims if claim}


def claim_in(path: Path) -> Claim | None:
    spec = importlib.util.spec_from_file_location(f"wndcheck_claim_{path.stem}", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of somebody's may raise
        raise ValueError(
            f"{path} cannot be loaded ({type(error).__name__}: {error}): mend it, or name another --claims-folder"
        ) from error
    claim = getattr(module, "CLAIM", None)
    return claim if isinstance(claim, Claim) else None


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
        return claims_in(self.folder) if self.profile in PROFILES else {}

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
