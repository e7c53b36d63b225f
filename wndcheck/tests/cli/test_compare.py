"""`wndcheck compare` as a user meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wndcheck.authoring.comparing import read_sides
from wndcheck.cli import main
from wndcheck.tests.verdictfiles import document, entry, found, write
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0))
WIDER = Check("the number", at_most(1))
LOW, HIGH, OPEN = [-2.0, -2.1, -1.9, -2.0], [2.0, 2.1, 1.9, 2.0], [-2.0, 2.0, -1.0, 1.0]


@pytest.fixture(autouse=True)
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def run(folder: Path, name: str, *entries: Any, seed: int = 0, **fields: Any) -> str:
    return str(write(folder / name, document(seed, *entries, **fields)))


def compared(*arguments: str, code: int) -> Result:
    result = CliRunner().invoke(main, ["compare", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    one, other = (run(tmp_path, name, entry("one", found("one", "size", SMALL, LOW))) for name in "ab")
    result = compared(one, other, code=0)
    assert "1 claims, 0 with another verdict; 1 checks in both, 0 with another verdict, 0 with inter" in result.output
    assert "Claims whose" not in result.output


def test_a_changed_verdict_and_intervals_apart_are_told(tmp_path: Path) -> None:
    one = run(tmp_path, "a", entry("one", found("one", "size", SMALL, LOW)))
    other = run(tmp_path, "b", entry("one", found("one", "size", SMALL, HIGH)))
    result = compared(one, other, code=1)
    assert result.output.count("size") == 2
    for text in ("Claims whose verdicts differ", "Intervals that do not overlap", "supported", "refuted", "2.000 ["):
        assert text in result.output


def test_overlapping_intervals_with_the_claims_verdict_unchanged_are_no_difference(tmp_path: Path) -> None:
    second = Check("another", at_most(0), primary=False)
    rest = found("one", "size", SMALL, LOW)
    one = run(tmp_path, "a", entry("one", rest, found("one", "second", second, [-2.0, -3.0, -2.5, -1.5])))
    other = run(tmp_path, "b", entry("one", rest, found("one", "second", second, OPEN)))
    result = compared(one, other, code=0)
    assert "Checks whose verdicts differ" in result.output
    assert "1 with another verdict, 0 with intervals apart" in result.output


def test_touching_intervals_overlap_and_a_check_without_estimate_lies_nowhere_apart(tmp_path: Path) -> None:
    nothing = found("one", "size", SMALL, [])
    one = run(tmp_path, "a", entry("one", nothing))
    other = run(tmp_path, "b", entry("one", found("one", "size", SMALL, HIGH)))
    comparison = read_sides((Path(one), Path(other)))
    assert (len(comparison.both), comparison.apart) == (1, [])


def test_checks_in_one_alone_controls_and_margins_are_told(tmp_path: Path) -> None:
    size = found("one", "size", SMALL, LOW)
    one = run(tmp_path, "a", entry("one", size, found("one", "old", SMALL, LOW)), entry("gone", not_run=["x"]))
    planted = found("one", "planted", SMALL, HIGH, control="refuted")
    other = run(tmp_path, "b", entry("one", found("one", "size", WIDER, LOW), planted))
    result = compared(one, other, code=0)
    output = " ".join(result.output.split())
    assert "Checks in A alone claim check one old" in output
    assert "Checks in B alone claim check one planted" in output
    assert "Margins that differ claim check A B one size ≤ 0 ≤ 1" in output
    assert "gone not run absent" in output


def test_machines_seeds_and_costs_are_told_where_they_differ(tmp_path: Path) -> None:
    one = run(tmp_path, "a", environment={"python": "3.11", "device": "cpu"}, seconds={"run": 61.2, "nets": None})
    here = {"python": "3.11", "device": "cuda", "commit": "abc"}
    other = run(tmp_path, "b", seed=3, environment=here, selection=True)
    output = compared(one, other, code=0).output
    facts = [line.split() for line in output.splitlines()]
    assert ["device", "cpu", "cuda"] in facts
    assert ["base", "seed", "0", "3"] in facts
    assert ["commit", "abc"] in facts
    assert ["seconds,", "run", "61"] in facts
    assert "python" not in output
    assert "not to be trusted" in output


def test_many_rows_are_cut_unless_all_are_wanted(tmp_path: Path) -> None:
    checks = [found("one", f"size[{i}]", SMALL, LOW) for i in range(30)]
    one, other = run(tmp_path, "a", entry("one", *checks)), run(tmp_path, "b", entry("one"))
    assert "and 10 more: --all shows them" in compared(one, other, code=1).output
    assert "size[29]" in compared(one, other, "--all", code=1).output


def test_markdown_is_printed_and_added_to_the_steps_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    one = run(tmp_path, "a", entry("one", found("one", "size[a|b]", SMALL, LOW)))
    other = run(tmp_path, "b", entry("one", found("one", "size[a|b]", SMALL, HIGH)))
    output = compared(one, other, "--markdown", code=1).output
    assert "| one | size\\[a\\|b\\] | -2.000 " in output
    assert output.strip() in page.read_text(encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "step.md"))
    assert "GITHUB_STEP_SUMMARY" in compared(one, one, code=1).stderr


def test_a_folder_without_a_run_says_what_to_type(tmp_path: Path) -> None:
    one = run(tmp_path, "a", entry("one"))
    result = compared(one, str(tmp_path / "nowhere"), code=2)
    assert "nowhere has no verdicts.json" in result.stderr
    assert "pytest claims/" in result.stderr
    (tmp_path / "a" / "verdicts.json").write_text('{"schema": 1}')
    assert "is not a run's verdicts.json" in compared(one, one, code=2).stderr
