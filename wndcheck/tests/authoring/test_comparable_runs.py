"""Runs that can be pooled, and those that are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wndcheck.authoring.comparable_runs import comparable, why_unusable
from wndcheck.experiment.profiles import Scope
from wndcheck.tests.authoring.seeded_runs import IOTA, I, R, S, check, run, runs
from wndcheck.tests.factories import make_claim, make_run
from wndcheck.verdicts.run import Problem, ProblemKind, Run
from wndcheck.verdicts.run_files import RunError
from wndcheck.verdicts.statistics import at_most

SECONDARY = replace(IOTA, primary=False)
PROBLEM = Problem(ProblemKind.UNREPORTED, "3 of 8 checks were never reported")
UNMATCHED = Problem(ProblemKind.EXPECTATION, "expectations.toml: 'gone' of claim 'tiny' matches no check")


def test_runs_are_returned_by_base_seed() -> None:
    first, second = runs(trend="II")
    assert comparable([second, first]) == [first[1], second[1]]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (run(1, check("trend", I), selection=True), "run1 cannot be used, it is a selection of checks"),
        (run(1, check("trend", I), problems=(UNMATCHED, PROBLEM)), "it had problems: 3 of 8 checks were never"),
        (
            (Path("run1"), make_run(make_claim("tiny", errors=["trend"]), base_seed=1)),
            r"tests did not finish: claims/tiny.py::test_trend; see run1.summary.md",
        ),
        (run(1, check("trend", I), check("planted", S, must_be="refuted")), "controls failed: tiny planted"),
        (
            run(1, check("trend", I), check("planted", S, rule=SECONDARY, must_be="refuted")),
            "controls failed: tiny planted",
        ),
        (
            run(1, msgspec.structs.replace(check("trend", I), values=(1.0, -1e308))),
            r"the values of tiny trend are as large as 1e\+308.*run it again",
        ),
        (
            run(1, msgspec.structs.replace(check("trend", I), values=(1.0,) * 10**6)),
            "tiny trend has 1000000 values, expected at most 2000",
        ),
        (run(1, check("trend", I), profile="full"), "runs of the profiles full and quick: name runs of one profile"),
        (run(0, check("trend", I)), "both have the base seed 0: run `pytest claims/` with another --wnd-seed"),
        (run(1), r"do not have the same checks \(tiny trend\): run the claims again, with the same data"),
    ],
    ids=[
        "selection",
        "problem",
        "error",
        "control",
        "secondary control",
        "values",
        "number of values",
        "profile",
        "seed",
        "check",
    ],
)
def test_runs_that_cannot_be_pooled_are_refused(second: tuple[Path, Run], message: str) -> None:
    first, _ = runs(trend="II")
    with pytest.raises(RunError, match=message):
        comparable([first, second])


def test_an_expectation_that_matches_nothing_is_not_a_fault_of_the_run() -> None:
    assert why_unusable(run(0, check("trend", I), problems=(UNMATCHED,))[1]) == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"region": at_most(9)},
        {"alpha": 0.05},
        {"estimand": "the slope"},
        {"unit": "bits"},
        {"replicate": "ensembles"},
        {"primary": False},
        {"scope": Scope.LEVEL},
    ],
    ids=str,
)
def test_checks_of_another_rule_are_not_pooled(changed: dict[str, Any]) -> None:
    first, second = run(0, check("trend", I), check("level", S)), check("trend", I, rule=replace(IOTA, **changed))
    with pytest.raises(RunError, match="run0 and run1 decide tiny trend by different rules: run the claims again"):
        comparable([first, run(1, second, check("level", S))])


def test_controls_of_another_rule_are_not_pooled() -> None:
    trend, planted = check("trend", I), check("planted", R, must_be="refuted")
    first = run(0, trend, planted)
    assert comparable([first, run(1, trend, planted)])
    with pytest.raises(RunError, match="decide tiny planted by different rules"):
        comparable([first, run(1, trend, check("planted", I, must_be="inconclusive"))])
    with pytest.raises(RunError, match=r"do not have the same checks \(tiny planted\)"):
        comparable([first, run(1, trend)])
    assert comparable([first, run(1, trend, not_run=("planted",))])


def test_runs_of_two_versions_are_not_pooled() -> None:
    first, second, unknown = (
        run(seed, check("trend", I), environment={"wndcheck": version} if version else {})
        for seed, version in enumerate(("0.1.0", "0.2.0", ""))
    )
    with pytest.raises(RunError, match=r"run0 was made by wndcheck 0\.1\.0, run1 by 0\.2\.0: run the claims again"):
        comparable([first, second])
    assert comparable([first, unknown])
    same = msgspec.structs.replace(second[1], environment={"wndcheck": "0.1.0"})
    assert comparable([first, (second[0], same)])
