"""Writing of whole files: a reader never sees a part of one."""

from __future__ import annotations

import os
from pathlib import Path


def encoded(text: str) -> bytes:
    """The text in UTF-8; what it cannot encode (undecodable bytes in an error's message) as a backslash escape."""
    return text.encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> Path:
    """Write the file under a temporary name in its folder, move it into place and return its path.

    An OSError names the file, not its temporary name.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        unfinished.unlink(missing_ok=True)
    return path
