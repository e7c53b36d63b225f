"""Every claim's file says what it must, and its draws stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.verdicts.coverage.claim_files import imported

FOLDER = Path(__file__).parents[3] / "claims"
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
