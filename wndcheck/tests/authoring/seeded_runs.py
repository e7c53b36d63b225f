"""Findings with a given verdict and estimate, and runs of them under seeds 0 and 1, for the tests of authoring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wndcheck.tests.factories import make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Cause, CauseKind, Check, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.statistics import Interval, at_most

S, R, I = Verdict
IOTA = Check("ι", at_most(0.01))
LETTERS = {"S": S, "R": R, "I": I}


def check(
    name: str,
    verdict: Verdict,
    estimate: float = 0.05,
    rule: Check = IOTA,
    kind: CauseKind | None = None,
    **fields: Any,
) -> Finding:
    """A finding with an interval of ±0.001; that of an inconclusive one includes the margin unless `kind` is given."""
    kind = kind or (CauseKind.STRADDLES if verdict is I else None)
    interval = Interval(estimate, estimate - 0.001, estimate + 0.001, 8, 1 - rule.alpha)
    made = {"interval": interval, "verdict": verdict, "cause": kind and Cause(kind)}
    return make_finding(name, [estimate], rule, **made | fields)


def run(seed: int, *checks: Finding, not_run: tuple[str, ...] = (), **fields: Any) -> tuple[Path, Run]:
    """A run of the claim `tiny`, and the folder it is read from."""
    claim = make_claim("tiny", *checks, not_run=not_run)
    return Path(f"run{seed}"), make_run(claim, base_seed=seed, created=f"2026-01-0{seed + 1}T00:00:00+00:00", **fields)


def runs(not_run: tuple[str, ...] = (), **verdicts: str) -> list[tuple[Path, Run]]:
    """Two runs; ``trend="SI"`` is supported with seed 0 and inconclusive with seed 1. ``trend__1`` is ``trend[1]``."""

    def name(key: str) -> str:
        function, _, parameter = key.partition("__")
        return f"{function}[{parameter}]" if parameter else function

    return [
        run(seed, *(check(name(key), LETTERS[letters[seed]]) for key, letters in verdicts.items()), not_run=not_run)
        for seed in (0, 1)
    ]
