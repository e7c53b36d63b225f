"""Measurements on disk: one file a cell, named by the cell's key; atomic, locked, verified; no pickle, no torch."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from wndcheck.experiment.cells import SCHEMA, Cell
from wndcheck.experiment.records import Measurement, record_shapes
from wndcheck.store.checkpoints import Checkpoints
from wndcheck.store.files import DAMAGE, read_npz, remove_unfinished, write_npz

logger = logging.getLogger(__name__)
PROVENANCE = "provenance"
CELL = "cell"
FOLDER = f"v{SCHEMA}"  # of the measurements that this version reads and writes, below the store's root


def store_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The store's folder: the argument, else WNDCHECK_STORE, else a per-user cache folder."""
    chosen = root or os.environ.get("WNDCHECK_STORE") or platformdirs.user_cache_path("wndcheck") / "store"
    return Path(chosen).expanduser()


class Store:
    """Measured cells below one folder, safe for several processes at once.

    A file is written under a unique temporary name and moved into place, so a reader sees a whole file or none. What
    goes wrong with a file is told to `say`. Without `make` the folder need not be there, and is not made to read it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        say: Callable[[str], None] = logger.warning,
        *,
        make: bool = True,
    ) -> None:
        self.root = store_root(root) / FOLDER
        self.say = say
        if not make:
            return
        try:
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"the store {self.root} cannot be made ({error.strerror}): name another folder with --wnd-store"
            ) from error

    def path(self, cell: Cell) -> Path:
        """Where the cell's measurement lies: a readable stem and the key."""
        return self.root / f"{cell.dataset}-{cell.activation}-{cell.kind}-n{cell.width:04d}-{cell.key}.npz"

    @property
    def checkpoints(self) -> Checkpoints:
        """The half-trained nets of cells that are not measured yet."""
        return Checkpoints(self.root / "checkpoints", self.say)

    def has(self, cell: Cell) -> bool:
        return self.path(cell).exists()

    def is_half_trained(self, cell: Cell) -> bool:
        return not self.has(cell) and any(self.checkpoints.folder.glob(f"{cell.key}-*.npz"))

    def load(self, cell: Cell) -> Measurement | None:
        """The cell's measurement; None if there is none, or if its file cannot be trusted: that one is put aside."""
        path = self.path(cell)
        try:
            return unpacked(cell, read_npz(path))
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            aside = path.with_suffix(".damaged")
            with suppress(FileNotFoundError):  # another process has put it aside
                path.replace(aside)
            self.say(f"{path.name} is damaged ({error}): put aside as {aside.name}, to be measured again")
            return None

    def save(self, measurement: Measurement) -> Path:
        """Write the measurement, whole or not at all."""
        path = self.path(measurement.cell)
        write_npz(path, packed(measurement))
        return path

    @contextmanager
    def held(self, cell: Cell) -> Iterator[bool]:
        """Hold the cell against other processes; yields False when another holds it. A killed holder lets go."""
        lock = FileLock(self.root / "locks" / f"{cell.key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            remove_unfinished(self.path(cell))
            yield True
        finally:
            lock.release()

    def measured(self) -> Iterator[Path]:
        """The files of all measurements, by name."""
        return iter(sorted(self.root.glob("*.npz")))


def packed(measurement: Measurement) -> dict[str, np.ndarray]:
    """The arrays of the file; text as numpy strings, which need no pickle."""
    texts = {CELL: measurement.cell.to_dict(), PROVENANCE: measurement.provenance}
    return measurement.arrays | {name: np.array(json.dumps(fields)) for name, fields in texts.items()}


def unpacked(cell: Cell | None, arrays: dict[str, np.ndarray]) -> Measurement:
    """The measurement in a file's arrays, of the cell, or of any without one.

    ValueError when it is another cell's or an array is missing or misshapen.
    """
    found = Cell.from_dict(json.loads(str(arrays.pop(CELL))))
    if cell and found != cell:
        raise ValueError(f"it holds cell {found.key}, expected {cell.key}")
    provenance = json.loads(str(arrays.pop(PROVENANCE)))
    if not isinstance(provenance, dict):
        raise ValueError(f"its provenance is {provenance!r}, expected named fields")
    expected = record_shapes(found)
    shapes = {name: array.shape for name, array in arrays.items() if array.dtype == np.float64}
    if shapes != expected:
        wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
        raise ValueError(f"missing or misshapen arrays: {', '.join(wrong)}")
    return Measurement(found, arrays, provenance)


def verified(path: Path) -> Measurement:
    """The measurement in a file, whichever cell's. One of DAMAGE when the file cannot be trusted, or its name lies."""
    try:
        measurement = unpacked(None, read_npz(path))
    except AttributeError as error:  # fields of a cell that are of another kind than the cell's
        raise ValueError(f"it holds no cell ({error})") from None
    if path.stem.rpartition("-")[2] != measurement.cell.key:
        raise ValueError(f"it holds cell {measurement.cell.key}, which its name does not say")
    return measurement
