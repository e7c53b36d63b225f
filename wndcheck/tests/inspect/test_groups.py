"""Scores within and between groups of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from wndcheck import dependence_score, pairwise_mi, probe
from wndcheck.inspect import Activations, LayerScore, weakly_dependent

pytestmark = pytest.mark.usefixtures("one_thread")
FEW: dict[str, Any] = {"n_parts": 2, "n_shuffles": 2, "max_pairs": 6}


@pytest.fixture(scope="module")
def classes() -> np.ndarray:
    return np.random.default_rng(1).integers(4, size=1000)


@pytest.fixture(scope="module")
def layers(classes: np.ndarray) -> dict[str, np.ndarray]:
    """Neurons that share the class's mean alone, a variable independent of it alone, and nothing."""
    rng = np.random.default_rng(0)
    means, free = 1.5 * rng.standard_normal((4, 8)), rng.standard_normal((1000, 8))
    return {"between": means[classes] + free, "within": free + 0.7 * rng.standard_normal((1000, 1)), "none": free}


def test_dependence_is_told_apart_by_where_it_comes_from(layers: dict[str, np.ndarray], classes: np.ndarray) -> None:
    found = dependence_score(layers, groups=[f"class {i}" for i in classes])
    for name, layer in found.layers.items():
        assert layer.within + layer.between == pytest.approx(layer.corrected)
        assert 0 < layer.within_se < 0.02, name
    noise = 4 * max(layer.within_se for layer in found.layers.values())
    assert found["between"].between > 0.04 > noise > abs(found["between"].within)
    assert found["within"].within > 0.04 > noise > abs(found["within"].between)
    assert abs(found["none"].within) < noise
    assert "within" in str(found).splitlines()[0].split()


def test_within_is_the_corrected_score_of_shuffles_within_groups(
    layers: dict[str, np.ndarray], classes: np.ndarray
) -> None:
    z = layers["between"]
    found = dependence_score(z, groups=classes, n_shuffles=3)["activations"]
    direct = pairwise_mi(z, null="shuffle", n_shuffles=3, groups=classes)
    assert found.within == direct.corrected_score
    plain = dependence_score(z, n_shuffles=3)["activations"]
    assert (found.corrected, found.score_se) == (plain.corrected, plain.score_se)
    assert np.isnan(plain.within)


def test_labels_follow_their_samples_through_every_kind_of_input() -> None:
    torch.manual_seed(0)
    net, x = nn.Linear(5, 4), torch.randn(300, 5)
    labels = (x[:, 0] > 0).long()
    pairs = TensorDataset(x, labels)
    by_name = [{"input": x[i : i + 50], "kind": labels[i : i + 50]} for i in range(0, 300, 50)]
    kinds: dict[str, tuple[Any, Any]] = {
        "array": (x, labels),
        "tuple": ((x, labels), lambda batch: batch[1]),
        "data set": (pairs, lambda batch: batch[1]),
        "loader": (DataLoader(pairs, batch_size=32, shuffle=True), lambda batch: batch[1]),
        "batches by name": (iter(by_name), lambda batch: batch["kind"]),
    }
    row_of = {tuple(row): label for row, label in zip(net(x).tolist(), labels.tolist(), strict=True)}
    for kind, (inputs, groups) in kinds.items():
        for most in (None, 210):
            if kind == "batches by name":
                inputs = iter(by_name)
            found = probe(net, inputs, max_samples=most, groups=groups)
            assert found.groups is not None
            assert len(found.groups) == (most or 300)
            nearest = [min(row_of, key=lambda z, row=row: abs(z[0] - row[0])) for row in found[next(iter(found))]]
            truth = np.array([row_of[z] for z in nearest])
            flipped = found.groups != truth  # groups are numbered as they occur
            assert flipped.all() or not flipped.any(), kind
    uncut = probe(net, x, batch_size=None, max_samples=210, groups=labels)
    cut = probe(net, x, max_samples=210, groups=labels)
    assert (uncut.groups == cut.groups).all()
    direct = dependence_score(net, x, groups=labels, max_samples=210, **FEW)
    again = dependence_score(cut, **FEW)
    assert [layer.within for layer in again.layers.values()] == [layer.within for layer in direct.layers.values()]


