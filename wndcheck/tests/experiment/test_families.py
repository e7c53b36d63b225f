"""Families of nets: what each consists of, frozen."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace
from typing import get_args

import pytest

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Cell, Violation
from wndcheck.experiment.families import FAMILIES, cells_of, family, parts, perceptron, sensitivity_choices
from wndcheck.experiment.profiles import ACTIVATIONS, FULL, PROFILES, QUICK, TRENDS, VIOLATIONS, Profile
from wndcheck.nets.specification import ViolationKind
from wndcheck.nets.violations import shared_variance

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)

# Digests of the cells of base seed 0, of the quick and of the full profile: nets that were drawn once stay as they are.
FROZEN = {
    "trained/relu": ("8845aa960b1d", "b0c57a1b8832"),
    "trained/tanh": ("a6e4eb521870", "baeea514297c"),
    "cifar10": ("c112031e979a", "fa3c445c0e66"),
    "initial/relu": ("418fe5a4d717", "271666de53eb"),
    "initial/tanh": ("6db3bcb10883", "5cebd98d5a2d"),
    "ensembles/initial": ("5afb5881e345", "a84437c59039"),
    "violation/drift": ("fc044fb4b787", "9d0c1a1bcf7e"),
    "violation/still": ("93decb71a511", "f32983f5b021"),
    "violation/shared": ("8844efde1fa2", "bbfddc1679c1"),
    "violation/bottleneck": ("b48289701a46", "8c4a750f9489"),
    "violation/tied": ("5700f504f3cb", "7066aa7062b9"),
    "violation/constant": ("59f368f8afe2", "eab108ca5dc9"),
    "violation/bottleneck-relu": ("de34b40efbb8", "dc208fe4aedc"),
    "biased/relu": ("bc8ee13979f4", "d035fd9e5b57"),
    "biased/tanh": ("78b20a776470", "bb07b342e377"),
    "ensembles": ("18f5aea5e01a", "38a5516be97d"),
    "ensembles/violating": ("3d59e629eb74", "4b7af7d18be6"),
    "convnets": ("4f53cda18c2b", "1c0033f55c88"),
    "sensitivity": ("fe317acf79d0", "ee3a3b6f6b9a"),
}


def facts(cell: Cell) -> tuple[object, ...]:
    """The identity of a cell, whatever its fields are called."""
    protocol = (type(cell.protocol).__name__, astuple(cell.protocol))
    shape = (cell.dataset, cell.activation, cell.width, cell.seeds, cell.architecture, cell.ensembles)
    *probe, more_images = astuple(cell.probe)
    return (*shape, *protocol, (*probe, *more_images), astuple(cell.unspecified))


def digest(name: str, profile: Profile) -> str:
    return hashlib.sha256(repr([facts(cell) for cell in cells_of([name], profile, 0)]).encode()).hexdigest()[:12]


def test_no_cell_has_changed() -> None:
    assert {name: (digest(name, QUICK), digest(name, FULL)) for name in FAMILIES} == FROZEN


@every_profile
def test_a_base_seed_moves_the_seeds_alone(profile: Profile) -> None:
    for name in FAMILIES:
        moved = [
            replace(cell, seeds=tuple(seed + 30_000 for seed in cell.seeds)) for cell in cells_of([name], profile, 0)
        ]
        assert list(cells_of([name], profile, 3)) == moved


@every_profile
def test_a_family_differs_in_its_width_alone_and_in_further_images(profile: Profile) -> None:
    for name in FAMILIES:
        cells = cells_of([name], profile, 0)
        if name != "sensitivity":
            alike = {replace(cell, width=2, probe=replace(cell.probe, more_images=())) for cell in cells}
            assert len(alike) <= 1, name
            assert [cell.width for cell in cells] == sorted({cell.width for cell in cells}), name


@every_profile
def test_no_two_cells_share_a_key_and_bases_share_no_net(profile: Profile) -> None:
    first, second = (cells_of(FAMILIES, profile, base) for base in (0, 1))
    keys = {cell.key for cell in first + second}
    assert len(keys) == len(first) + len(second)
    assert not {seed for cell in first for seed in cell.seeds} & {seed for cell in second for seed in cell.seeds}
    assert {cell.key for cell in cells_of(reversed(FAMILIES), profile, 0)} == {cell.key for cell in first}


@every_profile
def test_the_parts_of_a_profile_are_those_of_its_families(profile: Profile) -> None:
    found = parts(profile, 0)
    assert list(found) == ["mlp", "cifar10", "initial", "violations", "ensembles", "convnets", "sensitivity"]
    assert [part for part, cells in found.items() if not cells] == ([] if profile is FULL else ["convnets"])
    assert [cell for cells in found.values() for cell in cells] == list(cells_of(FAMILIES, profile, 0))


def test_profiles_do_not_share_cells() -> None:
    assert not set(cells_of(["trained/relu"], QUICK, 0)) & set(cells_of(["trained/relu"], FULL, 0))
    renamed = replace(QUICK, name="mine")
    assert cells_of(["trained/relu"], renamed, 0) == cells_of(["trained/relu"], QUICK, 0)  # a name changes no net


def test_a_family_is_registered_once_and_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="family 'convnets' is registered twice: name each once"):
        family("convnets", part="mlp")(lambda profile, base_seed: ())
    with pytest.raises(ValueError, match="family 'trained': expected one of trained/relu, trained/tanh, cifar10"):
        cells_of(["trained/relu", "trained"], QUICK, 0)


# --- what the families consist of; the digests hold the rest ----------------------------------------------------------


@every_profile
def test_families_of_a_profile_have_its_widths_and_training(profile: Profile) -> None:
    groups, convnets = profile.ensembles, profile.convnets
    for name, widths, training in (
        ("trained/relu", profile.widths, profile.training),
        ("trained/tanh", profile.widths, profile.training),
        ("initial/relu", (profile.initial_width,), replace(profile.training, stages=(0,))),
        ("initial/tanh", (profile.initial_width,), replace(profile.training, stages=(0,))),
        ("cifar10", profile.cifar10.widths, profile.cifar10.training),
        ("ensembles", groups.widths, groups.training),
        ("ensembles/initial", (groups.initial_width,), replace(groups.training, stages=(0,))),
        ("ensembles/violating", (groups.widths[0], groups.widths[-1]), VIOLATIONS["shared"]),
        ("convnets", convnets.widths if convnets else (), convnets and convnets.training),
    ):
        cells = cells_of([name], profile, 0)
        assert tuple(cell.width for cell in cells) == widths, name
        assert all(cell.protocol == training for cell in cells), name


@every_profile
def test_cifar10_nets_of_one_width_are_measured_on_twice_as_many_images(profile: Profile) -> None:
    twice = 2 * profile.probe.images_per_class
    more = {cell.width: cell.probe.more_images for cell in cells_of(FAMILIES, profile, 0) if cell.probe.more_images}
    assert more == {profile.cifar10.twice_measured: (twice,)}
    assert min(specification_of(profile.cifar10.dataset).train_counts) >= twice
    [cell] = [cell for cell in cells_of(["cifar10"], profile, 0) if cell.probe.more_images]
    assert cell.nets_key == replace(cell, probe=profile.probe).nets_key


@every_profile
@pytest.mark.parametrize("kind", [kind for kind in VIOLATIONS if kind != "biased"])
def test_violations_that_grow_with_the_width_have_several_widths(profile: Profile, kind: str) -> None:
    cells = cells_of([f"violation/{kind}"], profile, 0)
    widths = list(profile.violation_widths) if kind in TRENDS else [profile.violation_width]
    assert [cell.width for cell in cells] == widths
    for cell in cells:
        assert cell.probe.control_pairs == 0
        assert isinstance(cell.protocol, Violation)
        assert cell.protocol == VIOLATIONS[kind]
    shares = [shared_variance(width, VIOLATIONS["shared"].strength) for width in profile.violation_widths]
    assert shares == sorted(set(shares))


@every_profile
def test_every_kind_of_violation_occurs_with_a_possible_strength(profile: Profile) -> None:
    assert set(VIOLATIONS) - {"still"} == set(get_args(ViolationKind)) > set(TRENDS)
    cells = parts(profile, 0)["violations"]
    assert {cell.kind for cell in cells} == set(get_args(ViolationKind))
    assert {cell.activation for cell in cells} == set(ACTIVATIONS)
    assert 1 <= VIOLATIONS["bottleneck"].strength < profile.violation_width
    assert 1 <= VIOLATIONS["tied"].strength < profile.violation_width
    assert 0 < VIOLATIONS["constant"].strength <= 1
    assert all(violation.strength > 0 for violation in VIOLATIONS.values())


@every_profile
def test_sensitivity_choices_differ_from_the_profile_in_one_field(profile: Profile) -> None:
    usual, *others = sensitivity_choices(profile, 0).values()
    assert usual == perceptron(profile, "relu", profile.sensitivity_width, 0)
    assert usual in cells_of(["trained/relu"], profile, 0)
    for cell in others:
        assert (cell.protocol == usual.protocol) != (cell.unspecified == usual.unspecified)
        assert replace(cell, protocol=usual.protocol, unspecified=usual.unspecified) == usual
