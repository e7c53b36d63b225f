"""Whether runs can be pooled: each is usable, and they differ only in their base seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from pathlib import Path

from wndcheck.report.format import join_few
from wndcheck.verdicts.run import ProblemKind, Run
from wndcheck.verdicts.run_files import RunError

NamedRun = tuple[Path, Run]  # a run and the folder it is read from
MOST_VALUES = 2000  # of a check; samples are drawn from them by the thousand
LARGEST_VALUE = 1e150  # in absolute value; the square of a larger one overflows


def why_unusable(run: Run) -> str:
    """Return why the run cannot be pooled with others; empty if it can."""
    if run.selection:
        return "it is a selection of checks, whose controls may be missing"
    # An entry of the expectations that matches nothing is not a fault of the run, and `wndcheck expect` fixes it.
    if problems := [problem.text for problem in run.problems if problem.kind is not ProblemKind.EXPECTATION]:
        return f"it had problems: {'; '.join(problems)}"
    if errors := [error.test for claim in run.claims for error in claim.errors]:
        return f"tests did not finish: {join_few(errors)}"
    if failed := [" ".join(control.key) for claim in run.claims for control in claim.controls if control.failed]:
        return f"controls failed: {join_few(failed)}"
    return too_large(run)


def too_large(run: Run) -> str:
    """Return which check has values too large for a mean and a standard deviation, or too many; empty without one."""
    for finding in run.findings.values():
        if len(finding.values) > MOST_VALUES:
            return f"{' '.join(finding.key)} has {len(finding.values)} values, expected at most {MOST_VALUES}"
        largest = max((abs(value) for value in finding.values if isfinite(value)), default=0.0)
        if largest > LARGEST_VALUE:
            return f"the values of {' '.join(finding.key)} are as large as {largest:g}, expected nats or shares"
    return ""


def comparable(runs: Sequence[NamedRun]) -> list[Run]:
    """Return the runs by base seed. RunError if one is not usable, or they differ in more than their seed."""
    for path, run in runs:
        if why := why_unusable(run):
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


def refuse_differences(one: NamedRun, other: NamedRun) -> None:
    """Raise RunError if two runs are of different versions, or do not have the same checks with the same rules.

    Checks and controls that one of them did not run are ignored, and so is a version that is not recorded.
    """
    (path, run), (other_path, other_run) = one, other
    if run.version and other_run.version and run.version != other_run.version:
        raise RunError(
            f"{path} was made by wndcheck {run.version}, {other_path} by {other_run.version}: run the claims again, "
            "with one version"
        )
    rules, other_rules = ({key: (f.check, f.must_be) for key, f in each.findings.items()} for each in (run, other_run))
    not_run = {(claim.id, test.name) for each in (run, other_run) for claim in each.claims for test in claim.not_run}
    if missing := (rules.keys() ^ other_rules.keys()) - not_run:
        raise RunError(
            f"{path} and {other_path} do not have the same checks ({join_few(map(' '.join, sorted(missing)))}): run "
            "the claims again, with the same data"
        )
    changed = sorted(key for key in rules.keys() & other_rules.keys() if rules[key] != other_rules[key])
    if changed:
        raise RunError(
            f"{path} and {other_path} decide {join_few(map(' '.join, changed))} by different rules: run the claims "
            "again, with one version of them"
        )
