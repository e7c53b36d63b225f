"""Families of nets: what each consists of, frozen."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace
from typing import get_args

import pytest

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Cell, Violation
from wndcheck.experiment.families import FAMILIES, cells_of, family, lacks, parts, perceptron, sensitivity_choices
from wndcheck.experiment.profiles import ACTIVATIONS, FULL, MEDIUM, PROFILES, QUICK, TRENDS, VIOLATIONS, Profile
from wndcheck.nets.specification import BEYOND_PAPER, WITH_ADAM, Training, ViolationKind
from wndcheck.nets.violations import shared_variance

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)

# Digests of the cells of base seed 0 of the quick, medium and full profiles: nets once drawn stay as they are.
FROZEN = {
    "trained/relu": ("3548ae3c9bb4", "6fc37ef018fa", "44119d8fc823"),
    "trained/tanh": ("37b96e126ece", "b12082a52701", "6caef4da4487"),
    "more-seeds/relu": ("4f53cda18c2b", "52663513ec6d", "4f53cda18c2b"),
    "more-seeds/tanh": ("4f53cda18c2b", "6d859fcf37f2", "4f53cda18c2b"),
    "trained/relu/fixed-images": ("4f53cda18c2b", "74103fff9326", "4f53cda18c2b"),
    "cifar10": ("90cab4445f41", "0e2bbdf315dd", "4d95e37e8aa5"),
    "paper-recipe/relu": ("4f53cda18c2b", "fa50f9dbab99", "4f53cda18c2b"),
    "paper-recipe-begun/relu": ("4f53cda18c2b", "1c418bdabd34", "4f53cda18c2b"),
    "paper-recipe/tanh": ("4f53cda18c2b", "e3198a0095e4", "4f53cda18c2b"),
    "paper-recipe-begun/tanh": ("4f53cda18c2b", "d105c2bd74cb", "4f53cda18c2b"),
    "paper-recipe/cifar10": ("4f53cda18c2b", "679faf2b2246", "4f53cda18c2b"),
    "paper-recipe-begun/cifar10": ("4f53cda18c2b", "b42e5c69720d", "4f53cda18c2b"),
    "initial/relu": ("5bbaf0feba63", "e6316bc624bb", "52381f7ba8e6"),
    "initial/tanh": ("8497575e53c4", "4eca7a198029", "5f9c93820e76"),
    "ensembles/initial": ("402d626ee818", "1855a24c7190", "359c7de1bb12"),
    "violation/drift": ("9fc663e2d9c9", "4276f3285686", "4276f3285686"),
    "violation/still": ("d229b3ec1fcb", "e88023f0b05a", "e88023f0b05a"),
    "violation/shared": ("b8b495b13462", "f0070460f0ea", "f0070460f0ea"),
    "violation/bottleneck": ("5d8a0bedcdfb", "d0f376bfff21", "d0f376bfff21"),
    "violation/tied": ("289d2ebda423", "4fdc9271d746", "4fdc9271d746"),
    "violation/constant": ("0e6e3ddc97b1", "227d0170fb75", "227d0170fb75"),
    "violation/bottleneck-relu": ("fcbcddce60ac", "3504ba04772c", "3504ba04772c"),
    "biased/relu": ("2c644b561725", "b521711b3217", "b521711b3217"),
    "biased/tanh": ("43fee6a659c6", "449a60ee97d4", "449a60ee97d4"),
    "ensembles": ("acb6f6e1ad87", "ff38144384cc", "d0adcfc6a807"),
    "ensembles/violating": ("8c677380e692", "cafce9b3cbb1", "aa41cc4806e9"),
    "convnets": ("ad92a11bd62b", "3ca920ef71f3", "7ca065c32f6c"),
    "convnets/more-channels": ("4f53cda18c2b", "edc724c4dd1a", "4f53cda18c2b"),
    "architectures/batch-norm": ("ae2b1f30ac2c", "72d713d91dbd", "19cc701a0fe9"),
    "architectures/layer-norm": ("4f53cda18c2b", "36450e7232de", "258b8d10342c"),
    "architectures/residual": ("4f53cda18c2b", "20c82792ec24", "808d0edd0a87"),
    "architectures/adam": ("4f53cda18c2b", "50c8f933567f", "04346c861b87"),
    "architectures/mup": ("cbed268204d2", "c4e4102d4e35", "2184093eee84"),
    "architectures/transformer": ("4f53cda18c2b", "6efd59ca4094", "36b4fa9985c6"),
    "architectures/mlp": ("9ac227609329", "726dd6f96e86", "7a295e704bc5"),
    "sensitivity": ("64b12b6df5d3", "b83443170465", "fa343a0aa540"),
}


def facts(cell: Cell) -> tuple[object, ...]:
    """The identity of a cell, whatever its fields are called."""
    protocol = (type(cell.protocol).__name__, astuple(cell.protocol))
    shape = (cell.dataset, cell.activation, cell.width, cell.seeds, cell.architecture, cell.ensembles)
    *probe, more_images, sampling = astuple(cell.probe)
    return (*shape, cell.channels, *protocol, (*probe, *more_images, sampling), astuple(cell.unspecified))


def digest(name: str, profile: Profile) -> str:
    return hashlib.sha256(repr([facts(cell) for cell in cells_of([name], profile, 0)]).encode()).hexdigest()[:12]


def test_no_cell_has_changed() -> None:
    assert {name: tuple(digest(name, profile) for profile in PROFILES.values()) for name in FAMILIES} == FROZEN


@every_profile
def test_a_base_seed_moves_the_seeds_alone(profile: Profile) -> None:
    for name in FAMILIES:
        moved = [
            replace(cell, seeds=tuple(seed + 30_000 for seed in cell.seeds)) for cell in cells_of([name], profile, 0)
        ]
        assert list(cells_of([name], profile, 3)) == moved


@every_profile
def test_a_family_differs_in_its_width_further_images_and_number_of_seeds_alone(
    profile: Profile,
) -> None:
    for name in FAMILIES:
        cells = cells_of([name], profile, 0)
        if name != "sensitivity":
            widths = [replace(cell, width=16, probe=replace(cell.probe, more_images=())) for cell in cells]
            alike = {replace(cell, seeds=widths[0].seeds, ensembles=widths[0].ensembles) for cell in widths}
            assert len(alike) <= 1, name
            assert len({cell.ensembles for cell in cells}) <= 1, name
            most = max((cell.seeds for cell in cells), key=len, default=())
            assert all(cell.seeds == most[: len(cell.seeds)] for cell in cells), name
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
    usual = {"mlp", "cifar10", "initial", "violations", "ensembles", "convnets", "architectures", "sensitivity"}
    of_medium = {"more-seeds", "fixed-images", "paper-recipe"}
    assert found.keys() == usual | of_medium
    assert {part for part, cells in found.items() if not cells} == (set() if profile is MEDIUM else of_medium)
    each_once = dict.fromkeys(cell for cells in found.values() for cell in cells)
    assert list(each_once) == list(cells_of(FAMILIES, profile, 0))


def test_profiles_do_not_share_cells() -> None:
    assert not set(cells_of(["trained/relu"], QUICK, 0)) & set(cells_of(["trained/relu"], FULL, 0))
    renamed = replace(QUICK, name="mine")
    assert cells_of(["trained/relu"], renamed, 0) == cells_of(["trained/relu"], QUICK, 0)  # a name changes no net


def test_a_family_is_registered_once_and_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="family 'convnets' is registered twice: name each once"):
        family("convnets", part="mlp")(lambda profile, base_seed: ())
    with pytest.raises(ValueError, match="family 'trained': expected one of trained/relu, trained/tanh, more-"):
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
def test_architectures_are_trained_as_the_perceptron_beside_them(profile: Profile) -> None:
    beyond = profile.architectures
    assert beyond
    beside = {cell.width: cell for cell in cells_of(["architectures/mlp"], profile, 0)}
    assert tuple(beside) == beyond.widths
    for kind in BEYOND_PAPER:
        cells = cells_of([f"architectures/{kind}"], profile, 0)
        assert tuple(cell.width for cell in cells) == (beyond.widths if kind in beyond.kinds else ())
        for cell in cells:
            perceptron = beside[cell.width]
            assert cell.architecture == kind
            assert cell.seeds == perceptron.seeds[: beyond.nets]
            assert (cell.dataset, cell.activation, cell.unspecified) == (
                "mnist-subset" if profile is QUICK else "mnist",
                "relu",
                perceptron.unspecified,
            )
            assert cell.probe.images == perceptron.probe.images
            assert cell.protocol.stages == (0, perceptron.protocol.stages[-1])
            own, usual = cell.protocol, perceptron.protocol
            assert isinstance(own, Training)
            assert isinstance(usual, Training)
            assert own.batch_size == usual.batch_size
            assert own.learning_rate == (0.001 if kind in WITH_ADAM else usual.learning_rate)
    shared = {*cells_of(["trained/relu"], profile, 0)} & {*beside.values()}
    assert len(shared) == (len(beside) if profile is QUICK else 0)  # which costs the quick profile nothing


@every_profile
def test_a_profile_lacks_the_families_that_another_has(profile: Profile) -> None:
    assert lacks(["trained/relu", "architectures/adam"], profile) == (profile is QUICK)
    assert lacks(["paper-recipe/relu"], profile) == (profile is not MEDIUM)
    assert not lacks(["trained/relu", "violation/shared"], profile)


@every_profile
def test_cifar10_nets_of_one_width_are_measured_on_twice_as_many_images(profile: Profile) -> None:
    twice = 2 * profile.probe.images_per_class
    others = set(FAMILIES) - {"trained/relu"}
    more = {cell.width: cell.probe.more_images for cell in cells_of(others, profile, 0) if cell.probe.more_images}
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
    assert usual.width == profile.sensitivity_width
    assert usual in cells_of(["trained/relu"], profile, 0)
    varied = perceptron(profile, "relu", profile.sensitivity_width, 0, nets=profile.sensitivity_nets)
    assert len(others) == 6
    for cell in others:
        assert (cell.protocol == usual.protocol) != (cell.unspecified == usual.unspecified)
        assert replace(cell, protocol=usual.protocol, unspecified=usual.unspecified) == varied
        assert isinstance(cell.protocol, Training)
        # Rate × steps stay, and with them what the nets have learned.
        rate = profile.training.learning_rate / profile.training.batch_size
        assert cell.protocol.learning_rate / cell.protocol.batch_size == pytest.approx(rate)


def test_the_table_of_medium() -> None:
    def nets(family: str) -> dict[int, int]:
        return {cell.width: cell.replicates for cell in cells_of([family], MEDIUM, 100)}

    def recipe(family: str) -> tuple[float, int, tuple[int, ...]]:
        [training] = {cell.protocol for cell in cells_of([family], MEDIUM, 100)}
        assert isinstance(training, Training)
        return training.learning_rate, training.batch_size, training.stages

    usual = dict.fromkeys((5, 10, 20, 50, 100, 200), 8)
    assert nets("trained/relu") == usual | {500: 6, 1000: 8}
    assert nets("trained/tanh") == usual | {500: 6, 1000: 6}
    assert nets("cifar10") == dict.fromkeys((10, 15, 20, 200, 500), 8) | dict.fromkeys((50, 100, 1000), 4)
    assert nets("convnets") == dict.fromkeys((20, 100, 500), 6)
    assert nets("convnets/more-channels") == {100: 2}
    assert nets("ensembles") == dict.fromkeys((8, 16, 32, 64, 128), 8)
    assert [cell.nets_per_ensemble for cell in cells_of(["ensembles"], MEDIUM, 100)] == [250] * 4 + [125]
    assert nets("paper-recipe/relu") == nets("paper-recipe/tanh") == {50: 8, 100: 16}
    assert nets("paper-recipe-begun/relu") == {200: 8, 1000: 8}
    assert nets("paper-recipe-begun/tanh") == {200: 8}
    assert (nets("paper-recipe/cifar10"), nets("paper-recipe-begun/cifar10")) == ({50: 4}, {200: 4})
    assert nets("more-seeds/relu") == nets("more-seeds/tanh") == {100: 16}
    for name in ("trained/relu", "trained/tanh", "cifar10", "convnets", "more-seeds/relu", "more-seeds/tanh"):
        assert recipe(name) == (0.01, 32, (0, 1, 6, 30)), name
    assert recipe("convnets/more-channels") == (0.01, 32, (0, 1, 6, 10))
    assert recipe("ensembles") == (0.02, 32, (0, 1, 4))
    for kind in ("relu", "tanh", "cifar10"):
        assert recipe(f"paper-recipe/{kind}") == (0.001, 32, (0, 10, 60, 300))
        assert recipe(f"paper-recipe-begun/{kind}") == (0.001, 32, (0, 10, 60))
    [fixed] = cells_of(["trained/relu/fixed-images"], MEDIUM, 100)
    beside = perceptron(MEDIUM, "relu", 200, 100)
    assert fixed == replace(beside, probe=replace(beside.probe, sampling="fixed"))
    more = {cell.width: cell.probe.further_images for cell in cells_of(["trained/relu"], MEDIUM, 100)}
    assert {width: images for width, images in more.items() if images} == dict.fromkeys((200, 1000), (2000, 4000))
