"""Detectors of faults in the suite: the claims' controls, worlds with a known answer, and relations that hold exactly.

A detector returns the problems that it finds: none without a fault.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from math import isclose, isfinite, sqrt
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wndcheck import datasets
from wndcheck.estimators import knn_entropy
from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell, Probe
from wndcheck.experiment.grids import is_trained
from wndcheck.experiment.measurement import layers
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.sampling import DrawKey
from wndcheck.experiment.profiles import QUICK, Profile
from wndcheck.experiment.record_schema import SAME_IMAGE, Measurement
from wndcheck.pytest_plugin.nets_fixture import Nets
from wndcheck.report.wording import describe_finding
from wndcheck.seeds import derived_seed
from wndcheck.tests.claims.worlds import FOLDER, SMALL_FULL, claims_all_true, made, run_claims
from wndcheck.tests.tiny import TINY_CELL, TINY_TRAINING, UNTRAINED
from wndcheck.verdicts import statistics
from wndcheck.verdicts.checks import CauseKind
from wndcheck.verdicts.coverage.claim_files import claims_in
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict

Source = Callable[[Cell], Measurement]
Detector = Callable[[Path], list[str]]
Plant = Callable[[pytest.MonkeyPatch], None]

# Nets of twenty neurons on the paper's thousand images: their controls come out as they must, in half a second.
SMALL_QUICK = replace(
    QUICK,
    initial_width=20,
    probe=Probe(most_pairs=20, control_pairs=100, transformed_pairs=0),
    violation_widths=(4, 8, 16),
    violation_width=4,
    experiments=4,
)
FEW = Probe(images_per_class=20, most_pairs=3, control_pairs=0, transformed_pairs=0)
FEW_NETS = replace(UNTRAINED, seeds=tuple(range(120)), ensembles=2, probe=replace(FEW, most_pairs=10))


def everywhere(patch: pytest.MonkeyPatch, original: object, fault: object) -> None:
    """Put the fault in the place of the original, in every module of the package and of the claims that has it."""
    ours = {name: m for name, m in sys.modules.items() if name.partition(".")[0] in ("wndcheck", "claims")}
    for module in [m for name, m in ours.items() if not name.startswith("wndcheck.tests")]:
        for name in [name for name, value in vars(module).items() if value is original]:
            patch.setattr(module, name, fault)


def at(owner: object, name: str, fault: object) -> Plant:
    """Put the fault in the place of an attribute."""
    return lambda patch: patch.setattr(owner, name, fault)


def instead_of(original: object, fault: object) -> Plant:
    """Put the fault in the place of the original, wherever it is imported."""
    return lambda patch: everywhere(patch, original, fault)


class Still(np.random.Generator):
    """Permutes nothing."""

    def permuted(self, x, *, axis=None, out=None):
        return x


STILL = SimpleNamespace(default_rng=lambda seed: Still(np.random.PCG64(seed)))


# --- the claims' own tests ------------------------------------------------------------------------------------------


def decided(root: Path, file: str, select: str, profile: Profile, source: Source, marked: str = "") -> ClaimResult:
    """What a claim comes to in a run of some of its tests, with the nets that `source` gives it."""

    def loaded(nets: Nets, cell: Cell) -> Measurement:
        return nets.known.get(cell) or nets.known.setdefault(cell, source(cell))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "VIOLATION_PROBE", FEW)
        patch.setattr(Nets, "loaded", loaded)
        (claim,) = run_claims(root, profile, "-k", select, "-m", marked, file=f"{file}.py")
    return claim


def problems_of(claim: ClaimResult, profile: Profile, wanted: str = "supported") -> list[str]:
    """Controls and checks without the verdict they should have, errors, and wrong numbers of replicates."""
    replicates = {"nets": profile.nets, "ensembles": profile.ensembles.count, "experiments": profile.experiments}

    def is_as_wanted(finding: Finding) -> bool:
        if finding.must_be:
            return not finding.failed
        if wanted != "supported":
            return finding.verdict == wanted
        return finding.verdict == wanted and finding.interval.n == replicates[finding.check.replicate]

    wrong = [f"{claim.id} {each.name}: {describe_finding(each)}" for each in claim.findings if not is_as_wanted(each)]
    assert claim.findings or claim.errors, "nothing was run"
    return wrong + [error.reason for error in claim.errors]


def as_paper(cell: Cell) -> Measurement:
    return made(cell, claims_all_true)


def holds(file: str, select: str, marked: str = "", source: Source = as_paper, wanted: str = "supported") -> Detector:
    """A claim in the world in which all holds that the paper says, or in another."""
    return lambda root: problems_of(decided(root, file, select, SMALL_FULL, source, marked), SMALL_FULL, wanted)


def of_samples(file: str, select: str, marked: str = "") -> Detector:
    """A claim about the estimators, which asks for no nets."""
    return lambda root: problems_of(decided(root, file, select, SMALL_QUICK, measure, marked), SMALL_QUICK)


def controls_of_nets(file: str, select: str) -> Detector:
    """The controls of a claim on small nets that are built and measured for them."""

    def detector(root: Path) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layers, "total_correlations", lambda *of: {})  # no control here asks for what takes longest
            return problems_of(decided(root, file, select, SMALL_QUICK, measure, "control"), SMALL_QUICK)

    return detector


def altered(**values: float) -> Source:
    """The world in which all holds that the paper says, but for some quantities."""

    def source(cell: Cell) -> Measurement:
        found = as_paper(cell)
        return replace(found, arrays=found.arrays | {n: np.full_like(found[n], v) for n, v in values.items()})

    return source


def altered_at(place: tuple[object, ...], **values: float) -> Source:
    """The world in which all holds that the paper says, but for some quantities at a place of (stage, net, layer)."""

    def source(cell: Cell) -> Measurement:
        found = as_paper(cell)
        for name, value in values.items():
            found[name][place] = value
        return found

    return source


def margins(root: Path) -> list[str]:
    """The margins of primary checks are quoted in the docstrings of their claims, as the paper's numbers are."""

    def is_quoted(border: float, docstring: str) -> bool:
        numbers = re.findall(r"(\d+(?:\.\d+)?)( ?%)?(?: ± (\d+\.\d+))?", docstring)
        quoted = [
            float(x) / (100 if percent else 1) + sign * float(d or 0) for x, percent, d in numbers for sign in (-1, 1)
        ]
        quoted += [float(d) for d in re.findall(r"± ?(\d+\.\d+)", docstring)]
        return not isfinite(border) or border == 0 or any(isclose(abs(border), number) for number in quoted)

    return [
        f"{claim.id} {test.name}: {border} is not in its docstring"
        for claim in claims_in(FOLDER)
        for test in claim.checks
        for check in test.declared
        for border in (check.region.low, check.region.high)
        if check.primary and not is_quoted(border, claim.docstring)
    ]


