"""The record of a calibration: verdict frequencies and error rates, as calibration.md and calibration.csv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isinf, isnan

from wndcheck.authoring.calibration import Calibration
from wndcheck.authoring.pooling import OUTCOMES, PooledCheck, Tally
from wndcheck.authoring.power import MOST
from wndcheck.authoring.reliability import DRAWS
from wndcheck.report.format import MISSING, escape_markdown, markdown_table, percent, short_cause, three_digits
from wndcheck.report.series import csv_text, number

EXPLANATION = f"""\
A verdict is wrong when it is *refuted* where the true mean lies inside the claim's region, or *supported* where it
lies outside. Four wrong-verdict rates of one run are given for a check:

- **wrong**: replicates are normal; the pooled mean and the sd between replicates are taken for the true ones.
- **wrong, worst**: the same with the true mean on a border of the region, where the t interval errs most. (A check that
  the profile does not decide is never wrong: it is always inconclusive.)
- **resampled**: without the assumption of a normal; {DRAWS:,} runs of values drawn from those of all runs, pooled,
  whose mean is the true one.
- **resampled, worst**: these values moved so that their mean lies on a border: what skewness does to the t interval.

P(inconclusive) and the nets that give the right verdict with 90 % probability are for the pooled mean. Where most runs
could not measure the nets, or train them, more nets do not help, and the table says so in place of a number. *Excess*
is the sd between the means of runs over that expected of independent replicates: about 1, unless the replicates of a
run have more in common than the claim says. n is the number of replicates of one run."""

Columns = dict[str, Callable[[PooledCheck], str]]  # of a check that a run has decided, by their headings
CHECK_COLUMNS: Columns = {
    "claimed": lambda each: f"{each.last.check.region} {each.last.check.unit}".strip(),
    "pooled mean": lambda each: three_digits(each.reliability.mean),
    "sd between replicates": lambda each: three_digits(each.reliability.sd),
    "sd between runs": lambda each: three_digits(each.sd_between_runs),
    "excess": lambda each: three_digits(each.excess),
    "n": lambda each: f"{each.n} {each.last.check.replicate}",
    "P(inconclusive)": lambda each: percent(each.reliability.rates.inconclusive),
    "wrong": lambda each: percent(each.reliability.wrong),
    "wrong, worst": lambda each: percent(each.reliability.worst),
    "resampled": lambda each: percent(each.reliability.resampled_wrong),
    "resampled, worst": lambda each: percent(each.reliability.resampled_worst),
    "for 90 %": lambda each: describe_needed(each),
}
CSV_COLUMNS: Columns = {
    "region_low": lambda each: number(each.last.check.region.low),
    "region_high": lambda each: number(each.last.check.region.high),
    "unit": lambda each: each.last.check.unit,
    "replicate": lambda each: each.last.check.replicate,
    "n": lambda each: str(each.n),
    "mean": lambda each: number(each.reliability.mean),
    "sd_between_replicates": lambda each: number(each.reliability.sd),
    "sd_between_runs": lambda each: number(each.sd_between_runs),
    "excess": lambda each: number(each.excess),
    "p_supported": lambda each: number(each.reliability.rates.supported),
    "p_refuted": lambda each: number(each.reliability.rates.refuted),
    "p_inconclusive": lambda each: number(each.reliability.rates.inconclusive),
    "wrong": lambda each: number(each.reliability.wrong),
    "wrong_worst": lambda each: number(each.reliability.worst),
    "resampled_wrong": lambda each: number(each.reliability.resampled_wrong),
    "resampled_wrong_worst": lambda each: number(each.reliability.resampled_worst),
    "nets_for_90_percent": lambda each: "inf" if isinf(each.reliability.nets) else number(each.reliability.nets),
}


def markdown(calibration: Calibration, facts: dict[str, str]) -> str:
    """The whole calibration.md."""
    secondary = [each for each in calibration.checks if not each.primary]
    controls = [each for each in calibration.pooled if each.must_be]
    check_head = ("claim", "check", *OUTCOMES, *CHECK_COLUMNS)
    claims = [[claim.id, claim.statement, *counts(claim.tally)] for claim in calibration.claims]
    parts = [
        "# Verdicts under many base seeds",
        bullets([f"{name}: {text}" for name, text in facts.items()]),
        f"{escape_markdown(calibration.summary)}.",
        "## Claims",
        markdown_table(("claim", "statement", *OUTCOMES), claims),
        "## Flips between supported and refuted",
        bullets(calibration.flips),
        "## Error rates",
        EXPLANATION,
        "Primary checks whose wrong-verdict rate is above 1 %:",
        bullets(calibration.too_often_wrong),
        f"{calibration.resampling_summary.capitalize()}.",
        "Primary checks for which it would be above 1 % by resampling, were their true mean on a border:",
        bullets(calibration.skewed),
        "## Primary checks",
        markdown_table(check_head, map(check_row, calibration.primary)),
    ]
    if secondary:
        parts += ["## Secondary checks", markdown_table(check_head, map(check_row, secondary))]
    if controls:
        head = ("claim", "control", "must be", "held", *OUTCOMES)
        parts += ["## Controls", markdown_table(head, map(control_row, controls))]
    return "\n\n".join(parts) + "\n"


def bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {escape_markdown(item)}" for item in items) or "None."


def counts(tally: Tally) -> list[str]:
    return [str(tally.counts[outcome]) for outcome in OUTCOMES]


def check_row(each: PooledCheck) -> list[str]:
    return [each.claim, each.name, *counts(each.tally), *cells(CHECK_COLUMNS, each)]


def cells(columns: Columns, each: PooledCheck) -> list[str]:
    return [of(each) if each.findings else "" for of in columns.values()]


def describe_needed(each: PooledCheck) -> str:
    """The nets needed for the right verdict with 90 % probability, or why more of them would not give one."""
    if not each.decided_by_profile:
        return "not decided"
    if each.blocking_cause:
        return short_cause(each.blocking_cause)
    nets = each.reliability.nets
    return MISSING if isnan(nets) else f"{nets:,.0f}" if nets <= MOST else f"> {MOST:,}"


def control_row(each: PooledCheck) -> list[str]:
    held = len(each.tally.seeds(str(each.must_be)))
    return [each.claim, each.name, str(each.must_be), f"{held} of {len(each.tally.by_seed)}", *counts(each.tally)]


def csv(calibration: Calibration) -> str:
    """The whole calibration.csv: a row a claim, then one a check, then one a control."""
    outcomes = (outcome.replace(" ", "_") for outcome in OUTCOMES)
    head = ("kind", "claim", "check", *outcomes, "must_be", "flips", *CSV_COLUMNS)
    rows: list[list[str]] = []
    for claim in calibration.claims:
        names = ["claim", claim.id, "", *counts(claim.tally), "", str(int(claim.tally.flips))]
        rows.append(names + [""] * len(CSV_COLUMNS))
    for each in sorted(calibration.pooled, key=lambda each: bool(each.must_be)):
        kind = "control" if each.must_be else "primary" if each.primary else "secondary"
        names = [kind, each.claim, each.name, *counts(each.tally), str(each.must_be or ""), str(int(each.tally.flips))]
        rows.append([*names, *cells(CSV_COLUMNS, each)])
    return csv_text(head, rows)
