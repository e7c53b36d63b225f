"""Measurements on disk: one file a cell, named by the cell's key; atomic, locked, verified; no pickle, no torch."""

from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from wndcheck.cells import SCHEMA, Cell
from wndcheck.records import Measurement, record_shapes

logger = logging.getLogger(__name__)
PROVENANCE = "provenance"
CELL_KEY = "cell_key"
# What reading a damaged file may raise: RuntimeError for a zip entry of an unknown or encrypted kind, TypeError for a
# lone array.
DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


def store_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The store's folder: the argument, else WNDCHECK_STORE, else a per-user cache folder."""
    chosen = root or os.environ.get("WNDCHECK_STORE") or platformdirs.user_cache_path("wndcheck") / "store"
    return Path(chosen).expanduser()


class Store:
    """Measured cells below one folder, safe for several processes at once.

    A file is written under a unique temporary name and moved into place, so a reader sees a whole file or none. What
    goes wrong with a file is told to `say`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        say: Callable[[str], None] = logger.warning,
    ) -> None:
        self.root = store_root(root) / f"v{SCHEMA}"
        self.say = say
        try:
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"the store {self.root} cannot be made ({error.strerror}): name another folder with --wnd-store"
            ) from error

    def path(self, cell: Cell) -> Path:
        """Where the cell's measurement lies: a readable stem and the key."""
        kind = getattr(cell.protocol, "kind", "trained")
        return self.root / f"{cell.dataset}-{cell.activation}-n{cell.width:04d}-{kind}-{cell.key}.npz"

    def has(self, cell: Cell) -> bool:
        return self.path(cell).exists()

    def load(self, cell: Cell) -> Measurement | None:
        """The cell's measurement; None if there is none, or if its file cannot be trusted: that one is put aside."""
        path = self.path(cell)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return unpacked(cell, dict(archive))
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
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **packed(measurement))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
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
            yield True
        finally:
            lock.release()


def packed(measurement: Measurement) -> dict[str, np.ndarray]:
    """The arrays of the file; text as numpy strings, which need no pickle."""
    return measurement.arrays | {
        CELL_KEY: np.array(measurement.cell.key),
        PROVENANCE: np.array(json.dumps(measurement.provenance)),
    }


def unpacked(cell: Cell, arrays: dict[str, np.ndarray]) -> Measurement:
    """The measurement in a file's arrays; ValueError when it is another cell's or an array is missing or misshapen."""
    found = str(arrays.pop(CELL_KEY))
    if found != cell.key:
        raise ValueError(f"it holds cell {found}, expected {cell.key}")
    provenance = json.loads(str(arrays.pop(PROVENANCE)))
    expected = record_shapes(cell)
    shapes = {name: array.shape for name, array in arrays.items() if array.dtype == np.float64}
    if shapes != expected:
        wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
        raise ValueError(f"missing or misshapen arrays: {', '.join(wrong)}")
    return Measurement(cell, arrays, provenance)
