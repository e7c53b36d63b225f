"""What a verdicts.json must hold, field by field, so that one written or changed by another hand is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from wndcheck.verdicts.checks import Verdict

NOT_RUN, ERROR = "not run", "error"
LONGEST = 60  # characters of a wrong value that a message shows


class Misfit(ValueError):
    """A field is missing or not what it must be; the message names it, what it is and what was expected."""


@dataclass(frozen=True)
class Kind:
    """What a field may hold, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]

    @property
    def or_null(self) -> Kind:
        return Kind(f"{self.words} or null", lambda value: value is None or self.fits(value))

    @property
    def row(self) -> Kind:
        return Kind(f"a list, each item {self.words}", lambda value: is_list(value) and all(map(self.fits, value)))


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def is_number(value: Any) -> bool:
    """JSON's true is a 1 to Python, and its integers may be too great for a float."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_time(value: Any) -> bool:
    try:
        return bool(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def is_region(value: Any) -> bool:
    """JSON has no word for infinity: a missing end is open."""
    if not is_list(value) or len(value) != 2 or not all(end is None or is_number(end) for end in value):
        return False
    ends = [end for end in value if end is not None]
    return ends != [] and ends == sorted(ends)


def one_of(*texts: str) -> Kind:
    return Kind(f"{', '.join(map(repr, texts[:-1]))} or {texts[-1]!r}", lambda value: value in texts)


TEXT = Kind("a text", lambda value: isinstance(value, str))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number from 0", is_count)
NUMBER = Kind("a number", is_number)
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
VERDICT = one_of(*map(str, Verdict))

RUN = {
    "created": Kind("a time such as 2026-01-31T12:00:00+00:00", is_time),
    "profile": TEXT,
    "base_seed": COUNT,
    "mode": TEXT,
    "selection": TRUTH,
    "environment": Kind(
        "an object of texts", lambda value: isinstance(value, dict) and all(map(TEXT.fits, value.values()))
    ),
    "problems": TEXT.row,
}
CLAIM = {
    "id": TEXT,
    "paper": TEXT,
    "statement": TEXT,
    "verdict": one_of(*map(str, Verdict), NOT_RUN, ERROR),
    "cause": TEXT,
    "expected": TEXT,
}
FINDING = {
    "claim": TEXT,
    "check": TEXT,
    "parameters": OBJECT,
    "estimand": TEXT,
    "unit": TEXT,
    "replicate": TEXT,
    "region": Kind("a list of two ends in order, at least one of them a number, the other may be null", is_region),
    "confidence": Kind("a number between 0 and 1", lambda value: is_number(value) and 0 < value < 1),
    "estimate": NUMBER.or_null,
    "low": NUMBER.or_null,
    "high": NUMBER.or_null,
    "n": COUNT,
    "untrained": COUNT,
    "primary": TRUTH,
    "verdict": VERDICT,
    "cause": TEXT,
    "values": NUMBER.or_null.row,
    "control": one_of("", *map(str, Verdict)),
    "expected": VERDICT.row,
    "outcome": TEXT,
    "reason": TEXT,
    "test": TEXT,
}
DECIDED = (Verdict.SUPPORTED, Verdict.REFUTED)
LOST = {"errors": {"test": TEXT, "message": TEXT}, "not_run": {"test": TEXT, "reason": TEXT}}

# Of runs and claims; earlier runs lack them.
RUN_NOTES = {
    "seconds": Kind(
        "an object of numbers or nulls",
        lambda value: isinstance(value, dict) and all(map(NUMBER.or_null.fits, value.values())),
    ),
}
CLAIM_NOTES = {"about": TEXT, "figures": TEXT.row}


def refuse_misfits(document: dict[str, Any]) -> None:
    """Misfit for a field that is missing or wrong, a finding in another's claim, and what is there twice."""
    refuse_fields(document, RUN | noted(document, RUN_NOTES), "")
    claims: set[str] = set()
    for place, claim in objects(document, "claims", ""):
        refuse_fields(claim, CLAIM | noted(claim, CLAIM_NOTES), f"{place}.")
        refuse_second(claims, claim["id"], f"{place}.id", "claim")
        refuse_misfits_of(claim, f"{place}.")


def refuse_misfits_of(claim: dict[str, Any], place: str) -> None:
    checks: set[str] = set()
    for name in ("checks", "controls"):
        for at, finding in objects(claim, name, place):
            refuse_fields(finding, FINDING, f"{at}.")
            if finding["verdict"] in DECIDED and finding["estimate"] is None:
                raise Misfit(f"{at}.estimate is null, expected a number where the verdict is {finding['verdict']}")
            if finding["claim"] != claim["id"]:
                raise Misfit(
                    f"{at}.claim is {shown(finding['claim'])}, expected {shown(claim['id'])}, the claim it stands in"
                )
            refuse_second(checks, finding["check"], f"{at}.check", "check of the claim")
    for name, kinds in LOST.items():
        for at, entry in objects(claim, name, place):
            refuse_fields(entry, kinds, f"{at}.")


def noted(fields: dict[str, Any], kinds: dict[str, Kind]) -> dict[str, Kind]:
    """Of fields that need not be there, those that are."""
    return {name: kind for name, kind in kinds.items() if name in fields}


def refuse_fields(fields: dict[str, Any], kinds: dict[str, Kind], place: str) -> None:
    for name, kind in kinds.items():
        if name not in fields:
            raise Misfit(f"{place}{name} is missing, expected {kind.words}")
        if not kind.fits(fields[name]):
            raise Misfit(f"{place}{name} is {shown(fields[name])}, expected {kind.words}")


def objects(fields: dict[str, Any], name: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, with the places they have in the file, such as ``claims[3].checks[0]``."""
    refuse_fields(fields, {name: Kind("a list of objects", is_list)}, place)
    for index, item in enumerate(fields[name]):
        at = f"{place}{name}[{index}]"
        if not isinstance(item, dict):
            raise Misfit(f"{at} is {shown(item)}, expected an object")
        yield at, item


def refuse_second(known: set[str], name: str, place: str, what: str) -> None:
    if name in known:
        raise Misfit(f"{place} is {shown(name)} a second time, expected each {what} once")
    known.add(name)


def shown(value: Any) -> str:
    """A value as the file has it, the beginning of a long one."""
    text = json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
