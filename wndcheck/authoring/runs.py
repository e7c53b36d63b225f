"""Whether runs can be pooled: each can be trusted, and they differ in their base seed alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from wndcheck.report.format import join_few
from wndcheck.verdicts.run import Finding, ProblemKind, Run, RunError, read_run

# The fields of a check that its verdict depends on, in the words of a message.
RULE = {
    "region": "margins",
    "alpha": "confidences",
    "estimand": "estimands",
    "unit": "units",
    "replicate": "replicates",
    "primary": "ranks (primary or secondary)",
    "level": "kinds (a level or not)",
}


def complaint(run: Run) -> str:
    """Why the run cannot be trusted; empty if it can."""
    if run.selection:
        return "it is a selection of checks, whose controls may be missing"
    # An entry of the expectations that matches nothing is not a fault of the run, and `wndcheck expect` fixes it.
    if problems := [problem.text for problem in run.problems if problem.kind is not ProblemKind.EXPECTATION]:
        return f"it had problems: {'; '.join(problems)}"
    if errors := [error.test for claim in run.claims for error in claim.errors]:
        return f"tests did not finish: {join_few(errors)}"
    failed = [" ".join(control.key) for claim in run.claims for control in claim.controls if control.failed]
    return f"controls failed: {join_few(failed)}" if failed else ""


def not_run(run: Run) -> set[tuple[str, str]]:
    """The checks and controls that the run left out, by claim and name."""
    return {(claim.id, test.name) for claim in run.claims for test in claim.not_run}


def read_comparable(paths: Iterable[Path]) -> list[Run]:
    """Read runs and return them by base seed. RunError where there is none, and as `comparable`."""
    return comparable([(path, read_run(path)) for path in paths])


def comparable(runs: Sequence[tuple[Path, Run]]) -> list[Run]:
    """Return the runs by base seed. RunError where one cannot be trusted, or they differ in more than their seed."""
    for path, run in runs:
        if why := complaint(run):
            raise RunError(f"{path} cannot be used, {why}; see {path / 'summary.md'} and run it again")
    if len(profiles := {run.profile for _, run in runs}) > 1:
        raise RunError(f"runs of the profiles {' and '.join(sorted(profiles))}: name runs of one profile")
    ordered = sorted(runs, key=lambda named: named[1].base_seed)
    for (one, run), (other, next_run) in pairwise(ordered):
        if run.base_seed == next_run.base_seed:
            raise RunError(
                f"{one} and {other} both have the base seed {run.base_seed}: run `pytest claims/` with another "
                "--wnd-seed"
            )
    for named in ordered[1:]:
        refuse_differences(ordered[0], named)
    return [run for _, run in ordered]


def refuse_differences(one: tuple[Path, Run], other: tuple[Path, Run]) -> None:
    """Raise RunError if two runs are of different versions, or do not have the same checks with the same rules.

    Checks and controls that one of them did not run are left aside, and so is a version that is not recorded.
    """
    (path, run), (other_path, other_run) = one, other
    if run.version and other_run.version and run.version != other_run.version:
        raise RunError(
            f"{path} was made by wndcheck {run.version}, {other_path} by {other_run.version}: run the claims again, "
            "with one version"
        )
    ours, theirs = run.findings, other_run.findings
    if missing := (ours.keys() ^ theirs.keys()) - not_run(run) - not_run(other_run):
        raise RunError(
            f"{path} and {other_path} do not have the same checks ({join_few(map(' '.join, sorted(missing)))}): run "
            "the claims again, with the same data"
        )
    changed: dict[str, list[str]] = {}
    for key in sorted(ours.keys() & theirs.keys()):
        rule, other_rule = rule_of(ours[key]), rule_of(theirs[key])
        for name in [name for name in rule if rule[name] != other_rule[name]]:
            changed.setdefault(name, []).append(" ".join(key))
    if changed:
        differences = "; ".join(f"{name} for {join_few(keys)}" for name, keys in changed.items())
        raise RunError(
            f"{path} and {other_path} have different {differences}: run the claims again, with one version of them"
        )


def rule_of(finding: Finding) -> dict[str, Any]:
    """What a finding's verdict depends on beside the values, by its words in a message."""
    rule = {words: getattr(finding.check, field) for field, words in RULE.items()}
    return rule | {"verdicts that a control must reach": finding.must_be}