def has_verdict(file: str, select: str, source: Source, verdict: ClaimVerdict, cause: CauseKind | None) -> Detector:
    """What a whole claim comes to in a world where one of its tests goes wrong."""

    def detector(root: Path) -> list[str]:
        found = decided(root, file, select, SMALL_FULL, source)
        kind = found.cause and found.cause.kind
        return [] if (found.verdict, kind) == (verdict, cause) else [f"{file}: {found.verdict}, {found.cause}"]

    return detector


# --- relations that hold exactly ------------------------------------------------------------------------------------


def initial_entropies_by_hand(cell: Cell) -> np.ndarray:
    """H̄ of every layer of untrained tanh nets, (S, layers), only from images and seeds."""
    raw = datasets.load(cell.dataset)
    chosen = datasets.probe_indices(raw.train_labels, per_class=cell.probe.images_per_class, seed=cell.probe.seed)
    images = datasets.standardised(raw.train_images[chosen], raw.train_images).astype(float)
    found = np.zeros((len(cell.seeds), cell.layers))
    for row, seed in zip(found, cell.seeds, strict=True):
        generator, x = torch.Generator().manual_seed(derived_seed(seed, "initial weights")), images
        for layer in range(cell.layers):
            neurons = cell.width if layer < cell.layers - 1 else 10
            z = x @ torch.randn((x.shape[1], neurons), generator=generator).numpy() / sqrt(x.shape[1])
            row[layer], x = np.mean([knn_entropy(neuron) for neuron in z.T]), np.tanh(z)
    return found


def initial_nets(root: Path) -> list[str]:
    """Untrained nets are those of their seeds, on the probe's images, layer by layer, before the activation."""
    cell = replace(UNTRAINED, probe=replace(FEW, sampling="fixed"))
    # Single precision of the nets leaves less than .001 nats of 200 samples.
    errors = np.abs(measure(cell)["entropy"][0] - initial_entropies_by_hand(cell))
    return [f"H̄ is off by {off:.4f} nats in layer {layer + 1}" for layer, off in enumerate(errors.max(0)) if off > 1e-3]


def trained_nets(root: Path) -> list[str]:
    """Nets learn, and the entropy changes by the later entropy minus the first, at every stage."""
    found = measure(replace(TINY_CELL, probe=FEW, protocol=replace(TINY_TRAINING, stages=(0, 1, 2))))
    wrong = [] if is_trained(found, QUICK).all() else [f"not trained: {found['accuracy'][-1]}"]
    if not np.allclose(found["entropy_change"], found["entropy"] - found["entropy"][0]):
        wrong.append("ΔH is not the later entropy minus the first")
    return wrong


def ensembles(root: Path) -> list[str]:
    """Nets of an ensemble differ; so do an image each and one for all; independent pairs scatter about 0."""
    found = measure(FEW_NETS)
    wrong = ["an ensemble of one net"] if found["flagged"].any() or found[SAME_IMAGE + "flagged"].any() else []
    if (found["entropy"] == found[SAME_IMAGE + "entropy"]).any():
        wrong.append("both forms show the same images")
    if (found["pair_quantiles"][..., 0] >= 0).all():
        wrong.append("no pair's estimate is below 0")
    return wrong


def scales(root: Path) -> list[str]:
    """A layer's pairs share the same in any units of its neurons."""
    z = np.random.default_rng(0).standard_normal((200, 4))
    z[:, 1] += z[:, 0]
    pairs = np.array([[0, 1], [2, 3]])

    def information(z: np.ndarray) -> np.ndarray:
        return layers.information(layers.Layer(z, pairs, DrawKey(0, 0, 0), FEW, "tanh", True, "cpu")).pair_mi

    differences = np.abs(information(z * [1, 1e-3, 1e3, 1]) - information(z)).max()
    return [f"other units, other information: {differences:.4f} nats"] if not differences <= 1e-4 else []


def coverage(root: Path) -> list[str]:
    """Nine intervals of ten hold the mean."""
    draws, rng = 2000, np.random.default_rng(0)
    intervals = [statistics.mean_interval(rng.normal(1, 2, 3), 0.9) for _ in range(draws)]
    share = np.mean([interval.low <= 1 <= interval.high for interval in intervals])
    # Four standard errors of a share.
    return [f"{share:.1%} of intervals hold the mean"] if abs(share - 0.9) > 4 * sqrt(0.09 / draws) else []
