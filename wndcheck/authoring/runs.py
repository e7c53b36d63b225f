"""Runs of the claims, read back from their verdicts.json, and whether several of them can be set side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any

from wndcheck.authoring.documents import RunError, check_name, read_document
from wndcheck.verdicts.checks import Finding
from wndcheck.verdicts.expectations import FILE as EXPECTATIONS

# What a finding tells of the rule that it was decided by, in words.
RULE = {
    "region": "margins",
    "confidence": "confidences",
    "estimand": "estimands",
    "unit": "units",
    "replicate": "replicates",
    "primary": "ranks, primary or not,",
    "control": "verdicts that a control must reach",
}


@dataclass(frozen=True)
class Run:
    """What one run of one base seed found.

    `checks` by (claim, check), in the run's order; `not_run` names the checks that were left out, likewise. `version`
    is that of wndcheck, empty where it is not recorded.
    """

    path: Path
    profile: str
    base_seed: int
    created: str
    selection: bool
    problems: tuple[str, ...]
    checks: dict[tuple[str, str], Finding]
    controls: tuple[Finding, ...]
    errors: tuple[str, ...]
    not_run: tuple[tuple[str, str], ...]
    version: str = ""

    @property
    def findings(self) -> dict[tuple[str, str], Finding]:
        """Of checks and controls."""
        return {**self.checks, **{(control.claim, control.check): control for control in self.controls}}

    def complaint(self) -> str:
        """Why the run cannot be trusted; empty if it can."""
        if self.selection:
            return "it is a selection of checks, whose controls may be missing"
        # An entry of the expectations that matches nothing is no fault of the run, and what `wndcheck expect` mends.
        if others := [problem for problem in self.problems if not problem.startswith(f"{EXPECTATIONS}:")]:
            return f"it had problems: {'; '.join(others)}"
        if self.errors:
            return f"tests did not finish: {listed(self.errors)}"
        failed = [f"{c.claim} {c.check}" for c in self.controls if c.verdict != c.control]
        return f"controls failed: {listed(failed)}" if failed else ""


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names with commas, the first few of many."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_run(folder: Path) -> Run:
    """The run whose report lies in a folder. RunError if there is none."""
    return read_document(folder, partial(from_document, path=folder))


def from_document(document: dict[str, Any], path: Path) -> Run:
    findings = [restored(fields) for claim in document["claims"] for fields in claim["checks"]]
    return Run(
        path=path,
        profile=document["profile"],
        base_seed=document["base_seed"],
        created=document["created"],
        selection=bool(document["selection"]),
        problems=tuple(document["problems"]),
        checks={(finding.claim, finding.check): finding for finding in findings},
        controls=tuple(restored(fields) for claim in document["claims"] for fields in claim["controls"]),
        errors=tuple(error["test"] for claim in document["claims"] for error in claim["errors"]),
        not_run=tuple(
            (claim["id"], check_name(entry["test"])) for claim in document["claims"] for entry in claim["not_run"]
        ),
        version=document["environment"].get("wndcheck", ""),
    )


def restored_document(document: dict[str, Any]) -> dict[str, Any]:
    """The whole document with the findings of `restored`, as the report takes it."""
    claims = [
        claim | {key: [restored(fields).to_dict() for fields in claim[key]] for key in ("checks", "controls")}
        for claim in document["claims"]
    ]
    return document | {"claims": claims}


def restored(fields: dict[str, Any]) -> Finding:
    """A finding with the infinities and NaN that JSON has no words for."""
    region = [end if value is None else value for value, end in zip(fields["region"], (-inf, inf), strict=True)]
    ends = {name: end if fields[name] is None else fields[name] for name, end in (("low", -inf), ("high", inf))}
    numbers = {"estimate": nan if fields["estimate"] is None else fields["estimate"]}
    values = [nan if value is None else value for value in fields["values"]]
    return Finding.from_dict(fields | ends | numbers | {"region": region, "values": values})


def comparable(runs: Sequence[Run]) -> list[Run]:
    """Two runs or more, by base seed. RunError for one alone, and as `side_by_side`."""
    if len(runs) < 2:
        raise RunError(
            "one run does not tell what another seed gives: name two or more, such as a second one made by "
            "`pytest claims/ -n auto --wnd-seed=1 --wnd-mode=report --wnd-report=DIR`"
        )
    return side_by_side(runs)


def side_by_side(runs: Sequence[Run]) -> list[Run]:
    """The runs by base seed. RunError where one cannot be trusted, or they differ in more than their seed."""
    for run in runs:
        if complaint := run.complaint():
            raise RunError(f"{run.path} cannot be used, {complaint}; see {run.path / 'summary.md'} and run it again")
    if len(profiles := {run.profile for run in runs}) > 1:
        raise RunError(f"runs of the profiles {' and '.join(sorted(profiles))}: name runs of one profile")
    by_seed: dict[int, Run] = {}
    for run in runs:
        if other := by_seed.get(run.base_seed):
            raise RunError(
                f"{other.path} and {run.path} both have the base seed {run.base_seed}: run `pytest claims/` with "
                "another --wnd-seed"
            )
        by_seed[run.base_seed] = run
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    for run in ordered[1:]:
        refuse_differences(ordered[0], run)
    return ordered


def refuse_differences(one: Run, other: Run) -> None:
    """RunError if two runs are of different versions, or have not the same checks and controls with the same rules.

    Those that one of them did not run are left aside, and so is a version that is not recorded.
    """
    if one.version and other.version and one.version != other.version:
        raise RunError(
            f"{one.path} was made by wndcheck {one.version}, {other.path} by {other.version}: run the claims again, "
            "with one version"
        )
    ours, theirs = one.findings, other.findings
    differing = (ours.keys() ^ theirs.keys()) - {*one.not_run, *other.not_run}
    if lone := [f"{claim} {check}" for claim, check in differing]:
        raise RunError(
            f"{one.path} and {other.path} do not have the same checks ({listed(sorted(lone))}): run the claims again, "
            "with the same data"
        )
    changed: dict[str, list[str]] = {}
    for key in sorted(ours.keys() & theirs.keys()):
        for name, words in RULE.items():
            if getattr(ours[key], name) != getattr(theirs[key], name):
                changed.setdefault(words, []).append(" ".join(key))
    if changed:
        told = "; ".join(f"{words} for {listed(names)}" for words, names in changed.items())
        raise RunError(
            f"{one.path} and {other.path} have different {told}: run the claims again, with one version of them"
        )
