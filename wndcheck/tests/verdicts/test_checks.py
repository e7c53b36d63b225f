from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from wndcheck.verdicts.checks import Cause, CauseKind, Check, Statistic, Verdict, decide
from wndcheck.verdicts.claims import roll_up
from wndcheck.verdicts.statistics import Region, at_least, at_most, mean_interval, within

SUPPORTED, REFUTED, INCONCLUSIVE = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE
BELOW = Check("a number", at_most(1))
EIGHT = np.linspace(-0.1, 0.1, 8)  # a 99 % interval of ±.086 about what is added


def rates(check: Check, mean: float, *, draws: int = 1500, n: int = 8) -> dict[Verdict, float]:
    """How often each verdict falls on n normal values about a mean, standard deviation 1."""
    rng = np.random.default_rng(3)
    verdicts = [decide(check, rng.normal(mean, 1, n))[0] for _ in range(draws)]
    return {verdict: verdicts.count(verdict) / draws for verdict in Verdict}


def four_errors(rate: float, draws: int = 1500) -> float:
    """Four standard errors of a share of independent draws."""
    return 4 * sqrt(rate * (1 - rate) / draws)


@pytest.mark.parametrize(
    ("region", "border"), [(at_most(1), 1), (at_least(1), 1), (within(-9, 2), -9), (within(-9, 2), 2)]
)
@pytest.mark.parametrize("alpha", [0.02, 0.2])
def test_error_rates_at_the_margin_are_at_most_alpha(region: Region, border: float, alpha: float) -> None:
    found = rates(Check("a number", region, alpha=alpha), border)
    # At the border itself each of the two verdicts is wrong for some neighbour; a t interval errs alpha/2 to each side.
    for verdict in (SUPPORTED, REFUTED):
        assert abs(found[verdict] - alpha / 2) < four_errors(alpha / 2)
    assert found[SUPPORTED] + found[REFUTED] <= alpha + four_errors(alpha)


@pytest.mark.parametrize("inside", [0.5, 1.0, 2.0, 3.0])
def test_power_inside_and_outside_is_that_of_the_t_test(inside: float) -> None:
    n, alpha = 8, 0.01
    power = float(stats.nct.cdf(-stats.t.ppf(1 - alpha / 2, n - 1), n - 1, -inside * sqrt(n)))
    within_region, outside = rates(BELOW, 1 - inside), rates(BELOW, 1 + inside)
    assert abs(within_region[SUPPORTED] - power) < four_errors(power) + 1e-3
    assert abs(outside[REFUTED] - power) < four_errors(power) + 1e-3
    assert within_region[REFUTED] <= alpha / 2
    assert outside[SUPPORTED] <= alpha / 2
    assert inside < 3 or power > 0.99  # three standard deviations are well inside


@pytest.mark.parametrize(
    ("region", "mean", "verdict"),
    [
        (at_most(1), 0.5, SUPPORTED),
        (at_most(1), 1.0, INCONCLUSIVE),
        (at_most(1), 1.5, REFUTED),
        (at_least(1), 0.5, REFUTED),
        (at_least(1), 1.5, SUPPORTED),
        (within(-0.5, 2), -0.6, REFUTED),
        (within(-0.5, 2), -0.3, SUPPORTED),
        (within(-0.5, 2), 1.8, SUPPORTED),
        (within(-0.5, 2), 2.05, INCONCLUSIVE),
        (within(-0.5, 2), 2.2, REFUTED),
        (within(-0.05, 0.05), 0.0, INCONCLUSIVE),  # the interval is wider than the region
    ],
)
def test_decide(region: Region, mean: float, verdict: Verdict) -> None:
    found, cause, interval, _ = decide(Check("a number", region), EIGHT + mean)
    assert found is verdict
    assert cause == (Cause(CauseKind.STRADDLES) if verdict is INCONCLUSIVE else None)
    assert interval == mean_interval(EIGHT + mean, 0.99)
    assert decide(Check("a number", region, alpha=0.1), EIGHT)[2] == mean_interval(EIGHT, 0.9)


def test_values_without_spread_are_decided_and_the_border_belongs_to_the_region() -> None:
    assert decide(BELOW, [1.0] * 4)[0] is SUPPORTED
    assert decide(BELOW, [np.nextafter(1, 2)] * 4)[0] is REFUTED


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_than_four_values_decide_nothing(n: int) -> None:
    verdict, cause, interval, _ = decide(BELOW, [0.5] * n)
    assert (verdict, cause) == (INCONCLUSIVE, Cause(CauseKind.TOO_FEW, n))
    assert decide(BELOW, [0.5] * 4)[0] is SUPPORTED
    assert interval.n == n
    assert (interval.low, interval.high) == ((-inf, inf) if n < 2 else (0.5, 0.5))
    assert np.isnan(interval.estimate) == (n == 0)


