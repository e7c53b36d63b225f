"""Imports run one way: a module imports only from its own package and from packages above it in ROOMS."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import wndcheck

PACKAGE = Path(wndcheck.__file__).parent
ROOMS = ("estimators", "datasets", "nets", "experiment", "store", "verdicts", "inspect", "report", "sweep")
ROOMS += ("pytest_plugin", "authoring", "cli")
SHARED = {"devices", "seeds", "versions"}  # import nothing of the package but each other
OUTSIDE = {"tests", "benchmarks", "data"}


def modules() -> Iterator[tuple[str, Path]]:
    """The room and the path of every module that a user runs."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in OUTSIDE:
            yield room, path


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports from, in functions and for type checkers, too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("wndcheck.")}


def test_every_package_has_its_place() -> None:
    assert {room for room, _ in modules()} <= {*ROOMS, *SHARED, "__init__", "__main__"}


def test_imports_run_one_way() -> None:
    wrong = []
    for room, path in modules():
        if room in ("__init__", "__main__"):
            continue
        above = {*SHARED} if room in SHARED else {*SHARED, *ROOMS[: ROOMS.index(room) + 1]}
        if below := (imported_rooms(path) & {*ROOMS, *SHARED}) - above:
            wrong.append(f"{path.relative_to(PACKAGE)} imports from {', '.join(sorted(below))}")
    assert not wrong, "\n".join(wrong)
