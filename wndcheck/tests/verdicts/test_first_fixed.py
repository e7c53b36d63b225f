"""Verdicts by the rules first fixed, from the measurements of a run that is decided by those of today."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec import structs

from wndcheck.tests.factories import BARELY, FAILS, HOLDS, SMALL, STRADDLES, make_claim, make_finding
from wndcheck.verdicts import first_fixed
from wndcheck.verdicts.checks import Cause, CauseKind, Verdict
from wndcheck.verdicts.coverage.claim_files import claims_in
from wndcheck.verdicts.expectations import is_match
from wndcheck.verdicts.findings import decided
from wndcheck.verdicts.first_fixed import Rule, former_verdicts
from wndcheck.verdicts.recipes import RecipeError
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, FormerVerdict
from wndcheck.verdicts.statistics import at_most

FOLDER = Path(__file__).parents[3] / "claims"
DIGEST = "8d1cde0f0b453b667bbcd56060ccf9fd1fbe26becec8eb69d8a3971467b614a3"
in_repository = pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package")
RULES = {"tiny": [Rule(at_most(0.01), "tiny", "size[*]"), Rule(at_most(0.01), "part", "size")]}
SECONDARY = replace(SMALL, region=at_most(9), primary=False)  # by the rules of today


def former(*claims: ClaimResult) -> dict[str, FormerVerdict]:
    return former_verdicts(RULES, claims)


def tiny(*findings, **fields) -> ClaimResult:
    return make_claim("tiny", *findings, **fields)


def part(values=HOLDS, **fields) -> ClaimResult:
    return make_claim("part", make_finding(values=values, claim="part"), **fields)


@in_repository
def test_the_record_is_never_edited() -> None:
    assert sha256((FOLDER / first_fixed.FILE).read_bytes()).hexdigest() == DIGEST


@in_repository
def test_every_check_first_fixed_is_a_check_today() -> None:
    today = {(claim.id, check.name) for claim in claims_in(FOLDER) for check in claim.checks}
    rules = first_fixed.read(FOLDER)
    assert len(rules) == 24
    lost = [
        rule
        for own in rules.values()
        for rule in own
        if not any(rule.claim == claim and is_match(rule.check.partition("[")[0], name) for claim, name in today)
    ]
    assert not lost


@in_repository
def test_checks_that_moved_are_checks_first_fixed() -> None:
    fixed, moved = (first_fixed.document(FOLDER / name) for name in (first_fixed.FILE, first_fixed.MOVED))
    assert moved.keys() <= {f"{claim}:{check}" for claim, checks in fixed.items() for check in checks}


@pytest.mark.parametrize(("values", "verdict"), [(HOLDS, "supported"), (FAILS, "refuted"), (STRADDLES, "inconclusive")])
def test_a_region_of_today_and_whether_a_check_counts_change_nothing(values: list[float], verdict: str) -> None:
    claim = tiny(make_finding("size[1]", values, SECONDARY), make_finding("other"))
    assert former(claim, part()) == dict.fromkeys(("tiny", "part"), FormerVerdict("tiny", ClaimVerdict(verdict)))


def test_one_check_of_several_refutes_at_99_percent() -> None:
    findings = [make_finding(f"size[{i}]", values, m=3) for i, values in enumerate([BARELY, HOLDS, HOLDS])]
    claim = tiny(*findings)
    assert claim.verdict == "inconclusive"
    assert former(claim, part())["tiny"].verdict == "refuted"


def test_no_interval_was_widened_by_the_recipe() -> None:
    error = RecipeError(-1.0, 1.0, widths=(200,), of_paper=True)
    widened = decided("tiny", "size[1]", SMALL, HOLDS, recipe=error)
    assert widened.verdict == "inconclusive"
    assert former(tiny(widened), part())["tiny"].verdict == "supported"


def test_checks_that_are_left_were_inconclusive() -> None:
    held = make_finding("size[1]")
    assert former(tiny(held, left=["size[2]"]), part())["tiny"].verdict == "inconclusive"
    assert former(tiny(held, left=["widest"]), part())["tiny"].verdict == "supported"
    assert former(tiny(make_finding("size[1]", FAILS), left=["size[2]"]), part())["tiny"].verdict == "refuted"


def test_a_check_without_a_verdict_has_none_on_another_region() -> None:
    untrained = Cause(CauseKind.NOT_TRAINED, 8, 8)
    finding = structs.replace(make_finding("size[1]"), verdict=Verdict.INCONCLUSIVE, cause=untrained)
    assert former(tiny(finding), part())["tiny"].verdict == "inconclusive"


def test_controls_errors_and_tests_not_run_count_as_they_did() -> None:
    held = make_finding("size[1]")
    assert former(tiny(held), part(errors=["it"]))["tiny"].verdict == "error"
    assert former(tiny(held, not_run=["size[2]"]), part())["tiny"].verdict == "inconclusive"
    assert former(tiny(not_run=["size[1]"]), make_claim("part", not_run=["size"]))["tiny"].verdict == "not run"
    failed = make_finding("control", must_be="refuted")
    assert former(tiny(held, failed), part())["tiny"].verdict == "inconclusive"


def test_a_claim_is_left_out_without_its_rules_or_its_parts() -> None:
    assert former(tiny(make_finding("size[1]"))) == {}
    assert former(make_claim("new", make_finding(claim="new"))) == {}


def test_rules_are_read_with_the_places_of_today(tmp_path: Path) -> None:
    assert first_fixed.read(tmp_path) == {}
    (tmp_path / first_fixed.FILE).write_text('[tiny]\n"size[*]" = [-inf, 0.01]\nlevel = [0, 1]\n', "utf-8")
    (tmp_path / first_fixed.MOVED).write_text('"tiny:size[*]" = ["tiny:size[1-*]", "part:size"]\n', "utf-8")
    rules = first_fixed.read(tmp_path)["tiny"]
    assert [(rule.claim, rule.check) for rule in rules] == [("tiny", "size[1-*]"), ("part", "size"), ("tiny", "level")]
    assert rules[0].region == rules[1].region == at_most(0.01)
