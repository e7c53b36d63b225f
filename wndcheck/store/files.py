"""Files that are complete or absent: each is written under a temporary name, then moved into place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

# What reading a damaged file may raise: RuntimeError for a zip entry of an unknown or encrypted kind, TypeError for a
# lone array. An OSError is not damage: a file that cannot be read now may be whole.
DAMAGE = (ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


class UnwritableStore(OSError):
    """A folder of the store cannot be written; the message names it, the reason and the option for another one."""

    def __init__(self, folder: Path, error: OSError) -> None:
        reason = error.strerror or error
        super().__init__(f"the store {folder} cannot be written ({reason}): name another folder with --wnd-store")


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A path to write the file under, which is then moved into place; a killed writer leaves it as a .part file."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UnwritableStore(path.parent, error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def remove_unfinished(path: Path) -> None:
    """Remove what killed writers of the file left; for the one process that may write it."""
    for unfinished in path.parent.glob(f".{path.stem}.*.part"):
        unfinished.unlink(missing_ok=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for what processes tell each other. Those of killed processes, which hold no lock, are removed."""
    for lock in Path(tempfile.gettempdir()).glob("wndcheck-*/.lock"):
        with suppress(OSError, Timeout):
            if lock.stat().st_uid == os.geteuid():
                with FileLock(lock, timeout=0):
                    rmtree(lock.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="wndcheck-") as name, FileLock(Path(name) / ".lock"):
        yield Path(name)


def append_line(path: Path, line: str) -> None:
    """Append to a file by one write, so that lines of several processes do not mix."""
    with path.open("ab", buffering=0) as file:
        file.write(line.encode() + b"\n")


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as .npz, compressed and without pickle; a process killed on the way leaves what was there."""
    with replacement(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the file. OSError if it cannot be read, and one of DAMAGE if it is not whole."""
    if path.is_fifo():  # whose opening waits for its other end
        raise ValueError("it is a pipe")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except MemoryError as error:
        raise ValueError(f"an array of it is too large ({error})") from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # an error of the format, not of the disk: e.g. an invalid seek
            raise ValueError(str(error)) from error
        error.filename = error.filename or str(path)
        raise


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], notes: dict[str, Any]) -> None:
    """Write arrays and plain notes as .safetensors, with a digest of both; atomic as `write_npz`."""
    from safetensors.numpy import save  # save_file would leave a file of its own when it is killed

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(notes)
    with replacement(path) as unfinished:
        unfinished.write_bytes(save(contiguous, {"notes": text, "sha256": content_digest(contiguous, text)}))


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and notes of the file. OSError if it cannot be read, and one of DAMAGE if it is not whole."""
    with opened(path) as file:
        metadata, arrays = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata["sha256"] != content_digest(arrays, metadata["notes"]):
        raise ValueError("its arrays are not those that were written")
    return arrays, json.loads(metadata["notes"])


def read_notes(path: Path) -> dict[str, Any]:
    """The notes of a .safetensors file, without its arrays, which may be gigabytes; errors as in `read_safetensors`."""
    with opened(path) as file:
        return json.loads((file.metadata() or {})["notes"])


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def content_digest(arrays: Mapping[str, np.ndarray], text: str) -> str:
    """SHA-256 of names, types, shapes and values of arrays, in C order, and of a text."""
    content = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        content.update(f"{name} {array.dtype} {array.shape}".encode())
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()
