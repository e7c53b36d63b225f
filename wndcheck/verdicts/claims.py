"""Claims of the paper, and their verdicts from those of their checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wndcheck.verdicts.checks import Verdict


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, declared as `CLAIM` in a file of claims/ whose stem is the claim's id.

    `families` names the nets it may read (`wndcheck.experiment.families`); a claim only about the estimators needs
    none. `figures` are the report's figures that show what it rests on, by the stems of their files.
    """

    paper: str
    statement: str
    families: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field, names in (("families", self.families), ("figures", self.figures)):
            if isinstance(names, str):
                raise TypeError(f"{field}={names!r}: expected a tuple, such as ({names!r},) with its comma")


def roll_up(verdicts: Iterable[Verdict], controls_hold: bool = True) -> Verdict:
    """Return a claim's verdict from its primary checks: refuted if one is, supported if all are, else inconclusive."""
    verdicts = list(verdicts)
    if not controls_hold or not verdicts:
        return Verdict.INCONCLUSIVE
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.SUPPORTED if set(verdicts) == {Verdict.SUPPORTED} else Verdict.INCONCLUSIVE
