"""Causes, findings and claims in words, for the report, the terminal and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import mean, stdev

from wndcheck.experiment.profiles import Scope
from wndcheck.report.format import (
    MISSING,
    SYMBOLS,
    count_of,
    format_interval,
    group_by,
    join_few,
    join_words,
    one_line,
    two_digits,
)
from wndcheck.seeds import BASE_SEED
from wndcheck.verdicts.checks import FEWEST, Cause, CauseKind, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.power import nets_needed_with_error
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, Run

INCONCLUSIVE = {  # why one check is, and why several are
    CauseKind.STRADDLES: ("has an interval that includes the margin", "have intervals that include the margin"),
    CauseKind.TOO_FEW: ("has too few replicates", "have too few replicates"),
    CauseKind.NOT_TRAINED: ("has too many nets that did not train", "have too many nets that did not train"),
    CauseKind.NOT_MEASURED: ("has too many missing values", "have too many missing values"),
}
OPENINGS = {
    ClaimVerdict.SUPPORTED: "Holds",
    ClaimVerdict.REFUTED: "Does not hold",
    ClaimVerdict.INCONCLUSIVE: "Inconclusive",
    ClaimVerdict.LEFT: "Not decided by this profile",
    ClaimVerdict.NOT_RUN: "Not run",
    ClaimVerdict.ERROR: "No verdict",
}

# --- causes -----------------------------------------------------------------------------------------------------------


def describe_cause(cause: Cause | None) -> str:
    """The cause of a check's or a claim's verdict as text; empty without one."""
    if cause is None:
        return ""
    n, total, names = cause.count, cause.total, cause.names
    match cause.kind:
        case CauseKind.NOT_RUN:
            return first_and_last_line(names[0]) if names else ""
        case CauseKind.UNDECIDED_CHECKS:
            return describe_inconclusive(cause)
    return {
        CauseKind.STRADDLES: "the interval includes the margin",
        CauseKind.TOO_FEW: f"{count_of(n, 'replicate')} with a value, at least {FEWEST} are needed",
        CauseKind.NOT_TRAINED: f"{n} of {total} nets did not train",
        CauseKind.NOT_MEASURED: (
            f"{n} of {total} values are missing: neurons constant, tied or a point mass, or nets diverged"
        ),
        CauseKind.REFUTED_CHECKS: f"{count_of(len(names), 'check')} refuted: {join_few(names)}",
        CauseKind.ONE_OF_MANY: (
            f"{share_of(n, total)} {'lies' if n == 1 else 'lie'} outside, and not at 1 - .01"
            + (f"/{total}, as one of so many may by chance" if total > 1 else "")
            + f": {join_few(names)}"
        ),
        CauseKind.LEFT: f"{count_of(n, 'primary check')} left to {join_words(names)}",
        CauseKind.FAILED_CONTROLS: f"{count_of(len(names), 'control')} failed: {join_few(names)}",
        CauseKind.NO_CONTROL: "it has no control",
        CauseKind.NO_PRIMARY_CHECK: "no primary check gave a verdict",
        CauseKind.INCOMPLETE: f"{count_of(n, 'test')} {'was' if n == 1 else 'were'} not run",
        CauseKind.ERRORS: f"{count_of(n, 'test')} ended in an error",
    }[cause.kind]


def describe_inconclusive(cause: Cause) -> str:
    """``12 of 14 checks have too few replicates and 1 has an interval that includes the margin``."""
    if not cause.parts:
        return f"{share_of(cause.count, cause.total)} inconclusive"
    counts = [share_of(count, cause.total) if i == 0 else count for i, count in enumerate(cause.parts.values())]
    verbs = [
        INCONCLUSIVE.get(kind, ("is inconclusive", "are inconclusive"))[count > 1]
        for kind, count in cause.parts.items()
    ]
    if cause.total == 1:
        return f"its only check {verbs[0]}"
    return join_words([f"{count} {verb}" for count, verb in zip(counts, verbs, strict=True)])


def share_of(count: int, total: int) -> str:
    """``3 of 8 checks``, ``all 8 checks``, ``both checks``, ``its only check``."""
    if count < total:
        return f"{count} of {total} checks"
    if total == 1:
        return "its only check"
    return "both checks" if total == 2 else f"all {total} checks"


def short_cause(kind: CauseKind) -> str:
    """In two words, for a narrow column: ``not trained``."""
    return kind.value.replace("_", " ")


def first_and_last_line(reason: str) -> str:
    """First line of the reason why a test was not run and, where there are more, the last: the command to run."""
    first, *others = reason.splitlines() or [""]
    return f"{first.partition(' Not found:')[0]} {others[-1]}" if others else first


# --- findings ---------------------------------------------------------------------------------------------------------


def format_estimate(finding: Finding) -> str:
    """``0.073 [0.069, 0.078] nats``."""
    unit = finding.check.unit if isfinite(finding.interval.estimate) else ""
    return f"{format_interval(finding.interval, finding.check.region)} {unit}".strip()


def format_margin(finding: Finding) -> str:
    """``≤ 0.01 nats``."""
    return f"{finding.check.region} {finding.check.unit}".strip()


def format_replicates(finding: Finding) -> str:
    """``8 nets (2 untrained)``."""
    untrained = f" ({finding.untrained} untrained)" if finding.untrained else ""
    return f"{finding.interval.n} {finding.check.replicate}{untrained}"


def describe_recipe(finding: Finding) -> str:
    """``recipe -0.0012 … 0.0078 (N = 200, 1000)``: what a level is widened by; empty where nothing is to be said."""
    if not (recipe := finding.recipe):
        return ""
    if not recipe.of_paper:
        return "recipe not compared: the paper gives none"
    widths = ", ".join(map(str, recipe.widths))
    return f"recipe {recipe.low:.2g} … {recipe.high:.2g} (N = {widths})" if widths else "recipe untested"


def describe_choices(finding: Finding) -> str:
    """``robust to 5 of 6 choices, not: initial weights × ½``; empty without a verdict or other choices."""
    if not finding.choices or finding.verdict is Verdict.INCONCLUSIVE:
        return ""
    lost = [choice for choice, verdict in finding.choices.items() if verdict is not finding.verdict]
    robust = f"robust to {len(finding.choices) - len(lost)} of {len(finding.choices)} choices"
    return f"{robust}, not: {', '.join(lost)}" if lost else robust


def describe_replicates_needed(finding: Finding) -> str:
    """``24 nets would decide it``, of any check whose interval includes the margin; empty for others."""
    known = [value for value in finding.values if isfinite(value)]
    if finding.cause is None or finding.cause.kind is not CauseKind.STRADDLES:
        return ""
    systematic = (finding.recipe.low, finding.recipe.high) if finding.recipe else (0.0, 0.0)
    needed = nets_needed_with_error(finding.check, mean(known), stdev(known), systematic)
    of = finding.check.replicate
    return f"{needed:.0f} {of} would decide it" if isfinite(needed) else f"no number of {of} would decide it"


def remarks(finding: Finding) -> str:
    """The cause of a verdict, what would decide it, and what it owes to the nets' recipe, as far as there is any."""
    need = describe_replicates_needed(finding) if finding.check.scope is Scope.LEVEL else ""
    said = describe_cause(finding.cause), need, describe_recipe(finding), describe_choices(finding)
    return "; ".join(filter(None, said))


