"""Which entry of expectations.toml covers which check."""

from __future__ import annotations

import re

import pytest

from wndcheck.tests.pytest_plugin.claim_files import entry as entry_text
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import FILE, Expectation, ExpectationError, expected, read, unmatched


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


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("expect = " + "[" * 20_000, "expectations.toml"),
        ("expect = [1]", "expected [[expect]] entries, got 1"),
        (entry_text("refuted").replace('"quick"', '["quick"]'), "profile ['quick'], expected"),
        (entry_text("refuted").replace('"seen before"', "5"), "reason 5, expected a text"),
        (entry_text("maybe"), "verdict 'maybe', expected one of supported, refuted, inconclusive"),
        (entry_text("refuted").replace("reason", "why"), "missing or unknown field(s): reason, why"),
        ("[[expect]\n", "expectations.toml"),
        (entry_text("refuted", profile="quik"), "profile 'quik', expected quick or medium or full"),
        (entry_text("refuted").replace("[[expect]]", "[[expects]]"), "expected [[expect]] entries and nothing else"),
        (entry_text("refuted").replace("[[expect]]", "[expect]"), "expected [[expect]] entries and nothing else"),
        (entry_text("refuted").replace('["size"]', '"size"'), "checks 'size', expected a list"),
        (entry_text("refuted").replace('["size"]', "[]"), "checks [], expected a list"),
        (entry_text("refuted").replace('["refuted"]', "3"), "verdict 3, expected one of"),
        (entry_text('supported", "refuted'), "both supported and refuted"),
        (entry_text('supported", "inconclusive", "refuted'), "both supported and refuted"),
        ("expect = [3]\n", "expected [[expect]] entries, got 3"),
        (entry_text("refuted").replace('claim = "tiny"', 'claim = ["x"]'), "claim ['x'], expected a text in quotes"),
        (entry_text("refuted").replace('"quick"', '["quick"]'), "profile ['quick'], expected quick or medium or full"),
        (entry_text("refuted").replace('"seen before"', "3"), "reason 3, expected a text in quotes"),
        (entry_text("refuted").replace('"two runs"', "[]"), "evidence [], expected a text in quotes"),
        (entry_text("refuted").replace("2026-11-23", "3"), "date 3, expected a date such as 2026-01-31"),
        (entry_text("refuted").replace("seen before", "\udcff"), "can't decode byte 0xff"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path, text, complaint):
    path = tmp_path / FILE
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ExpectationError, match=re.escape(complaint)) as caught:
        read(path, "quick")
    assert str(path) in str(caught.value)
