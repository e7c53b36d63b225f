"""Files that are whole or not there: written beside their place under a name of their own, then moved into it."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

# What reading a damaged file may raise: RuntimeError for a zip entry of an unknown or encrypted kind, TypeError for a
# lone array.
DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Write arrays as .npz, without pickle; a process killed on the way leaves what was there, and a .part file."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            (np.savez_compressed if compress else np.savez)(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the file. FileNotFoundError without it, and one of DAMAGE if it is not whole."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def remove_unfinished(path: Path) -> None:
    """Remove what killed writers of the file left; for the one process that may write it."""
    for unfinished in path.parent.glob(f".{path.stem}.*.part"):
        unfinished.unlink(missing_ok=True)
