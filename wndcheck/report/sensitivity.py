"""What becomes of one width of nets when the choices that the paper leaves open are made otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wndcheck.experiment.records import Measurement
from wndcheck.report.markdown import Section, escaped, table
from wndcheck.report.rows import accuracy_cell, count, known, layer_cells, layer_head
from wndcheck.report.series import csv_text, interval, number, numbers

FILE = "sensitivity.csv"
TITLE = "What the paper leaves unsaid"
QUANTITIES = {"corrected_score": "ι_c", "entropy_change": "ΔH"}


@dataclass(frozen=True)
class Pairs:
    """One quantity of nets with the same seeds, made as in the profile and otherwise: (nets, layers) each."""

    seeds: list[int]
    usual: np.ndarray
    varied: np.ndarray

    @property
    def change(self) -> np.ndarray:
        return self.varied - self.usual


def sensitivity_section(measured: dict[str, Measurement | None], profile: str, base_seed: int) -> Section | None:
    """Changes against the first of the measurements, the profile's own; of what is not measured, how to measure it."""
    if not measured:
        return None
    usual, *others = measured.values()
    variations = {name: found for name, found in measured.items() if found and found is not usual}
    missing = missing_words(usual is None, None in others, profile, base_seed)
    if not usual or not variations:
        return Section(TITLE, missing, {})
    paragraphs = [escaped(introduction(usual))]
    for quantity, symbol in QUANTITIES.items():
        usual_row = [*row_head(next(iter(measured)), usual), *layer_cells(usual[quantity][-1], known(usual))]
        rows = [change_row(name, usual, varied, quantity) for name, varied in variations.items()]
        head = ["", "nets", "training accuracy", *layer_head(usual.cell.layers)]
        paragraphs += [f"Change of {escaped(symbol)} (nats):", table(head, [usual_row, *rows])]
    return Section(TITLE, [*paragraphs, *missing], {FILE: sensitivity_csv(usual, variations)})


def introduction(usual: Measurement) -> str:
    cell = usual.cell
    return (
        f"{len(cell.seeds)} {cell.activation} nets of N = {cell.width} on {cell.dataset}, trained again with other "
        "choices where the paper leaves them open. First row: the profile's own; below it: change against that, net by "
        "net (same seed), after the last epoch. Means with 99 % t intervals over nets, trained or not, but those that "
        f"diverged. Bold: the interval leaves out 0. All numbers: {FILE}."
    )


def missing_words(usual: bool, variations: bool, profile: str, base_seed: int) -> list[str]:
    """One sentence with the command to type; none where nothing is missing."""
    parts = ["mlp"] * usual + ["sensitivity"] * variations
    seed = [f"--seed={base_seed}"] if base_seed else []
    command = ["wndcheck measure", f"--profile={profile}", *seed, *(f"--cells={part}" for part in parts)]
    words = "How far other choices matter has not been measured, or not of all"
    return [f"{words}: type `{' '.join(command)}`."] if parts else []


def change_row(name: str, usual: Measurement, varied: Measurement, quantity: str) -> list[str]:
    change = pairs(usual, varied, quantity).change
    return [*row_head(name, varied), *layer_cells(change, known(varied), bold=True)]


def row_head(name: str, measurement: Measurement) -> list[str]:
    return [escaped(name), count(measurement), accuracy_cell(measurement["accuracy"][-1])]


def pairs(usual: Measurement, varied: Measurement, quantity: str) -> Pairs:
    """The last stage of the nets whose seeds both have, in the order of the first."""
    seeds = [seed for seed in usual.cell.seeds if seed in varied.cell.seeds]
    usual_places, varied_places = ([m.cell.seeds.index(seed) for seed in seeds] for m in (usual, varied))
    return Pairs(seeds, usual[quantity][-1, usual_places], varied[quantity][-1, varied_places])


def sensitivity_csv(usual: Measurement, variations: dict[str, Measurement]) -> str:
    """A row for each variation, quantity, layer and net, with the mean change and its interval over the nets."""
    fields = ("usual", "varied", "change", "mean", "low", "high", "n", "usual_training", "training")
    rows = (row for name, varied in variations.items() for row in variation_rows(name, usual, varied))
    return csv_text(("variation", "quantity", "layer", "seed", *fields), rows)


def variation_rows(name: str, usual: Measurement, varied: Measurement) -> Iterable[list[object]]:
    accuracies = [dict(zip(m.cell.seeds, m["accuracy"][-1], strict=True)) for m in (usual, varied)]
    for quantity in QUANTITIES:
        paired = pairs(usual, varied, quantity)
        for layer in range(usual.cell.layers):
            mean = numbers(interval(paired.change[:, layer]))
            for i, seed in enumerate(paired.seeds):
                values = [number(each[i, layer]) for each in (paired.usual, paired.varied, paired.change)]
                yield [name, quantity, layer + 1, seed, *values, *mean, *(number(each[seed]) for each in accuracies)]
