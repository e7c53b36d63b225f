"""Summaries of runs with many base seeds, and the tables of the calibration report."""

from __future__ import annotations

import csv
from math import isnan, nan

import msgspec
import numpy as np
import pytest

from wndcheck.authoring import calibration_report
from wndcheck.authoring.calibration import Calibration
from wndcheck.authoring.calibration_report import markdown
from wndcheck.authoring.pooling import pool_checks
from wndcheck.report.format import escape_markdown, percent, three_digits
from wndcheck.tests.authoring.test_pooling import GAPS, SECOND, SEEDS, SMALL, named, runs_of, sample, six_runs
from wndcheck.tests.factories import make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.statistics import at_most


def calibrated(*found: Finding) -> Calibration:
    return Calibration(runs_of(*found), {})


def rows(calibration: Calibration) -> list[dict[str, str]]:
    return list(csv.DictReader(calibration_report.csv(calibration).splitlines()))


def test_a_claim_on_all_borders_is_refuted_in_half_a_percent_of_runs_however_many_checks_it_has() -> None:
    checks = [make_finding(f"size[{i}]", sample(i), m=24) for i in range(24)]
    one, all_24 = (Calibration([make_run(make_claim("tiny", *found))], {}) for found in (checks[:1], checks))
    assert one.falsely_refuted("tiny") == pytest.approx(0.005, rel=3e-3)
    assert all_24.falsely_refuted("tiny") == pytest.approx(0.005, rel=3e-3)
    assert isnan(one.falsely_refuted("another"))


def test_flips_are_found_and_nothing_else_is() -> None:
    assert Calibration(six_runs(), {}).flips == [
        "claim flipping: supported under 1, 3 and 5, refuted under 0, 2 and 4",
        "flipping size: supported under 1, 3 and 5, refuted under 0, 2 and 4",
    ]


@pytest.mark.parametrize(
    ("alpha", "primary", "listed"),
    [(0.2, True, ["tiny size: 10 %"]), (0.04, True, ["tiny size: 2 %"]), (0.01, True, []), (0.04, False, [])],
)
def test_primary_checks_that_are_wrong_more_often_than_one_percent_are_named(
    alpha: float, primary: bool, listed: list[str]
) -> None:
    """On a border the t interval of normal values errs to either side with half of alpha."""
    check = Check("the number", at_most(0), alpha=alpha, primary=primary)
    calibration = calibrated(*(make_finding("size", sample(seed), check) for seed in SEEDS))
    (each,) = calibration.checks
    assert each.reliability.greatest_wrong == pytest.approx(alpha / 2, rel=1e-3)
    assert calibration.too_often_wrong == listed


def skew(seed: int) -> np.ndarray:
    """Values far below 0, with a long tail: on a border the t interval misses their mean far more often than 0.5 %."""
    return -10 - np.random.default_rng([seed, 3]).exponential(size=8) ** 2


def test_resampling_counts_the_primary_checks_that_are_wrong_too_often() -> None:
    runs = [
        make_run(
            make_claim(
                "tiny",
                make_finding("even", np.tile([-1.1, -0.9], 4), SMALL),
                make_finding("skewed", skew(seed), SMALL),
                make_finding("second", skew(seed), SECOND),
                *([make_finding("rare", skew(seed), SMALL)] if seed else []),
                *([make_finding("rarer", skew(seed), SMALL)] if seed > 3 else []),  # 16 values
            ),
            base_seed=seed,
        )
        for seed in SEEDS
    ]
    calibration = Calibration(runs, {})
    assert calibration.too_often_wrong == []
    assert [line.partition(":")[0] for line in calibration.skewed] == ["tiny rare", "tiny skewed"]
    summary = (
        "2 of 3 primary checks with 30 values or more would be wrong more often than 1 % by resampling if their true "
        "mean were on a border"
    )
    assert calibration.resampling_summary == summary
    assert f"above 1 %:\n\nNone.\n\n{summary}.\n" in markdown(calibration, {})


