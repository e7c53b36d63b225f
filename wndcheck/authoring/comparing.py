"""Two runs side by side: verdicts that changed, intervals that lie apart, checks that only one has, what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wndcheck.authoring.documents import read_document
from wndcheck.authoring.runs import Run, from_document
from wndcheck.verdicts.checks import Finding

Key = tuple[str, str]  # claim, check


@dataclass(frozen=True)
class Side:
    """One run as a comparison needs it; `seconds` by what took them, as far as the run has noted it."""

    run: Run
    claims: dict[str, str]  # verdicts, by claim
    environment: dict[str, str]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Changed:
    """A check that both runs have."""

    key: Key
    one: Finding
    other: Finding

    @property
    def verdict_changed(self) -> bool:
        return self.one.verdict != self.other.verdict

    @property
    def apart(self) -> bool:
        """Have the intervals nothing in common? Those without an estimate have all."""
        return self.one.high < self.other.low or self.other.high < self.one.low

    @property
    def margin_moved(self) -> bool:
        return self.one.region != self.other.region


@dataclass(frozen=True)
class Comparison:
    """Everything in which two runs differ."""

    one: Side
    other: Side

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What the runs say of themselves, where it differs or where it names them."""
        sides = [facts_of(side) for side in (self.one, self.other)]
        names = list(dict.fromkeys([*sides[0], *sides[1]]))
        rows = [(name, sides[0].get(name, ""), sides[1].get(name, "")) for name in names]
        return [row for row in rows if row[1] != row[2] or row[0] in ("profile", "base seed")]

    @property
    def claims(self) -> list[tuple[str, str, str]]:
        """Claims whose verdicts differ, one that a run lacks included."""
        ids = dict.fromkeys([*self.one.claims, *self.other.claims])
        rows = [(name, self.one.claims.get(name, "absent"), self.other.claims.get(name, "absent")) for name in ids]
        return [row for row in rows if row[1] != row[2]]

    @property
    def changed(self) -> list[tuple[str, str, str]]:
        """Claims that both runs have, and whose verdicts differ."""
        return [row for row in self.claims if row[0] in self.one.claims and row[0] in self.other.claims]

    @property
    def both(self) -> list[Changed]:
        one, other = self.one.run.findings, self.other.run.findings
        return [Changed(key, one[key], other[key]) for key in one if key in other]

    @property
    def checks(self) -> list[Changed]:
        """Checks and controls whose verdicts differ."""
        return [each for each in self.both if each.verdict_changed]

    @property
    def apart(self) -> list[Changed]:
        return [each for each in self.both if each.apart]

    @property
    def moved(self) -> list[Changed]:
        """Checks whose margins differ: their verdicts cannot be set side by side."""
        return [each for each in self.both if each.margin_moved]

    @property
    def only_in_one(self) -> list[Key]:
        return lone(self.one, self.other)

    @property
    def only_in_other(self) -> list[Key]:
        return lone(self.other, self.one)

    @property
    def differs(self) -> bool:
        """Has a claim another verdict, or do intervals of a check lie apart?"""
        return bool(self.changed or self.apart)


def lone(side: Side, other: Side) -> list[Key]:
    return [key for key in side.run.findings if key not in other.run.findings]


def facts_of(side: Side) -> dict[str, str]:
    run = {"profile": side.run.profile, "base seed": str(side.run.base_seed), "date": side.run.created}
    seconds = {f"seconds, {name}": f"{value:,.0f}" for name, value in side.seconds.items()}
    complaint = {"not to be trusted": side.run.complaint()} if side.run.complaint() else {}
    return run | complaint | side.environment | seconds


def read_sides(folders: Iterable[Path]) -> Comparison:
    """The comparison of two reports' folders. RunError where one has no verdicts.json, or another's."""
    one, other = (
        read_document(folder, lambda document, folder=folder: side_of(document, folder)) for folder in folders
    )
    return Comparison(one, other)


def side_of(document: dict[str, Any], folder: Path) -> Side:
    seconds = {name: float(value) for name, value in (document.get("seconds") or {}).items() if value is not None}
    claims = {claim["id"]: claim["verdict"] for claim in document["claims"]}
    return Side(from_document(document, folder), claims, dict(document["environment"]), seconds)
