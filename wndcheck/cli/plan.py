"""`wndcheck plan`."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from wndcheck.cli.tables import print_table
from wndcheck.cli.words import CLAIMS, STORE, here

if TYPE_CHECKING:
    from wndcheck.authoring.planning import Line

HEAD = ("claim", "check", "estimate ± sd", "claimed", "n", "supported", "refuted", "inconclusive", "worst", "for 90 %")
HEAD += ("minutes",)


@click.command(short_help="Nets needed for a verdict, and the minutes they cost.")
@click.argument("runs", metavar="[RUN_DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="Every check, not only the neediest primary check of each claim.")
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
@CLAIMS
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes that share the minutes.  [default: one a visible GPU, or one a core]",
)
@STORE
def plan(
    runs: tuple[Path, ...],
    every: bool,
    as_json: bool,
    claims_folder: Path,
    workers: int | None,
    root: Path | None,
) -> None:
    """Print, for the checks of a run, how sure their verdicts are, the nets that give the right verdict with 90 %
    probability, and the minutes that the nets lacking cost.

    RUN_DIR is the folder of a report, with its verdicts.json; of several, with different base seeds, the values are
    pooled.  [default: reports/latest]

    Probabilities are for another run of as many nets (n), whose values are normal with the estimate for their mean and
    the sd between nets. "worst" is the probability of a wrong verdict where the true mean lies on the margin. Minutes
    are those of one check, from the seconds that the store's measurements took: other checks share its nets. Where the
    nets of most runs could not be measured, or did not train, more of them do not help, and the table says which.

    Exit status: 0; 2 if the command line is wrong, or there is no verdicts.json to read.
    """
    from wndcheck.authoring import planning
    from wndcheck.authoring.minutes import Costs
    from wndcheck.devices import automatic_workers
    from wndcheck.store.measurements import Store

    try:
        read = planning.read_runs(runs or (Path("reports/latest"),))
        share = workers or automatic_workers("auto")
        costs = Costs(claims_folder, Store(root, make=False), read[0].profile, read[0].base_seed)
        found = planning.lines(read, costs, share)
    except (ValueError, OSError) as error:
        raise click.UsageError(here(error)) from None
    if as_json:
        from wndcheck.report.files import strict_json

        document = {"profile": read[0].profile, "base_seeds": [run.base_seed for run in read], "workers": share}
        click.echo(strict_json(document | {"checks": [line.to_dict() for line in found]}), nl=False)
        return
    chosen = found if every else planning.neediest(found)
    show(chosen, basis(read[0].profile, [run.base_seed for run in read], share) + unhelped(chosen))


def unhelped(found: Sequence[Line]) -> str:
    """What stands in place of nets, in a sentence, if it does anywhere."""
    hindered = sorted({line.repeats.hindrance for line in found if line.decided and line.repeats.hindrance})
    return f" More nets do not help where it says: {' or '.join(hindered)}." if hindered else ""


def basis(profile: str, seeds: Sequence[int], workers: int) -> str:
    from wndcheck.authoring.words import seeds as spelled

    shared = f"{workers} workers" if workers > 1 else "one worker"
    runs = f"base seed{'s' * (len(seeds) > 1)} {spelled(list(seeds))}"
    return f"Profile {profile}, {runs}. Probabilities are of one more run of n; minutes are for {shared}."


def show(found: Sequence[Line], rests_on: str) -> None:
    columns = print_table(HEAD, map(row, found), right=HEAD[2:])
    click.echo(fill(rests_on, columns))


def row(line: Line) -> list[str]:
    from wndcheck.authoring.words import NOTHING, needed, percent, value

    each, known = line.repeats, line.repeats.reliability
    names = [each.claim, each.check, f"{value(known.mean)} ± {value(known.sd)}"]
    start = [*names, str(each.last.rule.region), str(known.n)]
    if not line.decided or each.hindrance:
        return [*start, *[NOTHING] * 4, needed(each), NOTHING]
    rates = (known.rates.supported, known.rates.refuted, known.rates.inconclusive, known.worst)
    minutes = "unknown" if isnan(line.minutes) else f"{line.minutes:.1f}"
    return [*start, *map(percent, rates), needed(each), minutes]
