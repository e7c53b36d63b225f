"""Strict JSON, and files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wndcheck.verdicts.run import encode


def strict_json(document: dict[str, Any]) -> str:
    """The document as JSON that any reader takes: null for NaN and infinities, keys in the order they are given in."""
    return encode(document).decode()


def encoded(text: str) -> bytes:
    """UTF-8; what has no place in it (undecodable bytes in an error's message) as a backslash escape."""
    return text.encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> Path:
    """Write the file under a temporary name beside it and move it into place; the path. Leaves nothing behind."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
