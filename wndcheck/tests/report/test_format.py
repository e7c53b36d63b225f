"""Numbers, causes and claims as text."""

from __future__ import annotations

from math import inf, nan

import pytest

from wndcheck.report.format import (
    describe_cause,
    describe_claim,
    describe_finding,
    escape_markdown,
    format_estimate,
    format_interval,
    format_minute,
    markdown_table,
    repeat_command,
)
from wndcheck.tests.factories import HOLDS, SMALL, STRADDLES, make_claim, make_finding
from wndcheck.tests.report.reported import finding
from wndcheck.verdicts.checks import Cause, CauseKind, Check
from wndcheck.verdicts.run import Finding
from wndcheck.verdicts.statistics import Interval, at_least, within

FAR, NEAR = finding("far", 0.05), finding("near", 0.02)
WIDE = finding("wide", 0.08, 0.06)  # its estimate is the furthest out, its interval is not
BELOW = finding("below", -0.2, region=within(-0.1, 0.1))
UNDECIDED = finding("undecided", 0.01)
UNMEASURED = make_finding("unmeasured", [nan] * 8, claim="weak_dependence")
COMFORTABLE, TIGHT = finding("comfortable", 0.001), finding("tight", 0.0085)
SECONDARY = finding("secondary", 0.5, primary=False)
LEVEL = Check("ι_c at the widest", SMALL.region, level=True)


def test_the_decisive_check_is_furthest_by_its_interval() -> None:
    assert make_claim("weak_dependence", FAR, WIDE).decisive is FAR


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (0.0732, 0.0688, 0.0776, "0.073 [0.069, 0.078]"),
        (0.01043, 0.01012, 0.01074, "0.0104 [0.0101, 0.0107]"),
        (1.4, 1.4, 1.4, "1.400 [1.400, 1.400]"),
        (0.0, 0.0, 0.0, "0.000 [0.000, 0.000]"),
        (-0.0001, -0.004, 0.0038, "0.000 [-0.004, 0.004]"),
        (0.00012, -0.00003, 0.00027, "1.2e-04 [-3.0e-05, 2.7e-04]"),
        (123456.0, 123400.0, 123512.0, "1.235e+05 [1.234e+05, 1.235e+05]"),
        (12.3, 2.3, 22.3, "12.300 [2.300, 22.300]"),
        (0.5, -inf, inf, "0.500 [-∞, ∞]"),
        (nan, -inf, inf, "no estimate"),
        (0.0732, nan, nan, "0.073"),
    ],
)
def test_intervals_as_text(estimate: float, low: float, high: float, text: str) -> None:
    assert format_interval(Interval(estimate, low, high, 8, 0.99)) == text


def test_findings_as_text() -> None:
    assert describe_finding(FAR) == "refuted: ι = 0.05 [0.049, 0.051] nats, claimed ≤ 0.01, 8 nets"
    assert describe_finding(UNMEASURED).endswith(": the number has no estimate, claimed ≤ 0.01, 0 nets")
    assert format_estimate(FAR) == "0.050 [0.049, 0.051] nats"
    assert format_estimate(UNMEASURED) == "no estimate"


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([COMFORTABLE], "Holds: ι is 0.001 nats, in 8 nets."),
        ([COMFORTABLE, TIGHT], "Holds in both checks. Closest to its margin: ι is 0.0085 nats, in 8 nets."),
        ([FAR], "Does not hold: ι is 0.05 nats, where ≤ 0.01 is claimed."),
        (
            [FAR, NEAR, UNDECIDED],
            "Does not hold in 2 of 3 checks: ι is between 0.02 and 0.05 nats, where ≤ 0.01 is claimed.",
        ),
        (
            [FAR, BELOW],
            "Does not hold in both checks: ι is -0.2 nats, where -0.1 … 0.1 is claimed; "
            "ι is 0.05 nats, where ≤ 0.01 is claimed.",
        ),
        (
            [make_finding("a", STRADDLES, claim="weak_dependence"), COMFORTABLE],
            "Inconclusive: 1 of 2 checks has an interval that includes the margin. Measured: the number is 0.011 nats, in "
            "8 nets.",
        ),
        ([SECONDARY], "Inconclusive: no primary check gave a verdict."),
        ([finding("gap", 0.5, region=at_least(0.1))], "Holds: ι is 0.5 nats, in 8 nets."),
    ],
)
def test_verdicts_of_claims_as_text(checks: list[Finding], words: str) -> None:
    assert describe_claim(make_claim("weak_dependence", *checks)) == words


def test_causes_of_undecided_claims_as_text() -> None:
    wide = [make_finding(f"wide[{i}]", HOLDS, LEVEL, decides_levels=False) for i in range(3)]
    words = "Inconclusive: all 3 checks need the full profile. Measured: ι_c at the widest is 0.0015 nats, in 8 nets."
    assert describe_claim(make_claim("tiny", *wide)) == words
    assert describe_claim(make_claim("tiny", wide[0])).startswith(
        "Inconclusive: its only check needs the full profile."
    )
    mixed = [*wide, make_finding("missing", [nan] * 8), make_finding("few", HOLDS[:3]), make_finding("holds")]
    assert describe_cause(make_claim("tiny", *mixed).cause) == (
        "3 of 6 checks need the full profile, 1 has too few replicates and 1 has too many missing values"
    )
    assert describe_claim(make_claim(not_run=["size"])) == "Not run: no data."
    assert describe_claim(make_claim(errors=["one", "two"])) == "No verdict: 2 tests ended in an error."
    failed = make_finding("planted", HOLDS, must_be="refuted")
    words = describe_claim(make_claim("tiny", make_finding(), failed))
    assert words.startswith("Inconclusive: 1 control failed: planted.")


def test_every_cause_has_a_text() -> None:
    for kind in CauseKind:
        assert describe_cause(Cause(kind, 2, 3, names=("a",)))
    assert describe_cause(Cause(CauseKind.NOT_RUN, names=("",))) == ""
    assert describe_cause(Cause(CauseKind.NOT_RUN, names=("no data\nfor it\ntype this",))) == "no data type this"


def test_the_command_repeats_the_tests_with_all_their_parameters() -> None:
    claim = make_claim("tiny", make_finding("size[1]"), make_finding("size[2]"), errors=["more"])
    tests = 'pytest "claims/tiny.py::test_size" "claims/tiny.py::test_more"'
    assert repeat_command(claim, "quick", 0) == tests
    assert repeat_command(claim, "full", 7) == f"{tests} --wnd-profile=full --wnd-seed=7"
    assert repeat_command(make_claim(), "quick", 0) == ""


def test_dates_are_shown_to_the_minute() -> None:
    assert format_minute("2026-11-24T02:08:59+01:00") == "2026-11-24 01:08 UTC"
    assert format_minute("<yesterday>") == "<yesterday>"


def test_markdown_is_escaped() -> None:
    assert escape_markdown("a|b *c* `d`\n<e> [f](g) $h$ \\") == r"a\|b \*c\* \`d\` \<e\> \[f\](g) \$h\$ \\"
    assert markdown_table(["x"], [["a|b"]]) == "| x |\n| --- |\n| a\\|b |"
