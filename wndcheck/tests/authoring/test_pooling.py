"""Verdicts and values over several runs."""

from __future__ import annotations

from math import isnan, nan, sqrt

import msgspec
import numpy as np
import pytest

from wndcheck.authoring.pooling import Pooled, PooledCheck, pool_checks, pool_claims
from wndcheck.tests.factories import make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Cause, CauseKind, Check, MustBe, Statistic, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.power import UNKNOWN
from wndcheck.verdicts.run import ClaimVerdict, Run
from wndcheck.verdicts.statistics import at_least, at_most, within

SMALL = Check("the number", at_most(0))
WIDTH = Check("the width", within(-1.1, -0.9))
SECOND = Check("another number", at_most(0), primary=False, unit="")
SEEDS = range(6)
GAPS = [-1.0, -1.1, -0.9, -1.2, -0.8, nan, nan, nan]  # three of eight missing, of which a quarter may be


def sample(seed: int, mean: float = -1, sd: float = 0.5, common: float = 0) -> np.ndarray:
    """Eight independent values, moved together by `common` standard deviations of their mean."""
    rng = np.random.default_rng([seed, 9])
    return mean + sd * (rng.standard_normal(8) + common * rng.standard_normal())


def six_runs() -> list[Run]:
    """`steady` is never flipping; `flipping` alternates; `partial` has every other outcome."""
    runs = []
    for seed in SEEDS:
        steady = make_claim(
            "steady",
            make_finding("size[1]", sample(seed), SMALL, claim="steady"),
            make_finding("width[1]", sample(seed), WIDTH, claim="steady"),
            make_finding("second", sample(seed, sd=3), SECOND, claim="steady"),
            make_finding("planted", sample(seed, mean=2 if seed else -2), SMALL, claim="steady", must_be="refuted"),
        )
        alternating = sample(seed, mean=1 - 2 * (seed % 2), sd=0.1)
        flipping = make_claim("flipping", make_finding("size", alternating, SMALL, claim="flipping"))
        partial = [
            make_claim("partial", make_finding("size", sample(seed), SMALL, claim="partial")),
            make_claim("partial", errors=["size"]),
            make_claim("partial", not_run=["size"]),
        ]
        runs.append(make_run(steady, flipping, *partial[seed : seed + 1], base_seed=seed))
    return runs


def runs_of(*found: Finding) -> list[Run]:
    """A run for each finding, of seeds 0, 1, …"""
    return [make_run(make_claim("tiny", finding), base_seed=seed) for seed, finding in enumerate(found)]


def untrained(seed: int) -> Finding:
    """The finding of a check most of whose nets did not train."""
    finding = make_finding("size", sample(seed), SMALL)
    cause = Cause(CauseKind.NOT_TRAINED, 5, 8)
    return msgspec.structs.replace(finding, verdict=Verdict.INCONCLUSIVE, cause=cause)


def named(checks: list[PooledCheck], claim: str, name: str) -> PooledCheck:
    (one,) = (each for each in checks if (each.claim, each.name) == (claim, name))
    return one


def test_verdicts_are_counted() -> None:
    runs = six_runs()
    claims = {claim.id: claim for claim in pool_claims(runs)}
    assert claims["steady"].counts == {"inconclusive": 6}
    assert claims["flipping"].counts == {"supported": 3, "refuted": 3}
    assert claims["partial"].counts == {"supported": 1, "error": 1, "not run": 4}
    assert list(claims) == ["flipping", "partial", "steady"]

    checks = pool_checks(runs)
    assert named(checks, "steady", "size[1]").counts == {"supported": 6}
    assert named(checks, "steady", "width[1]").counts == {"inconclusive": 6}
    partial = named(checks, "partial", "size")
    assert partial.by_seed == {0: "supported", 1: "error", **dict.fromkeys(range(2, 6), "not run")}


def test_a_check_that_ends_in_an_error_after_its_decision_is_an_error() -> None:
    """For example in the teardown of a fixture."""
    found = make_claim("one", make_finding("size", sample(0), SMALL, claim="one"), errors=["size"], not_run=["size"])
    (each,) = pool_checks([make_run(found)])
    assert each.counts == {"error": 1}
    assert each.findings == {}


