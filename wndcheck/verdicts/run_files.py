"""verdicts.json: a run as JSON, and back again with every number that JSON does not have."""

from __future__ import annotations

import shlex
from math import inf, nan
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from wndcheck.verdicts.run import SCHEMA, Run

T = TypeVar("T")
FILE = "verdicts.json"


class RunError(ValueError):
    """A run cannot be used; the message says why and what to run instead."""


def encode(value: object, *, indent: int = 1) -> bytes:
    """Return the JSON of a run or of a part of it; NaN and infinities, which JSON does not have, are null."""
    try:
        content = msgspec.json.encode(value)
    except UnicodeEncodeError:  # undecodable bytes, in an error's message or a path
        content = msgspec.json.encode(with_escapes(msgspec.to_builtins(value)))
    return msgspec.json.format(content, indent=indent) + b"\n"


def with_escapes(value: Any) -> Any:
    """Return nested text with backslash escapes for surrogates, which UTF-8 does not have."""
    if isinstance(value, dict):
        return {with_escapes(key): with_escapes(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_escapes(item) for item in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def encode_line(value: object) -> str:
    """Return a part of a run as one line of JSON, as it crosses from a worker to the controller."""
    return msgspec.json.encode(value).decode()


def decode_line(text: str, kind: type[T]) -> T:
    return msgspec.convert(with_numbers(msgspec.json.decode(text)), kind)


def decode(content: bytes) -> Run:
    """Parse verdicts.json. ValueError, which names the field, what it is and what was expected."""
    document = msgspec.json.decode(content)
    if isinstance(document, dict) and document.get("schema") != SCHEMA:
        found = repr(document["schema"]) if "schema" in document else "missing"
        raise ValueError(f"schema is {found}, expected {SCHEMA}, that of this version")
    return msgspec.convert(with_numbers(document), Run)


# The meaning of null, by field: open ends, and estimates and values that are missing.
NULLS = {"low": -inf, "high": inf, "estimate": nan, "values": nan, "seconds": nan}


def with_numbers(value: Any, null: float | None = None) -> Any:
    """Return the decoded JSON with numbers in place of null; `null` is the one for the field that holds the value."""
    if isinstance(value, list):
        return [with_numbers(item, null) for item in value]
    if isinstance(value, dict):
        return {key: with_numbers(item, NULLS.get(key, null)) for key, item in value.items()}
    return null if value is None else value


def report_folder(path: Path) -> Path:
    """The folder of a report that is named by itself or by its verdicts.json."""
    return path.parent if path.suffix == ".json" else path


def read_run(path: Path) -> Run:
    """Read a run's verdicts.json, or that in a folder. RunError if it is missing or invalid."""
    path = path if path.suffix == ".json" else path / FILE
    again = f"`pytest claims/ -n auto --wnd-report={shlex.quote(str(path.parent))}`"
    try:
        return decode(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(
            f"{path.parent} has no {path.name}: name the folder of a report; `pytest claims/ -n auto` writes "
            "reports/latest"
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}): name the folder of a report") from None
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise RunError(f"{path} is not a run's {FILE} ({error}): run it again with {again}") from error
