"""Verdicts over many runs, from their files to the tables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from math import inf, isnan, nan, sqrt
from pathlib import Path

import numpy as np
import pytest

from wndcheck.authoring import tables
from wndcheck.authoring.calibration import Calibration, facts
from wndcheck.authoring.power import UNKNOWN
from wndcheck.authoring.reading import VerdictFile, read_verdicts
from wndcheck.authoring.repeats import OUTCOMES, CheckRepeats, Tally, checks_over, claims_over
from wndcheck.authoring.tables import markdown
from wndcheck.authoring.words import nets, percent, seeds, value
from wndcheck.tests.verdictfiles import document, entry, found, write
from wndcheck.verdicts.checks import Cause, Check
from wndcheck.verdicts.statistics import at_most, within

SMALL = Check("the number", at_most(0))
LEVEL = Check("the level", within(-0.1, 0.1), level=True)
SECOND = Check("another number", at_most(0), primary=False, unit="")
SEEDS = range(6)


def values(seed: int, mean: float = -1, sd: float = 0.5, common: float = 0) -> np.ndarray:
    """Eight independent values, moved together by `common` standard deviations of their mean."""
    rng = np.random.default_rng([seed, 9])
    return mean + sd * (rng.standard_normal(8) + common * rng.standard_normal())


def run_of(tmp_path: Path, seed: int, *claims, **fields) -> VerdictFile:
    return read_verdicts(write(tmp_path / str(seed), document(seed, *claims, **fields)))


@pytest.fixture
def runs(tmp_path: Path) -> list[VerdictFile]:
    """Six runs: `steady` is supported in all; `flipping` alternates; `partial` has every other outcome."""
    made = []
    for seed in SEEDS:
        steady = entry(
            "steady",
            found("steady", "size[1]", SMALL, values(seed)),
            found("steady", "level[1]", LEVEL, values(seed), decides_levels=False),
            found("steady", "second", SECOND, values(seed, sd=3)),
            found("steady", "planted", SMALL, values(seed, mean=2 if seed else -2), control="refuted"),
        )
        flipping = entry("flipping", found("flipping", "size", SMALL, values(seed, mean=1 - 2 * (seed % 2), sd=0.1)))
        partial = [
            entry("partial", found("partial", "size", SMALL, values(seed))),
            entry("partial", errors=["size"]),
            entry("partial", not_run=["size"]),
        ]
        made.append(run_of(tmp_path, seed, steady, flipping, *partial[seed : seed + 1]))
    return made


def named(checks: list[CheckRepeats], claim: str, check: str) -> CheckRepeats:
    (one,) = (each for each in checks if (each.claim, each.check) == (claim, check))
    return one


def test_a_run_comes_back_as_it_was_written(tmp_path):
    finding = found("one", "size[relu-1]", SMALL, [-1.0, nan, -0.9, -1.1, -1.05])
    run = run_of(tmp_path, 3, entry("one", finding, not_run=["other[2]"]))
    assert (run.profile, run.base_seed, run.environment["device"]) == ("quick", 3, "cpu")
    claim = run.claims["one"]
    assert (claim.verdict, claim.statement, claim.lost) == (
        "inconclusive",
        "The statement of one",
        {"other[2]": "not run"},
    )
    decided = claim.decided["size[relu-1]"]
    assert decided.rule == SMALL
    assert decided.rule.region.low == -inf
    assert list(decided.values) == [-1.0, -0.9, -1.1, -1.05]
    assert read_verdicts(tmp_path / "3" / "verdicts.json").claims.keys() == run.claims.keys()


def test_what_is_no_run_is_refused_with_what_to_type(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere has no verdicts.json: name the folder of a report; `pytest claims/"):
        read_verdicts(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no verdicts.json: name the folder"):
        read_verdicts(tmp_path)
    write(tmp_path / "a", {})
    with pytest.raises(ValueError, match=r"a run's verdicts.json \(schema is missing, expected 1\): run it again"):
        read_verdicts(tmp_path / "a")
    with pytest.raises(ValueError, match=r"schema 2, expected 1"):
        read_verdicts(write(tmp_path / "b", document(0, schema=2)))
    broken = document(0, entry("one", found("one", "size", SMALL, values(0))))
    del broken["claims"][0]["checks"][0]["values"]
    with pytest.raises(ValueError, match=r"\(claims\[0\].checks\[0\].values is missing, expected a list"):
        read_verdicts(write(tmp_path / "c", broken))
    (tmp_path / "c" / "verdicts.json").write_text("[1, 2", encoding="utf-8")
    with pytest.raises(ValueError, match=r"JSONDecodeError"):
        read_verdicts(tmp_path / "c")
    (tmp_path / "c" / "verdicts.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"UnicodeDecodeError"):
        read_verdicts(tmp_path / "c")


def test_verdicts_are_counted(runs):
    claims = {claim.id: claim.tally for claim in claims_over(runs)}
    assert claims["steady"].counts == {"inconclusive": 6}  # its level is not decided
    assert claims["flipping"].counts == {"supported": 3, "refuted": 3}
    assert claims["partial"].counts == {"supported": 1, "error": 1, "not run": 4}
    assert [claim.id for claim in claims_over(runs)] == ["flipping", "partial", "steady"]

    checks = checks_over(runs)
    assert named(checks, "steady", "size[1]").tally.counts == {"supported": 6}
    assert named(checks, "steady", "level[1]").tally.counts == {"inconclusive": 6}
    partial = named(checks, "partial", "size")
    assert partial.tally.by_seed == {0: "supported", 1: "error", **dict.fromkeys(range(2, 6), "not run")}
    assert partial.tally.counts.keys() <= set(OUTCOMES)


def test_flips_are_found_and_nothing_else_is(runs):
    calibration = Calibration(runs, {})
    assert calibration.flips == [
        "claim flipping: supported under 1, 3 and 5, refuted under 0, 2 and 4",
        "flipping size: supported under 1, 3 and 5, refuted under 0, 2 and 4",
    ]
    assert not Tally({0: "supported", 1: "inconclusive"}).flips
    assert not Tally({0: "refuted", 1: "error"}).flips


def test_values_are_pooled(runs):
    each = named(checks_over(runs), "steady", "size[1]")
    pooled = np.concatenate([values(seed) for seed in SEEDS])
    assert np.allclose(each.values, pooled)
    assert each.n == 8
    assert each.reliability.mean == pytest.approx(pooled.mean())
    assert each.sd_between_runs == pytest.approx(np.std([values(seed).mean() for seed in SEEDS], ddof=1))
    assert not each.control
    assert each.primary
    assert not named(checks_over(runs), "steady", "second").primary


@pytest.mark.parametrize(("common", "expected"), [(0, 1), (1, sqrt(8 + 1) / sqrt(2))])
def test_excess_tells_what_nets_of_a_run_have_in_common(tmp_path, common, expected):
    made = [
        run_of(tmp_path, seed, entry("one", found("one", "size", SMALL, values(seed, common=common))))
        for seed in range(60)
    ]
    # With a common part of one sd the mean's variance is (1/8 + 1), a value's 2: the ratio is √(9/8) over √(2/8).
    # The sd of 60 means is known to 1/√118 = 9 %; three of them, and what the pooled sd adds.
    assert named(checks_over(made), "one", "size").excess == pytest.approx(expected, rel=0.32)


def test_a_check_that_never_ran_has_no_reliability(tmp_path):
    (each,) = checks_over([run_of(tmp_path, 0, entry("one", not_run=["size"]))])
    assert (each.n, each.control, each.primary, len(each.values)) == (0, "", False, 0)
    with pytest.raises(ValueError, match="one size: no run has decided it"):
        _ = each.reliability
    assert isnan(each.sd_between_runs)


def test_a_check_without_values_is_unknown(tmp_path):
    made = [run_of(tmp_path, seed, entry("one", found("one", "size", SMALL, [nan] * 8))) for seed in (0, 1)]
    calibration = Calibration(made, {})
    (each,) = calibration.checks
    assert each.reliability.rates == UNKNOWN
    assert calibration.too_often_wrong == []
    assert "| one | size | 0 | 0 | 2 | 0 | 0 | ≤ 0 nats | – |" in markdown(calibration, {})


GAPS = [*[-1.0, -1.1, -0.9, -1.2, -0.8], nan, nan, nan]  # three of eight, of which a quarter may be


def untrained(seed: int):
    """The finding of a check most of whose nets did not train."""
    finding = found("one", "size", SMALL, values(seed))
    return replace(finding, verdict="inconclusive", cause=f"{Cause.NOT_TRAINED}: 5 of 8 nets")


@pytest.mark.parametrize(
    ("hindered", "said"), [(3, "no measurement"), (2, "no measurement"), (1, None), (-1, None), (-2, "not trained")]
)
def test_where_most_runs_lack_what_to_decide_on_no_number_of_nets_is_named(tmp_path, hindered, said):
    """Of three runs so many gave no measurement, or, negative, did not train."""
    made = [
        run_of(
            tmp_path,
            seed,
            entry("one", found("one", "size", SMALL, GAPS if seed < hindered else values(seed)))
            if seed >= -hindered
            else entry("one", untrained(seed)),
        )
        for seed in range(3)
    ]
    (each,) = checks_over(made)
    assert each.hindrance == (said or "")
    assert each.reliability.mean == pytest.approx(-1, abs=0.3)
    row = next(line for line in markdown(Calibration(made, {}), {}).splitlines() if line.startswith("| one | size |"))
    (fields,) = (line for line in csv.DictReader(tables.csv(Calibration(made, {})).splitlines()) if line["check"])
    if said:
        assert row.endswith(f" | {said} |")
        assert isnan(each.reliability.nets)
        assert each.reliability.rates == UNKNOWN
        assert (fields["nets_for_90_percent"], fields["p_inconclusive"]) == ("", "")
    else:
        assert row.endswith(f" | {each.reliability.nets:.0f} |")
        assert float(fields["nets_for_90_percent"]) == each.reliability.nets >= 4


def test_two_hindrances_add_up_and_the_usual_one_is_named(tmp_path):
    made = [run_of(tmp_path, seed, entry("one", untrained(seed))) for seed in (0, 1)]
    made.append(run_of(tmp_path, 2, entry("one", found("one", "size", SMALL, GAPS))))
    made += [run_of(tmp_path, seed, entry("one", found("one", "size", SMALL, values(seed)))) for seed in (3, 4)]
    assert checks_over(made)[0].hindrance == "not trained"
    assert checks_over(made[1:])[0].hindrance == ""  # two of four are not most


def test_a_rule_that_is_wrong_too_often_is_named(tmp_path):
    lax = Check("the number", at_most(0), alpha=0.2)
    made = [run_of(tmp_path, seed, entry("one", found("one", "size", lax, values(seed)))) for seed in SEEDS]
    calibration = Calibration(made, {})
    assert calibration.too_often_wrong == ["one size: 10 %"]
    assert len(calibration.skewed) == 1


@pytest.mark.parametrize(("alpha", "listed"), [(0.04, ["one size: 2 %"]), (0.01, [])])
def test_the_bar_is_at_one_percent(tmp_path, alpha, listed):
    """On a border the t interval of normal values errs to either side with half of alpha: 2 % and .5 %."""
    rule = Check("the number", at_most(0), alpha=alpha)
    made = [run_of(tmp_path, seed, entry("one", found("one", "size", rule, values(seed)))) for seed in SEEDS]
    calibration = Calibration(made, {})
    (each,) = calibration.checks
    assert each.reliability.greatest_wrong == pytest.approx(alpha / 2, rel=1e-3)
    assert calibration.too_often_wrong == listed


def test_a_secondary_check_has_no_bar(tmp_path):
    rule = Check("the number", at_most(0), alpha=0.04, primary=False)
    made = [run_of(tmp_path, seed, entry("one", found("one", "size", rule, values(seed)))) for seed in SEEDS]
    assert Calibration(made, {}).too_often_wrong == []


def skew(seed: int) -> np.ndarray:
    """Values far below 0, with a long tail: on a border the t interval misses their mean far more often than .5 %."""
    return -10 - np.random.default_rng([seed, 3]).exponential(size=8) ** 2


def test_beside_the_bar_stands_what_resampling_says_of_it(tmp_path):
    made = [
        run_of(
            tmp_path,
            seed,
            entry(
                "one",
                found("one", "even", SMALL, np.tile([-1.1, -0.9], 4)),
                found("one", "skewed", SMALL, skew(seed)),
                found("one", "second", SECOND, skew(seed)),
                *([found("one", "rare", SMALL, skew(seed))] if seed else []),
                *([found("one", "rarer", SMALL, skew(seed))] if seed > 3 else []),  # 16 values
            ),
        )
        for seed in SEEDS
    ]
    calibration = Calibration(made, {})
    assert calibration.too_often_wrong == []
    assert [line.partition(":")[0] for line in calibration.skewed] == ["one rare", "one skewed"]
    said = (
        "3 primary checks with 30 values or more, 2 would be wrong more often than 1 % by resampling, were their true"
    )
    assert calibration.beside_wrong == f"of {said} mean on a border"
    assert f"above 1 %:\n\nNone.\n\nOf {said} mean on a border.\n" in markdown(calibration, {})


# --- the tables -------------------------------------------------------------------------------------------------------


def test_the_markdown_says_it_all(runs):
    calibration = Calibration(runs, {6: "pytest ended with status 1"})
    text = markdown(calibration, facts(calibration, "0123456789abcdef0123"))
    assert calibration.summary == (
        "6 runs; 1 failed: 1 of 3 claims came out alike in all of them, 2 claims and checks flip between supported and "
        "refuted"
    )
    for line in (
        "- base seeds: 0 to 5",
        "- claims' digest: 0123456789abcdef",
        "- seed 6 failed: pytest ended with status 1",
        "- device: cpu",
        "| flipping | The statement of flipping | 3 | 3 | 0 | 0 | 0 |",
        "| partial | The statement of partial | 1 | 0 | 0 | 4 | 1 |",
        "- claim flipping: supported under 1, 3 and 5, refuted under 0, 2 and 4",
        "| steady | planted | refuted | 5 of 6 | 1 | 5 | 0 | 0 | 0 |",
    ):
        assert line in text.splitlines(), line
    primary, secondary = text.partition("## Primary checks")[2].split("## Secondary checks")
    assert "| steady | size\\[1\\] | 6 | 0 | 0 | 0 | 0 | ≤ 0 nats |" in primary
    assert "| 100 % | 0 % | 0 % | 0 % | 0 % | not decided |" in primary
    assert "| steady | second |" in secondary
    widths = {row.count(" | ") for row in primary.splitlines() if row.startswith("|")}
    assert len(widths) == 1


def test_environments_that_differ_are_all_named(tmp_path):
    made = [run_of(tmp_path, seed, environment={"device": device}) for seed, device in enumerate(("cpu", "cuda"))]
    assert facts(Calibration(made, {}), "")["device"] == "cpu or cuda"


def test_the_csv_has_a_row_for_each(runs):
    rows = list(csv.DictReader(tables.csv(Calibration(runs, {})).splitlines()))
    kinds = [row["kind"] for row in rows]
    assert [kinds.count(kind) for kind in ("claim", "primary", "secondary", "control")] == [3, 4, 1, 1]
    (size,) = (row for row in rows if row["check"] == "size[1]")
    assert (size["supported"], size["flips"], size["region_low"], size["region_high"]) == ("6", "0", "", "0.0")
    known = named(checks_over(runs), "steady", "size[1]").reliability
    assert float(size["mean"]) == known.mean
    assert float(size["wrong_worst"]) == known.worst
    assert float(size["nets_for_90_percent"]) == known.nets
    (control,) = (row for row in rows if row["kind"] == "control")
    assert (control["must_be"], control["refuted"]) == ("refuted", "5")
    (flipping,) = (row for row in rows if (row["kind"], row["claim"]) == ("claim", "flipping"))
    assert (flipping["flips"], flipping["mean"]) == ("1", "")


def test_the_tables_of_a_check_that_never_ran(tmp_path):
    calibration = Calibration([run_of(tmp_path, 0, entry("one", not_run=["size"]))], {})
    assert "| one | size | 0 | 0 | 0 | 1 | 0 |" in markdown(calibration, {})
    rows = list(csv.DictReader(tables.csv(calibration).splitlines()))
    assert [row["not_run"] for row in rows] == ["1", "1"]


def test_numbers_are_rounded_sensibly():
    assert [percent(rate) for rate in (0, 1e-9, 0.005, 0.0123, 0.5, 0.99999, 1, nan)] == [
        "0 %",
        "< 0.1 %",
        "0.5 %",
        "1.23 %",
        "50 %",
        "> 99.9 %",
        "100 %",
        "–",
    ]
    assert [value(number) for number in (-0.0, 0.0123456, 1234.5, nan)] == ["0", "0.0123", "1.23e+03", "–"]
    assert [nets(number) for number in (4, 10_000, inf, nan)] == ["4", "10,000", "> 10,000", "–"]
    assert [seeds(numbers) for numbers in ([], [3], [3, 4], [1, 2, 3])] == ["", "3", "3 and 4", "1, 2 and 3"]


def test_a_document_is_strict_json(tmp_path):
    text = (write(tmp_path, document(0, entry("one", found("one", "size", SMALL, values(0)))))) / "verdicts.json"
    assert json.loads(text.read_text(encoding="utf-8"))["claims"][0]["checks"][0]["region"] == [None, 0]
