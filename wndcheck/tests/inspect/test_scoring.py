"""dependence_score compared with pairwise_mi, and on planted dependence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from wndcheck import dependence_score, pairwise_mi
from wndcheck.inspect import Activations
from wndcheck.inspect.layer_scoring import ScoringOptions, rows_of_parts, sample_pairs, shuffles
from wndcheck.inspect.network_scoring import select_activations

FEW = {"n_shuffles": 20, "n_parts": 5}


def independent(rows: int = 1000, neurons: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, neurons)).astype(np.float32)


def planted(rows: int = 1000, neurons: int = 8) -> np.ndarray:
    """Neurons 2 and 5 have a correlation of 0.8, an information of 0.51 nats."""
    z = independent(rows, neurons)
    z[:, 5] = 0.8 * z[:, 2] + 0.6 * z[:, 5]
    return z


def infinite() -> np.ndarray:
    z = independent()
    z[5, 2] = np.inf
    return z


def test_a_layer_score_is_that_of_pairwise_mi() -> None:
    z = planted()
    layer = dependence_score({"fc": z}, **FEW)["fc"]
    direct = pairwise_mi(z, null="shuffle", n_shuffles=20)
    assert layer.score == direct.score
    assert layer.corrected == direct.corrected_score
    assert layer.entropy == pytest.approx(direct.entropy.mean(), abs=1e-12)
    assert (layer.neurons, layer.rows, layer.pairs_estimated, layer.pairs_possible) == (8, 1000, 28, 28)
    parts = rows_of_parts(1000, 1, ScoringOptions(n_parts=5))
    of_parts = [pairwise_mi(z[part], null="shuffle", n_shuffles=4).corrected_score for part in parts]
    assert layer.corrected_se == pytest.approx(np.std(of_parts, ddof=1) / np.sqrt(5))


def test_the_rank_score_is_that_of_the_same_pairs_with_normal_margins() -> None:
    z = planted(500)
    layer = dependence_score({"fc": z}, **FEW)["fc"]
    direct = pairwise_mi(z, margins="normal")
    assert layer.rank_score == direct.score
    assert layer.rank_dependent == direct.share_above() > 0
    assert layer.dependent == direct.dependent(0.05).mean() > 0
    assert dependence_score({"fc": z}, rate=1, **FEW)["fc"].dependent == 1
    places = {tuple(pair): place for place, pair in enumerate(direct.pairs.tolist())}
    for pair in layer.pairs:
        assert pair.p == direct.p_values[places[pair.neurons]]
        assert pair.q == direct.q_values[places[pair.neurons]]
    wide = dependence_score({"fc": np.sinh(4 * z)}, estimator="ksg1", max_pairs=10, **FEW)["fc"]
    assert wide.rank_score == dependence_score({"fc": z}, max_pairs=10, **FEW)["fc"].rank_score


def test_few_independent_pairs_are_above_the_threshold_beyond_the_null() -> None:
    """Of 4950 pairs less than 1 % reach .01 nats plus the null's .99 quantile."""
    layer = dependence_score(independent(neurons=100), n_parts=2, n_shuffles=2)["activations"]
    assert layer.rank_dependent < 0.01
    assert abs(layer.rank_score) < 0.003  # its sd is some .008 / √4950, and a common neuron's noise is shared


def test_neurons_with_point_masses_have_a_rank_estimate() -> None:
    rectified = np.maximum(planted(), 0)
    layer = dependence_score({"relu": rectified}, **FEW)["relu"]
    assert layer.rank_score == pairwise_mi(rectified, margins="normal").score
    assert layer.rank_dependent > 0


def test_a_dependent_pair_is_found_and_listed_first() -> None:
    layer = dependence_score({"fc": planted()}, **FEW)["fc"]
    first, *others = layer.pairs
    assert first.neurons == (2, 5)
    assert first.mi == pytest.approx(0.51, abs=0.2)  # 4 standard deviations of a pair at M = 1000
    assert first.q <= 0.05 < min(pair.q for pair in others)
    assert layer.dependent == 1 / 28
    assert [pair.corrected for pair in layer.pairs] == sorted((p.corrected for p in layer.pairs), reverse=True)
    assert len(layer.pairs) == 10
    assert len(dependence_score({"fc": planted()}, top=2, **FEW)["fc"].pairs) == 2


