"""What findings come to, in a sentence, and the numbers behind it, for an entry of expectations.toml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wndcheck.authoring.words import seeds
from wndcheck.verdicts.checks import Cause, Finding, Verdict
from wndcheck.verdicts.sentences import beside_claim, grouped, lying, number, short, span

MOST_SEEDS = 4  # whose findings are listed one by one


@dataclass(frozen=True)
class Outcome:
    """A check's findings over runs, by base seed."""

    claim: str
    check: str
    found: dict[int, Finding]

    @property
    def verdicts(self) -> list[Verdict]:
        return [Verdict(finding.verdict) for finding in self.found.values()]

    @property
    def function(self) -> str:
        """``trend`` of ``trend[relu-1]``."""
        return self.check.partition("[")[0]

    @property
    def contradicts_itself(self) -> bool:
        return {Verdict.SUPPORTED, Verdict.REFUTED} <= set(self.verdicts)

    @property
    def needs_entry(self) -> bool:
        return set(self.verdicts) != {Verdict.SUPPORTED} and not self.contradicts_itself

    @property
    def undecided_by_profile(self) -> bool:
        return all(finding.cause.startswith(Cause.PROFILE) for finding in self.found.values())


def reason(outcomes: Sequence[Outcome]) -> str:
    """What was found in place of what is claimed, a clause an estimand."""
    findings = [finding for outcome in outcomes for finding in outcome.found.values()]
    groups = grouped(findings, lambda f: (f.estimand, f.region, f.unit))
    if all(outcome.undecided_by_profile for outcome in outcomes):
        return f"{'; '.join(map(beside_claim, groups))} (of the paper's widest nets, which this profile does not train)"
    return "; ".join(map(clause, groups))


def clause(findings: Sequence[Finding]) -> str:
    first, verdicts = findings[0], {finding.verdict for finding in findings}
    margin, nets = short(first.margin), f"{max(f.n for f in findings)} {first.replicate}"
    if verdicts <= {Verdict.REFUTED}:
        return beside_claim(findings)
    undecided = [finding for finding in findings if finding.verdict == Verdict.INCONCLUSIVE]
    others = dict.fromkeys(finding.cause.partition(":")[0] for finding in undecided)
    if others.keys() - {Cause.STRADDLES}:
        return f"{beside_claim(findings)}, and is not always decided: {', '.join(others)}"
    if len(verdicts) > 1:
        return f"{lying(findings)}, so near the claimed {margin} that {nets} decide it with some seeds only"
    return f"{lying(findings)}, too near the claimed {margin} for {nets} to decide"


def evidence(outcomes: Sequence[Outcome]) -> str:
    """Seeds with estimates and intervals: one by one of a single check; the span for many seeds or several checks."""
    if len(outcomes) > 1:
        return over_checks(outcomes)
    (outcome,) = outcomes
    return by_seed(outcome) if len(outcome.found) <= MOST_SEEDS else over_seeds(outcome)


def by_seed(outcome: Outcome) -> str:
    """``seed 0: .012 [.008, .016]; …``, with the verdicts where they differ."""
    mixed = len(set(outcome.verdicts)) > 1
    return "; ".join(
        f"seed {seed}: {interval([finding])}" + (f", {finding.verdict}" if mixed else "")
        for seed, finding in outcome.found.items()
    )


def over_seeds(outcome: Outcome) -> str:
    """``seeds 0 to 19: .012 to .045 [.008, .051]``, with how often each verdict fell where they differ."""
    counts = Counter(outcome.verdicts)
    said = ", ".join(f"{verdict} under {count}" for verdict, count in counts.most_common())
    found = f"seeds {seeds(list(outcome.found))}: {interval(list(outcome.found.values()))}"
    return f"{found}, {said}" if len(counts) > 1 else found


def over_checks(outcomes: Sequence[Outcome]) -> str:
    """``seeds 0 and 1: trend .1 to .2 [.08, .22]; level .3 [.2, .4]``."""
    functions = grouped(outcomes, lambda outcome: outcome.function)
    texts = [interval([f for outcome in group for f in outcome.found.values()]) for group in functions]
    if len(functions) > 1:
        texts = [f"{group[0].function} {text}" for group, text in zip(functions, texts, strict=True)]
    return f"seeds {seeds(list(outcomes[0].found))}: {'; '.join(texts)}"


def interval(findings: Sequence[Finding]) -> str:
    """``.012 to .045 [.008, .051]``: the estimates, and how far their intervals reach."""
    if not (estimates := span(finding.estimate for finding in findings)):
        return "no estimate"
    low, high = min(finding.low for finding in findings), max(finding.high for finding in findings)
    return f"{' to '.join(estimates)} [{number(low)}, {number(high)}]"
