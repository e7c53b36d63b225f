"""The matrix of claims: what it reads from a module, what it calls a gap, and that the real claims leave none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.report.gallery import FILES
from wndcheck.tests.claims.claims_folder import SECOND, STATEMENTS, TINY, write_claims
from wndcheck.verdicts.checks import Claim
from wndcheck.verdicts.coverage.gaps import gaps, silent_sections, uncontrolled, unknown_checks, unnamed_checks
from wndcheck.verdicts.coverage.kinds import Kind
from wndcheck.verdicts.coverage.modules import ClaimModule, ClaimTest, MatrixError, claim_modules
from wndcheck.verdicts.coverage.rows import deciding, figures, matrix_row, reason, statement_row, tally
from wndcheck.verdicts.coverage.statements import FILE, SECTIONS, Statement, read

FOLDER = Path(__file__).parents[3] / "claims"
in_repository = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the claims lie in the repository, not in the installed package"
)


MADE = ("made", "made_either", "made_as_usual")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[ClaimModule]:
    return claim_modules(write_claims(tmp_path_factory.mktemp("claims")))


# --- what a module says -----------------------------------------------------------------------------------------------


def test_claims_come_by_id_with_checks_and_controls(tiny):
    second, first = tiny
    assert [first.claim.id, second.claim.id] == ["tiny", "closed"]
    assert [check.name for check in first.checks] == ["trend", "level", "either", "shown", *MADE, "unclear"]
    assert {control.name: control.must_be for control in first.controls} == {"planted": "refuted"}
    assert first.check_names[0] == "tiny:trend"


@pytest.mark.parametrize(
    ("check", "kinds"),
    [
        ("trend", {Kind(True, False)}),
        ("level", {Kind(True, True)}),
        ("either", {Kind(True, False), Kind(False, False)}),  # an expression chooses
        ("shown", {Kind(False, True)}),  # one of a dict's, by way of a function
        ("made", {Kind(False, True)}),  # by a function whose argument decides
        ("made_either", {Kind(True, True), Kind(False, True)}),
        ("made_as_usual", {Kind(True, True)}),
        ("unclear", set()),
    ],
)
def test_kinds_are_read_from_what_a_test_names(tiny, check, kinds):
    (found,) = (test for test in tiny[1].tests if test.name == check)
    assert found.kinds == kinds


def test_profiles_that_decide(tiny):
    second, first = tiny
    assert deciding(first) == ["quick, in part", "full"]
    assert deciding(second) == ["quick", "full"]
    levels = replace(first, tests=(ClaimTest("level", frozenset({Kind(True, True)})),))
    assert deciding(levels) == ["full"]
    # Quick trains no convnets; other nets, for a control, do not make up for them.
    convnets = Claim("x", "§B", "x", lambda profile, seed: profile.convnet_cells(seed) + profile.trained_cells(seed))
    assert deciding(replace(first, claim=convnets)) == ["full"]


def test_a_row_of_the_matrix(tiny):
    row = matrix_row(tiny[1])
    assert row[:3] == ("tiny", "§4, Fig. 3", "Things fall")
    assert row[3].splitlines() == [
        "trend (primary)",
        "level (primary, full profile)",
        "either (primary or secondary)",
        "shown (secondary, full profile)",
        "made (secondary, full profile)",
        "made_either (primary or secondary, full profile)",
        "made_as_usual (primary, full profile)",
        "unclear",
    ]
    assert row[4:7] == ("planted: refuted", "quick, in part\nfull", "things_fall.py")


def test_files_without_tests_are_passed_over(tmp_path):
    (write_claims(tmp_path) / "shared_words.py").write_text("WORD = 1\n")
    assert len(claim_modules(tmp_path)) == 2


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(MatrixError, match=r"is no folder: name the one that holds the claims, as in `wndcheck claims"):
        claim_modules(tmp_path / "none")
    with pytest.raises(MatrixError, match="holds no claims"):
        claim_modules(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import no_such_module\n", "does not import: ModuleNotFoundError.*see `pytest .*broken.py --collect-only`"),
        ("def test_(:\n", "does not import: SyntaxError"),
        ("raise SystemExit('enough')\n", "does not import: SystemExit: enough"),
        ("import pytest\npytest.skip('not here', allow_module_level=True)\n", "does not import: Skipped"),
        ("def test_trend(): pass\n", "has tests and no CLAIM: give it CLAIM = "),
        (TINY, "both claim 'tiny': give one of them an id of its own"),
    ],
)
def test_modules_that_are_no_claims_are_named(tmp_path, text, complaint):
    write_claims(tmp_path)
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(MatrixError, match=complaint):
        claim_modules(tmp_path)


# --- what the paper says ----------------------------------------------------------------------------------------------


def test_statements_are_read(tmp_path):
    statements = read(write_claims(tmp_path) / FILE)
    assert statements[0] == Statement("abstract", "things fall", checks=("tiny:trend", "tiny:level"))
    assert statement_row(statements[0]) == ("abstract", "things fall", "tiny:trend\ntiny:level")
    assert reason(statements[1]) == "not measurable: a definition"
    assert reason(statements[2]) == "not tested: nobody did"
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
        (ENTRY + 'checks = ["trend"]\n', "expected a list of claim:check"),
        (ENTRY + 'chekcs = ["a:b"]\n', r"unknown field\(s\): chekcs"),
        (ENTRY.replace("§2", "§9") + 'untested = "x"\n', "section '§9', expected"),
        (ENTRY + 'untested = "x"\n' + ENTRY.replace("§2", "§1") + 'untested = "y"\n', "of §1 stands after §2"),
    ],
)
def test_statements_that_say_nothing_are_named(tmp_path, text, complaint):
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(MatrixError, match=complaint):
        read(tmp_path / FILE)


def test_missing_statements_are_named(tmp_path):
    with pytest.raises(MatrixError, match=r"statements.toml is not there: name a folder that has it"):
        read(tmp_path / FILE)


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_no_gaps(tiny, tmp_path):
    assert gaps(tiny, read(write_claims(tmp_path) / FILE)) == []


def test_a_statement_with_a_check_that_does_not_exist(tiny):
    statements = [Statement("§2", "things fall", checks=("tiny:trend", "tiny:tredn"))] * 2
    (gap,) = unknown_checks(tiny, statements)
    assert gap == "tiny:tredn, which no claim has, is to test 2 statement(s), such as §2 'things fall'"


def test_a_check_that_nothing_names(tiny):
    gap, *_ = unnamed_checks(tiny, [])
    assert gap == "tiny:made is named by no statement, nor by the docstring of things_fall.py"
    silent = [replace(module, docstring="") for module in tiny]
    assert len(unnamed_checks(silent, [])) == 9
    assert len(unnamed_checks(silent, [Statement("§2", "x", checks=("tiny:trend",))])) == 8


def test_a_claim_without_controls(tiny):
    assert uncontrolled(tiny) == []
    weak = replace(tiny[0], tests=(*tiny[0].checks, ClaimTest("shuffled", must_be="supported")))
    assert uncontrolled([weak]) == ["closed has no control that must be refuted"]
    assert uncontrolled([replace(weak, tests=tiny[0].controls)]) == ["closed has controls and no check"]


def test_a_section_that_nothing_is_taken_from():
    heard = [Statement(section, "x", untested="y") for section in SECTIONS if section != "§B"]
    assert silent_sections(heard) == ["no statement is taken from §B"]


# --- the claims of this repository ------------------------------------------------------------------------------------


@in_repository
def test_the_paper_is_covered():
    missing = gaps(claim_modules(FOLDER), read(FOLDER / FILE))
    assert not missing, "\n".join(missing)


@in_repository
def test_no_statement_is_there_twice():
    statements = read(FOLDER / FILE)
    assert len({(each.section, each.quote) for each in statements}) == len(statements)


@in_repository
def test_figures_that_claims_name_are_drawn():
    named = {
        f"{stem}{suffix}" for claim in claim_modules(FOLDER) for stem in figures(claim) for suffix in (".svg", ".csv")
    }
    assert named <= FILES


@in_repository
def test_every_profile_and_kind_is_known():
    for claim in claim_modules(FOLDER):
        assert deciding(claim), f"{claim.claim.id} is decided by no profile"
        assert any(kind.primary for check in claim.checks for kind in check.kinds), f"{claim.claim.id}: nothing primary"


def test_the_tiny_statements_name_every_section():
    assert STATEMENTS.count("[[statement]]") == len(SECTIONS)
    assert "closed" in SECOND
