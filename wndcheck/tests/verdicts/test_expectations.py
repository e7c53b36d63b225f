"""Which entry of expectations.toml covers which check."""

from __future__ import annotations

import pytest

from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import Expectation, ExpectationError, expected, unmatched


def entry(*checks: str, claim: str = "tiny", verdict: Verdict = Verdict.REFUTED) -> Expectation:
    return Expectation(claim, "quick", checks, (verdict,), "seen", "two runs", "2026-11-23")


@pytest.mark.parametrize(
    ("pattern", "check", "covered"),
    [
        ("trend[relu-1]", "trend[relu-1]", True),
        ("trend[relu-1]", "trend[relu-12]", False),
        ("trend[*-relu]", "trend[3-relu]", True),
        ("trend[*]", "trend", False),
        ("trend*", "trend[3-relu]", True),
        ("level*", "trend[3-relu]", False),
    ],
)
def test_patterns_take_brackets_literally(pattern, check, covered):
    assert entry(pattern).covers("tiny", check) is covered
    assert not entry(pattern).covers("another", check)


def test_supported_is_expected_without_an_entry():
    assert expected([entry("level")], "tiny", "trend") == ((Verdict.SUPPORTED,), "")
    assert expected([entry("level")], "tiny", "level") == ((Verdict.REFUTED,), "seen")


def test_two_entries_for_a_check_are_an_error():
    with pytest.raises(ExpectationError, match="tiny level is covered by 2 entries"):
        expected([entry("level"), entry("l*")], "tiny", "level")


def test_every_pattern_must_match_a_collected_check():
    collected = [("tiny", "level")]
    assert unmatched([entry("level")], collected, whole=True) == []
    (complaint,) = unmatched([entry("level", "levle")], collected, whole=True)
    assert "'levle' of claim 'tiny'" in complaint
    absent = [entry("level", claim="absent")]
    assert unmatched(absent, collected, whole=False) == []
    assert len(unmatched(absent, collected, whole=True)) == 1
