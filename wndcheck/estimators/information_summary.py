"""A result of `pairwise_mi` as text of at most eight lines."""

from __future__ import annotations

from math import e, isfinite
from typing import TYPE_CHECKING

import numpy as np

from .formulas import nats_per_unit
from .validation import printable

if TYPE_CHECKING:
    from .pairwise_information import PairwiseInformation

THRESHOLD = 0.01  # nats; the paper's for independence (§4)
NAMED = 3  # flagged neurons that are named
STRONGEST = 5  # pairs that are named
LONGEST_NAME = 24  # characters


def summary(information: PairwiseInformation) -> str:
    """What was measured and how, ι, ι_c where there is a null, flags, and the strongest pairs."""
    meta, known = information.meta, np.flatnonzero(np.isfinite(information.pair_mi))
    unit = {None: "nats", e: "nats", 2.0: "bits"}.get(meta["base"]) or f"units of log {meta['base']:g}"
    jitter = "" if meta["jitter"] is None else f", jitter {meta['jitter']:g}"
    error = f" ± {information.score_se:.4f}" if isfinite(information.score_se) else ""
    lines = [
        f"PairwiseInformation: {meta['N']} neurons, {meta['M']} samples, {_count(meta['P'], 'pair')}",
        f"by {meta['estimator'].upper()}, margins {meta['margins']}, k = {meta['k']}{jitter}, in {unit}",
        f"ι = {information.score:.4f}{error}, the mean of the pairs",
    ]
    if information.corrected_score is not None:
        null = _count(meta["n_shuffles"], "shuffle") if meta["null"] else "the tabulated null"
        within = f" within {meta['groups']} groups" if meta["groups"] else ""
        lines.append(f"ι_c = {information.corrected_score:.4f}, ι minus the mean of {null}{within}")
    if information.flags:
        named = [f"{_name(neuron)} ({why})" for neuron, why in list(information.flags.items())[:NAMED]]
        more = ["…"] * (len(information.flags) > NAMED)
        lines.append(f"{_count(len(information.flags), 'neuron')} without an estimate: {', '.join(named + more)}")
    if len(information.identical):
        alike = "of equal or opposite ranks" if meta["margins"] == "normal" else "equal up to shift, scale and sign"
        lines.append(f"{_count(len(information.identical), 'pair')} {alike}")
    if len(known):
        mi = information.pair_mi[known]
        above = 100 * (mi * nats_per_unit(meta["base"]) > THRESHOLD).mean()
        lines.append(f"{above:.1f} % of the pairs above {THRESHOLD:g} nats")
        order = known[np.argsort(-mi, kind="stable")][:STRONGEST]
        strongest = [
            f"{'–'.join(_name(information.labels[neuron]) for neuron in information.pairs[at])} "
            f"{information.pair_mi[at]:.3f}"
            for at in order
        ]
        lines.append(f"strongest pairs: {', '.join(strongest)}")
    return "\n".join(lines)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _name(label: object) -> str:
    """A neuron's name on one line without control characters, shortened where it is long."""
    text = printable(" ".join(str(label).split()))
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
