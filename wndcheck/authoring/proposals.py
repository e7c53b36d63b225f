"""What expectations.toml should say, by the verdicts of runs with different base seeds.

A check that all runs support needs no entry. One with another verdict, or with two of which one is inconclusive, gets
one. A check that one run supports and another refutes never does. An entry that no run contradicts stays as it is.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from wndcheck.authoring.entries import Entry, join, split
from wndcheck.authoring.reasons import SeedFindings, evidence, reason
from wndcheck.authoring.runs import comparable, not_run
from wndcheck.report.format import group_by
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import Expectation, expected, parse, read, with_pattern
from wndcheck.verdicts.run import Run, RunError


@dataclass(frozen=True)
class Proposal:
    """The file's text as it should be, and the checks that no entry can cover, each with its evidence."""

    text: str
    contradictions: tuple[str, ...]


@dataclass(frozen=True)
class Runs:
    """What runs of one profile found, check by check; `not_run` are the checks that no run decided."""

    profile: str
    date: str
    checks: tuple[SeedFindings, ...]
    not_run: frozenset[tuple[str, str]]

    def of(self, claim: str) -> list[SeedFindings]:
        return [check for check in self.checks if check.claim == claim]

    def not_run_of(self, claim: str) -> list[str]:
        return sorted(name for of, name in self.not_run if of == claim)

    def patterns(self, checks: Iterable[SeedFindings]) -> tuple[str, ...]:
        """The names of checks of one claim; ``trend[*]`` for all of a test function's."""
        names: list[str] = []
        for group in group_by(checks, lambda check: check.function):
            claim, function = group[0].claim, group[0].function
            known = [*(check.name for check in self.of(claim)), *self.not_run_of(claim)]
            every = {name for name in known if name.partition("[")[0] == function}
            is_whole = len(group) > 1 and {check.name for check in group} == every
            names += [f"{function}[*]"] if is_whole else [check.name for check in group]
        return tuple(names)

    def expectation(self, checks: Sequence[SeedFindings]) -> Expectation:
        """What to expect of checks of one claim with the same verdicts."""
        return Expectation(
            claim=checks[0].claim,
            profile=self.profile,
            checks=self.patterns(checks),
            verdict=usual_first(checks),
            reason=reason(checks),
            evidence=evidence(checks),
            date=self.date,
        )


def gather(named: Sequence[tuple[Path, Run]]) -> Runs:
    """The findings of runs, by claim and check. RunError for one run alone, and where they are not comparable."""
    if len(named) < 2:
        raise RunError(
            "one run does not tell what another seed gives: name two or more, such as a second one made by "
            "`pytest claims/ -n auto --wnd-seed=1 --wnd-mode=report --wnd-report=DIR`"
        )
    runs = comparable(named)
    found = {run.base_seed: run.checks for run in runs}
    keys = dict.fromkeys(chain.from_iterable(found.values()))
    return Runs(
        profile=runs[0].profile,
        date=max(run.created for run in runs)[: len("2026-01-02")],
        checks=tuple(
            SeedFindings(*key, {seed: checks[key] for seed, checks in found.items() if key in checks}) for key in keys
        ),
        not_run=frozenset(chain.from_iterable(map(not_run, runs))).difference(keys),
    )


def propose(path: Path, named: Sequence[tuple[Path, Run]]) -> Proposal:
    """Return the proposal for a file, by runs and the folders they are read from; its own text where that fits already.

    RunError for runs that cannot be used, ExpectationError for a file that cannot be read or has two entries for a
    check.
    """
    found = gather(named)
    read(path, found.profile)  # ExpectationError for what is wrong beside the entries
    text = path.read_text(encoding="utf-8")
    head, old = split(text, path)
    ours = [entry.expectation for entry in old if entry.expectation.profile == found.profile]
    groups = [revised(entry, found) if entry.expectation.profile == found.profile else [entry] for entry in old]
    missing = [
        check
        for check in found.checks
        if check.needs_entry and not any(entry.covers(check.claim, check.name) for entry in ours)
    ]
    for checks in group_by(missing, lambda each: (each.claim, frozenset(each.verdicts), each.undecided_by_profile)):
        same_claim = [group for group in groups if group and group[0].expectation.claim == checks[0].claim]
        if not same_claim:
            groups.append(group := [])
            same_claim = [group]
        same_claim[-1].append(Entry.new(found.expectation(checks)))
    new = list(chain.from_iterable(groups))
    proposal = text if new == old else join(head, new)
    verify(proposal, path, found)
    return Proposal(proposal, tuple(describe_contradiction(each) for each in found.checks if each.contradicts_itself))


def revised(entry: Entry, found: Runs) -> list[Entry]:
    """What an entry becomes: itself while it fits; else an entry for each set of verdicts that its checks now have."""
    old = entry.expectation
    not_run = found.not_run_of(old.claim)
    known = [*(check.name for check in found.of(old.claim)), *not_run]
    if not known:
        return [entry]  # of a claim that was not run
    covered = [check for check in found.of(old.claim) if old.covers(old.claim, check.name)]
    needed = [check for check in covered if check.needs_entry]
    waiting = tuple(name for name in not_run if old.covers(old.claim, name))
    matched = all(any(with_pattern(old, p).covers(old.claim, name) for name in known) for p in old.checks)
    if matched and all(fits(check, old) for check in covered) and (waiting or needed):
        return [entry]
    changed = [
        replace(
            old,
            checks=found.patterns(group),
            verdict=old.verdict if fits(group[0], old) else usual_first(group),
            evidence=evidence(group),
            date=found.date,
        )
        for group in group_by(needed, lambda check: None if fits(check, old) else frozenset(check.verdicts))
    ]
    if waiting:
        changed.append(replace(old, checks=waiting))
    return [entry.changed(each) for each in changed]


def fits(check: SeedFindings, entry: Expectation) -> bool:
    """Does the entry expect what every run found?"""
    return set(check.verdicts) <= set(entry.verdict)


def usual_first(checks: Iterable[SeedFindings]) -> tuple[Verdict, ...]:
    """The verdicts found, the most frequent first; of two as frequent, inconclusive, which says less."""
    counts = Counter(chain.from_iterable(check.verdicts for check in checks))
    return tuple(sorted(counts, key=lambda verdict: (-counts[verdict], verdict)))


def describe_contradiction(check: SeedFindings) -> str:
    return (
        f"{check.claim} {check.name} is supported with one seed and refuted with another, and no entry may expect both "
        f"({evidence([check])}): the check needs more replicates, or another margin"
    )


def verify(text: str, path: Path, found: Runs) -> None:
    """Read the proposal as a run would; RuntimeError if it expects another verdict than the runs found."""
    entries = [parse(entry, path) for entry in tomllib.loads(text).get("expect", [])]
    entries = [entry for entry in entries if entry.profile == found.profile]
    for check in found.checks:
        verdicts, _ = expected(entries, check.claim, check.name)
        if not check.contradicts_itself and not set(check.verdicts) <= set(verdicts):
            raise RuntimeError(f"the proposed entries do not fit {check.claim} {check.name}: nothing was written")
