"""Tables of checks pooled over runs, and the record of a calibration: calibration.md and calibration.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isinf, isnan
from typing import NamedTuple

from wndcheck.authoring.calibration import Calibration
from wndcheck.authoring.error_rates import DRAWS
from wndcheck.authoring.pooling import Pooled, PooledCheck
from wndcheck.report.figure_model import csv_text, number
from wndcheck.report.format import MISSING, escape_markdown, markdown_table, percent, three_digits
from wndcheck.report.wording import format_margin, short_cause
from wndcheck.verdicts.power import MOST
from wndcheck.verdicts.run import ClaimVerdict

OUTCOMES = tuple(ClaimVerdict)
EXPLANATION = f"""\
A verdict is wrong when it is *refuted* although the true mean is inside the claim's region, or *supported* although
it is outside. Four wrong-verdict rates of one run are given for each check:

- **wrong**: replicates are normal; the pooled mean and the sd between replicates are assumed to be the true ones.
- **wrong, worst**: the same with the true mean on a border of the region, where the t interval errs most.
- **resampled**: without the assumption of normality; {DRAWS:,} runs of values drawn from those of all runs, pooled,
  whose mean is taken as the true one.
- **resampled, worst**: the same after moving the values so that their mean is on a border: the effect of skewness on
  the t interval.

A claim is refuted by one of its m primary checks only where its interval at 1 - .01/m lies outside. *Falsely refuted,
at most* is the sum over its primary checks of the rate at which each does that with its true mean on a border
(resampled where there are enough values).