def test_independent_neurons_score_0_and_neurons_with_a_common_variable_more() -> None:
    z = independent()
    mixed = 0.7 * z + 0.7 * np.random.default_rng(9).standard_normal((1000, 1)).astype(np.float32)  # ρ = ½: 0.144 nats
    scores = dependence_score({"independent": z, "mixed": mixed})
    separate, common = (scores[name].interval() for name in scores)
    assert separate.low < 0.01 < common.low < 0.144 < common.high
    # the sd of the mean of 28 pairs at M = 1000 is near 2 · 0.024 / √8 = 0.017 for ι, less for ι_c
    assert 0.001 < scores["independent"].corrected_se < 0.02


def test_the_interval_has_its_nominal_coverage() -> None:
    layer = dependence_score(independent(200, 3), n_parts=2)["activations"]
    with pytest.raises(ValueError, match="confidence 1: expected a number between 0 and 1"):
        layer.interval(1)
    covered = 0
    for seed in range(30):
        layer = dependence_score(independent(400, 5, seed), n_shuffles=4, max_pairs=10)["activations"]
        at = layer.interval(0.9)
        covered += at.low <= 0 <= at.high
    assert covered >= 21  # of 30 at 0.9; fewer than 21 has probability below 1e-3


@pytest.mark.parametrize(("pairs", "expected"), [(28, 100), (60, 100), (1000, 6), (1001, 6), (3000, 2), (10**6, 2)])
def test_the_number_of_shuffles_is_that_of_enough_estimates_within_bounds(pairs: int, expected: int) -> None:
    assert shuffles(pairs, 6000, (2, 100)) == expected


def test_pairs_are_sampled_uniformly() -> None:
    assert sample_pairs(5, 10, 0).tolist() == [[i, j] for i in range(5) for j in range(i + 1, 5)]
    some = sample_pairs(40, 300, 1)
    assert len(np.unique(some, axis=0)) == 300
    assert (some[:, 0] < some[:, 1]).all()
    assert some.max() == 39
    counts = np.bincount(np.concatenate([sample_pairs(6, 5, seed) for seed in range(600)]) @ [6, 1], minlength=36)
    drawn = counts[counts > 0]
    assert len(drawn) == 15
    assert np.abs(drawn - 200).max() < 60  # binomial, sd 11.5: 5 sd
    layer = dependence_score({"fc": independent(300, 30)}, max_pairs=20, n_parts=2, n_shuffles=20)["fc"]
    assert (layer.pairs_estimated, layer.pairs_possible) == (20, 435)
    assert any("300 rows are few" in note for note in layer.notes)


