"""`wndcheck compare` as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from math import nan
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from msgspec import structs

from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.comparison import Comparison, only_in
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import Problem, ProblemKind
from wndcheck.verdicts.statistics import Region, at_most, within

SMALL = Check("the number", at_most(0))
WIDER = Check("the number", at_most(1))
LOW, HIGH, OPEN = [-2.0, -2.1, -1.9, -2.0], [2.0, 2.1, 1.9, 2.0], [-2.0, 2.0, -1.0, 1.0]


@pytest.fixture(autouse=True)
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


STOPPED = Problem(ProblemKind.UNREPORTED, "the run was stopped: 3 of 9 tests did not finish")


def test_a_stopped_run_is_not_taken_for_whole(tmp_path: Path, compared) -> None:
    run = make_run(make_claim("one", found("size", SMALL, LOW)))
    write_run(tmp_path / "a", run)
    write_run(tmp_path / "b", structs.replace(run, problems=(STOPPED,)))
    compared(tmp_path / "a", tmp_path / "a", code=0)
    stderr = compared(tmp_path / "a", tmp_path / "b", code=1).stderr
    assert stderr == f"Error: {tmp_path / 'b'} is not a whole run: {STOPPED.text}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_standard_output_that_cannot_be_written_is_neither_the_same_nor_another_verdict(tmp_path: Path) -> None:
    write_run(tmp_path, make_run(make_claim()))
    command = [sys.executable, "-m", "wndcheck", "compare", str(tmp_path), str(tmp_path)]
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full, os.fdopen(writer, "w") as closed:  # noqa: PTH123
        results = [subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True) for out in (full, closed)]
    lost = "Error: standard output cannot be written (No space left on device): what it was to hold is lost\n"
    assert [(result.returncode, result.stderr) for result in results] == [(74, lost), (74, "")]


@pytest.fixture
def compared(cli):
    """Run the command, which must end with `code`."""

    def run_command(*arguments: str, code: int) -> Result:
        result = cli("compare", *arguments)
        assert result.exit_code == code, result.output
        return result

    return run_command


def found(name: str, check: Check, values: list[float], **fields: Any) -> Finding:
    return make_finding(name, values, check, claim="one", **fields)


def run(folder: Path, name: str, *claims: Any, seed: int = 0, **fields: Any) -> str:
    return str(write_run(folder / name, make_run(*claims, base_seed=seed, **fields)))


def test_the_same_run_twice_differs_in_nothing(compared, tmp_path: Path) -> None:
    one, other = (run(tmp_path, name, make_claim("one", found("size", SMALL, LOW))) for name in "ab")
    result = compared(one, other, code=0)
    summary = "1 claim, 0 with another verdict or in one run only; 1 check in both, 0 with another verdict, 0 with disj"
    assert summary in result.output
    assert "Claims whose" not in result.output


def test_a_changed_verdict_and_disjoint_intervals_are_shown(compared, tmp_path: Path) -> None:
    one = run(tmp_path, "a", make_claim("one", found("size", SMALL, LOW)))
    other = run(tmp_path, "b", make_claim("one", found("size", SMALL, HIGH)))
    output = compared(one, other, code=1).output
    assert output.count("size") == 2
    for text in ("Claims whose verdicts differ", "Intervals that do not overlap", "supported", "refuted", "2.000 ["):
        assert text in output


def test_a_verdict_on_other_scopes_is_a_difference_and_m_is_shown(compared, tmp_path: Path) -> None:
    checks = [found(name, SMALL, LOW) for name in "abc"]
    sides = [run(tmp_path, str(i), make_claim("one", *checks, left=left)) for i, left in enumerate((["d"], []))]
    output = " ".join(compared(*sides, code=1).output.split())
    assert "one supported: trend (3 of 3); level: full; m = 3 supported: trend (3 of 3); m = 3" in output


def test_a_claim_with_another_verdict_is_a_difference_although_intervals_overlap(compared, tmp_path: Path) -> None:
    sides = [run(tmp_path, str(i), make_claim("one", found("size", SMALL, v))) for i, v in enumerate((LOW, OPEN))]
    assert (
        "1 claim, 1 with another verdict or in one run only; 1 check in both, 1 with another verdict, 0 with disj"
        in compared(*sides, code=1).output
    )


def test_disjoint_intervals_are_a_difference_and_a_check_with_another_verdict_is_not(compared, tmp_path: Path) -> None:
    second = Check("another", at_most(0), primary=False)
    rest, lower = found("size", SMALL, LOW), found("size", SMALL, [value - 9 for value in LOW])
    one = run(tmp_path, "a", make_claim("one", rest, found("second", second, [-2.0, -3.0, -2.5, -1.5])))
    other = run(tmp_path, "b", make_claim("one", rest, found("second", second, OPEN)))
    output = compared(one, other, code=0).output
    assert "Checks whose verdicts differ" in output
    assert "1 with another verdict, 0 with disjoint intervals" in output
    disjoint = run(tmp_path, "c", make_claim("one", lower, found("second", second, OPEN)))
    assert "0 with another verdict, 1 with disjoint intervals" in compared(other, disjoint, code=1).output


@pytest.mark.parametrize(
    ("one", "other", "disjoint"),
    [([], HIGH, False), (LOW, HIGH, True), (LOW, OPEN, False), ([-2.0] * 4, [-2.0] * 4, False)],
)
def test_intervals_that_touch_and_those_without_an_estimate_are_not_disjoint(
    one: list[float], other: list[float], disjoint: bool
) -> None:
    sides = [make_run(make_claim("one", found("size", SMALL, values))) for values in (one, other)]
    for first, second in (sides, reversed(sides)):
        comparison = Comparison(first, second)
        assert (len(comparison.pairs), len(comparison.disjoint)) == (1, disjoint)


def test_checks_only_in_one_run_controls_and_margins_are_shown(compared, tmp_path: Path) -> None:
    size = found("size", SMALL, LOW)
    one = run(tmp_path, "a", make_claim("one", size, found("old", SMALL, LOW)), make_claim("gone", not_run=["x"]))
    planted = found("planted", SMALL, HIGH, must_be="refuted")
    other = run(tmp_path, "b", make_claim("one", found("size", WIDER, LOW), planted))
    result = compared(one, other, code=1)
    output = " ".join(result.output.split())
    assert "Checks only in A claim check one old" in output
    assert "Checks only in B claim check one planted" in output
    assert "Margins that differ claim check A B one size ≤ 0 nats ≤ 1 nats" in output
    assert "gone not run; m = 0 absent" in output


@pytest.mark.parametrize("region", [within(-1, 1), within(-2, 0), at_most(1)], ids=str)
def test_a_margin_differs_if_either_end_does(region: Region) -> None:
    runs = [
        make_run(make_claim("one", found("size", Check("the number", each), LOW))) for each in (within(-1, 0), region)
    ]
    assert len(Comparison(*runs).moved) == 1
    assert not Comparison(runs[0], runs[0]).moved


def test_a_control_of_both_runs_is_not_listed_as_only_in_one() -> None:
    planted = found("planted", SMALL, HIGH, must_be="refuted")
    with_control = make_run(make_claim("one", found("size", SMALL, LOW), planted))
    without = make_run(make_claim("one", found("size", SMALL, LOW)))
    assert only_in(with_control, with_control) == []
    assert only_in(with_control, without) == [("one", "planted")]


def test_a_claim_that_one_run_lacks_is_a_difference(compared, tmp_path: Path) -> None:
    """So that a comparison with a run that found nothing does not pass."""
    one = run(tmp_path, "a", make_claim("one", found("size", SMALL, LOW)))
    other = run(tmp_path, "b")
    for sides in ((one, other), (other, one)):
        assert "1 claim, 1 with another verdict" in compared(*sides, code=1).output


def test_a_narrow_terminal_breaks_no_name_and_wraps_the_summary(
    compared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", "80"), ("TTY_COMPATIBLE", "1"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    claim, name = "cifar_negative_estimates", "follows_accuracy[4-tanh]"
    one, other = (
        run(tmp_path, str(i), make_claim(claim, make_finding(name, values, SMALL, claim=claim)))
        for i, values in enumerate((LOW, HIGH))
    )
    lines = compared(one, other, code=1).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    first = [i for i, line in enumerate(lines) if line.startswith(f" {claim} ")][1]
    assert lines[first].split()[:2] == [claim, "-2.000"]
    assert lines[first + 1].split() == [name, "supported", "refuted"]


def test_machines_seeds_and_costs_are_shown_where_they_differ(compared, tmp_path: Path) -> None:
    one = run(tmp_path, "a", environment={"python": "3.11", "device": "cpu"}, seconds={"run": 61.2, "nets": nan})
    here = {"python": "3.11", "device": "cuda", "commit": "abc"}
    other = run(tmp_path, "b", seed=3, environment=here, selection=True)
    output = compared(one, other, code=0).output
    facts = [line.split() for line in output.splitlines()]
    assert ["device", "cpu", "cuda"] in facts
    assert ["base", "seed", "0", "3"] in facts
    assert ["commit", "abc"] in facts
    assert ["elapsed", "seconds,", "run", "61"] in facts
    assert "python" not in output
    assert "not usable" in output


def test_markdown_is_printed_and_added_to_the_step_summary(
    compared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    one = run(tmp_path, "a", make_claim("one", found("size[a|b]", SMALL, LOW)))
    other = run(tmp_path, "b", make_claim("one", found("size[a|b]", SMALL, HIGH)))
    output = compared(one, other, "--markdown", code=1).output
    assert "| one | size\\[a\\|b\\] | -2.000 " in output
    assert output.strip() in page.read_text(encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "step.md"))
    assert "GITHUB_STEP_SUMMARY" in compared(one, one, code=1).stderr


def test_a_folder_without_a_run_says_what_to_type(compared, tmp_path: Path) -> None:
    one = run(tmp_path, "a", make_claim("one"))
    result = compared(one, str(tmp_path / "nowhere"), code=2)
    assert "nowhere has no verdicts.json" in result.stderr
    assert "pytest claims/" in result.stderr
    (tmp_path / "a" / "verdicts.json").write_text('{"schema": 1}')
    assert "is not a run's verdicts.json" in compared(one, one, code=2).stderr
