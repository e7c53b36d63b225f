"""One layer's score, from its activations alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.estimators.resampling import disjoint_parts, standard_error
from wndcheck.estimators.validation import check_choice, check_integer, check_number
from wndcheck.inspect.results import DependentPair, LayerScore
from wndcheck.seeds import derived_seed

FEWEST_ROWS = 20  # a part, below which an estimate of its own means little
FEW_ROWS = 500  # below which the layer says that there are few
PART_SHUFFLES = 4  # of a part's null; one would do, but its noise would widen the interval
NULL_ESTIMATES = 40_000  # of a layer's null, where the number of shuffles allows
SHUFFLES = (20, 100)  # with 20 a p-value can be small enough, whatever the pairs, for a single one to be found at 5 %
MASSED = 0.1  # share of neurons with a point mass above which a layer is measured by KSG1
JITTER = 1e-3  # standard deviations, which part a point mass


@dataclass(frozen=True)
class Scoring:
    """How layers are scored; see `dependence_score`."""

    k: int = 3
    estimator: str | None = None
    max_pairs: int = 5000
    n_shuffles: int | None = None
    n_parts: int = 10
    rate: float = 0.05
    top: int = 10
    random_state: int = 0
    device: str = "auto"
    n_jobs: int | None = None

    def check(self) -> None:
        """TypeError or ValueError for an option out of its range."""
        check_choice(self.estimator, "estimator", (None, "3h", "ksg1", "ksg2"))
        check_integer(self.max_pairs, "max_pairs", least=1)
        check_integer(self.n_parts, "n_parts", least=2)
        check_integer(self.top, "top", least=0)
        check_integer(self.random_state, "random_state", least=0)
        check_number(self.rate, "rate", least=0, most=1)
        if self.n_shuffles is not None:
            check_integer(self.n_shuffles, "n_shuffles", least=2)

    def shuffles(self, pairs: int) -> int:
        fewest, most = SHUFFLES
        return self.n_shuffles or min(most, max(fewest, ceil(NULL_ESTIMATES / pairs)))


def layer_score(name: str, rows: NDArray[Any], rows_per_sample: int, how: Scoring) -> LayerScore:
    """The score of a layer from its activations (rows, neurons). ValueError if there are too few of either."""
    m, n = rows.shape
    samples = m // rows_per_sample
    if n < 2:
        raise ValueError(f"layer {name!r}: it has {n} neuron: expected at least two to pair")
    if samples < FEWEST_ROWS * how.n_parts:
        raise ValueError(
            f"layer {name!r}: {samples} samples: expected at least {FEWEST_ROWS} in each of {how.n_parts} parts; give "
            f"{FEWEST_ROWS * how.n_parts} inputs or more"
        )
    pairs = sampled_pairs(n, how.max_pairs, derived_seed("user pairs", how.random_state))
    look = pairwise_mi(rows, k=how.k, pairs=[[0, 1]])  # every neuron's entropy and flag
    estimated = chosen_estimator(look, how)
    common = {**estimated, "k": how.k, "pairs": pairs, "null": "shuffle", "random_state": how.random_state}
    common |= {"device": how.device, "n_jobs": how.n_jobs}
    whole = pairwise_mi(rows, **common, n_shuffles=how.shuffles(len(pairs)))
    parts = [
        pairwise_mi(rows[part], **common, n_shuffles=PART_SHUFFLES) for part in parts_of(samples, rows_per_sample, how)
    ]
    found = whole.dependent(how.rate)
    known = np.isfinite(whole.pair_mi)
    return LayerScore(
        layer=name,
        neurons=n,
        rows=m,
        rows_per_sample=rows_per_sample,
        pairs_estimated=len(pairs),
        pairs_possible=n * (n - 1) // 2,
        estimator=estimated["estimator"],
        jitter=estimated["jitter"],
        score=whole.score,
        score_se=error_of([part.score for part in parts]),
        corrected=float(whole.corrected_score or 0.0) if known.any() else float("nan"),
        corrected_se=error_of([part.corrected_score for part in parts]),
        parts=len(parts),
        entropy=density_entropy(look),
        dependent=float(found[known].mean()) if known.any() else float("nan"),
        pairs=most_dependent(whole, how.top),
        identical=tuple((int(i), int(j)) for i, j in whole.identical),
        flags={int(str(neuron)): why for neuron, why in whole.flags.items()},
        notes=tuple(notes(whole, rows_per_sample, n)),
    )


def chosen_estimator(look: PairwiseInformation, how: Scoring) -> dict[str, Any]:
    """3H, or KSG1 with jitter where point masses leave 3H little to estimate."""
    massed = sum(why.startswith("point mass") for why in look.flags.values()) > MASSED * len(look.entropy)
    estimator = how.estimator or ("ksg1" if massed else "3h")
    return {"estimator": estimator, "jitter": JITTER if massed and estimator != "3h" else None}


def density_entropy(look: PairwiseInformation) -> float:
    """Mean entropy of the neurons that have one: a point mass has no density, whatever jitter would make of it."""
    known = look.entropy[np.isfinite(look.entropy)]
    return float(known.mean()) if len(known) else float("nan")


def sampled_pairs(neurons: int, most: int, seed: int) -> NDArray[np.int64]:
    """All pairs i < j, or a seeded sample of them, in order: (P, 2)."""
    count = neurons * (neurons - 1) // 2
    if count <= most:
        return np.stack(np.triu_indices(neurons, 1), axis=1)
    places = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    starts = np.cumsum([0, *range(neurons - 1, 0, -1)])  # of the pairs of every first neuron
    first = np.searchsorted(starts, places, side="right") - 1
    return np.stack([first, places - starts[first] + first + 1], axis=1)


def parts_of(samples: int, together: int, how: Scoring) -> NDArray[np.int64]:
    """Rows of disjoint parts of the samples, (parts, rows of a part); all rows of a sample go to one part."""
    kept = np.stack(disjoint_parts(samples, how.n_parts, how.random_state))
    return (kept[:, :, None] * together + np.arange(together)).reshape(how.n_parts, -1)


def error_of(of_parts: list[float | None]) -> float:
    """The standard error; NaN if a part has no estimate."""
    return float(standard_error(np.array(of_parts, dtype=float)))


def most_dependent(found: PairwiseInformation, top: int) -> tuple[DependentPair, ...]:
    """The pairs furthest above their null."""
    known = np.flatnonzero(np.isfinite(found.p_values))
    if not len(known):
        return ()
    assert found.pair_corrected is not None
    order = known[np.argsort(-found.pair_corrected[known], kind="stable")][:top]
    return tuple(
        DependentPair(
            neurons=(int(found.pairs[pair, 0]), int(found.pairs[pair, 1])),
            mi=float(found.pair_mi[pair]),
            corrected=float(found.pair_corrected[pair]),
            p=float(found.p_values[pair]),
            q=float(found.q_values[pair]),
        )
        for pair in order
    )


def notes(found: PairwiseInformation, together: int, neurons: int) -> list[str]:
    """What to know of a layer's score, in words."""
    said = []
    if found.flags:
        label, why = next(iter(found.flags.items()))
        said.append(f"{len(found.flags)} of {neurons} neurons have no estimate (neuron {label}: {why})")
    if found.meta["jitter"] is not None:
        said.append(f"point masses, measured by {found.meta['estimator'].upper()} with jitter {JITTER:g}")
    if len(found.identical):
        i, j = found.identical[0]
        said.append(f"{len(found.identical)} pairs are one neuron twice, up to shift, scale and sign ({i} and {j})")
    if together > 1:
        said.append(f"{together} positions a sample are not independent: p- and q-values are too small")
    if found.meta["M"] < FEW_ROWS:
        said.append(f"{found.meta['M']} rows are few: ι is the more biased the fewer; the paper takes 1000")
    return said
