"""What runs with different seeds make of expectations.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.authoring.entries import Block, blocks, entry_text, joined, string
from wndcheck.authoring.proposals import proposed
from wndcheck.authoring.runs import Run, RunError, comparable, from_document, read_run
from wndcheck.authoring.sentences import Outcome, evidence, interval, reason
from wndcheck.authoring.words import seeds
from wndcheck.report.files import strict_json
from wndcheck.tests.report.reported import claim, document, finding
from wndcheck.verdicts.checks import Cause, Finding, Verdict
from wndcheck.verdicts.expectations import FILE, Expectation, ExpectationError, expected, read
from wndcheck.verdicts.sentences import number

S, R, I = map(str, (Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE))
OLD = "2020-01-01"


def check(name: str, verdict: str, estimate: float = 0.05, of: str = "tiny", **fields: Any) -> Finding:
    cause = str(Cause.STRADDLES) if verdict == I else ""
    return finding(name, estimate, **{"claim": of, "verdict": verdict, "cause": cause, "values": [estimate]} | fields)


def run(seed: int, checks: Sequence[Finding], **fields: Any) -> Run:
    """A run, by way of the document that a report holds."""
    names = dict.fromkeys(each.claim for each in checks)
    claims = [claim(name, [each for each in checks if each.claim == name]) for name in names]
    told = {"base_seed": seed, "selection": False, "problems": [], "created": f"2026-01-0{seed + 1}T00:00:00+00:00"}
    return from_document(document(*claims, **told | fields), Path(f"run{seed}"))


def runs(**verdicts: str) -> list[Run]:
    """Two runs; ``trend="SI"`` is supported with seed 0 and inconclusive with seed 1. ``trend__1`` is ``trend[1]``."""
    letters = {"S": S, "R": R, "I": I}
    return [
        run(
            seed,
            [
                check(name if not parameter else f"{name}[{parameter}]", letters[given[seed]])
                for key, given in verdicts.items()
                for name, _, parameter in [key.partition("__")]
            ],
        )
        for seed in (0, 1)
    ]


def entry(*checks: str, verdict: tuple[str, ...] = (I,), **fields: Any) -> Expectation:
    defaults = {"claim": "tiny", "profile": "quick", "reason": "so it was", "evidence": "seed 9", "date": OLD}
    return Expectation(checks=checks, verdict=tuple(map(Verdict, verdict)), **defaults | fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text("# What is expected.\n", encoding="utf-8")
    return tmp_path / FILE


def write(path: Path, *entries: Expectation) -> str:
    path.write_text(text := joined("# What is expected.\n", [entry_text(each) for each in entries]), encoding="utf-8")
    return text


def after(path: Path, found: Sequence[Run]) -> list[Expectation]:
    """The entries of the proposal."""
    path.write_text(proposed(path, found).text, encoding="utf-8")
    return read(path, "quick")


# --- which entries ----------------------------------------------------------------------------------------------------


def test_what_all_runs_support_needs_no_entry(path):
    proposal = proposed(path, runs(trend="SS", level="SS"))
    assert (proposal.text, proposal.contradictions) == (path.read_text(encoding="utf-8"), ())


@pytest.mark.parametrize(
    ("given", "verdict"),
    [("II", (I,)), ("RR", (R,)), ("SI", (I, S)), ("IS", (I, S)), ("RI", (I, R))],
)
def test_other_verdicts_get_an_entry(path, given, verdict):
    (new,) = after(path, runs(trend=given, level="SS"))
    assert (new.claim, new.checks, new.verdict, new.date) == ("tiny", ("trend",), verdict, "2026-01-02")


def test_the_usual_verdict_comes_first(path):
    found = [run(seed, [check("trend", verdict)]) for seed, verdict in enumerate((S, I, S))]
    assert after(path, found)[0].verdict == (S, I)


def test_supported_and_refuted_is_no_entry_but_an_error(path):
    text = write(path, entry("trend", "level", verdict=(I,)))
    proposal = proposed(path, runs(trend="SR", level="II"))
    (error,) = proposal.contradictions
    assert error.startswith("tiny trend is supported with one seed and refuted with another")
    assert "seed 0: .05 [.049, .051], supported; seed 1: .05 [.049, .051], refuted" in error
    assert proposal.text == text.replace('["trend", "level"]', '["level"]').replace(
        'evidence = "seed 9"\ndate = 2020-01-01',
        'evidence = "seed 0: .05 [.049, .051]; seed 1: .05 [.049, .051]"\ndate = 2026-01-02',
    )


def test_checks_with_the_same_verdicts_share_an_entry(path):
    new = after(path, runs(trend__1="II", trend__2="II", level__1="II", level__2="SS", gap="RR"))
    assert [(each.checks, each.verdict) for each in new] == [(("trend[*]", "level[1]"), (I,)), (("gap",), (R,))]


def test_the_order_of_seeds_does_not_part_checks(path):
    (new,) = after(path, runs(trend__1="SI", trend__2="IS"))
    assert (new.checks, new.verdict) == (("trend[*]",), (I, S))


def test_a_star_takes_in_no_check_that_was_not_run(path):
    left_out = {"test": "claims/tiny.py::test_trend[3]", "reason": "no data"}
    found = [replace(each, not_run=(("tiny", "trend[3]"),)) for each in runs(trend__1="II", trend__2="II")]
    assert after(path, found)[0].checks == ("trend[1]", "trend[2]")
    read_back = from_document(
        document(claim("tiny", [], not_run=[left_out]), base_seed=0, selection=False, problems=[]), Path()
    )
    assert read_back.not_run == (("tiny", "trend[3]"),)


def test_levels_that_the_profile_leaves_have_an_entry_of_their_own(path):
    found = [
        run(seed, [check("trend", I), check("level", I, cause=f"{Cause.PROFILE}: it speaks of")]) for seed in (0, 1)
    ]
    assert [each.checks for each in after(path, found)] == [("trend",), ("level",)]


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
def test_entries_that_fit_stay_word_for_word(path, there, given):
    text = write(path, there).replace("reason = ", "# why it is so\nreason   =   ")
    path.write_text(text, encoding="utf-8")
    assert proposed(path, runs(trend=given)).text == text


def test_the_rest_of_the_file_stays_word_for_word(path):
    other = "# of the full profile\n" + entry_text(entry("trend", profile="full", verdict=(R,)))
    lone = entry_text(entry("mean", claim="not-in-these-runs"))
    text = joined("# Head.\n#\n# More of it.\n", [other, entry_text(entry("trend")), "# beside it\n" + lone])
    path.write_text(text, encoding="utf-8")
    assert proposed(path, runs(trend="SS")).text == text.replace(entry_text(entry("trend")) + "\n", "")
    new = proposed(path, runs(trend="II", gap="RR")).text
    assert new.startswith(text[: text.index("\n# beside it")])
    assert new.endswith(text[text.index("# beside it") :])
    assert read(path, "full")[0].claim == "tiny"


def test_changed_entries_keep_their_reason(path):
    write(path, entry("trend", verdict=(R,)))
    (new,) = after(path, runs(trend="II"))
    assert new == replace(
        entry("trend"), evidence="seed 0: .05 [.049, .051]; seed 1: .05 [.049, .051]", date="2026-01-02"
    )


def test_an_entry_whose_checks_part_becomes_several(path):
    write(path, entry("trend[*]", verdict=(I, S)))
    new = after(path, runs(trend__1="RR", trend__2="II", trend__3="SI", trend__4="SS"))
    assert [(each.checks, each.verdict, each.reason) for each in new] == [
        (("trend[1]",), (R,), "so it was"),
        (("trend[2]", "trend[3]"), (I, S), "so it was"),
    ]


def test_entries_no_longer_needed_go(path):
    write(path, entry("trend"), entry("level", verdict=(R,)))
    assert [each.checks for each in after(path, runs(trend="SS", level="RR"))] == [("level",)]


def test_the_comment_that_heads_the_file_stays_when_the_first_entry_goes(path):
    path.write_text("# Head.\n" + entry_text(entry("trend")), encoding="utf-8")
    assert proposed(path, runs(trend="SS")).text == "# Head.\n"


def test_patterns_that_match_nothing_go(path):
    write(path, entry("trend", "gone"))
    assert after(path, runs(trend="II"))[0].checks == ("trend",)
    write(path, entry("gone"))
    assert after(path, runs(trend="SS")) == []


def test_what_is_said_of_checks_that_were_not_run_stays(path):
    found = [replace(each, not_run=(("tiny", "trend[2]"),)) for each in runs(trend__1="SS")]
    text = write(path, entry("trend[2]"))
    assert proposed(path, found).text == text
    write(path, entry("trend[*]", verdict=(R,)))
    found = [replace(each, not_run=(("tiny", "trend[2]"),)) for each in runs(trend__1="II")]
    changed, waiting = after(path, found)
    assert (changed.checks, changed.verdict) == (("trend[1]",), (I,))
    assert waiting == entry("trend[2]", verdict=(R,))


def test_two_entries_for_a_check_are_an_error(path):
    write(path, entry("trend"), entry("tr*"))
    with pytest.raises(ExpectationError, match="tiny trend is covered by 2 entries"):
        proposed(path, runs(trend="II"))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_proposal_expects_what_was_found_and_is_settled(data, tmp_path_factory):
    """Whatever stood there: every check's verdicts are expected, and a second look changes nothing."""
    names = ["trend__1", "trend__2", "level__1", "gap"]
    given_ = {name: data.draw(st.sampled_from(["SS", "II", "RR", "SI", "RI", "IR"]), name) for name in names}
    pairs = st.sampled_from([(S,), (I,), (R,), (I, S), (R, I)])
    patterns = data.draw(st.lists(st.sampled_from(["trend[*]", "level[1]", "gap", "gone"]), unique=True), "patterns")
    there = [entry(pattern, verdict=data.draw(pairs, pattern)) for pattern in patterns]
    path = tmp_path_factory.mktemp("any") / FILE
    write(path, *there)
    found = runs(**given_)
    entries = after(path, found)
    for (name, check_), first in found[0].checks.items():
        verdicts, _ = expected(entries, name, check_)
        assert {first.verdict, found[1].checks[name, check_].verdict} <= set(verdicts)
    assert not any(each.covers("tiny", "gone") for each in entries)
    assert proposed(path, found).text == path.read_text(encoding="utf-8")


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_are_read_back_with_what_json_has_no_word_for(tmp_path):
    told = [check("trend", R, region=(-inf, 0.01)), check("level", I, nan, low=-inf, high=inf, values=[nan, 1.0])]
    whole = document(claim("tiny", told), selection=False, problems=[])
    (tmp_path / "verdicts.json").write_text(strict_json(whole), encoding="utf-8")
    read_back = read_run(tmp_path)
    assert read_back.checks["tiny", "trend"] == told[0]
    level = read_back.checks["tiny", "level"]
    assert isnan(level.estimate)
    assert (level.low, level.high, level.values[1]) == (-inf, inf, 1.0)
    assert isnan(level.values[0])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "has no verdicts.json: name the folder of a report"),
        ("{", "is not a run's verdicts.json"),
        ("[]", "is not a run's verdicts.json"),
        ('{"schema": 1}', "is not a run's verdicts.json"),
        ('{"schema": 2}', "has schema 2, expected 1: run it again with this version"),
    ],
)
def test_folders_that_hold_no_run_are_named(tmp_path, text, complaint):
    if text is not None:
        (tmp_path / "verdicts.json").write_text(text)
    with pytest.raises(RunError, match=complaint):
        read_run(tmp_path)


