"""The record of a calibration: verdict frequencies and error rates, in Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf

from wndcheck.authoring.calibration import Calibration
from wndcheck.authoring.repeats import OUTCOMES, CheckRepeats, ClaimRepeats, Tally
from wndcheck.authoring.resampling import DRAWS
from wndcheck.authoring.words import needed, percent, value
from wndcheck.report.markdown import escaped, table
from wndcheck.report.series import csv_text, number

MEANING = f"""\
A verdict is wrong when it is *refuted* where the true mean lies inside the claim's region, or *supported* where it
lies outside. Four wrong-verdict rates of one run are given for a check:

- **wrong**: replicates are normal; the pooled mean and the sd between replicates are taken for the truth.
- **wrong, worst**: the same with the true mean on a border of the region, where the t interval errs most. (A check that
  the profile does not decide is never wrong: it is always inconclusive.)
- **resampled**: no normal; {DRAWS:,} runs of values drawn from those of all runs, pooled, whose mean is the truth.
- **resampled, worst**: these values moved so that their mean lies on a border: what skewness does to the t interval.

P(inconclusive) and the nets that give the right verdict with 90 % probability are for the first truth; where most runs
could not measure the nets, or train them, more nets do not help, and the table says so in place of a number. *Excess*
is the sd between the means of runs over what independent replicates would give it: about 1, unless the replicates of a
run have more in common than the claim says. n is the number of replicates of one run."""

CLAIM_HEAD = ("claim", "statement", *OUTCOMES)
CHECK_HEAD = ("claim", "check", *OUTCOMES, "claimed", "pooled mean", "sd between replicates", "sd between runs")
CHECK_HEAD += ("excess", "n", "P(inconclusive)", "wrong", "wrong, worst", "resampled", "resampled, worst")
CHECK_HEAD += ("for 90 %",)
CONTROL_HEAD = ("claim", "control", "must be", "held", *OUTCOMES)
CSV_HEAD = ("kind", "claim", "check", *(name.replace(" ", "_") for name in OUTCOMES), "must_be", "flips", "region_low")
CSV_HEAD += ("region_high", "unit", "replicate", "n", "mean", "sd_between_replicates", "sd_between_runs", "excess")
CSV_HEAD += ("p_supported", "p_refuted", "p_inconclusive", "wrong", "wrong_worst", "resampled_wrong")
CSV_HEAD += ("resampled_wrong_worst", "nets_for_90_percent")


def markdown(calibration: Calibration, facts: dict[str, str]) -> str:
    """The whole calibration.md."""
    secondary = [each for each in calibration.checks if not each.primary]
    parts = [
        "# Verdicts under many base seeds",
        "\n".join(f"- {escaped(name)}: {escaped(text)}" for name, text in facts.items()),
        escaped(calibration.summary) + ".",
        "## Claims",
        table(CLAIM_HEAD, map(claim_row, calibration.claims)),
        "## Flips between supported and refuted",
        listed(calibration.flips),
        "## Error rates",
        MEANING,
        "Primary checks whose wrong-verdict rate is above 1 %:",
        listed(calibration.too_often_wrong),
        f"{calibration.beside_wrong[:1].upper()}{calibration.beside_wrong[1:]}.",
        "Primary checks for which it would be above 1 % by resampling, were their true mean on a border:",
        listed(calibration.skewed),
        "## Primary checks",
        table(CHECK_HEAD, [check_row(each) for each in calibration.checks if each.primary]),
    ]
    if secondary:
        parts += ["## Secondary checks", table(CHECK_HEAD, map(check_row, secondary))]
    if calibration.controls:
        parts += ["## Controls", table(CONTROL_HEAD, map(control_row, calibration.controls))]
    return "\n\n".join(parts) + "\n"


def listed(items: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(item)}" for item in items) or "None."


def counts(tally: Tally) -> list[str]:
    return [str(tally.counts[outcome]) for outcome in OUTCOMES]


def claim_row(claim: ClaimRepeats) -> list[str]:
    return [escaped(claim.id), escaped(claim.statement), *counts(claim.tally)]


def check_row(each: CheckRepeats) -> list[str]:
    head = [escaped(each.claim), escaped(each.check), *counts(each.tally)]
    if not each.found:
        return head + [""] * (len(CHECK_HEAD) - len(head))
    known, rule = each.reliability, each.last.rule
    rates = (known.rates.inconclusive, known.wrong, known.worst, known.resampled_wrong, known.resampled_worst)
    return [
        *head,
        f"{rule.region} {escaped(rule.unit)}".strip(),
        *map(value, (known.mean, known.sd, each.sd_between_runs, each.excess)),
        f"{known.n} {escaped(rule.replicate)}",
        *map(percent, rates),
        needed(each),
    ]


def control_row(each: CheckRepeats) -> list[str]:
    names = [escaped(each.claim), escaped(each.check), escaped(each.control)]
    return [*names, f"{each.held} of {len(each.tally.by_seed)}", *counts(each.tally)]


def csv(calibration: Calibration) -> str:
    """The whole calibration.csv: a row a claim, then one a check, then one a control."""
    rows = [csv_row("claim", claim.id, "", claim.tally) for claim in calibration.claims]
    kinds = {True: "primary", False: "secondary"}
    rows += [csv_row(kinds[each.primary], each.claim, each.check, each.tally, each) for each in calibration.checks]
    rows += [csv_row("control", each.claim, each.check, each.tally, each) for each in calibration.controls]
    return csv_text(CSV_HEAD, rows)


def csv_row(kind: str, claim: str, check: str, tally: Tally, each: CheckRepeats | None = None) -> list[str]:
    head = [kind, claim, check, *counts(tally), each.control if each else "", str(int(tally.flips))]
    if not each or not each.found:
        return head + [""] * (len(CSV_HEAD) - len(head))
    known, rule = each.reliability, each.last.rule
    between = (known.mean, known.sd, each.sd_between_runs, each.excess)
    rates = (known.rates.supported, known.rates.refuted, known.rates.inconclusive, known.wrong, known.worst)
    resampled = (known.resampled_wrong, known.resampled_worst)
    return [
        *head,
        *map(number, (rule.region.low, rule.region.high)),
        *(rule.unit, rule.replicate, str(known.n)),
        *map(number, (*between, *rates, *resampled)),
        "inf" if isinf(known.nets) else number(known.nets),
    ]
