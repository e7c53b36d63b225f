"""The check that decides a claim, and the summary's words."""

from __future__ import annotations

from math import inf, nan

import pytest

from wndcheck.experiment.profiles import QUICK
from wndcheck.report import Measured, deciding_check, format_interval
from wndcheck.report.gallery import all_figures, all_sections
from wndcheck.report.markdown import Section, escaped
from wndcheck.report.summary import summary
from wndcheck.tests.report.reported import claim, document, finding, grids, measured
from wndcheck.verdicts.checks import Finding

REFUTED_FAR = finding("far", 0.05, verdict="refuted")
REFUTED_NEAR = finding("near", 0.02, verdict="refuted")
# Its estimate is the furthest out, its interval is not.
REFUTED_WIDE = finding("wide", 0.08, 0.06, verdict="refuted")
BELOW = finding("below", -0.2, verdict="refuted", region=(-0.1, 0.1))
UNDECIDED = finding("undecided", 0.01, verdict="inconclusive")
UNMEASURED = finding("unmeasured", nan, low=-inf, high=inf, verdict="inconclusive")
COMFORTABLE = finding("comfortable", 0.001)
TIGHT = finding("tight", 0.0085)
LOWER_EDGE = finding("lower edge", -0.0989, region=(-0.1, 0.1))
SECONDARY = finding("secondary", 0.5, verdict="refuted", primary=False)
CONTROL = finding("control", 0.5, verdict="refuted", control="refuted")


@pytest.mark.parametrize(
    ("checks", "deciding"),
    [
        ([COMFORTABLE, REFUTED_NEAR, UNDECIDED, REFUTED_FAR, REFUTED_WIDE], REFUTED_FAR),
        ([REFUTED_FAR, BELOW], BELOW),
        ([COMFORTABLE, UNDECIDED, UNMEASURED], UNDECIDED),
        ([TIGHT, UNMEASURED, UNDECIDED], UNMEASURED),
        ([COMFORTABLE, TIGHT], TIGHT),
        ([TIGHT, LOWER_EDGE], LOWER_EDGE),
        ([SECONDARY, CONTROL, COMFORTABLE], COMFORTABLE),
        ([SECONDARY, CONTROL], None),
        ([], None),
    ],
)
def test_the_check_that_decides(checks: list[Finding], deciding: Finding | None) -> None:
    assert deciding_check(checks) is deciding


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
def test_intervals_in_words(estimate: float, low: float, high: float, text: str) -> None:
    assert format_interval(finding(estimate=estimate, low=low, high=high)) == text


def test_escaped_text_shows_as_it_is() -> None:
    assert escaped("a|b *c* `d`\n<e> [f](g) $h$ \\") == r"a\|b \*c\* \`d\` \<e\> \[f\](g) \$h\$ \\"


def test_summary_says_what_was_found() -> None:
    checks = [
        finding("trend[relu|1]", 0.0082, 0.0011, parameters={"layer": 1}, untrained=1, reason="the paper says so"),
        finding("level", 0.5, primary=False, verdict="refuted"),
    ]
    shuffled = finding("shuffled", 0.02, 0.001, control="supported", verdict="refuted")
    made = claim(
        "weak-dependence",
        checks,
        [shuffled],
        statement="ι | falls",
        verdict="inconclusive",
        cause="a control failed",
        errors=[{"test": "claims/dependence.py::test_more", "message": "boom\n| at line 3"}],
        not_run=[{"test": "claims/cifar.py::test_it[relu]", "reason": "no data: wndcheck fetch cifar-10"}],
    )
    text = summary(document(made, profile="full", base_seed=7, problems=["a | b"]))
    for words in (
        "- profile: full\n- base seed: 7\n- date: 2026-01-02T03:04:05+00:00",
        "- torch: 2.4\n- **problem**: a \\| b\n",
        r"| [weak-dependence](#weak-dependence) | ι \| falls | 0.008 [0.007, 0.009] nats, trend\[relu\|1\] |"
        " ≤ 0.01 | 8 nets (1 untrained) | **inconclusive** | supported |",
        "Verdict: **inconclusive** (a control failed); expected: supported. Why: the paper says so.",
        r"| trend\[relu\|1\] | layer=1 | ι | 0.008 [0.007, 0.009] nats | ≤ 0.01 | 8 nets (1 untrained)"
        " | yes | supported |  |",
        "| level |  | ι | 0.500 [0.499, 0.501] nats | ≤ 0.01 | 8 nets | no | refuted |  |",
        "| shuffled |  | ι | 0.020 [0.019, 0.021] nats | ≤ 0.01 | 8 nets | supported | **refuted** |  |",
        r"- claims/dependence.py::test\_more: boom \| at line 3",
        r"- claims/cifar.py::test\_it\[relu\]: no data: wndcheck fetch cifar-10",
        '\npytest "claims/dependence.py::test_level" "claims/dependence.py::test_more" "claims/cifar.py::test_it"'
        " --wnd-profile=full --wnd-seed=7\n",
    ):
        assert words in text


def test_every_table_row_has_as_many_cells_as_its_head() -> None:
    hostile = "a | b ` c \\ d\n| e"
    checks = [finding(hostile, parameters={hostile: hostile}, estimand=hostile, cause=hostile, unit=hostile)]
    lines = summary(document(claim("hostile", checks, checks, statement=hostile, expected=hostile))).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert [line.replace(r"\\", "").replace(r"\|", "").count("|") for line in table] == [8] * 3 + [10] * 6


def test_a_claim_without_checks_has_a_section_and_no_numbers() -> None:
    waiting = {"test": "claims/cifar.py::test_it", "reason": "no data"}
    text = summary(document(claim("cifar-weak-dependence", [], verdict="not run", expected="", not_run=[waiting])))
    assert "| What cifar-weak-dependence says. |  |  |  | **not run** |  |" in text
    assert "expected: nothing in particular" in text
    assert "Controls" not in text


def test_summary_shows_the_figures_beside_it() -> None:
    text = summary(document(), all_figures(document(), Measured(trained=grids(QUICK))))
    assert "](figure-2-entropy.svg)" in text
    assert "](figure-3-dependence.svg)" in text
    assert "figure-a1" not in text


def test_summary_shows_sections_after_the_figures_and_before_the_claims() -> None:
    made = document(claim("weak-dependence", [finding()]))
    text = summary(made, all_figures(made, measured()), all_sections(made, measured()))
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == [
        "## Accuracy beside the paper's",
        "## Both readings side by side",
        "## What the paper leaves unsaid",
        "## weak-dependence",
    ]
    assert text.index("](figure-trajectories.svg)") < text.index(heads[0])
    assert r"| pixels in \[0, 1\] | 8 |" in text


def test_titles_of_sections_are_escaped_and_their_paragraphs_are_not() -> None:
    assert Section("a * b", ["**c**", "d"], {}).markdown() == "## a \\* b\n\n**c**\n\nd"