def test_the_markdown_has_all_tables() -> None:
    runs = six_runs()
    runs[5] = msgspec.structs.replace(runs[5], environment={"device": "cuda"})
    calibration = Calibration(runs, {6: "pytest ended with status 1"})
    text = markdown(calibration, calibration.facts("0123456789abcdef0123"))
    assert calibration.summary == (
        "6 runs; 1 failed: 1 of 3 claims have the same verdict in all of them, 2 claims and checks flip between "
        "supported and refuted"
    )
    rate = percent(calibration.falsely_refuted("flipping"))
    for line in (
        "- base seeds: 0 to 5",
        "- claims' digest: 0123456789abcdef",
        "- seed 6 failed: pytest ended with status 1",
        "- device: cpu or cuda",
        f"| flipping | The statement of flipping | 3 | 3 | 0 | 0 | 0 | 0 | {rate} |",
        "| partial | The statement of partial | 1 | 0 | 0 | 0 | 4 | 1 | 0.5 % |",
        "- claim flipping: supported under 1, 3 and 5, refuted under 0, 2 and 4",
        "| steady | planted | refuted | 5 of 6 | 1 | 5 | 0 | 0 | 0 | 0 |",
    ):
        assert line in text.splitlines(), line
    primary, secondary = text.partition("## Primary checks")[2].split("## Secondary checks")
    assert "| steady | size\\[1\\] | 6 | 0 | 0 | 0 | 0 | 0 | ≤ 0 nats | 8 nets |" in primary
    assert "| steady | second |" in secondary
    assert len({row.count(" | ") for row in primary.splitlines() if row.startswith("|")}) == 1


def test_the_csv_has_a_row_for_each_claim_check_and_control() -> None:
    runs = six_runs()
    found = rows(Calibration(runs, {}))
    kinds = [row["kind"] for row in found]
    assert [kinds.count(kind) for kind in ("claim", "primary", "secondary", "control")] == [3, 4, 1, 1]
    assert kinds[:3] + kinds[-1:] == ["claim"] * 3 + ["control"]
    (size,) = (row for row in found if row["check"] == "size[1]")
    assert (size["supported"], size["flips"], size["region_low"], size["region_high"]) == ("6", "0", "", "0.0")
    assert (size["unit"], size["replicate"], size["n"], size["must_be"]) == ("nats", "nets", "8", "")
    known = named(pool_checks(runs), "steady", "size[1]").reliability
    assert float(size["mean"]) == known.mean
    assert float(size["wrong_worst"]) == known.worst
    assert float(size["nets_for_90_percent"]) == known.nets
    control = found[-1]
    assert (control["must_be"], control["refuted"]) == ("refuted", "5")
    (flipping,) = (row for row in found if (row["kind"], row["claim"]) == ("claim", "flipping"))
    assert (flipping["flips"], flipping["mean"]) == ("1", "")


def test_a_check_that_never_ran_has_its_row_in_both_tables() -> None:
    calibration = Calibration([make_run(make_claim("one", not_run=["size"]))], {})
    assert [row["not_run"] for row in rows(calibration)] == ["1", "1"]
    assert "| one | The statement of one | 0 | 0 | 0 | 0 | 1 | 0 | – |" in markdown(calibration, {})
    assert "| one | size | 0 | 0 | 0 | 0 | 1 | 0 |" in markdown(calibration, {})


@pytest.mark.parametrize(
    ("values", "shown", "in_csv"),
    [
        ([-9.0, -9.1] * 4, "4", "4.0"),
        ([-1.05, 0.95] * 4, "6,806", "6806.0"),
        ([-1.0, 1.0] * 4, "> 10,000", "inf"),
        ([1.0], "–", ""),
        (GAPS, "not measured", ""),
    ],
)
def test_nets_needed_are_shown_up_to_ten_thousand(values: list[float], shown: str, in_csv: str) -> None:
    calibration = calibrated(make_finding("size", values, SMALL))
    (row,) = (line for line in markdown(calibration, {}).splitlines() if line.startswith("| tiny | size |"))
    assert row.endswith(f" | {escape_markdown(shown)} |")
    assert rows(calibration)[1]["nets_for_90_percent"] == in_csv


def test_rates_and_numbers_are_rounded() -> None:
    shown = ["0 %", "< 0.1 %", "0.5 %", "1.23 %", "50 %", "> 99.9 %", "100 %", "–"]
    assert [percent(rate) for rate in (0, 1e-9, 0.005, 0.0123, 0.5, 0.99999, 1, nan)] == shown
    assert [three_digits(number) for number in (-0.0, 0.0123456, 1234.5, nan)] == ["0", "0.0123", "1.23e+03", "–"]
