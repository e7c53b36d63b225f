"""Runs with made-up values, decided by the rule and written as the plugin writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wndcheck.pytest_plugin.ledger import ClaimEntry
from wndcheck.report.files import strict_json
from wndcheck.verdicts.checks import Check, Finding, decide


def found(
    claim: str,
    check: str,
    rule: Check,
    values: Sequence[float] | np.ndarray,
    *,
    control: str = "",
    decides_levels: bool = True,
) -> Finding:
    """The finding that the plugin makes of a check."""
    verdict, cause, interval = decide(rule, values, decides_levels=decides_levels)
    return Finding(
        claim=claim,
        check=check,
        parameters={},
        estimand=rule.estimand,
        unit=rule.unit,
        replicate=rule.replicate,
        region=(rule.region.low, rule.region.high),
        confidence=interval.confidence,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        untrained=0,
        primary=rule.primary,
        verdict=str(verdict),
        cause=str(cause),
        values=[float(value) for value in values],
        control=control,
        test=f"claims/{claim}.py::test_{check}",
    )


def entry(claim: str, *findings: Finding, errors: Sequence[str] = (), not_run: Sequence[str] = ()) -> ClaimEntry:
    """A claim of a run; checks that ended in an error, or were not run, by name."""
    lost = {name: f"claims/{claim}.py::test_{name}" for name in (*errors, *not_run)}
    return ClaimEntry(
        claim,
        "§4",
        f"The statement of {claim}",
        checks=[finding for finding in findings if not finding.control],
        controls=[finding for finding in findings if finding.control],
        errors=[{"test": lost[name], "message": "it broke"} for name in errors],
        not_run=[{"test": lost[name], "reason": "no data"} for name in not_run],
        is_selection=True,  # few of them have a control
    )


def document(base_seed: int, *claims: ClaimEntry, **fields: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "created": "2026-11-23T12:00:00+00:00",
        "profile": "quick",
        "base_seed": base_seed,
        "net_seeds": [base_seed * 10_000],
        "mode": "report",
        "selection": False,
        "environment": {"python": "3.11.7", "device": "cpu"},
        "problems": [],
        "claims": [claim.to_dict() for claim in claims],
    } | fields


def write(folder: Path, fields: Mapping[str, Any]) -> Path:
    """Write verdicts.json into a folder, which is made; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdicts.json").write_text(strict_json(dict(fields)), encoding="utf-8")
    return folder
