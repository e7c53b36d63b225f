"""What runs so far say of every check: how sure its verdict is, the nets that would make it so, and their minutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan
from pathlib import Path
from typing import Any

from wndcheck.authoring.minutes import Costs
from wndcheck.authoring.reading import VerdictFile, read_verdicts
from wndcheck.authoring.repeats import CheckRepeats, checks_over
from wndcheck.authoring.runs import read_run, side_by_side


@dataclass(frozen=True)
class Line:
    """A check of the plan; `minutes` are those of the replicates that are lacking, NaN where it is not known."""

    repeats: CheckRepeats
    minutes: float

    @property
    def decided(self) -> bool:
        """Does the profile decide it?"""
        return self.repeats.decided

    @property
    def needs(self) -> float:
        """To sort by: nets, and least of all what no number of nets would decide in this profile."""
        needed = self.repeats.reliability.nets
        return -inf if isnan(needed) else needed

    def to_dict(self) -> dict[str, Any]:
        """Plain fields; infinite and unknown numbers are for JSON to leave out."""
        known, rule = self.repeats.reliability, self.repeats.last.rule
        return {
            "claim": self.repeats.claim,
            "check": self.repeats.check,
            "primary": self.repeats.primary,
            "estimand": rule.estimand,
            "unit": rule.unit,
            "replicate": rule.replicate,
            "region": [rule.region.low, rule.region.high],
            "runs": len(self.repeats.found),
            "n": known.n,
            "estimate": known.mean,
            "sd": known.sd,
            "supported": known.rates.supported,
            "refuted": known.rates.refuted,
            "inconclusive": known.rates.inconclusive,
            "wrong": known.wrong,
            "wrong_worst": known.worst,
            "resampled_wrong": known.resampled_wrong,
            "resampled_wrong_worst": known.resampled_worst,
            "decided_by_profile": self.decided,
            "needed": int(known.nets) if isfinite(known.nets) else None,
            "needed_is_beyond": known.nets == inf,
            "hindered_by": self.repeats.hindrance or None,
            "minutes": self.minutes,
        }


def read_runs(paths: Iterable[Path]) -> list[VerdictFile]:
    """Runs whose values may be pooled. RunError for one that cannot be trusted, or differs in more than its seed."""
    paths = list(paths)
    side_by_side([read_run(path) for path in paths])
    return [read_verdicts(path) for path in paths]


def lines(runs: Sequence[VerdictFile], costs: Costs, workers: int) -> list[Line]:
    """A line for every check that a run has decided; controls are none."""
    checks = [each for each in checks_over(runs) if each.found and not each.control]
    return [Line(each, minutes(each, costs, workers)) for each in checks]


def minutes(each: CheckRepeats, costs: Costs, workers: int) -> float:
    known = each.reliability
    if isnan(known.nets):
        return nan
    return costs.minutes(each.claim, each.last.rule.replicate, max(0.0, known.nets - known.n), workers)


def neediest(found: Sequence[Line]) -> list[Line]:
    """Of every claim the primary check that needs the most nets; the first of equals."""
    chosen: dict[str, Line] = {}
    for line in found:
        best = chosen.get(line.repeats.claim)
        if line.repeats.primary and (best is None or line.needs > best.needs):
            chosen[line.repeats.claim] = line
    return list(chosen.values())