def failed_control() -> Finding:
    return check("planted", S, control=R)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"selection": True}, "run1 cannot be used, it is a selection of checks"),
        ({"problems": ("3 of 8 checks were never reported",)}, "it had problems: 3 of 8 checks were never reported"),
        (
            {"errors": ("claims/x.py::test_trend",)},
            r"tests did not finish: claims/x.py::test_trend; see run1.summary.md",
        ),
        ({"controls": (failed_control(),)}, "controls failed: tiny planted"),
        ({"profile": "full"}, "runs of the profiles full and quick: name runs of one profile"),
        ({"base_seed": 0}, "both have the base seed 0: run `pytest claims/` with another --wnd-seed"),
        ({"checks": {}}, r"do not have the same checks \(tiny trend\): run the claims again, with the same data"),
        ({"checks": {("tiny", "trend"): check("trend", I, region=(-inf, 9.0))}}, "different margins for tiny trend"),
    ],
)
def test_runs_that_cannot_be_set_side_by_side_are_refused(path, fields, complaint):
    first, second = runs(trend="II")
    with pytest.raises(RunError, match=complaint):
        proposed(path, [first, replace(second, **fields)])


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"region": (-inf, 9.0)}, "different margins for tiny trend: run the claims again, with one version of them"),
        ({"confidence": 0.95}, "different confidences for tiny trend: run"),
        ({"estimand": "the slope"}, "different estimands for tiny trend: run"),
        ({"unit": "bits"}, "different units for tiny trend: run"),
        ({"replicate": "ensembles"}, "different replicates for tiny trend: run"),
        ({"primary": False}, "different ranks, primary or not, for tiny trend: run"),
        (
            {"unit": "", "confidence": 0.9},
            "run0 and run1 have different confidences for tiny trend; units for tiny trend: run the claims again",
        ),
    ],
)
def test_checks_of_another_rule_are_not_pooled(changed, complaint):
    first, second = (run(seed, [check("trend", I), check("level", S)]) for seed in (0, 1))
    assert comparable([second, first]) == [first, second]
    key = ("tiny", "trend")
    with pytest.raises(RunError, match=complaint):
        comparable([first, replace(second, checks=second.checks | {key: replace(second.checks[key], **changed)})])


