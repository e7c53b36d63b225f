"""Entries of expectations.toml that match the verdicts of runs with different base seeds.

A check that all runs support needs no entry. One with another verdict, or with two verdicts of which one is
inconclusive, gets an entry. A check that one run supports and another refutes gets none. An entry that no run
contradicts does not change.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from wndcheck.authoring.comparable_runs import NamedRun, comparable
from wndcheck.authoring.expectation_entries import Entry, join, split
from wndcheck.authoring.expectation_reasons import evidence, reason
from wndcheck.authoring.pooling import PooledCheck, pool_checks
from wndcheck.report.format import group_by
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import Expectation, ExpectationError, expected, parse, read, with_pattern
from wndcheck.verdicts.run_files import RunError


@dataclass(frozen=True)
class Proposal:
    """The file's text before and as proposed, and the checks that no entry can cover, each with its evidence."""

    before: str
    text: str
    contradictions: tuple[str, ...]


@dataclass(frozen=True)
class Runs:
    """The pooled checks of runs of one profile, including those that no run decided."""

    profile: str
    date: str
    checks: list[PooledCheck]

    def of(self, claim: str) -> list[PooledCheck]:
        return [check for check in self.checks if check.claim == claim]

    def patterns(self, checks: Iterable[PooledCheck]) -> tuple[str, ...]:
        """Return the names of checks of one claim; ``trend[*]`` for all checks of a test function."""
        names: list[str] = []
        for group in group_by(checks, lambda check: check.function):
            every = [check for check in self.of(group[0].claim) if check.function == group[0].function]
            is_whole = len(group) > 1 and len(group) == len(every)
            names += [f"{group[0].function}[*]"] if is_whole else [check.name for check in group]
        return tuple(names)

    def expectation(self, checks: Sequence[PooledCheck]) -> Expectation:
        """Return the entry for checks of one claim with the same verdicts."""
        return Expectation(
            claim=checks[0].claim,
            profile=self.profile,
            checks=self.patterns(checks),
            verdict=verdicts_by_frequency(checks),
            reason=reason(checks),
            evidence=evidence(checks),
            date=self.date,
        )


def propose(path: Path, named: Sequence[NamedRun]) -> Proposal:
    """Return the proposal for a file from runs, each with the folder it is read from.

    A file that matches the runs keeps its text.
    RunError for a single run and for runs that cannot be used, ExpectationError for a file that cannot be read or has
    two entries for a check.
    """
    if len(named) < 2:
        raise RunError(
            "one run does not show what another seed gives: name two or more, such as a second one made by "
            "`pytest claims/ -n auto --wnd-seed=1 --wnd-mode=report --wnd-report=DIR`"
        )
    runs = comparable(named)
    date = max(run.created for run in runs)[: len("2026-01-02")]
    found = Runs(runs[0].profile, date, [check for check in pool_checks(runs) if not check.must_be])
    text = read_text(path)
    head, old = split(text, path)
    read(path, found.profile)  # ExpectationError for anything else in the file
    ours = [entry.expectation for entry in old if entry.expectation.profile == found.profile]
    groups = [updated_entries(entry, found) if entry.expectation.profile == found.profile else [entry] for entry in old]
    missing = [
        check
        for check in found.checks
        if needs_entry(check) and not any(entry.covers(check.claim, check.name) for entry in ours)
    ]
    for checks in group_by(missing, lambda each: (each.claim, frozenset(each.verdicts))):
        same_claim = [group for group in groups if group and group[0].expectation.claim == checks[0].claim]
        if not same_claim:
            groups.append(group := [])
            same_claim = [group]
        same_claim[-1].append(Entry.new(found.expectation(checks)))
    new = list(chain.from_iterable(groups))
    proposal = text if new == old else join(head, new)
    verify(proposal, path, found)
    return Proposal(text, proposal, tuple(describe_contradiction(each) for each in found.checks if each.flips))


def read_text(path: Path) -> str:
    """Return the text of expectations.toml. ExpectationError if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExpectationError(f"{path}: {error}: save it as UTF-8") from error


def updated_entries(entry: Entry, found: Runs) -> list[Entry]:
    """Return the entry itself while it matches the runs; else one for each set of verdicts that its checks now have."""
    old, known = entry.expectation, found.of(entry.expectation.claim)
    if not known:
        return [entry]  # of a claim that was not run
    covered = [check for check in known if old.covers(old.claim, check.name)]
    needed = [check for check in covered if needs_entry(check)]
    waiting = tuple(check.name for check in covered if not check.findings)  # not run, as data are missing
    matched = all(any(with_pattern(old, p).covers(old.claim, check.name) for check in known) for p in old.checks)
    if matched and all(matches_runs(check, old) for check in covered) and (waiting or needed):
        return [entry]
    changed = [
        replace(
            old,
            checks=found.patterns(group),
            verdict=old.verdict if matches_runs(group[0], old) else verdicts_by_frequency(group),
            evidence=evidence(group),
            date=found.date,
        )
        for group in group_by(needed, lambda check: None if matches_runs(check, old) else frozenset(check.verdicts))
    ]
    if waiting:
        changed.append(replace(old, checks=waiting))
    return [entry.changed(each) for each in changed]


def needs_entry(check: PooledCheck) -> bool:
    """Whether a run gave it a verdict other than supported, and no other run contradicts that verdict."""
    return bool(set(check.verdicts) - {Verdict.SUPPORTED}) and not check.flips


def matches_runs(check: PooledCheck, entry: Expectation) -> bool:
    """Whether the entry expects the verdict of every run."""
    return set(check.verdicts) <= set(entry.verdict)


def verdicts_by_frequency(checks: Iterable[PooledCheck]) -> tuple[Verdict, ...]:
    """Return the verdicts found, the most frequent first; of two as frequent, inconclusive first."""
    counts = Counter(chain.from_iterable(check.verdicts for check in checks))
    return tuple(sorted(counts, key=lambda verdict: (-counts[verdict], verdict)))


def describe_contradiction(check: PooledCheck) -> str:
    return (
        f"{check.claim} {check.name} is supported with one seed and refuted with another, and no entry may expect both "
        f"({evidence([check])}): the check needs more replicates, or a different margin"
    )


def verify(text: str, path: Path, found: Runs) -> None:
    """Parse the proposal as a run would; RuntimeError if it expects another verdict than the runs found."""
    entries = [parse(entry, path) for entry in tomllib.loads(text).get("expect", [])]
    entries = [entry for entry in entries if entry.profile == found.profile]
    for check in found.checks:
        verdicts, _ = expected(entries, check.claim, check.name)
        if not check.flips and not set(check.verdicts) <= set(verdicts):
            raise RuntimeError(f"the proposed entries do not match {check.claim} {check.name}: nothing was written")