def describe_finding(finding: Finding) -> str:
    """The finding on one line: verdict, cause, estimate, interval, margin, replicates."""
    check, interval = finding.check, finding.interval
    cause = f" ({said})" if (said := remarks(finding)) else ""
    numbers = f" = {interval.estimate:.4g} [{interval.low:.4g}, {interval.high:.4g}] {check.unit}".rstrip()
    measured = check.estimand + (numbers if isfinite(interval.estimate) else " has no estimate")
    return one_line(f"{finding.verdict}{cause}: {measured}, claimed {check.region}, {interval.n} {check.replicate}")


def describe_range(findings: Sequence[Finding]) -> str:
    """``|ΔH| is between 0.1 and 0.2 nats``: the range of the estimates of findings with one estimand."""
    check = findings[0].check
    endpoints = range_of(finding.interval.estimate for finding in findings)
    if not endpoints:
        return f"{check.estimand} has no estimate"
    where = f"is between {' and '.join(endpoints)}" if len(endpoints) == 2 else f"is {endpoints[0]}"
    return f"{check.estimand}{',' * (',' in check.estimand)} {where} {check.unit}".rstrip()


def range_of(numbers: Iterable[float]) -> list[str]:
    """Least and greatest as text, once where both are the same; empty without a finite number."""
    known = [x for x in numbers if isfinite(x)]
    return list(dict.fromkeys(two_digits(x) for x in (min(known), max(known)))) if known else []


def against_claim(findings: Sequence[Finding]) -> str:
    """``|ΔH| is between 0.1 and 0.2 nats, where ≤ 0.1 is claimed``."""
    return f"{describe_range(findings)}, where {findings[0].check.region} is claimed"