@pytest.mark.parametrize(
    ("verdicts", "flips"),
    [("supported refuted", True), ("supported inconclusive", False), ("refuted error", False), ("supported", False)],
)
def test_a_flip_is_from_supported_to_refuted(verdicts: str, flips: bool) -> None:
    assert Pooled(by_seed=dict(enumerate(map(ClaimVerdict, verdicts.split())))).flips is flips


def test_values_are_pooled() -> None:
    checks = pool_checks(six_runs())
    each = named(checks, "steady", "size[1]")
    pooled = np.concatenate([sample(seed) for seed in SEEDS])
    assert each.n == 8
    assert each.reliability.mean == pytest.approx(pooled.mean())
    assert each.reliability.sd == pytest.approx(pooled.std(ddof=1))
    assert each.sd_between_runs == pytest.approx(np.std([sample(seed).mean() for seed in SEEDS], ddof=1))
    assert each.primary
    assert each.must_be is None
    assert not named(checks, "steady", "second").primary
    assert named(checks, "steady", "planted").must_be is MustBe.REFUTED


def test_a_permutation_test_is_as_often_wrong_as_its_tails_say() -> None:
    ranked = Check("how often", at_least(0.5), alpha=0.02, statistic=Statistic.RANKS)
    (each,) = pool_checks(runs_of(make_finding("size", sample(0), ranked)))
    found = each.reliability
    assert (found.n, found.worst, found.refutes_claim) == (8, 0.01, 0.01)
    assert isnan(found.nets)
    assert found.rates is UNKNOWN


@pytest.mark.parametrize(("common", "expected"), [(0, 1), (1, sqrt(8 + 1) / sqrt(2))])
def test_excess_is_above_1_where_nets_of_a_run_have_something_in_common(common: float, expected: float) -> None:
    runs = runs_of(*(make_finding("size", sample(seed, common=common), SMALL) for seed in range(60)))
    # With a common part of one sd the mean's variance is (1/8 + 1), a value's 2: the ratio is √(9/8) over √(2/8).
    # The sd of 60 means is known to 1/√118 = 9 %; three of them, and what the pooled sd adds.
    assert pool_checks(runs)[0].excess == pytest.approx(expected, rel=0.32)


def test_a_check_that_never_ran_has_no_reliability() -> None:
    (each,) = pool_checks([make_run(make_claim("one", not_run=["size"]))])
    assert (each.n, each.must_be, each.primary, each.by_run) == (0, None, False, [])
    assert isnan(each.sd_between_runs)
    with pytest.raises(ValueError, match="one size: no run has decided it"):
        _ = each.reliability


@pytest.mark.parametrize(
    ("findings", "cause"),
    [
        ("ggg", CauseKind.NOT_MEASURED),
        ("nn", CauseKind.NOT_MEASURED),
        ("ggv", CauseKind.NOT_MEASURED),
        ("gvv", None),
        ("uvv", None),
        ("uuv", CauseKind.NOT_TRAINED),
        ("uugvv", CauseKind.NOT_TRAINED),  # the two causes add up
        ("ugvv", None),  # two of four are not most
    ],
)
def test_no_nets_are_needed_where_most_runs_could_not_measure_or_train_them(
    findings: str, cause: CauseKind | None
) -> None:
    """Findings without a value (n), with gaps (g), of untrained nets (u), and with all values (v)."""
    make = {
        "n": lambda seed: make_finding("size", [nan] * 8, SMALL),
        "g": lambda seed: make_finding("size", GAPS, SMALL),
        "u": untrained,
        "v": lambda seed: make_finding("size", sample(seed), SMALL),
    }
    (each,) = pool_checks(runs_of(*(make[kind](seed) for seed, kind in enumerate(findings))))
    assert each.blocking_cause is cause
    assert findings == "nn" or each.reliability.mean == pytest.approx(-1, abs=0.3)
    if cause:
        assert isnan(each.reliability.nets)
        assert each.reliability.rates == UNKNOWN
    else:
        assert each.reliability.nets >= 4
