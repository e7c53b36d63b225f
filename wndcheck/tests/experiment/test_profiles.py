from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from wndcheck.datasets import dataset_digest
from wndcheck.experiment.cells import Cell, Training, Violation
from wndcheck.experiment.profiles import (
    ACTIVATIONS,
    CIFAR10_ACCURACY,
    FULL,
    NARROW,
    PROFILES,
    QUICK,
    TRENDS,
    VIOLATIONS,
    Profile,
    named,
)
from wndcheck.nets.specification import ViolationKind
from wndcheck.nets.violations import shared_variance

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_the_full_profile_is_the_papers() -> None:
    assert FULL.dataset == "mnist"
    assert (len(FULL.widths), FULL.widths[0], FULL.widths[-1]) == (14, 5, 1000)
    assert {20, 100, 200} < set(FULL.widths)
    assert (FULL.training.learning_rate, FULL.training.stages[-1]) == (0.001, 300)
    assert (FULL.probe.images_per_class, FULL.probe.k) == (100, 3)
    assert FULL.initial_width == 1000
    assert FULL.decides_levels


def test_the_quick_profile_needs_no_download_and_decides_no_level() -> None:
    assert QUICK.dataset == "mnist-subset"
    assert not QUICK.decides_levels
    assert set(QUICK.widths) < set(FULL.widths)
    assert (QUICK.probe.images_per_class, QUICK.probe.k) == (FULL.probe.images_per_class, FULL.probe.k)


@every_profile
def test_a_profile_can_decide(profile: Profile) -> None:
    assert list(profile.widths) == sorted(set(profile.widths))
    assert profile.widest == max(profile.widths) > NARROW > min(profile.widths)
    assert profile.nets >= 4
    assert 0.1 < profile.narrow_accuracy < profile.trained_accuracy < 1
    assert len(profile.violation_widths) >= 3
    assert len(dataset_digest(profile.dataset)) == 64
    assert named(profile.name) is profile


@every_profile
def test_trained_cells_are_every_activation_at_every_width(profile: Profile) -> None:
    cells = profile.trained_cells(0)
    assert [(cell.activation, cell.width) for cell in cells] == [(a, w) for a in ACTIVATIONS for w in profile.widths]
    for cell in cells:
        assert (cell.dataset, cell.protocol, cell.probe) == (profile.dataset, profile.training, profile.probe)
        assert len(cell.seeds) == profile.nets


@every_profile
def test_initial_cells_train_nothing(profile: Profile) -> None:
    cells = profile.initial_cells(0)
    assert [(cell.activation, cell.width) for cell in cells] == [(a, profile.initial_width) for a in ACTIVATIONS]
    for cell in cells:
        assert isinstance(cell.protocol, Training)
        assert cell.protocol.stages == (0,)


@every_profile
@pytest.mark.parametrize("kind", VIOLATIONS)
def test_violation_cells_grow_with_the_width_where_the_violation_does(profile: Profile, kind: str) -> None:
    cells = profile.violation_cells(kind, 0)
    widths = list(profile.violation_widths) if kind in TRENDS else [profile.violation_width]
    assert [cell.width for cell in cells] == widths
    for cell in cells:
        assert cell.probe.control_pairs == 0
        assert isinstance(cell.protocol, Violation)
        assert cell.protocol == VIOLATIONS[kind]
    assert VIOLATIONS[kind].strength > 0
    shares = [shared_variance(width, VIOLATIONS["shared"].strength) for width in profile.violation_widths]
    assert shares == sorted(set(shares))


@every_profile
def test_every_kind_of_violation_is_planted_and_lies_within_its_nets(profile: Profile) -> None:
    assert set(VIOLATIONS) - {"still"} == set(get_args(ViolationKind)) > set(TRENDS)
    assert {cell.kind for cell in profile.parts(0)["violations"]} == set(get_args(ViolationKind))
    assert {cell.activation for cell in profile.parts(0)["violations"]} == set(ACTIVATIONS)
    assert 1 <= VIOLATIONS["bottleneck"].strength < profile.violation_width
    assert 1 <= VIOLATIONS["tied"].strength < profile.violation_width
    assert 0 < VIOLATIONS["constant"].strength <= 1


