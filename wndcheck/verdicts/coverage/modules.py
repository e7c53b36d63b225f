"""The claims of a folder: a module each, imported from its path."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wndcheck.verdicts.checks import Claim, Verdict
from wndcheck.verdicts.coverage.kinds import Kind, kinds_of


class MatrixError(ValueError):
    """A folder, a module or a list of statements is not what it should be; the message names it and the mend."""


@dataclass(frozen=True)
class ClaimTest:
    """A test of a claim's module, whatever its parameters: a check, or a control with the verdict it must reach."""

    name: str  # without "test_"
    kinds: frozenset[Kind] = frozenset()
    must_be: str = ""


@dataclass(frozen=True)
class ClaimModule:
    """A claim with the tests of its file."""

    path: Path
    claim: Claim
    docstring: str
    tests: tuple[ClaimTest, ...]

    @property
    def checks(self) -> tuple[ClaimTest, ...]:
        return tuple(test for test in self.tests if not test.must_be)

    @property
    def controls(self) -> tuple[ClaimTest, ...]:
        return tuple(test for test in self.tests if test.must_be)

    @property
    def check_names(self) -> tuple[str, ...]:
        """``weak-dependence:trend``, as statements.toml has them."""
        return tuple(f"{self.claim.id}:{check.name}" for check in self.checks)


def claim_modules(folder: Path) -> list[ClaimModule]:
    """The folder's claims, by id. MatrixError where the folder has none, or one of them twice."""
    if not folder.is_dir():
        raise MatrixError(f"{folder} is no folder: name the one that holds the claims, as in `wndcheck claims claims`")
    found = [claim for path in sorted(folder.glob("*.py")) if (claim := claim_module(path))]
    if not found:
        raise MatrixError(
            f"{folder} holds no claims (modules with a CLAIM and tests): name the folder that does, as in "
            "`wndcheck claims claims`"
        )
    by_id: dict[str, ClaimModule] = {}
    for module in found:
        if other := by_id.get(module.claim.id):
            raise MatrixError(
                f"{other.path} and {module.path} both claim {module.claim.id!r}: give one of them an id of its own"
            )
        by_id[module.claim.id] = module
    return [by_id[name] for name in sorted(by_id)]


def claim_module(path: Path) -> ClaimModule | None:
    """What a file claims; None for one without tests. MatrixError for tests without a claim."""
    module = imported(path)
    tests = [value for name, value in vars(module).items() if name.startswith("test_") and callable(value)]
    if not tests:
        return None
    if not isinstance(claim := getattr(module, "CLAIM", None), Claim):
        raise MatrixError(f"{path} has tests and no CLAIM: give it CLAIM = Claim(id, paper, statement)")
    return ClaimModule(path, claim, module.__doc__ or "", tuple(map(claim_test, tests)))


def claim_test(function: Callable[..., Any]) -> ClaimTest:
    marks = getattr(function, "pytestmark", ())
    must_be = next((str(mark.kwargs.get("must_be")) for mark in marks if mark.name == "control"), "")
    if must_be and must_be not in list(Verdict):
        name = f"{function.__module__}.{function.__name__}"
        raise MatrixError(f"{name}: control(must_be={must_be}): expected one of {', '.join(Verdict)}")
    return ClaimTest(function.__name__.removeprefix("test_"), kinds_of(function), must_be)


def imported(path: Path) -> ModuleType:
    """The module in a file. MatrixError if it does not import, whatever the reason."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise MatrixError(f"{path} is no Python module: name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what a module says by SystemExit or pytest.skip, too
        raise MatrixError(
            f"{path} does not import: {type(error).__name__}: {error}; see `pytest {path} --collect-only`"
        ) from error
    return module
