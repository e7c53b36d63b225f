from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.datasets import dataset_digest
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.profiles import CIFAR10_ACCURACY, FULL, MEDIUM, NARROW, PROFILES, QUICK, Profile, Scope, named

TRAINING = Path(__file__).parents[3] / "docs" / "training.md"
every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_the_full_profile_is_the_papers() -> None:
    assert FULL.dataset == "mnist"
    assert (len(FULL.widths), FULL.widths[0], FULL.widths[-1]) == (14, 5, 1000)
    assert {20, 100, 200} < set(FULL.widths)
    assert (FULL.training.learning_rate, FULL.training.stages[-1]) == (0.001, 300)
    assert (FULL.probe.images_per_class, FULL.probe.k) == (100, 3)
    assert FULL.initial_width == 1000
    assert set(FULL.scopes) == {*Scope} - {Scope.RECIPE}  # its recipe is the paper's own


def test_the_quick_profile_needs_no_download_and_decides_no_level() -> None:
    assert QUICK.dataset == "mnist-subset"
    assert set(QUICK.scopes) == {Scope.ESTIMATOR, Scope.TREND}
    assert set(QUICK.widths) < set(FULL.widths)
    assert (QUICK.probe.images_per_class, QUICK.probe.k) == (FULL.probe.images_per_class, FULL.probe.k)


def test_what_a_profile_does_not_decide_another_does() -> None:
    for profile in PROFILES.values():
        left = set(Scope) - set(profile.scopes)
        assert not left or left <= set(PROFILES[profile.leaves_to].scopes), profile.name


def test_invalid_profiles_are_refused() -> None:
    with pytest.raises(ValueError, match="profile 'fast': expected quick or medium or full; try --wnd-profile=quick"):
        named("fast")
    with pytest.raises(ValueError, match=r"twice_measured 7: expected one of the widths \(10,"):
        replace(QUICK.cifar10, widths=(10, 20), twice_measured=7)


@every_profile
def test_a_profile_has_enough_nets_and_widths(profile: Profile) -> None:
    assert list(profile.widths) == sorted(set(profile.widths))
    assert profile.widest == max(profile.widths) > NARROW > min(profile.widths)
    assert profile.nets >= 4
    assert 0.1 < profile.narrow_accuracy < profile.trained_accuracy < 1
    assert len(profile.violation_widths) >= 3
    assert len(dataset_digest(profile.dataset)) == 64
    assert named(profile.name) is profile
    assert profile.cifar10.dataset.startswith("cifar10")


@every_profile
def test_training_accuracies_from_which_nets_count_as_trained(profile: Profile) -> None:
    def bar(cell: Cell, width: int) -> float:
        return profile.trained_bar(replace(cell, width=width))

    relu, cifar10, ensemble = (cells_of([name], profile, 0)[0] for name in ("trained/relu", "cifar10", "ensembles"))
    assert bar(relu, NARROW) == bar(cifar10, NARROW) == profile.narrow_accuracy
    assert bar(relu, NARROW + 1) == profile.trained_accuracy
    assert bar(cifar10, NARROW + 1) == CIFAR10_ACCURACY
    assert bar(ensemble, 5) == bar(ensemble, 500) == profile.ensembles.trained_accuracy
    for cell in cells_of(["convnets"], profile, 0):
        assert bar(cell, 200) == CIFAR10_ACCURACY
    assert profile.architectures
    for cell in cells_of([f"architectures/{kind}" for kind in profile.architectures.kinds], profile, 0):
        assert bar(cell, 16) == bar(cell, 512) == profile.architectures.trained_accuracy
    for cell in cells_of(["architectures/mlp"], profile, 0):  # a net of the paper's, by the paper's bar
        assert bar(cell, 512) == profile.trained_accuracy
    # All above chance, which is .1.
    assert 0.1 < profile.narrow_accuracy <= CIFAR10_ACCURACY < profile.trained_accuracy


@pytest.mark.skipif(not TRAINING.exists(), reason="the documentation is in the repository, not in the package")
def test_the_documented_recipes_are_those_of_the_profiles() -> None:
    rows = [line.split("|") for line in TRAINING.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    by_net = {row[1].strip(): row[2:5] for row in rows}
    written = [
        (by_net[net][column], recipe)
        for column, profile in enumerate((FULL, MEDIUM, QUICK))
        for net, recipe in (
            ("perceptron, ReLU and tanh, MNIST", profile.training),
            ("perceptron, ReLU, CIFAR-10", profile.cifar10.training),
            ("five convolutions, two dense layers", profile.convnets and profile.convnets.training),
            ("ensembles, ReLU, MNIST", profile.ensembles.training),
        )
    ]
    named = [(re.search(r"(\d+|one) epochs?(?: of SGD)? at ([\d.]+)", text), recipe) for text, recipe in written]
    found = [(match[1].replace("one", "1"), float(match[2]), recipe) for match, recipe in named if match]
    assert len(found) >= 8  # others are "the same"
    assert [each[:2] for each in found] == [(str(each.stages[-1]), each.learning_rate) for *_, each in found]
