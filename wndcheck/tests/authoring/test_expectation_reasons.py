"""Reason, evidence and TOML of an entry of expectations.toml."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wndcheck.authoring.expectation_entries import Entry, join, split
from wndcheck.authoring.expectation_reasons import evidence, interval_range, reason
from wndcheck.authoring.pooling import PooledCheck, pool_checks
from wndcheck.report.format import format_seeds, two_digits
from wndcheck.tests.authoring.seeded_runs import IOTA, I, R, S, check, run
from wndcheck.verdicts.checks import CauseKind
from wndcheck.verdicts.expectations import Expectation, ExpectationError, read
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.statistics import at_least

COMMA = replace(IOTA, estimand="ι, N = 9")
ENTROPY = replace(IOTA, estimand="ΔH")
SHARE = replace(IOTA, unit="", region=at_least(0.9))


def of(*findings: Finding) -> PooledCheck:
    """The findings of one check, of seeds 0, 1, …"""
    (check,) = pool_checks([run(seed, finding)[1] for seed, finding in enumerate(findings)])
    return check


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ([check("a", R, 0.052), check("a", R, 0.18)], "ι is between 0.052 and 0.18 nats, where ≤ 0.01 is claimed"),
        ([check("a", R, 0.052), check("a", R, 0.0521)], "ι is 0.052 nats, where ≤ 0.01 is claimed"),
        ([check("a", I, -0.01)] * 2, "ι is -0.01 nats, too near the claimed ≤ 0.01 for 8 nets to decide"),
        (
            [check("a", I, 0.02), check("a", S, 0.0)],
            "ι is between 0 and 0.02 nats, so near the claimed ≤ 0.01 that 8 nets decide it with some seeds only",
        ),
        (
            [check("a", I, 0.02), check("a", R, 0.05)],
            "ι is between 0.02 and 0.05 nats, so near the claimed ≤ 0.01 that 8 nets decide it with some seeds only",
        ),
        (
            [check("a", I, nan, kind=CauseKind.TOO_FEW)] * 2,
            "ι has no estimate, where ≤ 0.01 is claimed, and is not always decided: too few",
        ),
        ([check("a", R, 0.2, COMMA)] * 2, "ι, N = 9, is 0.2 nats, where ≤ 0.01 is claimed"),
        ([check("a", R, 0.5, SHARE)] * 2, "ι is 0.5, where ≥ 0.9 is claimed"),
    ],
)
def test_a_reason_is_the_range_found_and_the_margin_claimed(findings: list[Finding], sentence: str) -> None:
    assert reason([of(*findings)]) == sentence


def test_a_reason_has_a_clause_for_each_estimand() -> None:
    both = [of(*[check("a", R, 0.2)] * 2), of(*[check("b", R, 0.3, ENTROPY)] * 2)]
    assert reason(both) == "ι is 0.2 nats, where ≤ 0.01 is claimed; ΔH is 0.3 nats, where ≤ 0.01 is claimed"
    assert evidence(both) == "seeds 0 and 1: a 0.2 [0.2, 0.2]; b 0.3 [0.3, 0.3]"


def test_evidence_is_the_range_of_the_checks_that_share_an_entry() -> None:
    found = [of(check(f"a[{x}]", R, x / 10), check(f"a[{x}]", R, x / 10 + 0.01)) for x in (1, 2)]
    assert evidence(found) == "seeds 0 and 1: 0.1 to 0.21 [0.099, 0.21]"
    assert interval_range([check("a", I, nan)]) == "no estimate"


def test_evidence_of_many_seeds_is_their_range_and_how_often_each_verdict_was_reached() -> None:
    found = of(*[check("a", verdict, 0.1) for verdict in (S, I, S, I, S)])
    assert evidence([found]) == "seeds 0 to 4: 0.1 [0.099, 0.1], supported under 3, inconclusive under 2"
    assert evidence([of(*[check("a", I, 0.1)] * 5)]) == "seeds 0 to 4: 0.1 [0.099, 0.1]"


def test_seeds_and_numbers_in_words() -> None:
    seeds = {(): "", (3,): "3", (0, 1, 2): "0, 1 and 2", (4, 5, 6, 7): "4 to 7", (0, 1, 2, 4): "0, 1, 2 and 4"}
    seeds |= {(0, 1, 2, 3, 100): "0 to 3 and 100", (1, 5, 6, 7, 8, 9): "1 and 5 to 9"}
    assert {numbers: format_seeds(numbers) for numbers in seeds} == seeds
    numbers = {0.0521: "0.052", -0.014: "-0.014", 0: "0", 1.5: "1.5", 10.04: "10", 131.2: "131", inf: "∞", -inf: "-∞"}
    assert {x: two_digits(x) for x in numbers} == numbers


# --- TOML -------------------------------------------------------------------------------------------------------------


def expectation(*checks: str, reason: str = "so it was", date: str = "2020-01-01", verdict=(I,)) -> Expectation:
    return Expectation("tiny", "quick", checks, verdict, reason, "seed 9", date)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_and_parsed_unchanged(text: str) -> None:
    made = Entry.new(expectation("trend", reason=text))
    assert split(made.text, Path()) == ("", [made])


def test_entries_are_written_and_parsed_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "expectations.toml"
    long = (f"a_check_with_a_long_name[{i}]" for i in range(9))
    expectations = [
        expectation("trend", verdict=(S, I), reason='a "quoted" \\ reason', date="yesterday"),
        expectation(*long),
    ]
    entries = [Entry.new(each) for each in expectations]
    path.write_text(text := join("# What is expected.\n", entries), encoding="utf-8")
    assert read(path, "quick") == expectations
    assert max(map(len, text.splitlines())) <= 120
    assert split(text, path) == (
        "# What is expected.\n\n",
        [Entry(expectations[0], f"{entries[0].text}\n"), entries[1]],
    )


def test_files_laid_out_otherwise_are_refused() -> None:
    fields = "claim='a', profile='quick', checks=['b'], verdict='refuted', reason='', evidence='', date=''"
    with pytest.raises(ExpectationError, match=r"expected \[\[expect\]\] tables, each on its own line"):
        split(f"expect = [{{{fields}}}]\n", Path("expectations.toml"))
    with pytest.raises(ExpectationError, match="toml: "):
        split("[[expect]]\nclaim =\n", Path("expectations.toml"))
