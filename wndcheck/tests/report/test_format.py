"""Numbers, causes and claims as text."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from wndcheck.experiment.profiles import Scope
from wndcheck.report.format import Strong, escape_markdown, format_interval, markdown_table, percent
from wndcheck.report.wording import (
    count_verdicts,
    describe_cause,
    describe_claim,
    describe_finding,
    describe_m,
    describe_verdict,
    format_estimate,
    remarks,
    repeat_command,
)
from wndcheck.seeds import BASE_SEED
from wndcheck.tests.factories import BARELY, FAILS, HOLDS, LEVEL, STRADDLES, make_claim, make_finding, make_run
from wndcheck.tests.report.example_results import finding
from wndcheck.verdicts.checks import Cause, CauseKind, Check, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.power import nets_needed
from wndcheck.verdicts.recipes import RecipeError
from wndcheck.verdicts.statistics import Interval, Region, at_least, at_most, within

FAR, NEAR = finding("far", 0.05), finding("near", 0.02)
WIDE = finding("wide", 0.08, 0.06)  # its estimate is the furthest out, its interval is not
BELOW = finding("below", -0.2, region=within(-0.1, 0.1))
UNDECIDED = finding("inconclusive", 0.01)
UNMEASURED = make_finding("unmeasured", [nan] * 8, claim="weak_dependence")
COMFORTABLE, TIGHT = finding("comfortable", 0.001), finding("tight", 0.0085)
SECONDARY = finding("secondary", 0.5, primary=False)


def test_the_decisive_check_is_furthest_by_its_interval() -> None:
    assert make_claim("weak_dependence", FAR, WIDE).decisive.name == FAR.name


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (0.0732, 0.0688, 0.0776, "0.073 [0.069, 0.078]"),
        (0.01043, 0.01012, 0.01074, "0.0104 [0.0101, 0.0107]"),
        (0.0732, 0.0724, 0.0740, "0.0732 [0.0724, 0.0740]"),  # half of it is below 0.001, the whole is not
        (0.07321, 0.07312, 0.0733, "0.07321 [0.07312, 0.07330]"),  # below 0.0001
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


@pytest.mark.parametrize(
    ("low", "high", "region", "text"),
    [
        (0.9895, 1.0054, Region(low=0.99), "0.997 [0.9895, 1.0054]"),
        (0.98996, 1.00504, Region(low=0.99), "0.9975 [0.98996, 1.00504]"),
        (0.02, 0.05403, Region(high=0.054), "0.03702 [0.02000, 0.05403]"),
        (0.99, 1.005, Region(low=0.99), "0.998 [0.990, 1.005]"),  # is on the border
        (-0.0004, 0.0202, Region(high=0.0), "0.0099 [-0.0004, 0.0202]"),
        (0.0100000001, 0.03, Region(high=0.01), "0.02000 [0.01000, 0.03000]"),
    ],
)
def test_an_end_is_not_rounded_to_a_border(low: float, high: float, region: Region, text: str) -> None:
    shown = format_interval(Interval((low + high) / 2, low, high, 8, 0.99), region)
    assert shown.split(" ", 1)[1] == text.split(" ", 1)[1]


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.0005, "0.05 %"),
        (0.1234, "12.3 %"),
        (0.9994, "99.9 %"),
        (0.9995, "> 99.9 %"),
        (1, "100 %"),
        (nan, "–"),
    ],
)
def test_rates_as_text(rate: float, text: str) -> None:
    assert percent(rate) == text


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
            "Inconclusive: 1 of 2 checks has an interval that includes the margin. Measured: the number is 0.011 nats, "
            "in 8 nets.",
        ),
        ([SECONDARY], "Inconclusive: no primary check gave a verdict."),
        ([finding("gap", 0.5, region=at_least(0.1))], "Holds: ι is 0.5 nats, in 8 nets."),
    ],
)
def test_verdicts_of_claims_as_text(checks: list[Finding], words: str) -> None:
    assert describe_claim(make_claim("weak_dependence", *checks)) == words


def test_causes_of_inconclusive_claims_as_text() -> None:
    few = [make_finding(f"few[{i}]", HOLDS[:3]) for i in range(3)]
    words = "Inconclusive: all 3 checks have too few replicates. Measured: the number is 0.0013 nats, in 3 nets."
    assert describe_claim(make_claim("tiny", *few)) == words
    assert describe_claim(make_claim("tiny", few[0])).startswith("Inconclusive: its only check has too few replicates.")
    mixed = [*few, make_finding("missing", [nan] * 8), make_finding("over", STRADDLES), make_finding("holds")]
    assert describe_cause(make_claim("tiny", *mixed).cause) == (
        "3 of 6 checks have too few replicates, 1 has too many missing values and 1 has an interval that includes the "
        "margin"
    )
    barely = make_claim("tiny", make_finding("a", BARELY, m=3), make_finding("b", m=3), make_finding("c", m=3))
    assert describe_claim(barely) == (
        "Inconclusive: 1 of 3 checks lies outside, and not at 1 - .01/3, as one of so many may by chance: a. "
        "Measured: the number is 0.048 nats, in 9 nets."
    )
    assert describe_m(barely) == "m = 3: one check refutes the claim where its 99.667 % interval lies outside."
    assert describe_m(make_claim("tiny", make_finding())) == ""
    assert describe_claim(make_claim(not_run=["size"])) == "Not run: no data."
    assert describe_claim(make_claim(errors=["one", "two"])) == "No verdict: 2 tests ended in an error."
    failed = make_finding("planted", HOLDS, must_be="refuted")
    words = describe_claim(make_claim("tiny", make_finding(), failed))
    assert words.startswith("Inconclusive: 1 control failed: planted.")


def test_a_verdict_is_one_on_what_was_asked() -> None:
    trends, levels = (
        [make_finding(name) for name in "abc"],
        [make_finding("d", check=LEVEL), make_finding("e", FAILS, LEVEL)],
    )
    for claim, words in (
        (make_claim("tiny", *trends, left=["d", "e"]), "supported: trend (3 of 3); level: full"),
        (make_claim("tiny", *trends, *levels), "refuted: trend (3 of 3), level (1 of 2)"),
        (make_claim("tiny", *trends[:1], asked={Scope.TREND: 3}), "supported: trend (1 of 3)"),
        (make_claim("tiny", left=["d", "e"]), "left to full: level"),
        (make_claim("tiny", not_run=["a"], asked={Scope.TREND: 1}, left=["d"]), "not run: trend (0 of 1); level: full"),
        (make_claim("tiny", make_finding("planted", FAILS, must_be="refuted")), "inconclusive"),
    ):
        assert describe_verdict(claim) == words
    assert describe_claim(make_claim("tiny", left=["d", "e"])) == (
        "Not decided by this profile: 2 primary checks left to full."
    )
    run = make_run(make_claim("a", make_finding(claim="a"), left=["b"]), make_claim("b", make_finding(claim="b")))
    assert count_verdicts(run) == "2 supported (1 in part)"


def test_every_cause_has_a_text() -> None:
    for kind in CauseKind:
        assert describe_cause(Cause(kind, 2, 3, names=("a",)))
    assert describe_cause(Cause(CauseKind.NOT_RUN, names=("",))) == ""
    assert describe_cause(Cause(CauseKind.NOT_RUN, names=("no data\nfor it\nrun: this",))) == "no data run: this"


def test_the_command_repeats_the_tests_with_all_their_parameters() -> None:
    claim = make_claim("tiny", make_finding("size[1]"), make_finding("size[2]"), errors=["more"])
    tests = 'pytest "claims/tiny.py::test_size" "claims/tiny.py::test_more"'
    assert repeat_command(claim, "quick", BASE_SEED) == tests
    assert repeat_command(claim, "full", 7) == f"{tests} --wnd-profile=full --wnd-seed=7"
    assert repeat_command(make_claim(), "quick", BASE_SEED) == ""


def test_markdown_is_escaped() -> None:
    assert escape_markdown("a|b *c* `d`\n<e> [f](g) $h$ \\") == r"a\|b \*c\* \`d\` \<e\> \[f\](g) \$h\$ \\"
    assert markdown_table(["x|"], [["a|b"], [Strong("a\nb")]]) == "| x\\| |\n| --- |\n| a\\|b |\n| **a<br>b** |"


VICINITY = Check("ι", at_most(0.054), scope=Scope.LEVEL)


@pytest.mark.parametrize(
    ("recipe", "choices", "words"),
    [
        (None, {}, ""),
        (RecipeError(-0.0021, 0.0043, (200, 1000), True), {}, "recipe -0.0021 … 0.0043 (N = 200, 1000)"),
        (RecipeError(0.0, 0.0, (), True), {}, "recipe untested"),
        (RecipeError(0.0, 0.0, (), False), {}, "recipe not compared: the paper gives none"),
        (None, {"a": "supported", "b": "supported"}, "robust to 2 of 2 choices"),
        (None, {"a": "supported", "b": "inconclusive"}, "robust to 1 of 2 choices, not: b"),
    ],
)
def test_what_a_level_owes_to_the_recipe_as_text(recipe, choices, words: str) -> None:
    choices = {choice: Verdict(verdict) for choice, verdict in choices.items()}
    finding = make_finding("level", [0.03, 0.031, 0.032, 0.029], VICINITY, recipe=recipe, choices=choices)
    assert remarks(finding) == words
    assert words in describe_finding(finding)


def test_an_undecided_level_says_how_many_nets_would_decide_it() -> None:
    values = [0.04, 0.05, 0.06, 0.045]
    finding = make_finding("level", values, VICINITY)
    needed = nets_needed(VICINITY, float(np.mean(values)), float(np.std(values, ddof=1)))
    assert remarks(finding) == f"the interval includes the margin; {needed:.0f} nets would decide it"
    spanned = make_finding("level", values, VICINITY, recipe=RecipeError(-0.01, 0.01, (200,), True))
    assert "no number of nets would decide it" in remarks(spanned)
    assert "nets would" not in remarks(make_finding("trend", values, replace(VICINITY, scope=Scope.TREND)))
