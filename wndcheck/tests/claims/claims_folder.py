"""A small folder of claims with its statements and expectations, for the tests of what reads such a folder."""

from __future__ import annotations

from pathlib import Path

TINY = '''"""§4: things fall (trend, level, either, shown, made_either, made_as_usual, unclear)."""

import pytest

from wndcheck.experiment.profiles import Profile
from wndcheck.verdicts.statistics import at_most
from wndcheck.verdicts.checks import Check, Claim

CLAIM = Claim("tiny", "§4, Fig. 3", "Things fall", Profile.trained_cells)
pytestmark = pytest.mark.claim(CLAIM)

TREND = Check("slope", at_most(0))
LEVEL = Check("height", at_most(0.1), level=True)
ELSEWHERE = Check("slope", at_most(0), primary=False)
SHOWN = {"width": Check("height", at_most(1), primary=False, level=True)}


def check(bound, primary=True):
    return Check("height", at_most(bound), primary=primary, level=True)


def shown(decide):
    decide(SHOWN["width"], [0.0])


@pytest.mark.parametrize("layer", [1, 2])
def test_trend(decide, layer):
    decide(TREND, [-1.0, -2.0])


def test_level(decide):
    decide(LEVEL, [0.0])


@pytest.mark.parametrize("m", [1, 2])
def test_either(decide, m):
    decide(TREND if m == 1 else ELSEWHERE, [0.0])


def test_shown(decide):
    (lambda: shown(decide))()


def test_made(decide):
    decide(check(2, primary=False), [0.0])


def test_made_either(decide):
    decide(check(*[2], primary=decide is None), [0.0])


def test_made_as_usual(decide):
    decide(check(2), [0.0])


def test_unclear(decide, request):
    decide(request.param, [0.0])


@pytest.mark.control(must_be="refuted")
def test_planted(decide):
    decide(TREND, [1.0])
'''

SECOND = '''"""§A: a closed form (mean)."""

import pytest

from wndcheck.verdicts.statistics import at_most
from wndcheck.verdicts.checks import Check, Claim

CLAIM = Claim("closed", "§A", "A closed form holds")
pytestmark = pytest.mark.claim(CLAIM)
MEAN = Check("mean", at_most(0))


def test_mean(decide):
    decide(MEAN, [-1.0])


@pytest.mark.control(must_be="refuted")
def test_shifted(decide):
    decide(MEAN, [1.0])
'''


def statement(section: str, quote: str, answer: str) -> str:
    return f'[[statement]]\nsection = "{section}"\nquote = "{quote}"\n{answer}\n\n'


STATEMENTS = (
    statement("abstract", "things fall", 'checks = ["tiny:trend", "tiny:level"]')
    + statement("§1", "a thing is a thing", 'not_measurable = "a definition"')
    + statement("§2", "stones fall", 'untested = "nobody did"')
    + statement("§3", "things fall in other ways", 'checks = ["tiny:made", "closed:mean"]')
    + "".join(statement(f"§{name}", "so it is", 'not_measurable = "a citation"') for name in "456ABC")
)


def write_claims(folder: Path) -> Path:
    """Write two claims, their statements and no expectations; the folder."""
    texts = {"things_fall.py": TINY, "a_closed_form_holds.py": SECOND, "statements.toml": STATEMENTS}
    for name, text in {**texts, "expectations.toml": ""}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
