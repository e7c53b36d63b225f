"""What expectations.toml should say, by the verdicts of runs with different base seeds.

A check that all runs support needs no entry. One with another verdict, or with two of which one is inconclusive, gets
one. A check that one run supports and another refutes never does. An entry that no run contradicts stays as it is.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from wndcheck.authoring.entries import Block, blocks, entry_text, joined
from wndcheck.authoring.runs import Run, comparable
from wndcheck.authoring.sentences import Outcome, evidence, reason
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.expectations import FILE, Expectation, expected, read, with_pattern
from wndcheck.verdicts.sentences import grouped


@dataclass(frozen=True)
class Proposal:
    """The file's text as it should be, and the checks that no entry can speak for."""

    text: str
    contradictions: tuple[str, ...]


@dataclass(frozen=True)
class Runs:
    """What runs of one profile found, check by check."""

    profile: str
    date: str
    outcomes: tuple[Outcome, ...]
    not_run: frozenset[tuple[str, str]]

    def of(self, claim: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.claim == claim]

    def left_out(self, claim: str) -> list[str]:
        """Checks of a claim that were not run, for want of data: what is said of them stays."""
        return sorted(check for name, check in self.not_run if name == claim)

    def patterns(self, outcomes: Iterable[Outcome]) -> tuple[str, ...]:
        """The checks' names; ``trend[*]`` for all of a function's."""
        names: list[str] = []
        for group in grouped(outcomes, lambda outcome: outcome.function):
            function, claim = group[0].function, group[0].claim
            ran = [outcome.check for outcome in self.of(claim) if outcome.function == function]
            every = {*ran, *(check for check in self.left_out(claim) if check.partition("[")[0] == function)}
            whole = len(group) > 1 and {outcome.check for outcome in group} == every
            names += [f"{function}[*]"] if whole else [outcome.check for outcome in group]
        return tuple(names)


def gathered(runs: Sequence[Run]) -> Runs:
    """The outcomes of comparable runs, by claim and check. RunError where the runs are not comparable."""
    runs = comparable(runs)
    decided = dict.fromkeys(chain.from_iterable(run.checks for run in runs))  # by any of the runs
    outcomes = tuple(
        Outcome(*key, {run.base_seed: run.checks[key] for run in runs if key in run.checks}) for key in decided
    )
    date = max(run.created for run in runs)[: len("2026-01-02")]
    not_run = frozenset(chain.from_iterable(run.not_run for run in runs)).difference(decided)
    return Runs(runs[0].profile, date, outcomes, not_run)


def proposed(path: Path, runs: Sequence[Run]) -> Proposal:
    """The proposal for a file; its own text where that fits already.

    RunError for runs that cannot be used, ExpectationError for a file that cannot be read or has two entries for a
    check.
    """
    found = gathered(runs)
    read(path, found.profile)  # complains of what it cannot take
    text = path.read_text(encoding="utf-8")
    head, old = blocks(text, path)
    groups = [revised(block, found) if block.entry.profile == found.profile else [block] for block in old]
    own = [block.entry for block in old if block.entry.profile == found.profile]
    missing = [
        outcome
        for outcome in found.outcomes
        if outcome.needs_entry and not any(entry.covers(outcome.claim, outcome.check) for entry in own)
    ]
    for entry in new_entries(missing, found):
        beside = [group for group in groups if group and group[0].entry.claim == entry.claim]
        if not beside:
            groups.append(group := [])
            beside = [group]
        beside[-1].append(Block(entry, entry_text(entry)))
    new = [block for group in groups for block in group]
    proposal = text if new == old else joined(head, [block.text for block in new])
    verify(proposal, found)
    return Proposal(proposal, tuple(contradiction(each) for each in found.outcomes if each.contradicts_itself))


def revised(block: Block, found: Runs) -> list[Block]:
    """What an entry becomes: itself while it fits; else an entry for each set of verdicts that its checks now have."""
    entry = block.entry
    ran = [outcome for outcome in found.of(entry.claim) if entry.covers(outcome.claim, outcome.check)]
    left_out = found.left_out(entry.claim)
    known = [*(outcome.check for outcome in found.of(entry.claim)), *left_out]
    if not known:
        return [block]  # of a claim that was not run
    waiting = tuple(check for check in left_out if entry.covers(entry.claim, check))
    matched = all(any(with_pattern(entry, p).covers(entry.claim, check) for check in known) for p in entry.checks)
    uncontradicted = all(fits(outcome, entry) for outcome in ran)
    if matched and uncontradicted and (waiting or any(outcome.needs_entry for outcome in ran)):
        return [block]
    changed = [
        replace(
            entry,
            checks=found.patterns(group),
            verdict=entry.verdict if fits(group[0], entry) else usual_first(group),
            evidence=evidence(group),
            date=found.date,
        )
        for group in grouped(
            [outcome for outcome in ran if outcome.needs_entry],
            lambda outcome: None if fits(outcome, entry) else frozenset(outcome.verdicts),
        )
    ]
    if waiting:
        changed.append(replace(entry, checks=waiting))
    return [Block(each, entry_text(each)) for each in changed]


def fits(outcome: Outcome, entry: Expectation) -> bool:
    """Does the entry expect what every run found?"""
    return set(outcome.verdicts) <= set(entry.verdict)


def new_entries(missing: Iterable[Outcome], found: Runs) -> list[Expectation]:
    """An entry for the checks of one claim with the same verdicts; levels that the profile leaves have their own."""
    return [
        Expectation(
            claim=group[0].claim,
            profile=found.profile,
            checks=found.patterns(group),
            verdict=usual_first(group),
            reason=reason(group),
            evidence=evidence(group),
            date=found.date,
        )
        for group in grouped(missing, lambda each: (each.claim, frozenset(each.verdicts), each.undecided_by_profile))
    ]


def usual_first(outcomes: Iterable[Outcome]) -> tuple[Verdict, ...]:
    """The verdicts found, the most frequent first; of two as frequent, inconclusive, which says less."""
    counts = Counter(chain.from_iterable(outcome.verdicts for outcome in outcomes))
    return tuple(sorted(counts, key=lambda verdict: (-counts[verdict], verdict)))


def contradiction(outcome: Outcome) -> str:
    """What a check that is supported by one seed and refuted by another comes to, with its evidence."""
    return (
        f"{outcome.claim} {outcome.check} is supported with one seed and refuted with another, and no entry may expect "
        f"both ({evidence([outcome])}): the check needs more replicates, or another margin"
    )


def verify(text: str, found: Runs) -> None:
    """Read the proposal as a run would; RuntimeError if a check would fall otherwise than the runs found."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / FILE).write_text(text, encoding="utf-8")
        entries = read(path, found.profile)
    for outcome in found.outcomes:
        verdicts, _ = expected(entries, outcome.claim, outcome.check)
        if not outcome.contradicts_itself and not set(outcome.verdicts) <= set(verdicts):
            raise RuntimeError(f"the proposed entries do not fit {outcome.claim} {outcome.check}: nothing was written")
