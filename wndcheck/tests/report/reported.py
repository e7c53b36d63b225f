"""Made-up nets, checks and documents whose numbers are known, for the tests of the report."""

from __future__ import annotations

import csv
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import QUICK, ConvNets, Profile
from wndcheck.experiment.records import SAME_IMAGE, Measurement, record_shapes
from wndcheck.report import Measured
from wndcheck.report.markdown import Section
from wndcheck.verdicts.checks import Finding
from wndcheck.verdicts.statistics import mean_interval

WIDTHS = (5, 20, 100, 200)
STAGES = (0, 1, 12)
# Every part that a profile can have, at the quick profile's size.
WHOLE = replace(
    QUICK,
    training=replace(QUICK.training, stages=STAGES),
    convnets=ConvNets(widths=(10, 50), nets=4, training=Training(0.01, 32, (0, 1))),
)


def made(cell: Cell, **constant: float) -> Measurement:
    """Replicates whose layers depend less the wider they are, but for the last layer; or what is given, unscattered."""
    rng = np.random.default_rng(cell.width)
    noise = {name: rng.normal(0, 0.01, shape) for name, shape in record_shapes(cell).items()}
    last = np.arange(cell.layers) == cell.layers - 1
    fall = np.where(last, 0.3, (1 + np.arange(cell.layers) / 4) / cell.width)
    means = {"entropy": 1.4 + np.arange(cell.layers) / 10, "score": 0.03 + fall, "corrected_score": fall}
    means |= {"accuracy": 0.98, "validation_accuracy": 0.9, SAME_IMAGE + "corrected_score": fall / 2}
    arrays = {name: array + means.get(name, 0) for name, array in noise.items()}
    return Measurement(cell, arrays | {name: arrays[name] * 0 + value for name, value in constant.items()}, {})


def measurement(activation: str, width: int, profile: Profile = WHOLE) -> Measurement:
    return made(profile.trained(activation, width, 0))  # type: ignore[arg-type]


def grids(profile: Profile = WHOLE) -> dict[str, Grid]:
    return {a: Grid(tuple(measurement(a, width, profile) for width in WIDTHS), profile) for a in ("relu", "tanh")}


def ensembles(profile: Profile = WHOLE) -> Grid:
    return Grid(tuple(map(made, profile.ensemble_cells(0))), profile)


def measured(profile: Profile = WHOLE) -> Measured:
    """Everything."""
    return Measured(
        trained=grids(profile),
        cifar10=Grid(tuple(map(made, profile.cifar10_cells(0))), profile),
        convnets=Grid(tuple(map(made, profile.convnet_cells(0))), profile),
        ensembles=ensembles(profile),
        sensitivity={name: made(cell) for name, cell in profile.sensitivity_cells(0).items()},
    )


def with_arrays(measurement: Measurement, **arrays: np.ndarray) -> Measurement:
    return replace(measurement, arrays=measurement.arrays | arrays)


def planted(measurement: Measurement, name: str, place: tuple[int, ...], value: float) -> Measurement:
    """The same with one number changed."""
    array = measurement[name].copy()
    array[place] = value
    return with_arrays(measurement, **{name: array})


def finding(check: str = "level", estimate: float = 0.005, half: float = 0.001, **fields: Any) -> Finding:
    defaults: dict[str, Any] = {
        "claim": "weak-dependence",
        "parameters": {},
        "estimand": "ι",
        "unit": "nats",
        "replicate": "nets",
        "region": (-inf, 0.01),
        "confidence": 0.99,
        "low": estimate - half,
        "high": estimate + half,
        "n": 8,
        "untrained": 0,
        "primary": True,
        "verdict": "supported",
        "cause": "",
        "test": "claims/dependence.py::test_level[relu-1]",
    }
    return Finding(check=check, estimate=estimate, **defaults | fields)


def experiment(claim: str, check: str, parameters: dict[str, float], bias: float, region=(-0.02, 0.02)) -> Finding:
    place = int(100 * sum(parameters.values()))
    values = list(bias + np.random.default_rng(place).normal(0, 0.01, 16))
    found = mean_interval(values, 0.99)
    fields = {"low": found.low, "high": found.high, "n": 16, "values": values, "replicate": "experiments"}
    return finding(check, found.estimate, claim=claim, parameters=parameters, region=region, **fields)


def claim(name: str, checks: list[Finding], controls: list[Finding] | None = None, **fields: Any) -> dict[str, Any]:
    defaults = {
        "id": name,
        "paper": "§4",
        "statement": f"What {name} says.",
        "verdict": "supported",
        "cause": "",
        "expected": "supported",
        "checks": [check.to_dict() for check in checks],
        "controls": [control.to_dict() for control in controls or []],
        "errors": [],
        "not_run": [],
    }
    return defaults | fields


def document(*claims: dict[str, Any], **fields: Any) -> dict[str, Any]:
    run = {"schema": 1, "created": "2026-01-02T03:04:05+00:00", "profile": "quick", "base_seed": 0, "mode": "verify"}
    run |= {"selection": False, "problems": []}
    return run | {"environment": {"numpy": "2.0", "torch": "2.4"}, "claims": list(claims)} | fields


def estimator_claims() -> list[dict[str, Any]]:
    k = [experiment("entropy-against-k", f"bias[{k}]", {"k": k}, 0.001 * k) for k in (5, 2, 3)]
    m = [experiment("entropy-against-m", f"bias[{m}]", {"m": m}, 5 / m) for m in (100, 1000, 10000)]
    rhos = (0.0, 0.5, 0.9)
    region = {"vanilla": (-inf, -0.5), "stabilised": (-0.05, 0.05)}
    gap = {"vanilla": -3.0, "stabilised": 0.01}
    c = [
        experiment("stabilisation", f"{name}[{rho}]", {"rho": rho}, gap[name], region[name])
        for name in gap
        for rho in rhos
    ]
    falls = finding("falls", claim="entropy-against-m", values=[1.0, 2.0], parameters={})
    shifted = experiment("entropy-against-k", "shifted", {"k": 3}, 9.0)
    return [
        claim("entropy-against-k", k, [replace(shifted, control="refuted")]),
        claim("entropy-against-m", [*m, falls]),
        claim("stabilisation", c),
    ]


def read(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, which has LF endings."""
    assert "\r" not in text
    return list(csv.DictReader(text.splitlines()))


def lines(section: Section | None, paragraph: int) -> list[list[str]]:
    """The cells of the table that is one of a section's paragraphs, without its head."""
    assert section
    head, _, *body = [line[2:-2].split(" | ") for line in section.paragraphs[paragraph].splitlines()]
    assert {len(cells) for cells in body} == {len(head)}
    return body


def table(section: Section | None, paragraph: int) -> dict[str, list[str]]:
    """The same, by what its rows begin with."""
    return {first: rest for first, *rest in lines(section, paragraph)}
