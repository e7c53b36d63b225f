"""A run's verdicts.json, as it lies on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

FILE = "verdicts.json"
SCHEMA = 1
T = TypeVar("T")


class RunError(ValueError):
    """A run cannot be used; the message says why and what to type instead."""


def read_document(path: Path, made: Callable[[dict[str, Any]], T]) -> T:
    """What `made` makes of a verdicts.json, or of that in a folder. RunError if there is none, or it does not fit."""
    path = path if path.suffix == ".json" else path / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise RunError(
                f"{path} has schema {document['schema']!r}, expected {SCHEMA}: run it again with this version"
            )
        return made(document)
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(
            f"{path.parent} has no {path.name}: name the folder of a report; `pytest claims/ -n auto` writes "
            "reports/latest"
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}): name the folder of a report") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{path} is not a run's {FILE} ({type(error).__name__}: {error}): run it again") from error


def check_name(test: str) -> str:
    """``trend[relu-1]`` of ``claims/x.py::test_trend[relu-1]``."""
    return test.partition("::")[2].removeprefix("test_")
