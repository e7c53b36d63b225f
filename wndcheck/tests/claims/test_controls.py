"""Each control of a claim that reads made-up nets or samples fails where the fault that it is there for is planted."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wndcheck.estimators.estimation import estimate
from wndcheck.experiment import gaussian_experiments
from wndcheck.tests.claims import worlds
from wndcheck.tests.claims.mutations import STILL, Detector, Plant, at, holds, instead_of, of_samples
from wndcheck.tests.claims.worlds import CONTROLLED, FOLDER, claims_all_true
from wndcheck.verdicts import checks
from wndcheck.verdicts.statistics import PowerLaw, power_law, rank_correlations, rank_interval

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package"),
]

NOT_PERMUTED = at(worlds, "controlled", lambda cell: CONTROLLED | {"shuffled_score": 0.2})
NOT_PLANTED = at(worlds, "controlled", lambda cell: dict.fromkeys(CONTROLLED, 0.0))
SLOPE = at(worlds, "controlled", lambda cell: CONTROLLED | {"shuffled_score": 0.01 * log2(cell.width)})
NO_SLOPE = at(worlds, "violated", lambda cell, stage: claims_all_true(cell, stage) | {"corrected_score": 0.1})
NO_PAIR = at(worlds, "violated", lambda cell, stage: claims_all_true(cell, stage) | {"rank_dependent": 0.0})
NOT_SHARED = at(worlds, "violated", claims_all_true)  # nets that are to break a claim, and do not


def estimates(change) -> Plant:
    """All estimates changed by a function of their values."""
    return instead_of(estimate, lambda *of, **how: change(estimate(*of, **how)))


def no_law(widths, values) -> PowerLaw:
    """The narrowest's values for the floors, and the exponents on the border."""
    return PowerLaw(values[0], 0.5 + 0 * values[0], values[-1] - values[0])


NO_LAW = instead_of(power_law, no_law)
NOTHING, MORE, LESS = (estimates(change) for change in (lambda x: 0 * x, lambda x: x + 1, lambda x: x - 1))


FAULTS: dict[tuple[str, str], tuple[Callable[..., Detector], Plant]] = {
    ("weak_dependence", "in_the_vicinity"): (holds, NOT_PERMUTED),
    ("weak_dependence", "planted"): (holds, NOT_PLANTED),
    ("weak_dependence", "leave_the_vicinity"): (holds, NOT_SHARED),
    ("literal_independence", "independently_permuted"): (holds, NOT_PERMUTED),
    ("literal_independence", "planted"): (holds, NOT_PLANTED),
    ("literal_independence", "shared"): (holds, NOT_SHARED),
    ("cifar_weak_dependence", "in_the_vicinity"): (holds, NOT_PERMUTED),
    ("cifar_weak_dependence", "planted"): (holds, NOT_PLANTED),
    ("cifar_weak_dependence", "leave_the_vicinity"): (holds, NOT_SHARED),
    ("cifar_literal_independence", "independently_permuted"): (holds, NOT_PERMUTED),
    ("cifar_literal_independence", "planted"): (holds, NOT_PLANTED),
    ("cifar_literal_independence", "shared"): (holds, NOT_SHARED),
    ("two_hundred_suffice", "in_the_vicinity"): (holds, NOT_PERMUTED),
    ("two_hundred_suffice", "leave_the_vicinity"): (holds, NOT_SHARED),
    ("any_stage", "in_the_vicinity"): (holds, NOT_PERMUTED),
    ("any_stage", "planted"): (holds, NOT_PLANTED),
    ("any_stage", "permuted_activations_have_no_slope"): (holds, SLOPE),
    ("any_stage", "shared_directions_have_a_slope"): (holds, NO_SLOPE),
    ("any_two_neurons", "independent_gaussians"): (of_samples, MORE),
    ("any_two_neurons", "test_dependent_gaussians"): (of_samples, NOTHING),
    ("any_two_neurons", "shared_directions_have_no_falling_trend"): (holds, NOT_SHARED),
    ("any_two_neurons", "shared_directions_have_no_falling_upper_trend"): (holds, NOT_SHARED),
    ("any_two_neurons", "few_directions"): (holds, NO_PAIR),
    ("beyond_class", "independently_permuted"): (holds, NOT_PERMUTED),
    ("beyond_class", "no_falling_trend"): (holds, NOT_SHARED),
    ("beyond_class", "are_dependent"): (holds, NOT_SHARED),
    ("beyond_class", "are_not_explained"): (holds, NOT_SHARED),
    ("residual_nets", "in_the_vicinity"): (holds, NOT_PERMUTED),
    ("residual_nets", "planted"): (holds, NOT_PLANTED),
    ("transformer_nets", "no_falling_trend"): (holds, NOT_SHARED),
    ("image_floor", "independently_permuted"): (
        holds,
        at(worlds, "controlled", lambda cell: CONTROLLED | {"shuffled_score": 0.008}),
    ),
    ("image_floor", "shared"): (
        holds,
        at(worlds, "violated", lambda cell, stage: claims_all_true(cell, stage) | {"corrected_score": 0.008}),
    ),
    ("width_law", "a_law"): (of_samples, NO_LAW),
    ("width_law", "exponent"): (of_samples, NO_LAW),
    ("width_law", "planted"): (
        holds,
        at(worlds, "controlled", lambda cell: CONTROLLED | {"planted_score": 0.5 / cell.width}),
    ),
    ("initial_independence", "independently_permuted"): (holds, NOT_PERMUTED),
    ("initial_independence", "planted"): (holds, NOT_PLANTED),
    ("initial_independence", "shared"): (holds, NOT_SHARED),
    ("gaussian_activations", "gaussian_pairs"): (
        of_samples,
        at(gaussian_experiments, "np", SimpleNamespace(**vars(np) | {"corrcoef": lambda a, b: np.zeros((2, 2))})),
    ),
    ("gaussian_activations", "random_signs"): (of_samples, NOTHING),
    ("cifar_negative_estimates", "independent_pairs_are_tolerable"): (of_samples, LESS),
    ("cifar_negative_estimates", "independent_pairs_are_negative"): (of_samples, MORE),
    ("cifar_negative_estimates", "dependent_pairs_are_not_negative"): (of_samples, LESS),
    ("post_activations", "independent_gaussians_after_relu"): (of_samples, MORE),
    ("post_activations", "test_dependent_gaussians_after_relu"): (of_samples, NOTHING),
    ("width_saturation", "random_order"): (holds, at(np.random, "default_rng", STILL.default_rng)),
    ("width_saturation", "drifting_entropy_correlates"): (
        holds,
        instead_of(rank_correlations, lambda x, y: 0 * rank_correlations(x, y)),
    ),
    ("narrow_is_irregular", "scattered"): (
        holds,
        at(checks, "rank_interval", lambda one, other, confidence: rank_interval(other, one, confidence)),
    ),
}


@pytest.mark.parametrize(("claim", "control"), FAULTS, ids=map(" ".join, FAULTS))
def test_a_control_notices_its_fault(claim: str, control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, plant = FAULTS[claim, control]
    detector = kind(claim, control, "control")
    assert detector(tmp_path) == []
    plant(monkeypatch)
    assert detector(tmp_path)
