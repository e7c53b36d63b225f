"""Families of nets, each named once: a function of a profile and a base seed that returns the family's cells.

A new family is a function below, registered by `family`; claims name it in `families=(...)`, and `wndcheck measure`
trains it as a part of the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Activation, Cell, Training
from wndcheck.experiment.profiles import (
    ACTIVATIONS,
    PROFILES,
    TRENDS,
    UNSPECIFIED,
    VIOLATION_PROBE,
    VIOLATIONS,
    ConvNets,
    Profile,
)
from wndcheck.nets.specification import BEYOND_PAPER, Architecture
from wndcheck.seeds import net_seeds

Kind = Activation | Literal["cifar10"]
Cells = Callable[[Profile, int], Iterable[Cell]]


@dataclass(frozen=True)
class Family:
    """Nets that differ only in their width, measured alike but for further numbers of images.

    `part` is the part of a profile that `wndcheck measure --cells` names.
    """

    name: str
    part: str
    cells: Cells


FAMILIES: dict[str, Family] = {}


def family(name: str, part: str) -> Callable[[Cells], Cells]:
    """Register a function as the family of that name."""

    def register(cells: Cells) -> Cells:
        if name in FAMILIES:
            raise ValueError(f"family {name!r} is registered twice: name each once")
        FAMILIES[name] = Family(name, part, cells)
        return cells

    return register


def cells_of(names: Iterable[str], profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Return the cells of some families, each once. ValueError for a name that is not registered."""
    return tuple(dict.fromkeys(cell for each in registered(names) for cell in each.cells(profile, base_seed)))


def registered(names: Iterable[str]) -> list[Family]:
    """Return the families of those names. ValueError for one that is not registered."""
    names = list(names)
    if unknown := [name for name in names if name not in FAMILIES]:
        raise ValueError(f"family {unknown[0]!r}: expected one of {', '.join(FAMILIES)}")
    return [FAMILIES[name] for name in names]


def lacks(names: Iterable[str], profile: Profile) -> bool:
    """Whether the profile has no nets of some family of which another one has some."""
    missing = [name for name in names if not cells_of([name], profile, 0)]
    return any(cells_of(missing, other, 0) for other in PROFILES.values())


def parts(profile: Profile, base_seed: int) -> dict[str, tuple[Cell, ...]]:
    """Return all cells of a profile by the part they belong to; a part of which the profile has none is empty."""
    names = dict.fromkeys(each.part for each in FAMILIES.values())
    return {
        part: cells_of([each.name for each in FAMILIES.values() if each.part == part], profile, base_seed)
        for part in names
    }


# --- perceptrons on the profile's data set ----------------------------------------------------------------------------


def perceptron(
    profile: Profile,
    activation: Activation,
    width: int,
    base_seed: int,
    training: Training | None = None,
    nets: int | None = None,
) -> Cell:
    seeds = net_seeds(base_seed, nets or profile.fewer.get((activation, width), profile.nets))
    protocol = training or profile.training
    return Cell(profile.dataset, activation, width, seeds, protocol, profile.probe, unspecified=UNSPECIFIED)


