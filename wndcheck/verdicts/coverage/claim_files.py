"""The claims of a folder, with the checks and controls that their tests declare."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wndcheck.experiment.families import lacks, registered
from wndcheck.experiment.profiles import PROFILES, Scope
from wndcheck.verdicts.checks import Check, MustBe
from wndcheck.verdicts.claims import Claim


class CoverageError(ValueError):
    """A folder, a claim's file or a list of statements cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class ClaimTest:
    """A test of a claim, whatever its parameters: a check, or a control with what it must be.

    `declared` holds its check, or those that it has for the values of a parameter.
    """

    name: str  # without "test_"
    declared: tuple[Check, ...]
    must_be: MustBe | None = None

    @property
    def counts(self) -> str:
        """``primary``, ``secondary`` or ``primary or secondary``."""
        return " or ".join(sorted({"primary" if check.primary else "secondary" for check in self.declared}))

    @property
    def scopes(self) -> str:
        """``trend``, or ``trend or level``."""
        return " or ".join(scope for scope in Scope if scope in {check.scope for check in self.declared})


@dataclass(frozen=True)
class ClaimFile:
    """A claim with the tests of its file."""

    path: Path
    claim: Claim
    docstring: str
    tests: tuple[ClaimTest, ...]

    @property
    def id(self) -> str:
        return self.path.stem

    @property
    def checks(self) -> tuple[ClaimTest, ...]:
        return tuple(test for test in self.tests if not test.must_be)

    @property
    def controls(self) -> tuple[ClaimTest, ...]:
        return tuple(test for test in self.tests if test.must_be)

    @property
    def check_names(self) -> tuple[str, ...]:
        """``weak_dependence:trend``, as statements.toml has them."""
        return tuple(f"{self.id}:{check.name}" for check in self.checks)

    @property
    def decided_by(self) -> list[str]:
        """The profiles that decide the claim: ``quick: trend`` where only that scope of its primary checks."""
        scopes = {check.scope for test in self.checks for check in test.declared if check.primary}
        names = []
        for name, profile in PROFILES.items():
            if not lacks(self.claim.families, profile) and (
                decided := [scope for scope in profile.scopes if scope in scopes]
            ):
                names.append(name if len(decided) == len(scopes) else f"{name}: {', '.join(decided)}")
        return names


def claims_in(folder: Path) -> list[ClaimFile]:
    """Return the folder's claims by id. CoverageError where it has none, or a file of it cannot be read as a claim."""
    if not folder.is_dir():
        raise CoverageError(f"{folder} is not a folder: name the one with the claims, as in `wndcheck claims claims`")
    found = [claim for path in sorted(folder.glob("*.py")) if (claim := claim_in(path))]
    if not found:
        raise CoverageError(
            f"{folder} holds no claims (files with a CLAIM and tests): name the folder that does, as in "
            "`wndcheck claims claims`"
        )
    return found


def claim_in(path: Path) -> ClaimFile | None:
    """Return the claim of a file; None without tests. CoverageError for tests without a claim or without a check."""
    module = imported(path)
    tests = {name: value for name, value in vars(module).items() if name.startswith("test_") and callable(value)}
    if not tests:
        return None
    if not isinstance(claim := getattr(module, "CLAIM", None), Claim):
        raise CoverageError(f"{path} has tests and no CLAIM: give it CLAIM = Claim(paper, statement, families=...)")
    try:
        registered(claim.families)
    except ValueError as error:
        raise CoverageError(f"{path}: {error}") from None
    return ClaimFile(path, claim, module.__doc__ or "", tuple(claim_test(path, *test) for test in tests.items()))


def claim_test(path: Path, name: str, function: Callable[..., Any]) -> ClaimTest:
    found = getattr(function, "pytestmark", ())
    marks = [mark for mark in found if mark.name in ("check", "control") and len(mark.args) == 2]
    if not marks:
        raise CoverageError(f"{path}::{name} declares no check: add @check(...) or @control(..., must_be=...)")
    if len(marks) > 1:
        raise CoverageError(
            f"{path}::{name} declares {len(marks)} checks or controls: split it into {len(marks)} tests"
        )
    checks, by = marks[0].args
    declared = tuple(checks.values()) if by else (checks,)
    return ClaimTest(name.removeprefix("test_"), declared, marks[0].kwargs.get("must_be"))


def imported(path: Path) -> ModuleType:
    """Import the file. CoverageError if it does not import, whatever the reason."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CoverageError(f"{path} is not a Python module: name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and pytest.skip, too
        raise CoverageError(
            f"{path} does not import: {type(error).__name__}: {error}; see `pytest {path} --collect-only`"
        ) from error
    return module
