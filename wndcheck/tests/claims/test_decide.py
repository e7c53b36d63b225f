"""Every claim about nets, read from stores of made-up measurements: it is supported where the paper holds, and refuted
where nothing holds that the paper says. Claims about simulated samples have controls of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from wndcheck.report.wording import describe_finding
from wndcheck.store.measurements import Store
from wndcheck.tests.claims.worlds import (
    FOLDER,
    Findings,
    claims_all_false,
    claims_all_true,
    fill,
    findings_in,
    nets_untrained,
)
from wndcheck.verdicts import first_fixed
from wndcheck.verdicts.checks import CauseKind
from wndcheck.verdicts.expectations import is_match

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package")


def decided_in(world: Callable, root: Path) -> Findings:
    """What the claims find in a world."""
    fill(Store(root), world)
    return findings_in(root)


@pytest.fixture(scope="module")
def true_world(tmp_path_factory) -> Findings:
    return decided_in(claims_all_true, tmp_path_factory.mktemp("true_world"))


@pytest.fixture(scope="module")
def false_world(tmp_path_factory) -> Findings:
    return decided_in(claims_all_false, tmp_path_factory.mktemp("false_world"))


@pytest.fixture(scope="module")
def untrained_world(tmp_path_factory) -> Findings:
    return decided_in(nets_untrained, tmp_path_factory.mktemp("untrained_world"))


def others(findings: Findings, verdict: str) -> list[str]:
    """Checks that came out otherwise."""
    return [
        f"{claim} {check}: {describe_finding(found)}"
        for (claim, check), found in findings.items()
        if not found.must_be and found.verdict != verdict
    ]


def test_all_is_supported_where_the_paper_holds(true_world: Findings) -> None:
    assert len({claim for claim, _ in true_world}) == 33
    assert not others(true_world, "supported")


# What cannot be false together with the rest, and is false elsewhere.
HOLDS_IN_SPITE = (
    r"accuracy training\[\d+-tanh\]",  # nets below the paper's number for tanh do not count as trained
    r"cifar_negative_estimates (layer_means\[(50|200|500|1000)\]|negative_pairs)",  # as the scores grow with the width
    r"cifar_negative_estimates tolerable_pairs\[(50|200|500|1000)\]",
    r"\w+_nets as_the_perceptron",  # whose dependence grows as much
    r"width_law ",  # of what grows like log N no law has a floor or an exponent
    r"width_saturation correlates\[",  # as the other way round is one way
)


def test_all_is_refuted_where_nothing_holds(false_world: Findings) -> None:
    assert not [line for line in others(false_world, "refuted") if not any(re.match(x, line) for x in HOLDS_IN_SPITE)]


NEEDS_NO_TRAINING = (
    "follows_accuracy",
    "correlates",
    "independence",
    "gaussian",
    "zero_mean",
    "same_scale",
    "biases_change_nothing",
    "first_layer",
)


def test_untrained_nets_decide_nothing(untrained_world: Findings) -> None:
    for (claim, check), found in untrained_world.items():
        if claim == "accuracy" and not found.must_be:
            assert found.verdict == ("inconclusive" if "narrow" in check else "refuted"), check
        elif not found.must_be and not check.startswith(NEEDS_NO_TRAINING):
            assert found.verdict == "inconclusive", (claim, check)
            assert getattr(found.cause, "kind", None) is CauseKind.NOT_TRAINED, (claim, check)


def test_every_check_first_fixed_has_its_values_today(true_world: Findings) -> None:
    """Whatever moved, or is named by other parameters."""
    rules = [rule for own in first_fixed.read(FOLDER).values() for rule in own]
    lost = [
        rule
        for rule in rules
        if not any(rule.claim == claim and is_match(rule.check, name) for claim, name in true_world)
    ]
    assert {rule.claim for rule in lost} == {
        "entropy_against_k",
        "entropy_against_m",
        "estimator_null",
        "stabilisation",
    }


@pytest.mark.parametrize("world", ["true_world", "false_world"])
def test_controls_hold_in_either_world(world: str, request: pytest.FixtureRequest) -> None:
    findings = request.getfixturevalue(world)
    assert sum(found.must_be is not None for found in findings.values()) > 50
    assert not [f"{claim} {check}" for (claim, check), found in findings.items() if found.failed]