def test_controls_of_another_rule_are_not_pooled():
    first, second = (replace(each, controls=(check("planted", R, control=R),)) for each in runs(trend="II"))
    assert comparable([first, second])
    turned = replace(second, controls=(check("planted", I, control=I),))
    with pytest.raises(RunError, match="different verdicts that a control must reach for tiny planted: run"):
        comparable([first, turned])
    with pytest.raises(RunError, match=r"do not have the same checks \(tiny planted\)"):
        comparable([first, replace(second, controls=())])
    assert comparable([first, replace(second, controls=(), not_run=(("tiny", "planted"),))])


def test_runs_of_two_versions_are_not_pooled():
    first, second, untold = (
        run(seed, [check("trend", I)], environment={"wndcheck": version} if version else {})
        for seed, version in enumerate(("0.1.0", "0.2.0", ""))
    )
    said = r"run0 was made by wndcheck 0\.1\.0, run1 by 0\.2\.0: run the claims again, with one version"
    with pytest.raises(RunError, match=said):
        comparable([first, second])
    assert comparable([first, untold])
    assert comparable([first, replace(second, version="0.1.0")])


def test_one_run_is_not_enough():
    with pytest.raises(RunError, match=r"one run does not tell .* --wnd-seed=1 --wnd-mode=report"):
        comparable(runs(trend="II")[:1])