def test_rows_of_a_sample_are_in_one_part() -> None:
    parts = rows_of_parts(40, 3, ScoringOptions(n_parts=4))
    assert parts.shape == (4, 30)
    samples = [set((part // 3).tolist()) for part in parts]
    assert [len(some) for some in samples] == [10] * 4
    assert len(set.union(*samples)) == 40


def test_positions_of_a_sample_are_not_taken_for_independent() -> None:
    each = np.repeat(planted(400), 4, axis=0) + 0.01 * independent(1600)
    together = Activations({"conv": each}, rows_per_sample={"conv": 4})
    layer = dependence_score(together, max_samples=None, **FEW)["conv"]
    naive = dependence_score(dict(together), max_samples=None, **FEW)["conv"]
    assert layer.rows_per_sample == 4
    assert any("4 positions per sample are not independent" in note for note in layer.notes)
    assert layer.corrected_se != naive.corrected_se
    assert dependence_score(together, max_samples=100, **FEW)["conv"].rows == 400


def test_point_masses_are_measured_by_ksg_and_have_no_entropy() -> None:
    scores = dependence_score({"relu": np.maximum(planted(), 0)}, **FEW)
    layer = scores["relu"]
    assert (layer.estimator, layer.jitter) == ("ksg1", 1e-3)
    assert layer.pairs[0].neurons == (2, 5)
    assert np.isnan(layer.entropy)
    assert "point masses, measured by KSG1 with jitter" in str(scores)
    by_3h = dependence_score({"relu": np.maximum(planted(), 0)}, estimator="3h", **FEW)
    assert np.isnan(by_3h["relu"].score)
    assert np.isnan(by_3h["relu"].corrected)
    assert by_3h["relu"].interval().low == -np.inf
    assert by_3h["relu"].pairs == ()
    assert "8 of 8 neurons have no estimate (neuron 0: point mass" in str(by_3h)


def test_constant_neurons_duplicates_and_half_precision_are_reported() -> None:
    z = independent()
    z[:, 3] = 7.0
    z[:, 6] = -2 * z[:, 1]
    layer = dependence_score({"fc": z}, **FEW)["fc"]
    assert layer.flags == {3: "constant"}
    assert layer.identical == ((1, 6),)
    assert any("1 pair of neurons equal up to shift" in note for note in layer.notes)
    half = dependence_score({"fc": independent().astype(np.float16)}, **FEW)["fc"]
    assert all("half precision" in why for why in half.flags.values())
    assert len(half.flags) == 8


@pytest.mark.parametrize(("reached", "last"), [(("fc", "head"), "head"), (("head", "fc"), "fc")])
def test_the_last_layer_is_the_one_reached_last_whether_scored_or_not(reached: tuple[str, ...], last: str) -> None:
    activations = Activations({"fc": independent(300, 3)}, {"head": "it has 1 neuron"}, reached=reached)
    assert dependence_score(activations, n_parts=2, n_shuffles=20).meta["last_layer"] == last


@pytest.mark.parametrize(("massed", "estimator"), [(1, "3h"), (2, "3h"), (3, "ksg1"), (4, "ksg1")])
def test_more_than_a_tenth_of_neurons_with_point_masses_are_measured_by_ksg(massed: int, estimator: str) -> None:
    z = independent(300, 20)
    z[:, :massed] = np.maximum(z[:, :massed], 0)
    layer = dependence_score(z, n_parts=2, n_shuffles=20, max_pairs=60)["activations"]
    assert (layer.estimator, layer.jitter) == (estimator, 1e-3 if estimator == "ksg1" else None)


def test_rows_of_given_activations_are_drawn_without_replacement() -> None:
    z = np.arange(40, dtype=np.float32).reshape(20, 2)
    for seed in range(3):
        drawn = select_activations(z, None, 18, seed)["activations"][:, 0]
        assert len(set(drawn.tolist())) == 18
        assert drawn.tolist() == sorted(drawn.tolist())


def test_repeated_rows_that_leave_no_density_have_a_remark() -> None:
    z = np.random.default_rng(0).standard_normal((400, 4))
    word = "neurons repeat values since rows are repeated"
    repeated = dependence_score(np.concatenate([z[:380], z[:20]]), **FEW)["activations"]
    assert [note.startswith(word) for note in repeated.notes] == [True, False, False]
    assert np.isnan(repeated.corrected)
    assert np.isfinite(repeated.rank_score)
    for other in (z, np.round(z, 1)):  # neurons repeat values, and rows do not
        assert not any(note.startswith(word) for note in dependence_score(other, **FEW)["activations"].notes)


def test_results_as_text_and_as_json() -> None:
    left_out = {"head": "it has 1 neuron", "tail": "it has 1 neuron"}
    scores = dependence_score(Activations({"fc": planted()}, left_out), **FEW)
    text = str(scores)
    assert text.splitlines()[0].split()[:4] == ["layer", "neurons", "rows", "pairs"]
    assert "2–5 (0." in text
    assert "head, tail: left out, it has 1 neuron" in text
    document = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert document["layers"]["fc"]["pairs"][0]["neurons"] == [2, 5]
    assert document["left_out"] == left_out
    assert document["meta"]["k"] == 3
    massed = dependence_score({"fc": np.maximum(planted(), 0)}, **FEW)
    assert massed.to_dict()["layers"]["fc"]["entropy"] is None
    assert (len(scores), list(scores)) == (1, ["fc"])


def test_a_seed_that_was_drawn_is_recorded() -> None:
    z, few = independent(300, 5), {"max_samples": 200, "max_pairs": 5, "n_parts": 2, "n_shuffles": 2}
    drawn = dependence_score(z, random_state=None, **few)
    again = dependence_score(z, random_state=drawn.meta["random_state"], **few)
    assert again.layers == drawn.layers
    assert dependence_score(z, random_state=np.random.default_rng(3), n_jobs=-1, **few).layers != drawn.layers


def test_a_model_is_probed_and_layers_of_one_neuron_are_left_out() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
    x = torch.randn(300, 6)
    scores = dependence_score(net, x, n_parts=2, n_shuffles=20)
    direct = dependence_score({"0": net[0](x).detach()}, n_parts=2, n_shuffles=20)
    assert scores["0"] == direct["0"]
    assert scores.left_out == {"2": "it has 1 neuron: expected at least two to pair"}
    with pytest.raises(ValueError, match="layer '2': it has 1 neuron"):
        dependence_score(net, x, "2", n_parts=2)
    with pytest.raises(ValueError, match="no layer can be scored:\nlayer '0': it has 1 neuron"):
        dependence_score(nn.Sequential(nn.Linear(6, 1)), x)
    with pytest.raises(TypeError, match=r"x is missing: give the inputs .* dependence_score\(model, x\)"):
        dependence_score(net)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (independent(), {"x": 1}, TypeError, "model is ndarray, not a torch.nn.Module: give activations without x"),
        (independent(100), {}, ValueError, "'activations': 100 samples: expected at least 20 in each of 10 parts; g"),
        (
            independent(200),
            {"k": 20},
            ValueError,
            r"200 samples: expected at least 21 in each of 10 parts \(k=20\); give 210 inputs or more, or a small",
        ),
        (independent(), {"k": 2.5}, TypeError, "k=2.5: expected an integer"),
        ({}, {}, ValueError, "no layers: give at least one"),
        ({"fc": independent()}, {"layers": "fd"}, ValueError, "layer 'fd': the activations have none of that name"),
        ({"fc": independent()[0]}, {}, ValueError, r"layer 'fc': the array has shape \(8,\): expected"),
        ({"fc": infinite()}, {}, ValueError, "layer 'fc': column 2 of the array holds"),
        ({"fc": np.array([["a"]])}, {}, TypeError, "layer 'fc': the array has dtype <U1"),
        (independent(), {"estimator": "4h"}, ValueError, "estimator='4h': expected None or '3h' or 'ksg1' or 'ksg2'"),
        (independent(), {"max_pairs": 0}, ValueError, "max_pairs=0: expected at least 1"),
        (independent(), {"n_parts": 1}, ValueError, "n_parts=1: expected at least 2"),
        (independent(), {"n_shuffles": 1}, ValueError, "n_shuffles=1: expected at least 2"),
        (independent(), {"top": -1}, ValueError, "top=-1: expected at least 0"),
        (independent(), {"rate": 2}, ValueError, "rate=2: expected a number from 0 to 1"),
        (independent(), {"estimator": "ksg"}, ValueError, "'ksg2'; of the two of Kraskov"),
        (independent(), {"random_state": -1}, ValueError, "random_state=-1: expected at least 0"),
        (independent(), {"max_samples": 0}, ValueError, "max_samples=0: expected at least 1"),
    ],
)
def test_unusable_activations_and_options_raise(
    given: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dependence_score(given, **options)


def test_just_enough_samples_for_k_are_scored() -> None:
    assert dependence_score(independent(60, 3), k=29, n_parts=2, n_shuffles=2)["activations"].parts == 2
    of_two = Activations({"fc": independent(80, 3)}, rows_per_sample={"fc": 2})
    assert dependence_score(of_two, k=39, n_parts=2, n_shuffles=2)["fc"].parts == 2
    with pytest.raises(ValueError, match=r"40 samples: expected at least 21 in each of 2 parts \(k=40\)"):
        dependence_score(of_two, k=40, n_parts=2, n_shuffles=2)


def test_layers_with_the_same_note_have_one_line() -> None:
    z = np.random.default_rng(0).standard_normal((300, 3))
    few = "300 rows are few: the bias of ι grows as rows get fewer; the paper takes 1000"
    z[:, 0] = 1.0
    found = dependence_score({f"fc{i}": z[:, i % 2 :] for i in range(2)}, n_parts=2)
    assert found.remarks[1:] == [f"fc0, fc1: {few}"]
    assert "constant" in found.remarks[0]
    many = dependence_score({f"fc{i}": z[:, 1:] for i in range(5)}, n_parts=2)
    assert many.remarks == [f"fc0 and 4 other layers: {few}"]
