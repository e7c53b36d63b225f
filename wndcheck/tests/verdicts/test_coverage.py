"""Coverage: what a claim's file declares, what counts as a gap, and that the real claims leave none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment.profiles import PROFILES, Scope
from wndcheck.tests.claims.claims_folder import TINY, write_claims
from wndcheck.verdicts.checks import Check, Verdict
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.coverage.claim_files import ClaimFile, ClaimTest, CoverageError, claims_in
from wndcheck.verdicts.coverage.statements import (
    FILE,
    SECTIONS,
    Statement,
    gaps,
    missing_sections,
    read,
    tally,
    uncontrolled,
    unknown_checks,
    unnamed_checks,
)
from wndcheck.verdicts.statistics import at_most

FOLDER = Path(__file__).parents[3] / "claims"
in_repository = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the claims are in the repository, not in the installed package"
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[ClaimFile]:
    return claims_in(write_claims(tmp_path_factory.mktemp("claims")))


# --- what a file declares ---------------------------------------------------------------------------------------------


def test_claims_come_by_id_with_checks_and_controls(tiny):
    second, first = tiny
    assert [first.id, second.id] == ["tiny", "closed"]
    assert [check.name for check in first.checks] == ["trend", "level", "either", "shown", "made"]
    assert {control.name: control.must_be for control in first.controls} == {"planted": Verdict.REFUTED}
    assert first.check_names[0] == "tiny:trend"
    assert [(check.counts, check.scopes) for check in first.checks[:4]] == [
        ("primary", "trend"),
        ("primary", "level"),
        ("primary or secondary", "trend or level"),  # a parameter chooses
        ("secondary", "level"),
    ]


def test_profiles_that_decide(tiny):
    second, first = tiny
    assert first.decided_by == ["quick: trend", "medium", "full"]
    assert second.decided_by == ["quick", "medium", "full"]
    level = ClaimTest("level", (Check("height", at_most(0), scope=Scope.LEVEL),))
    assert replace(first, tests=(level,)).decided_by == ["medium", "full"]
    # Neither secondary checks nor controls count.
    plain, shown = Check("slope", at_most(0)), Check("height", at_most(0), scope=Scope.LEVEL, primary=False)
    assert replace(first, tests=(ClaimTest("trend", (plain, shown)),)).decided_by == ["quick", "medium", "full"]
    assert replace(first, tests=(level, ClaimTest("planted", (plain,), Verdict.REFUTED))).decided_by == [
        "medium",
        "full",
    ]
    # Only medium trains nets by two recipes; other nets, for a control, do not make up for them.
    assert replace(first, claim=Claim("§B", "x", families=("paper-recipe/relu", "trained/relu"))).decided_by == [
        "medium"
    ]


def test_a_folder_without_claims_is_refused(tmp_path):
    with pytest.raises(CoverageError, match=r"is not a folder: name the one with the claims, as in `wndcheck claims"):
        claims_in(tmp_path / "none")
    (tmp_path / "shared_words.py").write_text("WORD = 1\n")
    with pytest.raises(CoverageError, match="holds no claims"):
        claims_in(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import no_such_module\n", "does not import: ModuleNotFoundError.*see `pytest .*broken.py --collect-only`"),
        ("def test_(:\n", "does not import: SyntaxError"),
        ("raise SystemExit('enough')\n", "does not import: SystemExit: enough"),
        ("import pytest\npytest.skip('not here', allow_module_level=True)\n", "does not import: Skipped"),
        ("def test_trend(): pass\n", "has tests and no CLAIM: give it CLAIM = "),
        (
            TINY + "\ndef test_other(decide):\n    decide([0.0])\n",
            "broken.py::test_other declares no check: add @check",
        ),
        (
            TINY.replace('must_be="refuted"', 'must_be="refute"'),
            r"must_be='refute'\): expected one of supported",
        ),
        (
            TINY.replace("@check(LEVEL)", "@check(LEVEL)\n@control(LEVEL, must_be='refuted')"),
            "broken.py::test_level declares 2 checks or controls: split it into 2 tests",
        ),
        (TINY.replace("@check(LEVEL)", '@check(LEVEL, by="m")'), "by 'm': expected a Check, or one for each value"),
        (TINY.replace("@check(LEVEL)", "@check(EITHER)"), "expected a Check, or one for each value of a parameter"),
        (
            TINY.replace('families=("trained/relu",)', 'families=("trained/relu")'),
            r"families='trained/relu': expected a tuple, such as \('trained/relu',\) with its comma",
        ),
        (
            TINY.replace("trained/relu", "trained/rleu"),
            "broken.py: family 'trained/rleu': expected one of",
        ),
    ],
)
def test_invalid_claim_files_are_refused(tmp_path, text, complaint):
    write_claims(tmp_path)
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(CoverageError, match=complaint):
        claims_in(tmp_path)


# --- what the paper says ----------------------------------------------------------------------------------------------


def test_statements_are_read_and_leave_no_gaps(tiny, tmp_path):
    statements = read(write_claims(tmp_path) / FILE)
    assert gaps(tiny, statements) == []
    assert statements[0] == Statement("abstract", "things fall", checks=("tiny:trend", "tiny:level"))
    assert statements[1].reason == "not measurable: a definition"
    assert statements[2].reason == "not tested: nobody did"
    assert (
        tally(statements) == f"{len(SECTIONS)} statements: 2 tested, {len(SECTIONS) - 3} not measurable, 1 not tested"
    )


ENTRY = '[[statement]]\nsection = "§2"\nquote = "so it is"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"expected \[\[statement\]\] entries and nothing else"),
        ("[[statement]\n", "statements.toml: "),
        ("other = 1\n" + ENTRY, r"expected \[\[statement\]\]"),
        (ENTRY, "'so it is': expected one of checks, not_measurable or untested, got none"),
        (ENTRY + 'checks = ["a:b"]\nuntested = "x"\n', "got checks and untested"),
        (ENTRY + "checks = []\n", "got none"),
        ("statement = [3]\n", r"expected \[\[statement\]\] entries, got 3"),
        (ENTRY.replace('"so it is"', "3") + 'untested = "x"\n', "statement 3: quote 3, expected a text in quotes"),
        (ENTRY.replace('"§2"', '["§2"]') + 'untested = "x"\n', r"section \['§2'\], expected"),
        (ENTRY + 'untested = ["y"]\n', r"untested \['y'\], expected a text in quotes"),
        (ENTRY + "not_measurable = true\n", r"not_measurable True, expected a text in quotes"),
        (ENTRY + 'checks = ["trend"]\n', "expected a list of claim:check"),
        (ENTRY + 'chekcs = ["a:b"]\n', r"unknown field\(s\): chekcs"),
        (ENTRY.replace("§2", "§9") + 'untested = "x"\n', "section '§9', expected"),
        (ENTRY + 'untested = "x"\n' + ENTRY.replace("§2", "§1") + 'untested = "y"\n', "of §1 comes after §2"),
    ],
)
def test_invalid_statements_are_refused(tmp_path, text, complaint):
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CoverageError, match=complaint):
        read(tmp_path / FILE)


def test_missing_statements_are_named(tmp_path):
    with pytest.raises(CoverageError, match=r"statements.toml is not there: name a folder that has it"):
        read(tmp_path / FILE)


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_unknown_checks(tiny):
    statements = [Statement("§2", "things fall", checks=("tiny:trend", "tiny:tredn"))] * 2
    (gap,) = unknown_checks(tiny, statements)
    assert gap == "tiny:tredn is not a check of any claim, and statements name it, such as §2 'things fall'"


def test_unnamed_checks(tiny):
    gap, *_ = unnamed_checks(tiny, [])
    assert gap == "tiny:made is named by no statement, nor by the docstring of tiny.py"
    (gap, *_) = unnamed_checks([replace(tiny[1], docstring="trends; level, either, shown, made")], [])
    assert gap.startswith("tiny:trend is named by no statement"), "another word that holds the name"
    undocumented = [replace(module, docstring="") for module in tiny]
    assert len(unnamed_checks(undocumented, [])) == 6
    assert len(unnamed_checks(undocumented, [Statement("§2", "x", checks=("tiny:trend",))])) == 5


def test_claims_without_controls(tiny):
    assert uncontrolled(tiny) == []
    permuted = ClaimTest("permuted", tiny[0].checks[0].declared, must_be=Verdict.SUPPORTED)
    weak = replace(tiny[0], tests=(*tiny[0].checks, permuted))
    assert uncontrolled([weak]) == ["closed has no control that must be refuted"]
    assert uncontrolled([replace(weak, tests=tiny[0].controls)]) == ["closed has controls and no check"]
    assert gaps([weak], None) == uncontrolled([weak])


def test_missing_sections():
    present = [Statement(section, "x", untested="y") for section in SECTIONS if section != "§B"]
    assert missing_sections(present) == ["no statement is taken from §B"]


# --- the claims of this repository ------------------------------------------------------------------------------------


@in_repository
def test_the_paper_is_covered():
    statements = read(FOLDER / FILE)
    missing = gaps(claims_in(FOLDER), statements)
    assert not missing, "\n".join(missing)
    assert len({(each.section, each.quote) for each in statements}) == len(statements), "a statement appears twice"


@in_repository
def test_every_claim_is_decided_by_a_profile_and_a_primary_check_and_names_figures_that_are_drawn():
    from wndcheck.report.figures import FIGURES

    for claim in claims_in(FOLDER):
        assert claim.decided_by, f"{claim.id} is decided by no profile"
        assert any("primary" in check.counts for check in claim.checks), f"{claim.id} has no primary check"
        assert set(claim.claim.figures) <= set(FIGURES), claim.id


@in_repository
def test_the_documentation_lists_every_check_by_scope_and_the_profiles_that_decide_it():
    text = (FOLDER.parent / "docs" / "verdicts.md").read_text(encoding="utf-8")
    for claim in claims_in(FOLDER):
        by_scope = ([test.name for test in claim.checks if scope in test.scopes.split(" or ")] for scope in Scope)
        assert f"| {' | '.join([claim.id, *map(', '.join, by_scope)])} |" in text
    for scope in Scope:
        deciding = ", ".join(profile.name for profile in PROFILES.values() if scope in profile.scopes)
        assert re.search(rf"^\| {scope} \| .* \| {deciding} \|$", text, re.MULTILINE), scope
