"""Files that are whole or not there: written beside their place under a name of their own, then moved into it."""

from __future__ import annotations

import errno
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

# What reading a damaged file may raise: RuntimeError for a zip entry of an unknown or encrypted kind, TypeError for a
# lone array. What the disk refuses is no damage: a file that cannot be read now may be whole.
DAMAGE = (ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


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
    """All arrays of the file. OSError if it cannot be read, and one of DAMAGE if it is not whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # the format's complaint, not the disk's: a seek to nowhere, say
            raise ValueError(str(error)) from error
        raise


def remove_unfinished(path: Path) -> None:
    """Remove what killed writers of the file left; for the one process that may write it."""
    for unfinished in path.parent.glob(f".{path.stem}.*.part"):
        unfinished.unlink(missing_ok=True)