def trained(activation: Activation, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained nets of every width."""
    return tuple(trained_cell(profile, activation, width, base_seed) for width in profile.widths)


def trained_cell(profile: Profile, activation: Activation, width: int, base_seed: int) -> Cell:
    """Trained nets of one width; ReLU nets of some widths are measured on more images, too."""
    cell = perceptron(profile, activation, width, base_seed)
    more = profile.more_images.get(width, ()) if activation == "relu" else ()
    return replace(cell, probe=replace(cell.probe, more_images=more))


def more_seeds(activation: Activation, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained nets of more seeds, of few widths."""
    more = profile.more_seeds.items()
    return tuple(perceptron(profile, activation, width, base_seed, nets=nets) for width, nets in more)


for _activation in ACTIVATIONS:
    family(f"trained/{_activation}", part="mlp")(partial(trained, _activation))
for _activation in ACTIVATIONS:
    family(f"more-seeds/{_activation}", part="more-seeds")(partial(more_seeds, _activation))


@family("trained/relu/fixed-images", part="fixed-images")
def fixed_images(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained ReLU nets that are all measured on the same images, as in the paper."""
    fixed = replace(profile.probe, sampling="fixed")
    return tuple(replace(perceptron(profile, "relu", n, base_seed), probe=fixed) for n in profile.fixed_images)


# --- CIFAR-10 ---------------------------------------------------------------------------------------------------------


@family("cifar10", part="cifar10")
def cifar10(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained ReLU nets on CIFAR-10, of every width; those of one are measured on twice as many images, too."""
    nets, probe = profile.cifar10, profile.probe
    twice = replace(probe, more_images=(2 * probe.images_per_class,))
    cells = [cifar10_cell(profile, width, base_seed, nets.training) for width in nets.widths]
    return tuple(replace(cell, probe=twice) if cell.width == nets.twice_measured else cell for cell in cells)


def cifar10_cell(profile: Profile, width: int, base_seed: int, training: Training, nets: int | None = None) -> Cell:
    cifar10 = profile.cifar10
    seeds = net_seeds(base_seed, nets or cifar10.fewer.get(width, cifar10.nets))
    return Cell(cifar10.dataset, "relu", width, seeds, training, profile.probe, unspecified=UNSPECIFIED)


# --- the paper's recipe -----------------------------------------------------------------------------------------------


def paper_recipe(kind: Kind, begun: bool, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Nets of the paper's recipe, of few widths; `begun` stops at its last stage but one."""
    if not (recipe := profile.paper_recipe):
        return ()
    nets = (recipe.begun if begun else recipe.whole).get(kind, {})
    training = replace(recipe.training, stages=recipe.training.stages[:-1]) if begun else recipe.training

    def cell(width: int, count: int) -> Cell:
        if kind == "cifar10":
            return cifar10_cell(profile, width, base_seed, training, count)
        return perceptron(profile, kind, width, base_seed, training, count)

    return tuple(cell(width, count) for width, count in nets.items())


for _kind in (*ACTIVATIONS, "cifar10"):
    family(f"paper-recipe/{_kind}", part="paper-recipe")(partial(paper_recipe, _kind, False))
    family(f"paper-recipe-begun/{_kind}", part="paper-recipe")(partial(paper_recipe, _kind, True))


# --- untrained nets ---------------------------------------------------------------------------------------------------


def initial(activation: Activation, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Untrained nets of the paper's greatest width."""
    untrained = replace(profile.training, stages=(0,))
    return (perceptron(profile, activation, profile.initial_width, base_seed, untrained),)


for _activation in ACTIVATIONS:
    family(f"initial/{_activation}", part="initial")(partial(initial, _activation))


@family("ensembles/initial", part="initial")
def initial_ensembles(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Ensembles of wide ReLU nets that are never trained."""
    cell = ensemble(profile, profile.ensembles.initial_width, base_seed)
    return (replace(cell, protocol=replace(profile.ensembles.training, stages=(0,))),)


# --- nets that violate a claim ----------------------------------------------------------------------------------------


def violation(profile: Profile, kind: str, width: int, base_seed: int, activation: Activation = "tanh") -> Cell:
    # tanh: neurons that share a direction would die together under ReLU and leave nothing to measure.
    seeds = net_seeds(base_seed, profile.violation_nets)
    return Cell(profile.dataset, activation, width, seeds, VIOLATIONS[kind], VIOLATION_PROBE, unspecified=UNSPECIFIED)


def violations(kind: str, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Nets of one violation, of several widths where it is stronger in wider nets."""
    widths = profile.violation_widths if kind in TRENDS else (profile.violation_width,)
    return tuple(violation(profile, kind, width, base_seed) for width in widths)


for _kind in VIOLATIONS:
    if _kind != "biased":  # which the paper takes to be no violation, and which has families of its own below
        family(f"violation/{_kind}", part="violations")(partial(violations, _kind))


@family("violation/bottleneck-relu", part="violations")
def relu_bottleneck(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """ReLU nets with a bottleneck: the control of what is measured only for ReLU."""
    return (violation(profile, "bottleneck", profile.violation_width, base_seed, "relu"),)


def biased(activation: Activation, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Untrained nets, at stage 0 without biases and at stage 1 with them."""
    cell = violation(profile, "biased", profile.violation_widths[-1], base_seed, activation)
    return (replace(cell, probe=replace(VIOLATION_PROBE, transformed_pairs=0, groups=0)),)


for _activation in ACTIVATIONS:
    family(f"biased/{_activation}", part="violations")(partial(biased, _activation))


# --- ensembles --------------------------------------------------------------------------------------------------------


def ensemble(profile: Profile, width: int, base_seed: int) -> Cell:
    groups = profile.ensembles
    seeds = net_seeds(base_seed, groups.count * groups.nets_of.get(width, groups.nets))
    probe = replace(profile.probe, control_pairs=100)  # of few samples, and so cheap
    training, count = groups.training, groups.count
    return Cell(profile.dataset, "relu", width, seeds, training, probe, ensembles=count, unspecified=UNSPECIFIED)


@family("ensembles", part="ensembles")
def ensembles(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained ensembles of ReLU nets, of every width of ensembles."""
    return tuple(ensemble(profile, width, base_seed) for width in profile.ensembles.widths)


@family("ensembles/violating", part="ensembles")
def violating_ensembles(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """The narrowest and the widest ensembles, of untrained tanh nets whose layers share a direction."""
    ends = (profile.ensembles.widths[0], profile.ensembles.widths[-1])
    probe = replace(VIOLATION_PROBE, transformed_pairs=0, groups=0)
    planted = {"activation": "tanh", "protocol": VIOLATIONS["shared"], "probe": probe}
    return tuple(replace(ensemble(profile, width, base_seed), **planted) for width in ends)


# --- convolutional nets -----------------------------------------------------------------------------------------------


def convnet_cells(profile: Profile, nets: ConvNets | None, base_seed: int) -> tuple[Cell, ...]:
    """Convolutional nets, of every width of their dense layers; none where the profile has none."""
    if not nets:
        return ()
    seeds = net_seeds(base_seed, nets.nets)
    how = {"architecture": "convnet", "channels": nets.channels, "unspecified": UNSPECIFIED}
    return tuple(Cell(nets.dataset, "relu", width, seeds, nets.training, profile.probe, **how) for width in nets.widths)


@family("convnets", part="convnets")
def convnets(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained convolutional nets on CIFAR-10."""
    return convnet_cells(profile, profile.convnets, base_seed)


@family("convnets/more-channels", part="convnets")
def convnets_of_more_channels(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """The same with more channels."""
    return convnet_cells(profile, profile.more_channels, base_seed)


# --- architectures beyond the paper's ---------------------------------------------------------------------------------


def architecture(kind: Architecture, profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Trained nets of an architecture, of every width of architectures; none where the profile has none."""
    if not (beyond := profile.architectures) or kind not in beyond.kinds:
        return ()
    seeds, probe = net_seeds(base_seed, beyond.nets), replace(profile.probe, ablated=0, transformed_pairs=0, groups=0)
    training = beyond.training
    rate, ends = beyond.rates.get(kind, training.learning_rate), (training.stages[0], training.stages[-1])
    training = replace(training, learning_rate=rate, stages=ends)
    how = {"architecture": kind, "unspecified": UNSPECIFIED}
    return tuple(Cell(profile.dataset, "relu", width, seeds, training, probe, **how) for width in beyond.widths)


for _architecture in BEYOND_PAPER:
    family(f"architectures/{_architecture}", part="architectures")(partial(architecture, _architecture))


@family("architectures/mlp", part="architectures")
def perceptrons_beside(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """The paper's perceptron, trained as nets of other architectures are."""
    if not (beyond := profile.architectures):
        return ()
    return tuple(perceptron(profile, "relu", width, base_seed, beyond.training) for width in beyond.widths)


# --- what the paper leaves unspecified --------------------------------------------------------------------------------


def sensitivity_choices(profile: Profile, base_seed: int) -> dict[str, Cell]:
    """Return ReLU nets of one width by the choice where the paper leaves it open; the profile's own choice first."""
    width, training, batch = profile.sensitivity_width, profile.training, profile.training.batch_size
    usual = trained_cell(profile, "relu", width, base_seed)
    varied = perceptron(profile, "relu", width, base_seed, nets=profile.sensitivity_nets)
    # With a batch of another size the rate is scaled along, so that rate × steps stays.
    rate = training.learning_rate / batch
    quarter, fourfold = (Training(rate * size, size, training.stages) for size in (batch // 4, batch * 4))
    sixth = sum(specification_of(profile.dataset).train_counts) // 6  # MNIST's customary 10,000 of 60,000
    return {
        "as in the profile": usual,
        f"batches of {quarter.batch_size}": replace(varied, protocol=quarter),
        f"batches of {fourfold.batch_size}": replace(varied, protocol=fourfold),
        "initial weights × ½": replace(varied, unspecified=replace(UNSPECIFIED, initial_gain=0.5)),
        "initial weights × 1.5": replace(varied, unspecified=replace(UNSPECIFIED, initial_gain=1.5)),
        "pixels in [0, 1]": replace(varied, unspecified=replace(UNSPECIFIED, scaling="unit")),
        "a sixth held out for validation": replace(varied, unspecified=replace(UNSPECIFIED, held_out=sixth)),
    }


@family("sensitivity", part="sensitivity")
def sensitivity(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """ReLU nets of one width with other choices than the profile's."""
    return tuple(sensitivity_choices(profile, base_seed).values())[1:]
