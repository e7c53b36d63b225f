"""Changes of expectations.toml that runs with different seeds ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.authoring.expectation_entries import Entry, join
from wndcheck.authoring.proposals import propose
from wndcheck.tests.authoring.seeded_runs import LETTERS, I, R, S, check, run, runs
from wndcheck.tests.factories import make_claim
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import FILE, Expectation, ExpectationError, expected, read
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import RunError

OLD = "2020-01-01"


def entry(*checks: str, verdict: tuple[Verdict, ...] = (I,), **fields: Any) -> Expectation:
    defaults = {"claim": "tiny", "profile": "quick", "reason": "so it was", "evidence": "seed 9", "date": OLD}
    return Expectation(checks=checks, verdict=verdict, **defaults | fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text("# What is expected.\n", encoding="utf-8")
    return tmp_path / FILE


def write(path: Path, *entries: Expectation) -> str:
    path.write_text(text := join("# What is expected.\n", [*map(Entry.new, entries)]), encoding="utf-8")
    return text


def after(path: Path, found: Sequence[tuple[Path, Run]]) -> list[Expectation]:
    """The entries of the proposal."""
    path.write_text(propose(path, found).text, encoding="utf-8")
    return read(path, "quick")


# --- which entries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "expected_verdicts"),
    [("II", (I,)), ("RR", (R,)), ("SI", (I, S)), ("IS", (I, S)), ("RI", (I, R)), ("SIS", (S, I)), ("SS", None)],
)
def test_checks_that_not_all_runs_support_get_an_entry_with_the_usual_verdict_first(path, verdicts, expected_verdicts):
    found = [run(seed, check("trend", LETTERS[verdict]), check("level", S)) for seed, verdict in enumerate(verdicts)]
    before = path.read_text(encoding="utf-8")
    entries = after(path, found)
    if expected_verdicts is None:
        assert (entries, path.read_text(encoding="utf-8")) == ([], before)
    else:
        (new,) = entries
        assert (new.claim, new.checks, new.verdict) == ("tiny", ("trend",), expected_verdicts)
        assert new.date == f"2026-01-0{len(verdicts)}"


def test_supported_and_refuted_is_not_an_entry_but_an_error(path):
    text = write(path, entry("trend", "level", verdict=(I,)))
    proposal = propose(path, runs(trend="SR", level="II"))
    (error,) = proposal.contradictions
    assert error.startswith("tiny trend is supported with one seed and refuted with another")
    assert "seed 0: 0.05 [0.049, 0.051], supported; seed 1: 0.05 [0.049, 0.051], refuted" in error
    assert proposal.text == text.replace('["trend", "level"]', '["level"]').replace(
        'evidence = "seed 9"\ndate = 2020-01-01',
        'evidence = "seed 0: 0.05 [0.049, 0.051]; seed 1: 0.05 [0.049, 0.051]"\ndate = 2026-01-02',
    )


def test_checks_with_the_same_verdicts_share_an_entry_whatever_the_order_of_seeds(path):
    new = after(path, runs(trend__1="SI", trend__2="IS", level__1="II", level__2="SS", gap="RR", mean="II"))
    assert [(each.checks, each.verdict) for each in new] == [
        (("gap",), (R,)),
        (("level[1]", "mean"), (I,)),
        (("trend[*]",), (I, S)),
    ]


def test_a_pattern_covers_no_check_that_was_not_run(path):
    found = runs(trend__1="II", trend__2="II", not_run=("trend[3]",))
    assert after(path, found)[0].checks == ("trend[1]", "trend[2]")


def test_an_entry_of_a_check_that_is_left_to_another_profile_is_removed(path):
    write(path, entry("widest", verdict=(I,)))
    left = [
        (folder, msgspec.structs.replace(run, claims=(make_claim("tiny", *run.claims[0].findings, left=["widest"]),)))
        for folder, run in runs(trend="SS")
    ]
    assert after(path, left) == []


def test_a_check_that_a_run_left_out_is_proposed_from_the_others(path):
    found = [run(0, check("trend", S), check("level", I)), run(1, check("trend", S), not_run=("level",))]
    (new,) = after(path, found)
    assert (new.checks, new.evidence) == (("level",), "seed 0: 0.05 [0.049, 0.051]")


# --- what is there already --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "given"),
    [
        (entry("trend"), "II"),
        (entry("tr*"), "II"),
        (entry("trend", verdict=(S, I)), "SI"),
        (entry("trend", verdict=(I, S)), "SI"),
        (entry("trend", verdict=(S, I)), "II"),  # no run contradicts it
        (entry("trend", verdict=(R, I)), "RR"),
    ],
)
def test_entries_that_fit_do_not_change(path, there, given):
    text = write(path, there).replace("reason = ", "# why it is so\nreason   =   ")
    path.write_text(text, encoding="utf-8")
    assert propose(path, runs(trend=given)).text == text


def test_the_rest_of_the_file_does_not_change(path):
    other = "# of the full profile\n" + Entry.new(entry("trend", profile="full", verdict=(R,))).text
    absent = "# beside it\n" + Entry.new(entry("mean", claim="not-in-these-runs")).text
    text = f"# Head.\n#\n# More of it.\n\n{other}\n{Entry.new(entry('trend')).text}\n{absent}"
    path.write_text(text, encoding="utf-8")
    assert propose(path, runs(trend="SS")).text == text.replace(Entry.new(entry("trend")).text + "\n", "")
    new = propose(path, runs(trend="II", gap="RR")).text
    assert new.startswith(text[: text.index("\n# beside it")])
    assert new.endswith(text[text.index("# beside it") :])
    assert read(path, "full")[0].claim == "tiny"


def test_changed_entries_keep_their_reason_and_their_comments(path):
    text = write(path, entry("trend", verdict=(R,)))
    text = text.replace("[[expect]]", "# above\n[[expect]]  # beside").replace("reason =", "# within\nreason  =")
    path.write_text(text.replace('verdict = "refuted"', 'verdict = "refuted"  # by far'), encoding="utf-8")
    (new,) = after(path, runs(trend="II"))
    evidence = "seed 0: 0.05 [0.049, 0.051]; seed 1: 0.05 [0.049, 0.051]"
    assert new == replace(entry("trend"), evidence=evidence, date="2026-01-02")
    assert path.read_text(encoding="utf-8") == (
        "# What is expected.\n\n# above\n[[expect]]  # beside\n"
        'claim = "tiny"\nprofile = "quick"\nchecks = ["trend"]\nverdict = "inconclusive"  # by far\n'
        f'# within\nreason  = "so it was"\nevidence = "{evidence}"\ndate = 2026-01-02\n'
    )


def test_an_entry_is_split_where_its_checks_differ(path):
    write(path, entry("trend[*]", verdict=(I, S)))
    new = after(path, runs(trend__1="RR", trend__2="II", trend__3="SI", trend__4="SS"))
    assert [(each.checks, each.verdict, each.reason) for each in new] == [
        (("trend[1]",), (R,), "so it was"),
        (("trend[2]", "trend[3]"), (I, S), "so it was"),
    ]


def test_entries_that_are_not_needed_are_removed(path):
    write(path, entry("trend"), entry("level", verdict=(R,)))
    assert [each.checks for each in after(path, runs(trend="SS", level="RR"))] == [("level",)]


def test_the_comment_at_the_head_of_the_file_stays_when_the_first_entry_is_removed(path):
    path.write_text("# Head.\n" + Entry.new(entry("trend")).text, encoding="utf-8")
    assert propose(path, runs(trend="SS")).text == "# Head.\n"


def test_patterns_that_match_nothing_are_removed(path):
    write(path, entry("trend", "gone"))
    assert after(path, runs(trend="II"))[0].checks == ("trend",)
    write(path, entry("trend", "gone", verdict=(S, I)))
    assert after(path, runs(trend="II"))[0].verdict == (S, I)  # no run contradicts it
    write(path, entry("gone"))
    assert after(path, runs(trend="SS")) == []


def test_entries_of_checks_that_were_not_run_stay(path):
    text = write(path, entry("trend[2]"))
    assert propose(path, runs(trend__1="SS", not_run=("trend[2]",))).text == text
    text = write(path, entry("trend[*]", verdict=(S, I)))
    assert propose(path, runs(trend__1="SS", not_run=("trend[2]",))).text == text
    write(path, entry("trend[*]", verdict=(R,)))
    changed, waiting = after(path, runs(trend__1="II", not_run=("trend[2]",)))
    assert (changed.checks, changed.verdict) == (("trend[1]",), (I,))
    assert waiting == entry("trend[2]", verdict=(R,))


def test_two_entries_for_a_check_and_runs_that_cannot_be_pooled_are_errors(path):
    first, second = runs(trend="II")
    with pytest.raises(RunError, match=r"one run does not show .* --wnd-seed=1 --wnd-mode=report"):
        propose(path, [first])
    with pytest.raises(RunError, match="runs of the profiles full and quick"):
        propose(path, [first, run(1, check("trend", I), profile="full")])
    write(path, entry("trend"), entry("tr*"))
    with pytest.raises(ExpectationError, match="tiny trend is covered by 2 entries"):
        propose(path, [first, second])


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_proposal_expects_what_was_found_and_a_second_one_changes_nothing(data, tmp_path_factory):
    """Whatever entries the file had before."""
    names = ["trend__1", "trend__2", "level__1", "gap"]
    given_ = {name: data.draw(st.sampled_from(["SS", "II", "RR", "SI", "RI", "IR"]), name) for name in names}
    pairs = st.sampled_from([(S,), (I,), (R,), (I, S), (R, I)])
    patterns = data.draw(st.lists(st.sampled_from(["trend[*]", "level[1]", "gap", "gone"]), unique=True), "patterns")
    there = [entry(pattern, verdict=data.draw(pairs, pattern)) for pattern in patterns]
    path = tmp_path_factory.mktemp("any") / FILE
    write(path, *there)
    found = runs(**given_)
    (_, first), (_, second) = found
    entries = after(path, found)
    for (claim, name), finding in first.checks.items():
        verdicts, _ = expected(entries, claim, name)
        assert {finding.verdict, second.checks[claim, name].verdict} <= set(verdicts)
    assert not any(each.covers("tiny", "gone") for each in entries)
    assert propose(path, found).text == path.read_text(encoding="utf-8")
