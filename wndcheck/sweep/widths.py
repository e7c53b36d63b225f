"""width_sweep: the claims about wide nets, put to a family of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wndcheck.estimators.pairwise_information import finite_mean
from wndcheck.estimators.validation import check_integer
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.profiles import NARROW
from wndcheck.report.format import count_of, format_interval, group_by, join_few, percent
from wndcheck.report.wording import describe_claim, describe_finding, describe_replicates_needed
from wndcheck.sweep.grids import grid_of
from wndcheck.sweep.records import Kept, NetRecord, digest_of, is_named
from wndcheck.sweep.verdicts import claims_of
from wndcheck.verdicts.checks import FEWEST, MOST_UNTRAINED, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult
from wndcheck.verdicts.statistics import FEWEST_WIDTHS, t_quantile

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure
    from torch import nn

PROBING = ("when", "batch_size", "positions", "neuron_axis")
COLUMNS = ("score", "corrected_score", "rank_score", "entropy", "entropy_change", "flagged")


def width_sweep(
    make_net: Callable[[int], nn.Module],
    x: Any,
    widths: Sequence[int],
    seeds: int | Sequence[int] = 8,
    train: Callable[[nn.Module, int], Any] | None = None,
    layers: str | Sequence[str] | None = None,
    *,
    evaluate: Callable[[nn.Module], float] | None = None,
    max_samples: int = 1000,
    max_pairs: int = 5000,
    device: str = "auto",
    workers: int = 1,
    executor: Executor | None = None,
    name: str = "",
    store: Path | str | None = None,
    progress: Callable[[str], None] = lambda line: None,
    **probing: Any,
) -> WidthSweep:
    """Put the paper's claims about wide nets to a family of nets, over widths and seeds.

    A net is built, trained and measured, and not held after that.

    Parameters
    ----------
    make_net : function
        Of a width: a new torch.nn.Module. The generators of torch, NumPy and Python are seeded before each call, and
        are afterwards as the caller left them.
    x
        Inputs as for `dependence_score`, samples first: the same for all nets.
    widths : sequence of int
        Three or more, over which a trend is decided, such as [32, 64, 128, 256].
    seeds : int or sequence of int
        The replicates: so many nets of each width, of seeds from 0, or nets of these seeds. Four at least for a
        verdict.
    train : function, optional
        Of a net and its seed: trains the net in place, or is a generator that yields at each stage that is to be
        measured, the last included. Without it nets are measured as built.
    layers : str or sequence of str, optional
        Names or shell patterns of hidden layers, by default all that `dependence_score` measures. A layer is the one of
        the same name at every width. The layer reached last is measured, too, and judged apart.
    evaluate : function, optional
        Of a net: a number kept beside, such as its accuracy.
    max_samples, max_pairs : int
        Largest numbers of inputs, and of pairs of a layer, that are measured, as for `dependence_score`.
    device : str
        Of the estimates, as for `pairwise_mi`. A net runs on its own device.
    workers : int
        Processes that share the nets, of one thread each; a single one takes all cores for its estimates. Functions
        are then those of a module, which each process imports, and inputs are sent with each net. A script is imported,
        too, and sweeps only below ``if __name__ == "__main__":``.
    executor : concurrent.futures.Executor, optional
        What measures `workers` nets at once in place of processes of this machine, such as a Dask client's
        ``get_executor(pure=False)``.
    name, store : str, path
        Keep each net's record under this name in this folder, and take up those that are there. A name stands for the
        source of make_net, train, evaluate and a function of positions: where it has changed, it is an error.
    progress : function, optional
        Called with a line on each net, once it is measured and kept, and on workers that died: ``progress=print``.
    **probing
        `when`, `batch_size`, `positions` and `neuron_axis`, as for `probe`.

    Returns
    -------
    WidthSweep
        Verdicts, which print as a table; `to_frame()`, `plot()`, `assert_weakly_dependent()`.

    Raises
    ------
    TypeError, ValueError
        For options that cannot be used; where no net, or no hidden layer of all widths, could be measured. A net that
        cannot be built, trained or measured is left out, and `failures` say why.

    Notes
    -----
    The replicate is the net: intervals (99 %) are over nets of other seeds, on these inputs.

    Examples
    --------
    >>> import torch
    >>> def make_net(width):
    ...     return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))
    >>> sweep = width_sweep(make_net, torch.randn(300, 64), widths=[20, 40, 80], seeds=4, max_pairs=100)
    >>> sweep.grid.of("corrected_score", layer=1).shape  # widths and seeds
    (3, 4)
    >>> print(sweep.finding("last_layer", "dependence").check.region)
    ≥ 0.05
    """
    from wndcheck.inspect.batches import seeded_draws  # imports torch
    from wndcheck.inspect.evaluation import seeded_generators
    from wndcheck.sweep.measuring import Family
    from wndcheck.sweep.submitting import measured

    widths, seeds = checked_numbers(widths, "widths", 1), checked_numbers(seeds, "seeds", 0)
    check_integer(max_samples, "max_samples", least=20)
    check_integer(max_pairs, "max_pairs", least=1)
    check_integer(workers, "workers", least=1)
    if unknown := set(probing) - set(PROBING):
        raise TypeError(f"width_sweep has no option {min(unknown)!r}: expected {', '.join(PROBING)}")
    if isinstance(x, Iterator):
        raise TypeError(f"x is a {type(x).__name__}, which can be read only once: give a list or a loader")
    patterns = None if layers is None else (layers,) if isinstance(layers, str) else tuple(layers)
    # Of the rank estimator, whose spread is a fifth, fewer pairs do.
    rank_pairs, controls = min(max_pairs, 1000), control_pairs(len(seeds))
    probe = Probe(most_pairs=max_pairs, rank_pairs=rank_pairs, control_pairs=controls)
    family = Family(make_net, x, train, evaluate, patterns, max_samples, probe, widths[-1], device, probing)
    kept = None
    if store is not None:
        with seeded_generators([], 0), seeded_draws(x, 0):  # from which a loader may draw its batches
            given = [(option, callable(value) or value) for option, value in sorted(probing.items())]
            inputs = digest_of((x, given), max_samples)
        options = (widths, seeds, inputs, patterns, max_samples, probe)
        kept = Kept(Path(store), name, options, (make_net, train, evaluate, *filter(callable, probing.values())))
    nets = [(width, seed) for width in widths for seed in seeds]
    records: dict[tuple[int, int], NetRecord] = {}

    def add(record: NetRecord, remark: str = "") -> None:
        records[record.width, record.seed] = record
        progress(f"[{len(records)}/{len(nets)}] {record.line}{remark}")

    for net in nets:
        if kept and (record := kept.load(*net)):
            add(record, " (kept)")
    for record in measured(family, [net for net in nets if net not in records], workers, executor, progress):
        if kept:
            kept.save(record)
        add(record)
    return WidthSweep([records[net] for net in nets])


def control_pairs(nets: int) -> int:
    """Pairs of one layer by which so many nets show permuted neurons to be below 0.01 nats, 400 at most.

    A pair's corrected estimate deviates by √2 · 0.042 nats; the interval's half width and two deviations of its mean
    are to be less than 0.01.
    """
    if nets < 2:
        return 400
    return min(400, ceil((t_quantile(0.99, nets) + 2) ** 2 * 2 * (0.042 / 0.01) ** 2 / nets))


def checked_numbers(given: int | Iterable[int], name: str, least: int) -> tuple[int, ...]:
    """Ascending distinct integers; of a number of seeds, those from 0. TypeError or ValueError for others."""
    given = getattr(given, "tolist", lambda: given)()  # of an array, which is an Iterable even if it is one number
    if not isinstance(given, Iterable):
        check_integer(given, name, least=1)
        given = range(given) if name == "seeds" else [given]
    numbers = tuple(given)
    for number in numbers:
        check_integer(number, name, least=least)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} {list(numbers)}: expected distinct numbers, such as [32, 64, 128, 256]")
    return tuple(sorted(map(int, numbers)))


@dataclass(eq=False)
class WidthSweep:
    """A family of nets over widths and seeds: records of all nets, and the verdicts on their layers.

    records: one a net, narrowest first. `grid` is the model of the claims' own families, so that their estimands apply:
    ``slopes(sweep.grid, "corrected_score", layer=1)``. sweep["weak_dependence"] is one of `claims`.
    """

    records: Sequence[NetRecord]

    def __post_init__(self) -> None:
        refuse_copies(self.records)
        self.grid, self.left_out = grid_of(self.records)

    @cached_property
    def claims(self) -> list[ClaimResult]:
        """The verdicts by the rules of the claims of these names, each with its checks and controls."""
        return claims_of(self.grid)

    def __getitem__(self, claim: str) -> ClaimResult:
        found = {each.id: each for each in self.claims}
        if claim not in found:
            raise KeyError(f"claim {claim!r}: expected one of {', '.join(found)}")
        return found[claim]

    @property
    def failures(self) -> list[str]:
        """Which nets could not be measured, and why, a line for each width and reason."""
        failed = group_by((r for r in self.records if r.problem), lambda r: (r.width, r.problem))
        total = {width: sum(r.width == width for r in self.records) for width in {r.width for r in self.records}}
        return [
            f"N = {each[0].width}: {len(each)} of {total[each[0].width]} nets failed "
            f"(seed {join_few([str(r.seed) for r in each])}), {each[0].problem}"
            for each in failed
        ]

    @property
    def remarks(self) -> list[str]:
        """What limits the verdicts: failures, layers left out or of one size, and too few widths or seeds."""
        lines = list(self.failures)
        if lost := sorted({r.width for r in self.records} - set(self.grid.widths)):
            lines.append(f"verdicts are without N = {join_few(map(str, lost))}, of which there is no net")
        lines += [f"{name}: left out, {why}" for name, why in self.left_out.items()]
        same = [name for name, number in self.grid.hidden.items() if not self.grid.grows[number - 1]]
        if len(self.grid.widths) > 1:
            lines += [f"{name}: as many neurons at all widths" for name in same]
        for width, shares in zip(self.grid.widths, self.grid.of("flagged"), strict=True):
            for name, number in self.grid.hidden.items():
                if (share := finite_mean(shares[:, number - 1])) > MOST_UNTRAINED:
                    why = "no estimate: constant, tied or a point mass"
                    lines.append(f"{name}: at N = {width} {percent(share)} of the neurons have {why}")
        wide = self.grid.wide.widths
        if narrow := sorted(set(self.grid.widths) - set(wide)):
            lost = join_few(map(str, narrow))
            lines.append(f"trends are without N = {lost}, of which a layer has fewer than {NARROW} neurons")
        if len(wide) < FEWEST_WIDTHS:
            lines.append(f"{count_of(len(wide), 'width')} for a trend, which takes {FEWEST_WIDTHS} or more")
        if self.grid.nets < FEWEST:
            lines.append(f"{count_of(self.grid.nets, 'seed')} for a verdict, which takes {FEWEST} or more")
        return lines

    def finding(self, claim: str, name: str) -> Finding:
        """One check of a claim: ``finding("weak_dependence", "trend[fc1]")``."""
        return next(each for each in self[claim].checks if each.name == name)

    def __str__(self) -> str:
        head = ["layer", "slope of ι_c per doubling", "", f"ι at N = {self.grid.widths[-1]}", ""]
        trained = len(self.grid.epochs) > 1
        head += [f"|ΔH| at N = {self.grid.widths[-1]}", ""] * trained
        asked = [("weak_dependence", "trend"), ("weak_dependence", "level"), ("constant_entropy", "level")]
        rows = [head]
        for layer in self.grid.hidden:
            found = [self.finding(claim, f"{check}[{layer}]") for claim, check in asked[: 2 + trained]]
            rows.append([layer, *(cell for each in found for cell in (format_interval(each.interval), each.verdict))])
        sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, sizes)).rstrip() for row in rows]
        lines += [f"{each.id}: {each.verdict}. {describe_claim(each)}" for each in self.claims]
        lines += [f"{name}: {need}" for name, need in self.needs.items()]
        return "\n".join([*lines, *self.remarks])

    @property
    def needs(self) -> dict[str, str]:
        """How many nets would decide each check whose interval includes its margin."""
        found = {f"{f.claim} {f.name}": describe_replicates_needed(f) for c in self.claims for f in c.checks}
        return {name: f"inconclusive, {need}" for name, need in found.items() if need}

    def rows(self) -> list[dict[str, Any]]:
        """A row a net, stage and layer: width, seed, stage, layer, neurons, ι, ι_c (`corrected_score`; of ranks,
        `rank_score`), H, ΔH (nats), share of neurons without an estimate (`flagged`), and what `evaluate` gave.
        """
        return [
            {"width": r.width, "seed": r.seed, "stage": stage, "layer": layer, "neurons": r.neurons[layer]}
            | {name: numbers[name][stage] for name in COLUMNS}
            | {"accuracy": r.accuracy[stage] if r.accuracy else float("nan")}
            for r in self.records
            if not r.problem
            for layer, numbers in r.numbers.items()
            for stage in range(r.stages)
        ]

    def to_frame(self) -> pandas.DataFrame:
        """`rows` as a pandas DataFrame. ImportError without pandas."""
        from pandas import DataFrame

        return DataFrame(self.rows())

    def plot(self, path: Path | str | None = None) -> Figure:
        """The paper's figures 2 and 3 for these nets: entropy, ι and ι_c against the width, with 99 % intervals.

        A matplotlib Figure, saved where a path is given.
        """
        from wndcheck.report.plots import drawing
        from wndcheck.sweep.page import figure_of

        made = drawing(figure_of(self.grid))
        if path is not None:
            made.savefig(path)
        return made

    def assert_weakly_dependent(
        self, layers: str | Collection[str] | None = None, *, trend: bool = True, allow_inconclusive: bool = False
    ) -> WidthSweep:
        """Assert that ι of hidden layers is at most 0.054 nats at the widest and, with `trend`, that ι_c falls.

        layers: names or shell patterns, all hidden layers by default. allow_inconclusive: only a refuted check fails.
        AssertionError with the checks that fail and their intervals; ValueError for layers that were not measured.
        """
        __tracebackhide__ = True
        patterns = ["*"] if layers is None else [layers] if isinstance(layers, str) else list(layers)
        names = [name for name in self.grid.hidden if is_named(name, patterns)]
        if lost := [p for p in patterns if not any(is_named(name, [p]) for name in names)]:
            known = ", ".join(self.grid.hidden)
            raise ValueError(f"layer {lost[0]!r}: expected one that was measured at every width, of {known}")
        claim = self["weak_dependence"]
        wanted = {f"{check}[{name}]" for name in names for check in ("level", "trend")[: 1 + trend]}
        accepted = (Verdict.SUPPORTED, Verdict.INCONCLUSIVE)[: 1 + allow_inconclusive]
        found = [each for each in claim.checks if each.name in wanted and each.counts_as not in accepted]
        found += [each for each in claim.controls if each.failed and (trend or each.name != "planted_rise")]
        if found:
            lines = [f"  {each.name}: {describe_finding(each)}" for each in found]
            raise AssertionError("\n".join(["not shown to be weakly dependent:", *lines, *self.remarks]))
        return self


def refuse_copies(records: Sequence[NetRecord]) -> None:
    """Mark nets of one width whose initial parameters are those of an earlier seed: they are no replicates."""
    first: dict[tuple[int, str], int] = {}
    for record in records:
        seed = first.setdefault((record.width, record.weights), record.seed)
        if record.weights and not record.problem and seed != record.seed:
            record.problem = (
                f"the same initial parameters as seed {seed}: make_net is to draw them from torch's generator, which "
                "is seeded for each net, and not to seed it"
            )
