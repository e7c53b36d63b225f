"""Strict JSON, and files that are whole or not there."""

from __future__ import annotations

import json
import os
from math import isfinite
from pathlib import Path
from typing import Any


def finite(value: Any) -> Any:
    """The same nested value with every NaN and infinity, which JSON has no word for, as None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def strict_json(document: dict[str, Any]) -> str:
    """The document as JSON that any reader takes; keys stay in the order they are given in."""
    return json.dumps(finite(document), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


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
