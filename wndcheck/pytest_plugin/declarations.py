"""The declarations in a claim's file, and reading them from pytest's items: claim, check, control, parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from wndcheck.experiment import profiles
from wndcheck.experiment.families import lacks, registered
from wndcheck.experiment.profiles import Profile, Scope
from wndcheck.verdicts.checks import Check, MustBe
from wndcheck.verdicts.claims import Claim

Checks = Check | Mapping[Any, Check]


def check(checks: Checks, by: str = "") -> pytest.MarkDecorator:
    """Declare the check that a test decides; with `by`, one for each value of that parameter of the test."""
    return pytest.mark.check(*validated(checks, by))


def control(checks: Checks, by: str = "", *, must_be: str) -> pytest.MarkDecorator:
    """Declare a control: a check with a known answer, on which its claim's verdict depends."""
    if must_be not in list(MustBe):
        raise ValueError(f"control(must_be={must_be!r}): expected one of {', '.join(MustBe)}")
    return pytest.mark.control(*validated(checks, by), must_be=MustBe(must_be))


def validated(checks: Checks, by: str) -> tuple[Checks, str]:
    """Return both. TypeError for anything but one check, or a mapping of checks with `by`."""
    declared = checks.values() if isinstance(checks, Mapping) and by else [checks] if not by else []
    if not declared or not all(isinstance(each, Check) for each in declared):
        raise TypeError(
            f"check {checks!r}, by {by!r}: expected a Check, or one for each value of a parameter and by='parameter'"
        )
    return checks, by


def over(metafunc: pytest.Metafunc, name: str, values: Callable[[Profile], Sequence[object]]) -> None:
    """Give a test that asks for `name` the values that the run's profile has for it; for `pytest_generate_tests`.

    `name` may be several, as in "epoch,layer", each value a tuple.
    """
    if set(name.split(",")) <= set(metafunc.fixturenames):
        metafunc.parametrize(name, values(profiles.named(metafunc.config.option.wnd_profile)))


def over_widths(metafunc: pytest.Metafunc, least: int) -> None:
    """Give a test that asks for `width` every width of the profile from `least` up."""
    over(metafunc, "width", lambda profile: [width for width in profile.widths if width >= least])


def declaration(test: str, marks: Iterable[pytest.Mark]) -> pytest.Mark:
    """Return a test's mark "check" or "control". UsageError, with what to write, unless it has exactly one."""
    found = [mark for mark in marks if mark.name in ("check", "control") and len(mark.args) == 2]
    if not found:
        raise pytest.UsageError(
            f"{test} declares no check: add @check(...) or @control(..., must_be=...) of "
            "wndcheck.pytest_plugin.declarations"
        )
    if len(found) > 1:
        raise pytest.UsageError(f"{test} declares {len(found)} checks or controls: split it into {len(found)} tests")
    return found[0]


# --- of a collected test ----------------------------------------------------------------------------------------------


def claim_of(item: pytest.Item) -> Claim | None:
    """Return the `CLAIM` of the test's module; None where it has none."""
    claim = getattr(getattr(item, "module", None), "CLAIM", None)
    return claim if isinstance(claim, Claim) else None


def scopes_of(item: pytest.Item, profile: Profile) -> tuple[Scope, ...]:
    """Return the scopes whose checks of the test's claim the profile decides: none if it leaves its nets to another."""
    claim = claim_of(item)
    return () if claim and profile.leaves_to and lacks(claim.families, profile) else profile.scopes


def claim_id(item: pytest.Item) -> str:
    """Return the stem of the test's file."""
    return item.path.stem


def check_of(item: pytest.Item) -> Check:
    """Return the check that a test, or a control, declares. UsageError for none, or several."""
    checks, by = declaration(item.nodeid, item.iter_markers()).args
    if not by:
        return checks
    if (value := raw_parameters(item).get(by)) not in checks:
        raise pytest.UsageError(f"{item.nodeid}: {by} = {value!r} has no check: expected one of {list(checks)}")
    return checks[value]


def with_declarations(report: pytest.CollectReport) -> pytest.CollectReport:
    """Return the report of a collected file, failed if its claim has an unknown family or a test not one declaration.

    Errors of collection end a run before nets are trained, and reach the controller from its workers.
    """
    for item in report.result or ():
        if isinstance(item, pytest.Item) and (claim := claim_of(item)):
            try:
                check_of(item)
                registered(claim.families)
            except (pytest.UsageError, ValueError) as error:
                report.outcome, report.result = "failed", []
                report.longrepr = str(error) if item.nodeid in str(error) else f"{item.path}: {error}"
                break
    return report


def must_be_of(item: pytest.Item) -> MustBe | None:
    """Return what a control must be; None for a check."""
    marker = item.get_closest_marker("control")
    return marker.kwargs["must_be"] if marker else None


def check_name(item: pytest.Item) -> str:
    """Return the test's name without "test_": ``trend[relu-1]``."""
    return item.name.removeprefix("test_")


def raw_parameters(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def parameters_of(item: pytest.Item) -> dict[str, int | float | str]:
    """Return the test's parameters, as types that can be sent to the controller."""
    found = raw_parameters(item).items()
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in found}
