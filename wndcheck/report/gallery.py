"""All figures and sections of a report, and the names of all files they may leave."""

from __future__ import annotations

from typing import Any

from wndcheck.report import accuracy, readings, sensitivity
from wndcheck.report.experiments import entropy_against, stabilisation
from wndcheck.report.markdown import Section
from wndcheck.report.measured import Measured
from wndcheck.report.nets import (
    cifar10_figure,
    convnet_figure,
    dependence_figure,
    entropy_figure,
    readings_figure,
    trajectory_figure,
)
from wndcheck.report.pairs import pairs_figure
from wndcheck.report.readings import readings_section
from wndcheck.report.scatter import AnyFigure, lemma_figure
from wndcheck.verdicts.checks import Finding

TITLES = (accuracy.TITLE, readings.TITLE, sensitivity.TITLE)
STEMS = (
    "2-entropy",
    "3-dependence",
    "pairs",
    "information-entropy",
    "both-readings",
    "trajectories",
    "b1-cifar10",
    "b2-convnets",
    "a1a-entropy-k",
    "a1b-entropy-m",
    "a1c-stabilisation",
)
FILES = frozenset(f"figure-{stem}{suffix}" for stem in STEMS for suffix in (".svg", ".csv")) | {
    accuracy.FILE,
    sensitivity.FILE,
}


def all_figures(document: dict[str, Any], measured: Measured) -> list[AnyFigure]:
    """Every figure that this run has data for."""
    profile = document["profile"]
    claims = {claim["id"]: [Finding.from_dict(check) for check in claim["checks"]] for claim in document["claims"]}
    figures: list[AnyFigure | None] = [
        entropy_figure(measured.trained, profile),
        dependence_figure(measured.trained, profile),
        pairs_figure(measured.trained, claims.get("estimator-null", ()), profile),
        lemma_figure(measured.trained, profile),
        readings_figure(measured.beside_ensembles, measured.ensembles, profile),
        trajectory_figure(measured.trained, profile),
        cifar10_figure(measured.cifar10, profile),
        convnet_figure(measured.convnets, profile),
        entropy_against("k", claims.get("entropy-against-k", ()), profile),
        entropy_against("m", claims.get("entropy-against-m", ()), profile),
        stabilisation(claims.get("stabilisation", ()), profile),
    ]
    return [figure for figure in figures if figure]


def all_sections(document: dict[str, Any], measured: Measured) -> list[Section]:
    """Every section that this run has data for, and the one on what the paper leaves unsaid."""
    sections = [
        accuracy.accuracy_section(measured.groups, document["profile"]),
        readings_section(measured.beside_ensembles, measured.ensembles),
        sensitivity.sensitivity_section(measured.sensitivity, document["profile"], document["base_seed"]),
    ]
    return [section for section in sections if section]
