"""A run's verdicts.json, as it lies on the disk."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from wndcheck.authoring.layout import Misfit, refuse_misfits, shown

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
        refuse_other_schema(document, path)
        refuse_misfits(document)
        return made(document)
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(
            f"{path.parent} has no {path.name}: name the folder of a report; `pytest claims/ -n auto` writes "
            "reports/latest"
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}): name the folder of a report") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, RunError):
            raise
        what = str(error) if isinstance(error, Misfit) else f"{type(error).__name__}: {error}"
        again = f"`pytest claims/ -n auto --wnd-report={shlex.quote(str(path.parent))}`"
        raise RunError(f"{path} is not a run's {FILE} ({what}): run it again with {again}") from error


def refuse_other_schema(document: Any, path: Path) -> None:
    """Before anything else is looked at: another schema may have other fields."""
    if not isinstance(document, dict):
        raise Misfit(f"it holds {shown(document)}, expected an object")
    if "schema" not in document:
        raise Misfit(f"schema is missing, expected {SCHEMA}")
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        raise RunError(f"{path} has schema {document['schema']!r}, expected {SCHEMA}: run it again with this version")


def check_name(test: str) -> str:
    """``trend[relu-1]`` of ``claims/x.py::test_trend[relu-1]``."""
    return test.partition("::")[2].removeprefix("test_")
