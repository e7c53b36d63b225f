"""One run, as its verdicts.json tells it: what fell, and the values it fell on."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.authoring.documents import check_name, read_document
from wndcheck.authoring.layout import ERROR, NOT_RUN
from wndcheck.verdicts.checks import Cause, Check
from wndcheck.verdicts.statistics import Region


@dataclass(frozen=True)
class Decided:
    """A check or a control of one run; `values` are those that are finite, one a replicate."""

    claim: str
    check: str
    rule: Check
    verdict: str
    cause: str
    control: str
    values: NDArray[np.float64]

    @property
    def decides(self) -> bool:
        """Does the run's profile decide it at all?"""
        return not self.cause.startswith(Cause.PROFILE)

    @property
    def hindrance(self) -> str:
        """Why the run could not decide it however many nets it had, in short; empty where nothing stood in the way."""
        return self.cause.partition(":")[0] if self.cause.startswith((Cause.NOT_MEASURED, Cause.NOT_TRAINED)) else ""


@dataclass(frozen=True)
class ClaimRun:
    """A claim in one run; `lost` says of checks without a finding whether they were not run or in error."""

    id: str
    statement: str
    verdict: str
    decided: dict[str, Decided]
    lost: dict[str, str]


@dataclass(frozen=True)
class VerdictFile:
    """The claims of one run by their ids, and where and with what it ran."""

    profile: str
    base_seed: int
    environment: dict[str, str]
    claims: dict[str, ClaimRun]


def read_verdicts(path: Path) -> VerdictFile:
    """What a verdicts.json holds, or the one in a folder. RunError where there is none or it is another's."""
    return read_document(path, verdicts_of)


def verdicts_of(document: dict[str, Any]) -> VerdictFile:
    """The fields of a document that fits its layout."""
    claims = [claim_of(fields) for fields in document["claims"]]
    return VerdictFile(
        profile=document["profile"],
        base_seed=document["base_seed"],
        environment=document["environment"],
        claims={claim.id: claim for claim in claims},
    )


def claim_of(fields: dict[str, Any]) -> ClaimRun:
    decided = [decided_of(finding) for finding in (*fields["checks"], *fields["controls"])]
    lost = {check_name(entry["test"]): NOT_RUN for entry in fields["not_run"]}
    lost |= {check_name(entry["test"]): ERROR for entry in fields["errors"]}
    by_name = {each.check: each for each in decided}
    return ClaimRun(fields["id"], fields["statement"], fields["verdict"], by_name, lost)


def decided_of(fields: dict[str, Any]) -> Decided:
    rule = Check(
        estimand=fields["estimand"],
        region=region_of(fields["region"]),
        primary=bool(fields["primary"]) and not fields["control"],
        alpha=round(1 - fields["confidence"], 9),
        unit=fields["unit"],
        replicate=fields["replicate"],
    )
    values = np.array([nan if value is None else value for value in fields["values"]], dtype=float)
    return Decided(
        claim=fields["claim"],
        check=fields["check"],
        rule=rule,
        verdict=fields["verdict"],
        cause=fields["cause"],
        control=fields["control"],
        values=values[np.isfinite(values)],
    )


def region_of(ends: list[float | None]) -> Region:
    """JSON has no word for infinity: a missing end is open."""
    low, high = ends
    return Region(-inf if low is None else low, inf if high is None else high)