def test_more_than_a_quarter_untrained_decides_nothing() -> None:
    assert decide(BELOW, EIGHT, untrained=2, nets=8)[0] is SUPPORTED
    assert decide(BELOW, EIGHT, untrained=3, nets=8)[:2] == (INCONCLUSIVE, Cause(CauseKind.NOT_TRAINED, 3, 8))


def test_more_than_a_quarter_without_measurement_decides_nothing() -> None:
    two, three = [nan, nan] + [0.5] * 6, [nan, nan, inf] + [0.5] * 5
    assert decide(BELOW, two)[0] is SUPPORTED
    assert decide(BELOW, two)[2].n == 6
    assert decide(BELOW, three)[:2] == (INCONCLUSIVE, Cause(CauseKind.NOT_MEASURED, 3, 8))
    assert decide(BELOW, three, untrained=2, nets=8)[0] is SUPPORTED, "untrained nets do not count as unmeasured"


def test_no_value_at_all_is_inconclusive_without_a_warning() -> None:
    verdict, cause, interval, _ = decide(BELOW, [nan] * 8)
    assert (verdict, cause) == (INCONCLUSIVE, Cause(CauseKind.NOT_MEASURED, 8, 8))
    assert np.isnan(interval.estimate)
    assert interval.n == 0


def test_one_of_many_checks_has_a_second_interval_and_the_same_verdict() -> None:
    """At 1 - .01 / m, which changes nothing of the verdict on the check itself."""
    alone, one_of_24 = decide(BELOW, EIGHT + 1.09), decide(BELOW, EIGHT + 1.09, m=24)
    assert alone == one_of_24._replace(strict=None)
    assert one_of_24.strict == mean_interval(EIGHT + 1.09, 1 - 0.01 / 24)
    assert one_of_24.verdict is REFUTED
    assert one_of_24.strict.low < 1 < one_of_24.interval.low


@pytest.mark.parametrize("m", [1, 20])
def test_an_equivalence_refutes_a_claim_no_sooner_than_other_checks(m: int) -> None:
    equivalence = Check("a difference", within(-1, 1), alpha=0.1)
    found = decide(equivalence, EIGHT, m=m)
    assert found.interval == mean_interval(EIGHT, 0.9)
    assert found.strict == mean_interval(EIGHT, 1 - 0.01 / m)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([SUPPORTED], SUPPORTED),
        ([SUPPORTED] * 3, SUPPORTED),
        ([SUPPORTED, REFUTED], REFUTED),
        ([INCONCLUSIVE, REFUTED, SUPPORTED], REFUTED),
        ([SUPPORTED, INCONCLUSIVE], INCONCLUSIVE),
        ([INCONCLUSIVE] * 2, INCONCLUSIVE),
        ([], INCONCLUSIVE),
    ],
)
def test_roll_up(verdicts: list[Verdict], expected: Verdict) -> None:
    assert roll_up(verdicts) is expected
    assert roll_up(iter(reversed(verdicts))) is expected
    assert roll_up(verdicts, controls_hold=False) is INCONCLUSIVE


@pytest.mark.parametrize("alpha", [0, 1, -0.1, nan])
def test_check_refuses_an_impossible_alpha(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha .*: expected a number between 0 and 1"):
        Check("a number", at_most(1), alpha=alpha)


# --- ranks of two groups ----------------------------------------------------------------------------------------------

OFTENER = Check("how often", at_least(0.5), alpha=0.02, statistic=Statistic.RANKS)


def test_ranks_decide_by_a_permutation_test_at_alpha_and_at_alpha_over_m() -> None:
    first, second = np.arange(8) + 0.5, np.r_[4, 5, 6, 8:13]  # refuted at .01, not at .01 / 4
    found = decide(OFTENER, [*first, *second], m=4)
    p = stats.mannwhitneyu(first, second, alternative="less", method="exact").pvalue
    assert 0.01 / 4 < p <= 0.01
    assert (found.verdict, found.interval.n) == (REFUTED, 16)
    assert found.strict is not None
    assert found.strict.confidence == pytest.approx(1 - 2 * 0.01 / 4)  # each tail has .01 / m
    assert not OFTENER.region.excludes(found.strict)
    assert decide(OFTENER, [*second, *first]).verdict == SUPPORTED


def test_ranks_leave_out_values_that_are_missing_from_both_groups_alike() -> None:
    values = np.r_[nan, np.arange(9, 16), np.arange(7), nan]
    assert decide(OFTENER, values).verdict == SUPPORTED
    assert decide(OFTENER, np.full(16, nan)).cause == Cause(CauseKind.NOT_MEASURED, 16, 16)
    with pytest.raises(ValueError, match="two equal rows"):
        decide(OFTENER, [nan, *range(15)])
