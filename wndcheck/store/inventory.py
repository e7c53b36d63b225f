"""What a store holds, in lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import PROFILES
from wndcheck.experiment.records import Measurement
from wndcheck.seeds import SEEDS_PER_BASE
from wndcheck.store.checkpoints import NOTES
from wndcheck.store.files import DAMAGE
from wndcheck.store.measurements import Store, verified


def listed(store: Store) -> Iterator[tuple[str, bool]]:
    """A line a measured cell, then one a half-trained stack; each with whether its file can be trusted."""
    for path in store.measured():
        try:
            yield measured_line(verified(path)), True
        except (*DAMAGE, OSError) as error:
            yield f"{path.name} is damaged: {error}", False
    for path in sorted(store.checkpoints.folder.glob("*.npz")):
        try:
            yield half_trained_line(path), True
        except (*DAMAGE, OSError) as error:
            yield f"checkpoint {path.name} is damaged: {error}", False


def measured_line(measurement: Measurement) -> str:
    """When it was made, seconds it took, the cell's label, and the device."""
    told = measurement.provenance
    spent = told.get("seconds")
    seconds = f"{sum(spent.values()):.0f} s" if isinstance(spent, dict) else "?"
    return f"{told.get('made', '?')}  {seconds:>8}  {measurement.cell.label}  ({told.get('device', '?')})"


def half_trained_line(path: Path) -> str:
    """What a checkpoint says of itself: the cell, as far as a profile knows it, epochs, and which of its nets."""
    key, first, count = path.stem.split("-")
    with np.load(path, allow_pickle=False) as archive:  # the notes alone: the nets may be gigabytes
        epochs = json.loads(str(archive[NOTES]))["epochs"]
    cell = cell_of(key, int(first) // SEEDS_PER_BASE)
    name, of = (cell.label, f" of {cell.protocol.stages[-1]}") if cell else (f"cell {key}", "")
    return f"half trained: {name}: {epochs}{of} epochs of {count} nets from seed {first}"


def cell_of(key: str, base_seed: int) -> Cell | None:
    """The cell of that key in any profile."""
    parts = (part for profile in PROFILES.values() for part in families.parts(profile, base_seed).values())
    return next((cell for cells in parts for cell in cells if cell.key == key), None)