def verdict_word(claim: ClaimResult) -> str:
    """``supported``, or ``left to medium`` where the run's profile decides none of its primary checks."""
    return (
        f"left to {join_words(claim.cause.names)}"
        if claim.verdict is ClaimVerdict.LEFT and claim.cause
        else claim.verdict
    )


def describe_scopes(claim: ClaimResult, share: str = "({} of {})") -> str:
    """``trend (8 of 8); level: medium``: primary checks supported, of those asked, and the profile for the others."""
    supported = Counter(finding.check.scope for finding in claim.primary if finding.verdict is Verdict.SUPPORTED)
    asked = [f"{name} {share.format(supported[name], claim.asked[name])}" for name in Scope if name in claim.asked]
    to = {each.check.scope: each.profile for each in claim.left if each.check.primary}
    if claim.verdict is ClaimVerdict.LEFT:
        return ", ".join(to)
    return "; ".join([", ".join(asked), *(f"{scope}: {profile}" for scope, profile in to.items())]).removeprefix("; ")


def describe_verdict(claim: ClaimResult) -> str:
    """``supported: trend (8 of 8); level: full``."""
    return ": ".join(filter(None, (verdict_word(claim), describe_scopes(claim))))


def describe_first_fixed(run: Run, claim: ClaimResult) -> str:
    """``refuted``, by the rules first fixed, or ``refuted (the_whole)`` of the claim that it was a part of then."""
    if not (former := run.first_fixed.get(claim.id)):
        return MISSING
    return former.verdict + (f" ({former.claim})" if former.claim != claim.id else "")


def describe_m(claim: ClaimResult) -> str:
    """``m = 8: one check refutes the claim where its 99.875 % interval lies outside.``; "" without such intervals."""
    strict = next((finding.strict for finding in claim.primary if finding.strict), None)
    if not strict:
        return ""
    return (
        f"m = {claim.m}: one check refutes the claim where its {100 * strict.confidence:.5g} % interval lies outside."
    )


def count_verdicts(run: Run, symbols: bool = False) -> str:
    """``✓ 7 supported (4 in part), ✗ 3 refuted``: claims by verdict."""
    return ", ".join(
        f"{SYMBOLS[verdict] + ' ' if symbols else ''}{count} {verdict}"
        + (f" ({run.in_part[verdict]} in part)" if run.in_part[verdict] else "")
        for verdict, count in run.counts.items()
    )


def describe_claim(claim: ClaimResult) -> str:
    """The outcome of a claim, in a sentence or two.

    ``Holds in all 4 checks. Closest to its margin: slope of ι_c per doubling of N is -0.036 nats, in 8 nets.``
    """
    opening, cause = OPENINGS[claim.verdict], describe_cause(claim.cause)
    if claim.verdict in (ClaimVerdict.LEFT, ClaimVerdict.NOT_RUN, ClaimVerdict.ERROR):
        return f"{opening}: {cause.removeprefix('not run: ')}."
    decisive, total = claim.decisive, len(claim.primary)
    if not decisive:
        return f"{opening}: {cause}."
    if claim.verdict is ClaimVerdict.REFUTED:
        refuted = [finding for finding in claim.primary if finding.counts_as is Verdict.REFUTED]
        groups = group_by(refuted, lambda f: (f.check.estimand, f.check.region, f.check.unit))
        where = f" in {share_of(len(refuted), total)}" if total > 1 else ""
        return f"{opening}{where}: {'; '.join(map(against_claim, groups))}."
    evidence = f"{describe_range([decisive])}, in {decisive.interval.n} {decisive.check.replicate}"
    if recipe := "; ".join(filter(None, (describe_recipe(decisive), describe_choices(decisive)))):
        evidence += f" ({recipe})"
    if claim.verdict is ClaimVerdict.INCONCLUSIVE:
        return f"{opening}: {cause}. Measured: {evidence}."
    if total == 1:
        return f"{opening}: {evidence}."
    return f"{opening} in {share_of(total, total)}. Closest to its margin: {evidence}."


def repeat_command(claim: ClaimResult, profile: str, base_seed: int) -> str:
    """The pytest command for the claim's tests, each with all its parameters, and the options that are not default."""
    ids = [each.test for each in (*claim.findings, *claim.errors, *claim.not_run)]
    tests = dict.fromkeys(test.partition("[")[0] for test in ids if test)
    options = [f"--wnd-profile={profile}"] if profile != "quick" else []
    options += [f"--wnd-seed={base_seed}"] if base_seed != BASE_SEED else []
    return " ".join(["pytest", *(f'"{test}"' for test in tests), *options]) if tests else ""
