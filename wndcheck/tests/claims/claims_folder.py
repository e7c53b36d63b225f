"""A small folder of claims with its statements and expectations, for the tests of what reads such a folder."""

from __future__ import annotations

from pathlib import Path

TINY = '''"""§4: things fall (trend, level, either, shown)."""

import pytest

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most

CLAIM = Claim("§4, Fig. 3", "Things fall", families=("trained/relu",), figures=("figure-pairs",))

TREND = Check("slope", at_most(0))
LEVEL = Check("height", at_most(0.1), scope=Scope.LEVEL)
EITHER = {1: TREND, 2: Check("height", at_most(1), primary=False, scope=Scope.LEVEL)}


@check(TREND)
@pytest.mark.parametrize("layer", [1, 2])
def test_trend(decide, layer):
    decide([-1.0, -2.0])


@check(LEVEL)
def test_level(decide):
    decide([0.0])


@check(EITHER, by="m")
@pytest.mark.parametrize("m", [1, 2])
def test_either(decide, m):
    decide([0.0])


@check(Check("height", at_most(1), primary=False, scope=Scope.LEVEL))
def test_shown(decide):
    decide([0.0])


@check(TREND)
def test_made(decide):
    decide([0.0])


@control(TREND, must_be="refuted")
def test_planted(decide):
    decide([1.0])
'''

SECOND = '''"""§A: a closed form (mean)."""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_most

CLAIM = Claim("§A", "A closed form holds")
MEAN = Check("mean", at_most(0))


@check(MEAN)
def test_mean(decide):
    decide([-1.0])


@control(MEAN, must_be="refuted")
def test_shifted(decide):
    decide([1.0])
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
    texts = {"tiny.py": TINY, "closed.py": SECOND, "statements.toml": STATEMENTS}
    for name, text in {**texts, "expectations.toml": ""}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