def test_a_group_has_one_number_in_batches_that_hold_different_groups() -> None:
    x, labels = torch.randn(9, 5), ["c", "a", "a", "b", "c", "c", "a", "d", "b"]
    batches = iter([(x[i : i + 3], labels[i : i + 3]) for i in (0, 3, 6)])
    found = probe(nn.Linear(5, 4), batches, batch_to_inputs=lambda batch: batch[0], groups=lambda batch: batch[1])
    assert found.groups is not None
    assert found.groups.tolist() == [0, 1, 1, 2, 0, 0, 1, 3, 2]


def test_rows_of_a_sample_have_its_group(layers: dict[str, np.ndarray], classes: np.ndarray) -> None:
    z = layers["between"]
    twice = Activations({"fc": z}, rows_per_sample={"fc": 2}, groups=classes[:500])
    found = dependence_score(twice, **FEW)["fc"]
    assert found.within == dependence_score({"fc": z}, groups=np.repeat(classes[:500], 2), **FEW)["fc"].within


def test_small_groups_have_a_note_and_no_standard_error(layers: dict[str, np.ndarray]) -> None:
    found = dependence_score(layers["none"], groups=np.arange(1000) // 2, **FEW)["activations"]
    assert np.isnan(found.within_se)
    assert found.notes == ("shuffles within groups leave 50 % of rows in place: within is too low",)
    found = dependence_score(layers["within"], groups=np.arange(1000) // 2, n_parts=2)["activations"]
    # Half of the rows stay, which halves a correlation of 1/3 in the null, and leaves it ¼ of the information.
    assert found.within / found.corrected == pytest.approx(0.75, abs=0.1)
    found = dependence_score(layers["none"], groups=np.arange(1000) % 50, **FEW)["activations"]
    assert found.notes == ()
    assert np.isfinite(found.within_se)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1], "groups holds 2 labels for 1000 samples"),
        ([None] * 1000, "groups holds None at sample 0"),
        (range(1000), "groups gives every sample a group of its own"),
        (lambda batch: batch[1], "groups is a function, for batches of inputs"),
        ("label", "groups='label': expected a label for each sample"),
    ],
)
def test_unusable_groups_raise(layers: dict[str, np.ndarray], groups: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        dependence_score(layers, groups=groups)


def test_labels_with_another_index_are_refused(layers: dict[str, np.ndarray], classes: np.ndarray) -> None:
    frame = pandas.DataFrame(layers["none"]).rename(columns=str)
    labels = pandas.Series(classes)[::-1]
    message = r"have different indexes: expected the same, .*; give groups.reindex\((x|activations).index\) to pair"
    net = nn.Linear(8, 4)
    for model, x in ((frame, None), ({"fc": frame}, None), (net, frame), (net, (frame,)), (net, {"input": frame})):
        with pytest.raises(ValueError, match=message):
            dependence_score(model, x, groups=labels, **FEW)
    with pytest.raises(ValueError, match=message):
        probe(net, iter([frame]), groups=lambda batch: labels)
    within = [dependence_score(frame, groups=each, **FEW)["activations"].within for each in (labels[::-1], classes)]
    assert within[0] == within[1]


def test_labels_beside_a_loader_are_refused() -> None:
    x = torch.randn(300, 5)
    for inputs in (TensorDataset(x), DataLoader(TensorDataset(x), batch_size=300, shuffle=True), iter([x])):
        with pytest.raises(TypeError, match=r"give a function of a batch, groups=lambda batch: batch\[1\]"):
            probe(nn.Linear(5, 4), inputs, groups=np.zeros(300))


def test_numbers_for_a_logger_are_flat_and_finite(layers: dict[str, np.ndarray], classes: np.ndarray) -> None:
    still = layers["none"].copy()
    still[:, 1:] = 1.0
    scores = dependence_score({"fc": layers["within"], "still": still}, groups=classes)
    found = weakly_dependent(scores).scalars("net/")
    layer: LayerScore = scores["fc"]
    assert found["net/fc/corrected"] == layer.corrected
    assert found["net/fc/rank_score"] == layer.rank_score
    assert found["net/fc/within"] == layer.within
    assert found["net/fc/low"] == layer.interval().low
    assert "net/still/corrected" not in found
    assert {name: found[f"net/{name}"] for name in ("supported", "refuted", "inconclusive")} == {
        "supported": 0,
        "refuted": 1,
        "inconclusive": 1,
    }
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())
    assert "information" not in scores.to_dict()["layers"]["fc"]