# --- words ------------------------------------------------------------------------------------------------------------


def outcome(*findings: Finding) -> Outcome:
    return Outcome("tiny", findings[0].check, dict(enumerate(findings)))


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [
        ([check("a", R, 0.052), check("a", R, 0.18)], "ι lies between .052 and .18 nats, where ≤ .01 is claimed"),
        ([check("a", R, 0.052), check("a", R, 0.0521)], "ι is .052 nats, where ≤ .01 is claimed"),
        ([check("a", I, -0.01)] * 2, "ι is -.01 nats, too near the claimed ≤ .01 for 8 nets to decide"),
        (
            [check("a", I, 0.02), check("a", S, 0.0)],
            "ι lies between 0 and .02 nats, so near the claimed ≤ .01 that 8 nets decide it with some seeds only",
        ),
        (
            [check("a", I, 0.3, cause=f"{Cause.PROFILE}: it speaks of")] * 2,
            "ι is .3 nats, where ≤ .01 is claimed (of the paper's widest nets, which this profile does not train)",
        ),
        (
            [check("a", I, nan, cause=f"{Cause.TOO_FEW}: 2, at least 4 are needed")] * 2,
            "ι has no estimate, where ≤ .01 is claimed, and is not always decided: too few nets",
        ),
        ([check("a", R, 0.2, estimand="ι, N = 9")] * 2, "ι, N = 9, is .2 nats, where ≤ .01 is claimed"),
        ([check("a", R, 0.5, unit="", region=(0.9, inf))] * 2, "ι is .5, where ≥ .9 is claimed"),
    ],
)
def test_reasons_say_what_was_found_instead(findings, sentence):
    assert reason([outcome(*findings)]) == sentence