P(inconclusive) and the nets that give the right verdict with 90 % probability are for the pooled mean. Where most runs
could not measure or train the nets, more nets do not help, and the table says so instead of a number. *Excess* is the
ratio of the sd between the means of runs to that of independent replicates: about 1, unless the replicates of one run
are correlated. n is the number of replicates of one run."""


class Column(NamedTuple):
    """A number of a pooled check: heading in tables (empty: only in the CSV), name in the CSV, and format."""

    heading: str
    name: str
    of: Callable[[PooledCheck], float]
    form: Callable[[float], str] = three_digits


COLUMNS = (
    Column("pooled mean", "mean", lambda each: each.reliability.mean),
    Column("sd between replicates", "sd_between_replicates", lambda each: each.reliability.sd),
    Column("sd between runs", "sd_between_runs", lambda each: each.sd_between_runs),
    Column("excess", "excess", lambda each: each.excess),
    Column("", "p_supported", lambda each: each.reliability.rates.supported),
    Column("", "p_refuted", lambda each: each.reliability.rates.refuted),
    Column("P(inconclusive)", "p_inconclusive", lambda each: each.reliability.rates.inconclusive, percent),
    Column("wrong", "wrong", lambda each: each.reliability.wrong, percent),
    Column("wrong, worst", "wrong_worst", lambda each: each.reliability.worst, percent),
    Column("resampled", "resampled_wrong", lambda each: each.reliability.resampled_wrong, percent),
    Column("resampled, worst", "resampled_wrong_worst", lambda each: each.reliability.resampled_worst, percent),
    Column("", "refutes_claim_worst", lambda each: each.reliability.refutes_claim),
)
CHECK_HEAD = ("claimed", "n", *(column.heading for column in COLUMNS if column.heading), "for 90 %")
CSV_HEAD = ("region_low", "region_high", "unit", "replicate", "n", *(column.name for column in COLUMNS))
CSV_HEAD += ("nets_for_90_percent",)


def describe_check(each: PooledCheck) -> dict[str, str]:
    """Return the numbers of a check as text, by the headings of CHECK_HEAD; blank if no run decided it."""
    if not each.findings:
        return dict.fromkeys(CHECK_HEAD, "")
    cells = [column.form(column.of(each)) for column in COLUMNS if column.heading]
    claimed, n = format_margin(each.last), f"{each.n} {each.last.check.replicate}"
    return dict(zip(CHECK_HEAD, [claimed, n, *cells, describe_needed(each)], strict=True))


def describe_needed(each: PooledCheck) -> str:
    """Return the nets needed for the right verdict with 90 % probability, or why more nets would not help."""
    if each.blocking_cause:
        return short_cause(each.blocking_cause)
    nets = each.reliability.nets
    return MISSING if isnan(nets) else f"{nets:,.0f}" if nets <= MOST else f"> {MOST:,}"


def csv_cells(each: PooledCheck) -> list[str]:
    """Return the numbers of a check in full precision, in the order of CSV_HEAD."""
    if not each.findings:
        return [""] * len(CSV_HEAD)
    check, nets = each.last.check, each.reliability.nets
    rule = [number(check.region.low), number(check.region.high), check.unit, check.replicate, str(each.n)]
    return [*rule, *(number(column.of(each)) for column in COLUMNS), "inf" if isinf(nets) else number(nets)]


def markdown(calibration: Calibration, facts: dict[str, str]) -> str:
    """Return the text of calibration.md."""
    secondary = [each for each in calibration.checks if not each.primary]
    controls = [each for each in calibration.pooled if each.must_be]
    claims = [
        [claim.id, claim.statement, *counts(claim), percent(calibration.falsely_refuted(claim.id))]
        for claim in calibration.claims
    ]
    parts = [
        "# Verdicts under many base seeds",
        bullets([f"{name}: {text}" for name, text in facts.items()]),
        f"{escape_markdown(calibration.summary)}.",
        "## Claims",
        markdown_table(("claim", "statement", *OUTCOMES, "falsely refuted, at most"), claims),
        "## Flips between supported and refuted",
        bullets(calibration.flips),
        "## Error rates",
        EXPLANATION,
        "Primary checks whose wrong-verdict rate is above 1 %:",
        bullets(calibration.too_often_wrong),
        f"{calibration.resampling_summary.capitalize()}.",
        "Primary checks for which it would be above 1 % by resampling if their true mean were on a border:",
        bullets(calibration.skewed),
        "## Primary checks",
        check_table(calibration.primary),
    ]
    if secondary:
        parts += ["## Secondary checks", check_table(secondary)]
    if controls:
        head = ("claim", "control", "must be", "held", *OUTCOMES)
        parts += ["## Controls", markdown_table(head, map(control_row, controls))]
    return "\n\n".join(parts) + "\n"


def bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {escape_markdown(item)}" for item in items) or "None."


def counts(pooled: Pooled) -> list[str]:
    return [str(pooled.counts[outcome]) for outcome in OUTCOMES]


def check_table(checks: Iterable[PooledCheck]) -> str:
    rows = ([each.claim, each.name, *counts(each), *describe_check(each).values()] for each in checks)
    return markdown_table(("claim", "check", *OUTCOMES, *CHECK_HEAD), rows)


def control_row(each: PooledCheck) -> list[str]:
    held = sum(not finding.failed for finding in each.findings.values())
    return [each.claim, each.name, str(each.must_be), f"{held} of {len(each.by_seed)}", *counts(each)]


def csv(calibration: Calibration) -> str:
    """Return the text of calibration.csv: one row per claim, then one per check, then one per control."""
    outcomes = (outcome.replace(" ", "_") for outcome in OUTCOMES)
    head = ("kind", "claim", "check", *outcomes, "must_be", "flips", *CSV_HEAD)
    blank = [""] * len(CSV_HEAD)
    rows: list[list[object]] = []
    for claim in calibration.claims:
        rows.append(["claim", claim.id, "", *counts(claim), "", int(claim.flips), *blank])
    for each in sorted(calibration.pooled, key=lambda each: bool(each.must_be)):
        kind = "control" if each.must_be else "primary" if each.primary else "secondary"
        verdicts = [*counts(each), str(each.must_be or ""), int(each.flips)]
        rows.append([kind, each.claim, each.name, *verdicts, *csv_cells(each)])
    return csv_text(head, rows)
