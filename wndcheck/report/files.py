"""Writing of whole files: a reader never sees a part of one, nor of several that belong together."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from wndcheck.store.executors import uninterrupted

STALE = 3600.0  # seconds after which an unfinished file is that of a killed process: writing takes a moment


def encoded(text: str) -> bytes:
    """The text in UTF-8; what it cannot encode (undecodable bytes in an error's message) as a backslash escape."""
    return text.encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> Path:
    """Write the file under a temporary name in its folder, move it into place and return its path.

    An OSError names the file, not its temporary name.
    """
    return write_together(path.parent, {path.name: content})[0]


def write_together(folder: Path, contents: Mapping[str, bytes], instead_of: Collection[str] = ()) -> list[Path]:
    """Write files of a folder, by name, or none of them where one cannot be written; return their paths.

    When all are whole under temporary names, those that they take the place of are removed, and they are moved into
    place in their order. An OSError names the file, not its temporary name.
    """
    for left in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()
    unfinished = {folder / name: folder / f".{name}.{os.getpid()}.part" for name in contents}
    path = folder
    try:
        for path in (folder / name for name in {*contents, *instead_of}):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        for path, content in zip(unfinished, contents.values(), strict=True):
            unfinished[path].write_bytes(content)
        with uninterrupted():
            for path in (folder / name for name in instead_of):
                path.unlink(missing_ok=True)
            for path in unfinished:
                unfinished[path].replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        for temporary in unfinished.values():
            temporary.unlink(missing_ok=True)
    return list(unfinished)
