"""Every claim's file says what it must and brings its controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.experiment.profiles import FULL, QUICK
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.coverage.modules import imported

FOLDER = Path(__file__).parents[3] / "claims"
FILES = sorted(FOLDER.glob("*.py"))
pytestmark = pytest.mark.skipif(not FILES, reason="the claims lie in the repository, not in the installed package")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_claim_file(path):
    claim = imported(path)
    for word in (
        "§" if "Appendix" not in claim.__doc__ else "Appendix",
        "Measured",
        "Supported:",
        "Refuted:",
        "Control",
    ):
        assert word in claim.__doc__, f"{path.name}: the docstring does not say: {word}"
    assert claim.pytestmark.args == (claim.CLAIM,)
    tests = [value for name, value in vars(claim).items() if name.startswith("test_")]
    answers = [
        mark.kwargs["must_be"] for test in tests for mark in getattr(test, "pytestmark", []) if mark.name == "control"
    ]
    assert Verdict.REFUTED in answers, f"{path.name}: no control that must be refuted"
    assert set(answers) <= set(Verdict)
    assert len(answers) < len(tests), f"{path.name}: no check beside its controls"


def test_claims_have_names_of_their_own():
    names = [imported(path).CLAIM.id for path in FILES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("profile", [QUICK, FULL], ids=lambda profile: profile.name)
def test_claims_ask_for_cells_of_the_profile(profile):
    known = {cell for cells in profile.parts(1).values() for cell in cells}
    asked = {cell for path in FILES for cell in imported(path).CLAIM.cells(profile, 1)}
    assert asked
    assert asked <= known
