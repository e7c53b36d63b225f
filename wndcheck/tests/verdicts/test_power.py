"""Error rates of the rule and nets needed, against the rule itself and against closed forms."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wndcheck.authoring.error_rates import DRAWS, FEWEST_RESAMPLED, MOST_WRONG, draw, reliability, resampled_rates
from wndcheck.verdicts.checks import FEWEST, Check, Verdict, verdict_on
from wndcheck.verdicts.power import (
    MOST,
    SILENT,
    Rates,
    borders,
    nets_needed,
    nets_needed_with_error,
    normal_rates,
    right_verdict,
    worst_rate,
    wrong_rate,
)
from wndcheck.verdicts.statistics import at_least, at_most, mean_interval, within

UPPER = Check("x", at_most(0))
LOWER = Check("x", at_least(0))
BAND = Check("x", within(-1, 1))
TOY = Check("x", at_most(0), alpha=0.2)
sizes = st.integers(2, 300)
sds = st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("check", "mean", "sd", "n"),
    [(UPPER, -1, 1, 8), (LOWER, -0.5, 1, 16), (BAND, 0.2, 0.8, 8), (BAND, 2, 1, 8), (TOY, 0.1, 1, 4)],
)
def test_normal_rates_are_those_of_the_rule(check, mean, sd, n):
    draws = 1500
    samples = np.random.default_rng(1).normal(mean, sd, (draws, n))
    verdicts = [verdict_on(check, mean_interval(sample, 1 - check.alpha)) for sample in samples]
    rates = normal_rates(check, mean, sd, n)
    for verdict in Verdict:
        expected = rates.of(verdict)
        # 4.5 standard errors of a share of 1500 draws, and one draw where the share is next to nothing.
        tolerance = 4.5 * sqrt(expected * (1 - expected) / draws) + 1 / draws
        assert verdicts.count(verdict) / draws == pytest.approx(expected, abs=tolerance), verdict


@settings(deadline=None, max_examples=40)
@given(n=sizes, sd=sds, alpha=st.sampled_from([0.001, 0.01, 0.05, 0.2]), border=st.floats(-100, 100))
def test_on_a_border_either_wrong_verdict_has_half_of_alpha(n, sd, alpha, border):
    for region in (at_most(border), at_least(border)):
        rates = normal_rates(Check("x", region, alpha=alpha), border, sd, n)
        assert rates.supported == pytest.approx(alpha / 2, rel=1e-3)
        assert rates.refuted == pytest.approx(alpha / 2, rel=1e-3)


@pytest.mark.parametrize("n", [4, 8, 50])
@pytest.mark.parametrize("distance", [0.1, 0.5, 1.0, 2.0])
def test_a_one_sided_rate_is_a_noncentral_t(n, distance):
    # The interval lies below the border when (border - mean) √n / s, a noncentral t, is beyond its quantile.
    quantile = stats.t.ppf(0.995, n - 1)
    expected = stats.nct.sf(quantile, n - 1, distance * sqrt(n))
    assert normal_rates(UPPER, -distance, 1, n).supported == pytest.approx(expected, abs=1e-5)
    assert normal_rates(LOWER, -3 * distance, 3, n).refuted == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(n=sizes, mean=st.floats(-3, 3), sd=st.floats(0.01, 10), scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_rates_do_not_depend_on_unit_origin_or_sign(n, mean, sd, scale, shift):
    moved = Check("x", within(shift - scale, shift + scale))
    found, expected = normal_rates(moved, shift + scale * mean, scale * sd, n), normal_rates(BAND, mean, sd, n)
    mirrored = normal_rates(BAND, -mean, sd, n)
    for verdict in Verdict:
        assert found.of(verdict) == pytest.approx(expected.of(verdict), abs=1e-6)
        assert mirrored.of(verdict) == pytest.approx(expected.of(verdict), abs=1e-6)
    assert sum(expected.of(verdict) for verdict in Verdict) == pytest.approx(1)


def test_without_scatter_the_verdict_is_certain():
    assert normal_rates(UPPER, 0, 0, 8) == Rates(1, 0, 0)
    assert normal_rates(UPPER, 1e-9, 0, 8) == Rates(0, 1, 0)


@pytest.mark.parametrize(
    ("mean", "sd", "n"), [(0, 1, 1), (float("nan"), 1, 8), (0, -1, 8), (0, float("nan"), 8), (0, float("inf"), 8)]
)
def test_invalid_means_sds_and_sizes_are_refused(mean, sd, n):
    with pytest.raises(ValueError, match="expected finite numbers, sd >= 0 and n >= 2"):
        normal_rates(UPPER, mean, sd, n)


def test_right_verdict_wrong_rate_and_borders():
    assert right_verdict(UPPER, 0) is Verdict.SUPPORTED
    assert right_verdict(UPPER, 0.1) is Verdict.REFUTED
    assert right_verdict(BAND, 1) is Verdict.SUPPORTED
    assert right_verdict(BAND, -1.1) is Verdict.REFUTED
    rates = Rates(0.25, 0.125, 0.625)
    assert wrong_rate(UPPER, rates, -0.1) == 0.125
    assert wrong_rate(UPPER, rates, 0.1) == 0.25
    assert borders(UPPER) == (0,)
    assert borders(BAND) == (-1, 1)


@pytest.mark.parametrize("check", [UPPER, BAND, TOY], ids=["upper", "band", "toy"])
def test_the_wrong_rate_is_greatest_on_a_border(check):
    worst = worst_rate(normal_rates(check, border, 0.7, 8) for border in borders(check))
    for truth in np.linspace(-3, 3, 61):
        assert wrong_rate(check, normal_rates(check, truth, 0.7, 8), truth) <= worst + 1e-9
    assert worst <= check.alpha


@settings(deadline=None, max_examples=30)
@given(mean=st.floats(-2, 2), sd=st.floats(0.01, 2), check=st.sampled_from([UPPER, LOWER, BAND, TOY]))
def test_nets_needed_are_enough_and_one_less_is_not(mean, sd, check):
    needed = nets_needed(check, mean, sd)
    verdict = right_verdict(check, mean)
    assert (normal_rates(check, mean, sd, int(min(needed, MOST))).of(verdict) >= 0.9) == (needed < inf)
    if needed == inf:
        return
    assert needed == FEWEST or normal_rates(check, mean, sd, int(needed) - 1).of(verdict) < 0.9


def test_nets_needed_agree_with_the_noncentral_t():
    enough = (n for n in range(4, 100) if stats.nct.sf(stats.t.ppf(0.995, n - 1), n - 1, 0.7 * sqrt(n)) >= 0.9)
    assert nets_needed(UPPER, -0.7, 1) == next(enough)
    assert nets_needed(UPPER, 0.7, 1) == nets_needed(UPPER, -0.7, 1)


def test_nets_needed_where_few_are_enough_and_where_none_are():
    assert nets_needed(UPPER, -1, 0) == nets_needed(UPPER, -1, 0.01) == FEWEST
    assert nets_needed(UPPER, 0, 1) == nets_needed(UPPER, -0.01, 1) == inf
    with pytest.raises(ValueError, match="expected finite numbers"):
        nets_needed(UPPER, float("nan"), 1)


@pytest.mark.parametrize("check", [UPPER, BAND], ids=["upper", "band"])
def test_the_rule_on_many_samples_is_the_rule_on_each(check):
    rng = np.random.default_rng(2)
    samples = rng.normal(rng.uniform(-2, 3, (300, 1)), 0.3, (300, 6))
    each = [verdict_on(check, mean_interval(sample, 0.99)) for sample in samples]
    rates = resampled_rates(check, samples.mean(axis=1), samples.std(axis=1, ddof=1), 6)
    assert min(rates.supported, rates.refuted, rates.inconclusive) > 0
    assert rates.supported == each.count(Verdict.SUPPORTED) / 300
    assert rates.refuted == each.count(Verdict.REFUTED) / 300


def test_resampled_normal_values_have_the_normal_rates():
    values = stats.norm.ppf((np.arange(400) + 0.5) / 400)  # a normal sample without its luck
    means, sds = draw(7 + values, 8)
    for truth in (-0.5, 0.0, 1.5):
        normal, resampled = normal_rates(UPPER, truth, 1, 8), resampled_rates(UPPER, truth + means, sds, 8)
        # Four standard errors of a share of 20,000 draws, at most 0.014, and the ends that 400 values lack.
        assert resampled.supported == pytest.approx(normal.supported, abs=0.018)
        assert resampled.refuted == pytest.approx(normal.refuted, abs=0.018)
    assert reliability(UPPER, 7 + values, 8).resampled_worst == pytest.approx(0.005, abs=0.003)


def test_resampling_sees_the_skewness_that_a_normal_does_not():
    skewed = stats.expon.ppf((np.arange(160) + 0.5) / 160)
    found = reliability(UPPER, skewed - skewed.mean() - 3, 8)
    assert found.worst == pytest.approx(0.005, rel=1e-3)
    assert found.resampled_worst > 3 * found.worst
    # An exponential's t is too often low, so that values about the border are too often supported, not refuted.
    rates = resampled_rates(UPPER, *draw(skewed, 8), 8)
    assert rates.supported == found.resampled_worst > 5 * rates.refuted


@pytest.mark.parametrize(("values", "n"), [([1.0], 8), ([1.0, 2.0], 1), ([1.0, np.nan], 8)])
def test_resampling_of_too_little_is_refused(values, n):
    with pytest.raises(ValueError, match="expected a row of two finite values or more, n >= 2"):
        draw(np.array(values), n)


def test_draws_repeat():
    one, other = draw(np.arange(50.0), 8), draw(np.arange(50.0), 8)
    assert np.array_equal(one, other)
    assert np.shape(one) == (2, DRAWS)


# --- what is known of a check -----------------------------------------------------------------------------------------

VALUES = np.random.default_rng(3).normal(-1, 0.5, 160)


def test_reliability_has_the_rates_and_the_nets_needed():
    found = reliability(UPPER, VALUES, 8)
    assert (found.n, found.mean, found.sd) == (8, VALUES.mean(), VALUES.std(ddof=1))
    assert found.rates == normal_rates(UPPER, found.mean, found.sd, 8)
    assert found.nets == nets_needed(UPPER, found.mean, found.sd)
    assert found.wrong == found.rates.refuted < 1e-4
    assert found.resampled_wrong == 0
    assert found.greatest_wrong == found.worst < MOST_WRONG


def test_a_lax_alpha_is_found_to_be_wrong_too_often():
    found = reliability(TOY, VALUES, 8)
    assert found.greatest_wrong == pytest.approx(0.1, rel=1e-3)
    assert found.resampled_worst == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("count", [160, FEWEST_RESAMPLED - 1])
def test_one_of_many_checks_refutes_its_claim_as_often_less(count):
    """On a border a t interval at 1 - .01 / m lies outside in .5 % / m of runs; resampled, the ends are the values'."""
    alone, one_of_24 = (reliability(UPPER, VALUES[:count], 8, m) for m in (1, 24))
    assert one_of_24.refutes_claim == pytest.approx(0.005 / 24, rel=3e-3 if count < 160 else 2)
    assert alone.refutes_claim == pytest.approx(0.005, rel=1e-3 if count < 160 else 0.5)
    assert replace(one_of_24, refutes_claim=0) == replace(alone, refutes_claim=0), "the verdict on the check changed"


