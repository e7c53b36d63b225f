"""Verdicts on layers of independent normal neurons, by the layer's width, as a Markdown table.

Run with: python -m wndcheck.benchmarks.verdicts_by_width
"""

from __future__ import annotations

from collections import Counter

import click
import numpy as np

from wndcheck.inspect import dependence_score, weakly_dependent
from wndcheck.seeds import derived_seed
from wndcheck.verdicts.checks import Verdict

from .accuracy import print_head, print_row

M, WIDTHS, TRIALS = 1000, (40, 16, 8, 2), 50


@click.command()
@click.option("--seeds", default=20, show_default=True, help=f"Base seeds, of {TRIALS} trials each.")
def main(seeds: int) -> None:
    """Print of how many trials a layer gets each verdict: in all, and the fewest and most of a base seed's.

    All options are those of `dependence_score` and `weakly_dependent` by default. 1000 trials of each width take five
    minutes of one core.
    """
    print(f"{seeds} base seeds, {TRIALS} trials each, M = {M}\n")
    print_head(["N", *(f"{verdict}, of {seeds * TRIALS} (of {TRIALS})" for verdict in Verdict)])
    for width in WIDTHS:
        counts = [Counter(verdict(width, trial, seed) for trial in range(TRIALS)) for seed in range(seeds)]
        by_verdict = [[count[each] for count in counts] for each in Verdict]
        print_row([str(width), *(f"{sum(each)} ({min(each)} … {max(each)})" for each in by_verdict)])


def verdict(width: int, trial: int, seed: int) -> Verdict:
    drawn = derived_seed("independent layer", width, trial, seed)
    z = np.random.default_rng(drawn).standard_normal((M, width))
    return weakly_dependent(dependence_score(z, random_state=drawn, n_jobs=1)).verdict


if __name__ == "__main__":
    main()
