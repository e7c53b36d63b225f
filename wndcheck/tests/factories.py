"""Findings, claims and runs with made-up values, decided by the rule and written as the plugin writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from wndcheck.experiment.profiles import Scope
from wndcheck.verdicts.checks import Check, MustBe
from wndcheck.verdicts.findings import Finding, Left, Unfinished, decided
from wndcheck.verdicts.run import ClaimResult, Run, claim_result
from wndcheck.verdicts.run_files import FILE, encode
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0.01))
LEVEL = Check("the number at the widest", at_most(0.01), scope=Scope.LEVEL)
HOLDS, FAILS, STRADDLES = [0.001, 0.002] * 4, [0.101, 0.102] * 4, [0.001, 0.02] * 4  # of SMALL
BARELY = [0.01 + 0.0375 + 0.01 * i for i in range(-4, 5)]  # of it: outside at 99 %, and not at 1 - .01 / 3


def make_finding(
    name: str = "size",
    values: Sequence[float] | np.ndarray = HOLDS,
    check: Check = SMALL,
    *,
    claim: str = "tiny",
    must_be: str | None = None,
    m: int = 1,
    **fields: Any,
) -> Finding:
    """Return the finding that the plugin makes of values; further fields as `Finding` has them."""
    how = {"must_be": must_be and MustBe(must_be), "test": f"claims/{claim}.py::test_{name}"}
    return structs.replace(decided(claim, name, check, values, m=m, **how), **fields)


def make_claim(
    id: str = "tiny",
    *findings: Finding,
    errors: Sequence[str] = (),
    not_run: Sequence[str] = (),
    asked: dict[Scope, int] | None = None,
    left: Sequence[str] = (),
    is_selection: bool = True,  # few of them have a control
    **fields: Any,
) -> ClaimResult:
    """Return a claim of a run; checks that ended in an error, were not run, or are levels left to full, by name.

    Unless given, those asked are the primary ones among the findings, whose strict intervals are no wider.
    """
    primary = [finding for finding in findings if finding.check.primary and not finding.must_be]
    asked = dict(Counter(finding.check.scope for finding in primary)) if asked is None else asked
    texts = {"paper": "§4", "statement": f"The statement of {id}"}
    return claim_result(
        id=id,
        findings=[one_of(sum(asked.values()), finding) if finding in primary else finding for finding in findings],
        asked=asked,
        left=[Left(name, LEVEL, "full") for name in left],
        errors=[Unfinished(f"claims/{id}.py::test_{name}", "it broke") for name in errors],
        not_run=[Unfinished(f"claims/{id}.py::test_{name}", "no data") for name in not_run],
        is_selection=is_selection,
        **texts | fields,
    )


def one_of(m: int, finding: Finding) -> Finding:
    """The finding as one of m; with the same interval at 1 - alpha / m unless it has one."""
    if finding.m == m:
        return finding
    strict = finding.check.strict_alpha(m)
    wider = replace(finding.interval, confidence=1 - strict) if strict < finding.check.alpha else None
    return structs.replace(finding, m=m, strict=wider)


def make_run(*claims: ClaimResult, base_seed: int = 0, **fields: Any) -> Run:
    made: dict[str, Any] = {
        "created": "2026-11-23T12:00:00+00:00",
        "profile": "quick",
        "base_seed": base_seed,
        "net_seeds": (base_seed * 10_000,),
        "mode": "report",
        "selection": False,
        "environment": {"python": "3.11.7", "device": "cpu", "wndcheck": "0.1.0"},
        "claims": claims,
    }
    return Run(**made | fields)


def write_run(folder: Path, run: Run) -> Path:
    """Write verdicts.json into a folder, which is made; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(encode(run))
    return folder