def test_rates_of_one_of_many_are_those_of_both_intervals():
    draws = 4000
    samples = np.random.default_rng(1).normal(0.9, 1, (draws, 8))
    refuted = [UPPER.region.excludes(mean_interval(sample, 1 - 0.01 / 6)) for sample in samples]
    rates = normal_rates(UPPER, 0.9, 1, 8, m=6)
    # 4.5 standard errors of a share.
    assert np.mean(refuted) == pytest.approx(rates.refuted, abs=4.5 * sqrt(rates.refuted / draws))
    assert rates.supported == normal_rates(UPPER, 0.9, 1, 8).supported
    found = resampled_rates(UPPER, samples.mean(axis=1), samples.std(axis=1, ddof=1), 8, m=6)
    assert found.refuted == np.mean(refuted)


def test_too_few_replicates_give_no_verdict_but_the_number_that_would():
    enough, too_few = reliability(UPPER, VALUES, FEWEST), reliability(UPPER, VALUES, FEWEST - 1)
    assert enough.rates == normal_rates(UPPER, enough.mean, enough.sd, FEWEST) != SILENT
    assert too_few.rates == SILENT
    assert too_few.nets == enough.nets == nets_needed(UPPER, enough.mean, enough.sd)


@pytest.mark.parametrize("count", [0, 1])
def test_one_value_or_none_tells_nothing(count):
    found = reliability(UPPER, VALUES[:count], count)
    assert all(map(isnan, (found.sd, found.rates.supported, found.worst, found.nets, found.greatest_wrong)))