@every_profile
def test_cifar10_cells_are_relu_perceptrons_at_every_width(profile: Profile) -> None:
    cells = profile.cifar10_cells(0)
    assert [cell.width for cell in cells] == list(profile.cifar10.widths)
    assert len(cells) >= 3
    for cell in cells:
        assert (cell.dataset, cell.activation, cell.architecture) == (profile.cifar10.dataset, "relu", "mlp")
        assert (cell.protocol, cell.probe) == (profile.cifar10.training, profile.probe)
        assert len(cell.seeds) == profile.cifar10.nets >= 4
    more = profile.cifar10_on_more_images(0)
    assert profile.parts(0)["cifar10"] == (*cells, more)
    assert replace(more, probe=profile.probe) in cells
    assert more.probe.images_per_class == 2 * profile.probe.images_per_class
    assert profile.cifar10.dataset.startswith("cifar10")
    with pytest.raises(ValueError, match=r"twice_measured 7: expected one of the widths \(10,"):
        replace(profile.cifar10, widths=(10, 20), twice_measured=7)


@every_profile
def test_initial_ensembles_are_wide_and_never_trained(profile: Profile) -> None:
    cell, groups = profile.initial_ensemble(0), profile.ensembles
    assert (cell.activation, cell.width, cell.protocol.stages) == ("relu", groups.initial_width, (0,))
    assert (cell.ensembles, cell.nets_per_ensemble) == (groups.count, groups.nets)
    assert groups.initial_width > max(groups.widths)
    assert cell in profile.parts(0)["initial"]
    assert replace(cell, width=groups.widths[0], protocol=groups.training) == profile.ensemble(groups.widths[0], 0)


@every_profile
def test_violating_ensembles_are_of_the_narrowest_and_the_widest(profile: Profile) -> None:
    cells = profile.violating_ensemble_cells(0)
    assert [cell.width for cell in cells] == [profile.ensembles.widths[0], profile.ensembles.widths[-1]]
    assert {(cell.kind, cell.ensembles) for cell in cells} == {("shared", profile.ensembles.count)}


@every_profile
def test_each_sort_of_net_has_its_bar(profile: Profile) -> None:
    def bar(cell: Cell, width: int) -> float:
        return profile.trained_bar(replace(cell, width=width))

    relu, cifar10 = profile.trained("relu", 50, 0), profile.cifar10_cells(0)[0]
    assert bar(relu, NARROW) == bar(cifar10, NARROW) == profile.narrow_accuracy
    assert bar(relu, NARROW + 1) == profile.trained_accuracy
    assert bar(cifar10, NARROW + 1) == CIFAR10_ACCURACY
    ensemble = profile.ensemble(profile.ensembles.widths[0], 0)
    assert bar(ensemble, 5) == bar(ensemble, 500) == profile.ensembles.trained_accuracy
    for cell in profile.convnet_cells(0):
        assert bar(cell, 200) == CIFAR10_ACCURACY
    # All above chance, which is .1.
    assert 0.1 < profile.narrow_accuracy <= CIFAR10_ACCURACY < profile.trained_accuracy


@every_profile
def test_no_two_cells_share_a_key_and_bases_share_no_net(profile: Profile) -> None:
    def cells(base: int) -> list[Cell]:
        return [cell for part in profile.parts(base).values() for cell in part]

    first, second = cells(0), cells(1)
    keys = {cell.key for cell in first + second}
    assert len(keys) == len(first) + len(second)
    assert not {seed for cell in first for seed in cell.seeds} & {seed for cell in second for seed in cell.seeds}
    assert [cell.key for cell in cells(0)] == [cell.key for cell in first]


def test_profiles_do_not_share_cells() -> None:
    assert not set(QUICK.trained_cells(0)) & set(FULL.trained_cells(0))
    renamed = replace(QUICK, name="mine")
    assert renamed.trained_cells(0) == QUICK.trained_cells(0)  # a name changes no net


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="profile 'fast': expected quick or full; try --wnd-profile=quick"):
        named("fast")
