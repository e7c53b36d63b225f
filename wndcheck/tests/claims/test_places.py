"""Each check reads its own quantity, layer, stage, width and reading: in a world where all holds but at single places,
the checks of those places are refuted, and no others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wndcheck.store.measurements import Store
from wndcheck.tests.claims.worlds import FOLDER, SMALL_FULL, Place, claims_all_true, fill, findings_in, made_apart
from wndcheck.verdicts.statistics import largest_contrast

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package")
TRAINED = [width for width in SMALL_FULL.widths if width > 20]
HIDDEN = (1, 2, 3, 4)


def large_growth(width: int) -> float:
    """Beyond every margin at every width, and growing, by a law with an exponent of ¼."""
    return 1.2 - 1.65 * width**-0.25


def slow_growth(width: int) -> float:
    """Growing, and below .1 at the widest."""
    return 0.0099 * np.log2(width)


def places_in(part: str) -> Callable[..., Place]:
    return lambda quantity, value, *layers, **where: Place(part, quantity, value, layers, **where)


mlp, cifar, ensembles, initial = map(places_in, ("mlp", "cifar10", "ensembles", "initial"))
TANH = {"activation": "tanh"}
WIDEST = {"widths": (1000,)}

# Place -> checks that are refuted. The places of a world are in different layers, activations or quantities that
# no check reads together, so that each moves only its own checks.
SCORES = {
    mlp("corrected_score", large_growth, 1, stage=1): ["any_stage trend[1-1-relu]", "any_stage literal[1-1-relu]"],
    mlp("corrected_score", large_growth, 2): [
        "weak_dependence trend[2-relu]",
        "literal_independence literal[2-relu]",
        "two_hundred_suffice difference[2-relu]",
        "two_hundred_suffice from_hundred[2-relu]",
        "lemma_bound information_does_not_grow[2-relu]",
        "gaussian_activations pairs[2-relu]",
        "width_law floor[2-relu]",
        "width_law exponent[2-relu]",
        *(f"conditional_entropy rises[{width}-2-relu]" for width in TRAINED),
    ],
    mlp("post_corrected_score", large_growth, 3): [
        "post_activations trend[3-relu]",
        "post_activations literal[3-relu]",
    ],
    mlp("score", 0.02, 5, **WIDEST): [f"last_layer contrast[{layer}-relu]" for layer in HIDDEN],
    mlp("corrected_score", 0.01, 5, **WIDEST, **TANH): ["last_layer dependence[tanh]"],
    mlp("post_score", 0.03, 4, **WIDEST): ["post_activations vicinity[4-relu]"],
    mlp("post_score", 0.03, 3, **WIDEST, **TANH): [],  # 3H's vicinity is wider
    mlp("post_score", 0.06, 4, **WIDEST, **TANH): ["post_activations vicinity_by_3h[4]"],
    mlp("post_corrected_score", 0.05, 2, **WIDEST, **TANH): [
        "post_activations trend[2-tanh]",
        "post_activations literal[2-tanh]",
        "post_activations vicinity[2-tanh]",
    ],
    mlp("score", 0.1, 1, stage=3, **WIDEST, **TANH): ["any_stage vicinity[100-1-tanh]"],
    mlp("score", 0.1, 2, **WIDEST, **TANH): [
        "weak_dependence vicinity[2-tanh]",
        "two_hundred_suffice vicinity[1000-2-tanh]",
    ],
    mlp("score", 0.1, 4, widths=(500,), **TANH): ["two_hundred_suffice vicinity[500-4-tanh]"],
    mlp("score", 0.295, 3, widths=(100,), **TANH): ["last_layer contrast_in_narrower_nets[100-3-tanh]"],
    mlp("pair_quantiles", 0.2, 4, quantile=0.95, **WIDEST, **TANH): ["weak_dependence upper_pairs[4-tanh]"],
    mlp("pair_quantiles", 0.2, 1, quantile=0.5, **WIDEST): [],
    mlp("corrected_score", 0.01, 5, widths=(200,)): ["last_layer dependence_in_narrower_nets[200-relu]"],
    mlp("correlation", 0.1, 5, **WIDEST, **TANH): ["last_layer logits_compete[tanh]"],
    mlp("score", 0.1, 1, widths=(5, 10)): ["narrow_is_irregular on_mnist[1-relu]"],  # alike in every net
}
ENTROPIES = {
    mlp("negentropy", large_growth, 1, stage=2): ["gaussian_activations at_stages[10-1-relu]"],
    mlp("negentropy", large_growth, 2): ["gaussian_activations trend[2-relu]", "gaussian_activations level[2-relu]"],
    mlp("gaussian_score", -0.05, 3, **WIDEST): ["gaussian_activations pairs[3-relu]"],
    mlp("entropy_change", slow_growth, 3): ["constant_entropy trend[3-relu]"],
    mlp("entropy_change", 0.11, 4, **WIDEST): ["constant_entropy level[4-relu]"],
    mlp("distribution_change", slow_growth, 1, **TANH): ["constant_entropy distribution_trend[1-tanh]"],
    mlp("distribution_change", 0.102, 2, **WIDEST, **TANH): ["constant_entropy distribution_level[2-tanh]"],
    mlp("importance", large_growth, 3, **TANH): ["constant_entropy importance[3-tanh]"],
    mlp("entropy", 1.55, 4, widths=(500,), **TANH): ["width_saturation contrast[4-tanh]"],  # neither first nor last
    mlp("entropy", 1.34, 2, **WIDEST): [
        "width_saturation model_agnostic[2]",
        "width_saturation correlates[2-relu]",  # the widest no longer has the most entropy
    ],
    mlp("entropy", 1.45, 2, **WIDEST, **TANH): [],  # neither is .1 away from what it was
    mlp("entropy", 1.0, 1, widths=(100,)): [],  # before the widths at which it is to have settled
    mlp("corrected_score", -0.011, 1, widths=(200,)): [
        "two_hundred_suffice difference[1-relu]",
        "width_law exponent[1-relu]",
    ],
    mlp("corrected_score", lambda n: 1 / n + 0.0015, 1, widths=(50, 100), **TANH): [
        "two_hundred_suffice from_hundred[1-tanh]"
    ],
    mlp("accuracy", 0.97, widths=(100,)): ["accuracy training[100-relu]"],
    mlp("validation_accuracy", 0.9, widths=(50,), **TANH): ["accuracy validation[50-tanh]"],
    mlp("validation_accuracy", 0.99, **WIDEST): ["width_saturation no_further_gain[relu]"],
}
CHANGES = {
    mlp("corrected_score", large_growth, 1, stage=0): ["any_stage no_rise[relu]", "any_stage literal[0-1-relu]"],
    mlp("corrected_score", large_growth, 2, stage=0, **TANH): [
        "any_stage trend[0-2-tanh]",
        "any_stage literal[0-2-tanh]",
    ],
    mlp("lemma_excess", 0.1, 2, widths=(200,)): ["lemma_bound bound[200-2-relu]"],
    mlp("lemma_broken", 0.2, 3, widths=(100,)): [
        "lemma_bound share[100-3-relu]",
        "conditional_entropy share[100-3-relu]",
    ],
    mlp("total_correlation_3", large_growth, 3): ["beyond_pairs trend[3-3-relu]", "beyond_pairs level[3-3-relu]"],
    mlp("total_correlation_5", large_growth, 4): ["beyond_pairs trend[5-4-relu]", "beyond_pairs level[5-4-relu]"],
    mlp("post_change_3h", 0.02, 2, widths=(100,), **TANH): ["estimator_invariance difference[100-2]"],
    mlp("post_change", 0.02, 3, widths=(200,), **TANH): ["estimator_invariance by_ksg1[200-3]"],
    mlp("post_change", 0.02, 4, **WIDEST, **TANH): [
        "estimator_invariance by_ksg1[1000-4]",
        "post_activations no_more_than_before[4-tanh]",
    ],
    cifar("pair_quantiles", 0.1, *HIDDEN, quantile=0.05): ["cifar_negative_estimates negative_pairs"],
    cifar("pair_quantiles_2000", 0.2, *HIDDEN, quantile=0.05, widths=(200,)): [],
}
OTHER_NETS = {
    cifar("corrected_score", large_growth, 2): [
        "cifar_weak_dependence trend[2]",
        "cifar_literal_independence literal[2]",
    ],
    cifar("score", 0.4, 4, **WIDEST): ["cifar_weak_dependence vicinity[4]", "cifar_weak_dependence last_layer"],
    cifar("score", 0.1, 1, widths=(5, 10, 15)): [  # alike in every net
        "narrow_is_irregular irregular[1]",
        "narrow_is_irregular deviation[1]",
    ],
    cifar("score", -0.1, 3, widths=(50,)): ["cifar_negative_estimates layer_means[50]"],
    cifar("pair_quantiles", -0.3, 3, quantile=0.05, widths=(50,)): ["cifar_negative_estimates tolerable_pairs[50]"],
    cifar("pair_quantiles", 0.1, *HIDDEN, quantile=0.05, widths=(200,)): [],  # negative at other widths
    cifar("pair_quantiles", 0.1, 1, 2, 4, quantile=0.05, **WIDEST): [],  # the least is the third layer's
    cifar("pair_quantiles_2000", -0.1, 2, quantile=0.05, widths=(200,)): ["cifar_negative_estimates more_images"],
    cifar("scale_ratio", 0.3, *HIDDEN, widths=(200,)): ["cifar_negative_estimates scales[200]"],
    cifar("scale_ratio", 0.3, 1, 2, 4, **WIDEST): [],
    cifar("entropy", 1.51, 4, **WIDEST): ["cifar_constant_entropy data_agnostic[4]"],
    cifar("entropy_change", slow_growth, 2): ["cifar_constant_entropy trend[2]"],
    cifar("entropy_change", 0.11, 3, **WIDEST): ["cifar_constant_entropy level[3]"],
    ensembles("same_image_corrected_score", 0.2, 1, widths=(128,)): ["ensemble_lemma same_image[1]"],
    ensembles("corrected_score", 0.2, 2, widths=(128,)): [
        "ensemble_lemma trend[2]",
        "ensemble_lemma level[2]",
        "conditional_entropy in_ensembles[2]",
    ],
    ensembles("corrected_score", 0.05, 4, widths=(64,)): ["ensemble_lemma level_in_narrower_nets[64-4]"],
    ensembles("corrected_score", -0.1, 3, widths=(8,)): ["ensemble_lemma trend[3]"],
    ensembles("lemma_excess", 0.1, 3, widths=(128,)): ["lemma_bound in_ensembles[3]"],
    ensembles("negentropy", 0.1, 4, widths=(128,)): ["gaussian_activations in_ensembles[4]"],
    ensembles("same_image_lemma_excess", 0.1, 4, widths=(128,)): [],
    initial("corrected_score", 0.002, 1): ["image_floor first_layer[relu]"],
    initial("image_floor", 0.002, 1, **TANH): ["image_floor first_layer[tanh]"],
    initial("corrected_score", 0.1, 2, **TANH): ["initial_data_reading independence[2-tanh]"],
    initial("corrected_score", 0.1, 3): [
        "initial_data_reading independence[3-relu]",
        "initial_independence independence[3]",
    ],
    initial("negentropy", 0.1, 2): ["initial_independence gaussian[2]"],
    initial("offset", 0.1, 3): ["initial_independence zero_mean[3]"],
    initial("scale_ratio", 0.3, 4): ["initial_independence same_scale[4]"],
    Place("violations", "corrected_score", 0.02, (4,), **TANH): ["initial_data_reading biases_change_nothing[4-tanh]"],
    Place("violations", "corrected_score", 0.02, (4,), stage=0): ["initial_data_reading biases_change_nothing[4-relu]"],
    Place("convnets", "entropy_change", lambda n: 0.05 + 0.001 * np.log2(n), (2,)): ["convnet_failure level[2]"],
    Place("convnets", "entropy_change", lambda n: 0.5 - 0.02 * np.log2(n), (1,)): ["convnet_failure trend[1]"],
}
BEYOND = {
    mlp("rank_dependent", large_growth, 1): ["any_two_neurons trend[1-relu]", "any_two_neurons level[1-relu]"],
    mlp("rank_dependent", lambda n: 0.012 + 0.5 / n, 2, **TANH): ["any_two_neurons level[2-tanh]"],
    mlp("rank_quantiles", large_growth, 3, quantile=0.99): ["any_two_neurons upper_trend[3-relu]"],
    mlp("rank_quantiles", large_growth, 4, quantile=0.95): [],
    mlp("rank_quantiles", large_growth, 4, quantile=1.0): [],
    mlp("rank_gaussian_score", 0.0002, 4, **WIDEST): ["any_two_neurons gaussian_share[4-relu]"],
    mlp("within_class_score", 0.00045, 1, **WIDEST): ["beyond_class explained[1-relu]"],
    mlp("within_class_score", large_growth, 2, **TANH): [
        "beyond_class trend[2-tanh]",
        "beyond_class level[2-tanh]",
        "beyond_class explained[2-tanh]",
    ],
    mlp("corrected_score", lambda n: 0.009 + 50 / n**2, 3): ["width_law exponent[3-relu]"],
    mlp("corrected_score", lambda n: 0.02 + 0.5 / n, 4, **TANH): [
        "width_law floor[4-tanh]",
        "literal_independence literal[4-tanh]",
        "gaussian_activations pairs[4-tanh]",
        "lemma_bound information_does_not_grow[4-tanh]",
        "conditional_entropy rises[1000-4-tanh]",
    ],
}


def other(kind: str, quantity: str, value: float | Callable[[int], float], *layers: int, **where: Any) -> Place:
    return Place("architectures", quantity, value, layers, kind=kind, **where)


WIDEST_OTHER = {"widths": (512,)}
ARCHITECTURES = {
    other("mlp", "corrected_score", 0.1, *HIDDEN, **WIDEST_OTHER): [
        f"{claim}_nets as_the_perceptron"
        for claim in ("adam", "batch_norm", "layer_norm", "mup", "residual", "transformer")
    ],
    other("mlp", "score", 0.1, *HIDDEN, **WIDEST_OTHER): [],
    other("adam", "corrected_score", lambda n: 0.001 * np.log2(n), 1): ["adam_nets trend[1]"],
    other("batch-norm", "score", 0.1, 2, **WIDEST_OTHER): ["batch_norm_nets vicinity[2]"],
    other("batch-norm", "score", 0.1, 3, widths=(256,)): [],
    other("layer-norm", "entropy_change", 0.11, 3, **WIDEST_OTHER): ["layer_norm_nets entropy[3]"],
    other("layer-norm", "corrected_score", 0.1, 5): [],
    other("mup", "score", 0.1, 4, **WIDEST_OTHER): ["mup_nets vicinity[4]"],
    other("residual", "corrected_score", lambda n: 0.001 * np.log2(n), 4): ["residual_nets trend[4]"],
    other("residual", "corrected_score", lambda n: 0.001 * np.log2(n), 3, stage=0): [],
    other("transformer", "corrected_score", lambda n: 0.001 * np.log2(n), 1): ["transformer_nets trend[1]"],
    other("transformer", "corrected_score", -1.0, 2, widths=(32,)): [],  # of 16 neurons
    other("transformer", "corrected_score", lambda n: 0.001 * np.log2(n), 2, widths=(64, 128, 256, 512)): [
        "transformer_nets trend[2]"
    ],
    other("transformer", "score", 0.1, 1, **WIDEST_OTHER): ["transformer_nets vicinity[1]"],
}
WORLDS = {
    "architectures": ARCHITECTURES,
    "beyond": BEYOND,
    "scores": SCORES,
    "entropies": ENTROPIES,
    "changes": CHANGES,
    "other nets": OTHER_NETS,
}


@pytest.fixture(scope="module")
def true_world(tmp_path_factory) -> Path:
    """The store of a world in which all holds."""
    root = tmp_path_factory.mktemp("true_world")
    fill(Store(root), claims_all_true)
    return root


@pytest.mark.parametrize("world", WORLDS)
def test_only_the_affected_checks_are_refuted(world: str, true_world: Path, tmp_path: Path) -> None:
    root = shutil.copytree(true_world, tmp_path / "store")
    for measurement in made_apart(SMALL_FULL, list(WORLDS[world])):
        Store(root).save(measurement)
    findings = findings_in(root, "-m", "not control")
    assert len({claim for claim, _ in findings}) == 33
    moved = {f"{claim} {check}": finding.verdict for (claim, check), finding in findings.items()}
    expected = dict.fromkeys((name for names in WORLDS[world].values() for name in names), "refuted")
    assert {name: verdict for name, verdict in moved.items() if verdict != "supported"} == expected
    if world == "architectures":  # where the perceptrons depend more than the others
        found = [finding.interval for (_, check), finding in findings.items() if check == "as_the_perceptron"]
        assert [interval.high < 0 for interval in found if interval] == [True] * 6


def test_the_largest_contrast_is_between_any_two_widths() -> None:
    values = np.array([[1.0, 3.0, 2.0], [4.0, 1.0, np.nan], [2.0, 2.5, 5.0]])  # (widths, S), none largest at both ends
    np.testing.assert_equal(largest_contrast(values), [3.0, 2.0, np.nan])
