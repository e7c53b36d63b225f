"""Every claim's file says what it must, and its draws stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.experiment.profiles import named
from wndcheck.tests.claims.worlds import OF_NETS, run_claims
from wndcheck.verdicts import first_fixed
from wndcheck.verdicts.coverage.claim_files import claims_in, imported
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run_files import read_run

FOLDER = Path(__file__).parents[3] / "claims"
REPORTS = sorted(path.parent for path in FOLDER.parent.glob("reports/*-seed*/verdicts.json"))
FILES = sorted(FOLDER.glob("*.py"))
pytestmark = pytest.mark.skipif(not FILES, reason="the claims are in the repository, not in the installed package")

# The words that name the claims' own draws: another word would draw other samples.
SEED_WORDS = {
    "any_two_neurons": "any-two-neurons",
    "cifar_negative_estimates": "cifar-negative-estimates",
    "entropy_against_k": "entropy-against-k",
    "entropy_against_m": "entropy-against-m",
    "estimator_null": "estimator-null",
    "gaussian_activations": "gaussian-activations",
    "post_activations": "post-activations",
    "stabilisation": "stabilisation",
    "width_law": "width-law",
    "width_saturation": "width-saturation",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_claim_docstrings_have_every_part(path: Path) -> None:
    text = imported(path).__doc__ or ""
    place = "Appendix" if "Appendix" in text else "§"
    missing = [word for word in (place, "Measured", "Supported:", "Refuted:", "Control") if word not in text]
    assert not missing


def test_seed_words_are_unchanged() -> None:
    words = {path.stem: getattr(imported(path), "SEED_WORD", None) for path in FILES}
    assert {claim: word for claim, word in words.items() if word} == SEED_WORDS


def test_every_claim_that_simulates_has_a_seed_word() -> None:
    draws = ("wndcheck.experiment.gaussian_experiments import", "derived_seed")
    drawing = {path.stem for path in FILES if any(word in path.read_text("utf-8") for word in draws)}
    assert drawing == set(SEED_WORDS)


# --- committed reports: the README's verdicts are by the rules of today, from the values beside them ------------------


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_a_committed_report_is_of_the_checks_of_today(report: Path) -> None:
    """Their regions, scopes, levels of confidence, and whether they count; and of the rules first fixed."""
    run = read_run(report)
    declared = {(claim.id, test.name): test.declared for claim in claims_in(FOLDER) for test in claim.checks}
    found = {
        ((claim.id, each.name.partition("[")[0]), each.check)
        for claim in run.claims
        for each in (*claim.checks, *claim.left)
    }
    assert {name for name, _ in found} == declared.keys()
    assert [(*name, check.estimand) for name, check in found if check not in declared[name]] == []
    assert run.first_fixed == first_fixed.former_verdicts(first_fixed.read(FOLDER), run.claims)


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_a_committed_report_is_what_its_store_gives(report: Path) -> None:
    """Of all that is about nets: experiments are simulated again, and other CPUs round them otherwise."""
    committed = read_run(report)
    options = f"--wnd-seed={committed.base_seed}", "-k", OF_NETS
    claims = run_claims(report / "store", named(committed.profile), *options)
    again = [each for claim in claims for each in claim.findings if each.check.replicate in ("nets", "ensembles")]
    assert len(again) > len(committed.findings) / 2
    for found in again:
        expected = committed.findings[found.key]
        assert (found.verdict, found.m, found.choices) == (expected.verdict, expected.m, expected.choices), found.key
        assert numbers_of(found) == pytest.approx(numbers_of(expected), abs=1e-6, nan_ok=True), found.key


def numbers_of(finding: Finding) -> list[float]:
    """Its values, one per replicate, and the ends of its intervals."""
    intervals = finding.interval, finding.strict or finding.interval
    return [*finding.values, *(end for each in intervals for end in (each.low, each.high))]
