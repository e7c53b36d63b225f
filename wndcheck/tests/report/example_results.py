"""Made-up nets and experiments whose numbers are known, for the tests of the report."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import numpy as np

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.families import cells_of, perceptron, sensitivity_choices
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import QUICK, ConvNets, Profile
from wndcheck.experiment.record_schema import SAME_IMAGE, Measurement, record_shapes
from wndcheck.report.figures import all_figures
from wndcheck.report.section_model import Section
from wndcheck.report.stored_nets import Measured
from wndcheck.report.tables import all_sections
from wndcheck.tests.factories import SMALL, make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Check, verdict_on
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult
from wndcheck.verdicts.statistics import Interval, Region, at_most, within

WIDTHS = (5, 20, 100, 200)
STAGES = (0, 1, 12)
TOLERABLE = within(-0.02, 0.02)
# Every part that a profile can have, at the quick profile's size.
WHOLE = replace(
    QUICK,
    training=replace(QUICK.training, stages=STAGES),
    convnets=ConvNets("cifar10", (10, 50), nets=4, training=Training(0.01, 32, (0, 1))),
)


def make_measurement(cell: Cell, **constant: float) -> Measurement:
    """Replicates whose layers depend less the wider they are, but for the last layer; or what is given, unscattered."""
    rng = np.random.default_rng(cell.width)
    noise = {name: rng.normal(0, 0.01, shape) for name, shape in record_shapes(cell).items()}
    last = np.arange(cell.layers) == cell.layers - 1
    fall = np.where(last, 0.3, (1 + np.arange(cell.layers) / 4) / cell.width)
    means = {"entropy": 1.4 + np.arange(cell.layers) / 10, "score": 0.03 + fall, "corrected_score": fall}
    means |= {"accuracy": 0.98, "validation_accuracy": 0.9, SAME_IMAGE + "corrected_score": fall / 2}
    arrays = {name: array + means.get(name, 0) for name, array in noise.items()}
    return Measurement(cell, arrays | {name: arrays[name] * 0 + value for name, value in constant.items()}, {})


def trained(activation: str, width: int, profile: Profile = WHOLE) -> Cell:
    return perceptron(profile, activation, width, 0)  # type: ignore[arg-type]


def ensemble(width: int, profile: Profile = WHOLE) -> Cell:
    return families.ensemble(profile, width, 0)


def grid(*measurements: Measurement, profile: Profile = WHOLE) -> Grid:
    return Grid(measurements, profile)


def grids(profile: Profile = WHOLE) -> dict[str, Grid]:
    return {
        a: grid(*(make_measurement(trained(a, n, profile)) for n in WIDTHS), profile=profile) for a in ("relu", "tanh")
    }


def measured() -> Measured:
    """Everything that a profile can have."""
    cifar10, convnets, ensembles = (cells_of([name], WHOLE, 0) for name in ("cifar10", "convnets", "ensembles"))
    architectures = {kind: cells_of([f"architectures/{kind}"], WHOLE, 0) for kind in ("batch-norm", "mup")}
    return Measured(
        trained=grids(),
        cifar10=grid(*map(make_measurement, cifar10)),
        convnets=grid(*map(make_measurement, convnets)),
        ensembles=grid(*map(make_measurement, ensembles)),
        architectures={kind: grid(*map(make_measurement, cells)) for kind, cells in architectures.items()},
        sensitivity={name: make_measurement(cell) for name, cell in sensitivity_choices(WHOLE, 0).items()},
    )


def with_arrays(measurement: Measurement, **arrays: np.ndarray) -> Measurement:
    return replace(measurement, arrays=measurement.arrays | arrays)


def with_value(measurement: Measurement, name: str, place: tuple[int, ...], value: float) -> Measurement:
    """The same with one number changed."""
    array = measurement[name].copy()
    array[place] = value
    return with_arrays(measurement, **{name: array})


# --- findings and claims ----------------------------------------------------------------------------------------------


def finding(
    name: str = "level", estimate: float = 0.005, half: float = 0.001, region: Region = SMALL.region, **fields: Any
) -> Finding:
    """A check whose interval is given, and decides its verdict."""
    check = Check("ι", region, primary=fields.pop("primary", True))
    interval = Interval(estimate, estimate - half, estimate + half, 8, 0.99)
    made = {"claim": "weak_dependence", "interval": interval, "verdict": verdict_on(check, interval), "cause": None}
    return make_finding(name, check=check, **made | fields)


def experiment(
    claim: str,
    name: str,
    parameters: dict[str, float],
    bias: float,
    region: Region = TOLERABLE,
    **fields: Any,
) -> Finding:
    """A check of an estimator: sixteen estimates minus the truth, whose mean is near `bias`."""
    values = bias + np.random.default_rng(int(100 * sum(parameters.values()))).normal(0, 0.01, 16)
    check = Check("bias of Ĥ", region, replicate="experiments")
    return make_finding(name, values, check, claim=claim, parameters=parameters, **fields)


def estimator_claims() -> list[ClaimResult]:
    """The three claims whose checks are drawn, with a check and a control that are not."""
    k = [experiment("entropy_against_k", f"bias[{k}]", {"k": k}, 0.001 * k) for k in (5, 2, 3)]
    shifted = experiment("entropy_against_k", "shifted", {"k": 3}, 9.0, must_be="refuted")
    m = [experiment("entropy_against_m", f"bias[{m}]", {"m": m}, 5 / m) for m in (100, 1000, 10000)]
    falls = make_finding("falls", [1.0, 2.0] * 4, claim="entropy_against_m")
    estimators = {"vanilla": (-3.0, at_most(-0.5)), "stabilised": (0.01, within(-0.05, 0.05))}
    scales = [
        experiment("stabilisation", f"{name}[{rho}]", {"rho": rho}, gap, region)
        for name, (gap, region) in estimators.items()
        for rho in (0.0, 0.5, 0.9)
    ]
    return [
        make_claim("entropy_against_k", *k, shifted, figures=("figure-a1a-entropy-k",)),
        make_claim("entropy_against_m", *m, falls),
        make_claim("stabilisation", *scales),
    ]


# --- what a report shows of them --------------------------------------------------------------------------------------


def figures(measured: Measured, *claims: ClaimResult) -> dict[str, Any]:
    """By their stems."""
    return {figure.stem: figure for figure in all_figures(make_run(*claims), measured)}


def sections(measured: Measured, profile: str = "quick", base_seed: int = 0) -> dict[str, Any]:
    """By their titles."""
    run = make_run(profile=profile, base_seed=base_seed)
    return {section.title: section for section in all_sections(run, measured)}


def read(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, which has LF endings."""
    assert "\r" not in text
    return list(csv.DictReader(text.splitlines()))


def rows(section: Section, place: int = 0) -> dict[str, list[str]]:
    """The rows of one of a section's tables, by what they begin with."""
    table = section.tables[place]
    assert {len(cells) for cells in table.rows} == {len(table.head)}
    return {first: rest for first, *rest in table.rows}