def test_reasons_have_a_clause_an_estimand():
    both = [outcome(*[check("a", R, 0.2)] * 2), outcome(*[check("b", R, 0.3, estimand="ΔH")] * 2)]
    assert reason(both) == "ι is .2 nats, where ≤ .01 is claimed; ΔH is .3 nats, where ≤ .01 is claimed"
    assert evidence(both) == "seeds 0 and 1: a .2 [.2, .2]; b .3 [.3, .3]"


def test_evidence_spans_the_checks_that_share_an_entry():
    found = [outcome(check(f"a[{x}]", R, x / 10), check(f"a[{x}]", R, x / 10 + 0.01)) for x in (1, 2)]
    assert evidence(found) == "seeds 0 and 1: .1 to .21 [.099, .21]"
    assert interval([check("a", I, nan)]) == "no estimate"


def test_evidence_of_many_seeds_is_their_span_and_how_often_each_verdict_fell():
    found = outcome(*[check("a", verdict, 0.1) for verdict in (S, I, S, I, S)])
    assert evidence([found]) == "seeds 0 to 4: .1 [.099, .1], supported under 3, inconclusive under 2"
    assert evidence([outcome(*[check("a", I, 0.1)] * 5)]) == "seeds 0 to 4: .1 [.099, .1]"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "3"), ([0, 1, 2], "0, 1 and 2"), ([4, 5, 6, 7], "4 to 7"), ([0, 1, 2, 4], "0, 1, 2 and 4")],
)
def test_seeds_in_words(numbers, text):
    assert seeds(numbers) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0521, ".052"),
        (-0.014, "-.014"),
        (0.0, "0"),
        (1.5, "1.5"),
        (10.04, "10"),
        (131.2, "131"),
        (inf, "∞"),
        (-inf, "-∞"),
    ],
)
def test_numbers_have_two_digits(x, text):
    assert number(x) == text


# --- TOML -------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_strings_come_back_as_they_were(text):
    assert tomllib.loads(f"x = {string(text)}") == {"x": text}


def test_entries_come_back_as_they_were(path):
    long = tuple(f"a_check_with_a_long_name[{i}]" for i in range(9))
    there = [entry("trend", verdict=(S, I), reason='a "quoted" \\ reason', date="yesterday"), entry(*long)]
    text = write(path, *there)
    assert read(path, "quick") == there
    assert max(map(len, text.splitlines())) <= 120
    assert blocks(text, path) == (
        "# What is expected.\n\n",
        [Block(there[0], entry_text(there[0]) + "\n"), Block(there[1], entry_text(there[1]))],
    )


def test_files_laid_out_otherwise_are_refused(path):
    fields = "claim='a', profile='quick', checks=['b'], verdict='refuted', reason='', evidence='', date=''"
    with pytest.raises(ExpectationError, match=r"expected \[\[expect\]\] tables, each beginning on a line of its own"):
        blocks(f"expect = [{{{fields}}}]\n", path)
    with pytest.raises(ExpectationError, match="toml: "):
        blocks("[[expect]]\nclaim =\n", path)


def test_a_check_that_a_run_left_out_is_proposed_from_the_others(path):
    first, second = runs(trend="SS", level="II")
    lacking = {key: found for key, found in second.checks.items() if key[1] != "level"}
    text = proposed(path, [first, replace(second, checks=lacking, not_run=(("tiny", "level"),))]).text
    assert 'checks = ["level"]' in text
    assert "seed 0" in text
    assert "seed 1" not in text
