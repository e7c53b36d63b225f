"""The text of small claims and expectations, for runs of the plugin."""

from __future__ import annotations

CLAIM = """
import pytest
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most, within

CLAIM = Claim("§4", "The number is small")
SMALL = Check("the number", at_most(0.01))
LEVEL = Check("the number at the widest", at_most(0.01), scope=Scope.LEVEL)
"""
SUPPORTED, REFUTED, STRADDLING = "[0.001, 0.002] * 4", "[0.101, 0.102] * 4", "[0.001, 0.02] * 4"


def check(values: str, name: str = "size", must_be: str = "", of: str = "SMALL") -> str:
    """A test of some values, a control where it must be something."""
    declared = f'@control({of}, must_be="{must_be}")' if must_be else f"@check({of})"
    return f"\n{declared}\ndef test_{name}(decide):\n    decide({values})\n"


def entry(verdict: str, checks: str = "size", claim: str = "tiny", profile: str = "quick") -> str:
    """An entry of expectations.toml."""
    return (
        f'[[expect]]\nclaim = "{claim}"\nprofile = "{profile}"\nchecks = ["{checks}"]\nverdict = ["{verdict}"]\n'
        'reason = "seen before"\nevidence = "two runs"\ndate = 2026-11-23\n'
    )