def test_few_values_are_not_resampled():
    found = reliability(UPPER, VALUES[: FEWEST_RESAMPLED - 1], 8)
    assert isnan(found.resampled_wrong)
    assert isnan(found.resampled_worst)
    assert found.greatest_wrong == found.worst


@pytest.mark.parametrize(
    ("mean", "systematic", "like"),
    [
        (-0.5, (0.0, 0.0), (UPPER, -0.5)),
        (-0.5, (-0.2, 0.1), (Check("x", at_most(-0.2)), -0.5)),  # to be supported, by what may be too low
        (0.5, (-0.2, 0.1), (Check("x", at_most(0.1)), 0.5)),  # to be refuted, by what may be too high
        (-0.1, (-0.2, 0.1), None),
        (0.05, (-0.2, 0.1), None),
        (0.5, (0.1, 0.2), (Check("x", at_most(0.2)), 0.5)),
        (-0.5, (0.1, 0.2), (UPPER, -0.5)),
    ],
)
def test_a_systematic_error_takes_more_nets_or_leaves_no_number_enough(mean, systematic, like) -> None:
    needed = nets_needed_with_error(UPPER, mean, 0.3, systematic)
    assert needed == (nets_needed(*like, 0.3) if like else inf)
    if needed < MOST:  # the rule itself, with intervals that are widened
        values = mean + 0.3 * np.linspace(-1.7, 1.7, int(needed))
        wide = mean_interval(values, 0.99).widened(*systematic)
        assert verdict_on(UPPER, wide) is right_verdict(UPPER, mean)
