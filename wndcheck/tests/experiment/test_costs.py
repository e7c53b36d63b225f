from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from wndcheck.experiment import costs
from wndcheck.experiment.cells import Cell, Probe
from wndcheck.experiment.costs import (
    core_seconds,
    device_seconds,
    estimates,
    is_bound_by_launches,
    layer_sizes,
    parameters,
    rank_estimates,
    stack_bytes,
    steps,
    training_flops,
    training_images,
)
from wndcheck.experiment.families import parts
from wndcheck.experiment.measurement import layers, transformed
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.probing import pre_activations
from wndcheck.experiment.profiles import FULL
from wndcheck.nets.specification import BEYOND_PAPER, Training, Unspecified, Violation
from wndcheck.nets.stacks import build
from wndcheck.nets.training import BatchOrder, Steps
from wndcheck.tests.tiny import TINY_CELL, TINY_PROBE, TINY_TRAINING, UNTRAINED

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
CONVNET = Cell("cifar10", "relu", 12, (0, 1), Training(0.1, 8, (0, 2)), TINY_PROBE, architecture="convnet")
SMALL = replace(CONVNET, channels=(4, 4, 8, 8, 8))
CIFAR = replace(TINY_CELL, dataset="cifar10", width=20)
OTHER_PROBE = replace(TINY_PROBE, ablated=0, transformed_pairs=0)
ENSEMBLES = replace(TINY_CELL, seeds=tuple(range(30)), ensembles=2)
WIDE = replace(TINY_CELL, width=1000, seeds=(0,), probe=Probe(1))  # its parameters outweigh all else
OTHERS = [
    Cell("mnist-subset", "relu", 32, (0, 1), TINY_TRAINING, OTHER_PROBE, architecture=kind) for kind in BEYOND_PAPER
]
BY_AUTOGRAD = [cell for cell in OTHERS if cell.architecture != "mup"]
WIDE_ADAM = replace(WIDE, activation="relu", architecture="adam", probe=replace(OTHER_PROBE, images_per_class=1))
EACH = pytest.mark.parametrize(
    "cell",
    [TINY_CELL, replace(TINY_CELL, width=300), WIDE, WIDE_ADAM, CIFAR, CONVNET, SMALL, *OTHERS],
    ids=lambda cell: cell.label,
)


@EACH
def test_parameters_are_those_of_the_stack(cell: Cell) -> None:
    stack = build(cell, cell.seeds, costs.inputs(cell), CPU)
    assert sum(p.numel() for p in stack.parameters()) == parameters(cell) * len(cell.seeds)
    assert [weight.shape[1] for weight in stack.weights] == layer_sizes(cell)[:-1]
    assert [weight.shape[2] for weight in stack.weights] == layer_sizes(cell)[1:]


def test_parameters_by_hand() -> None:
    assert parameters(TINY_CELL) == 785 * 6 + 3 * 7 * 6 + 7 * 10
    convolutional = (27 + 1) * 32 + (288 + 1) * 32 + (288 + 1) * 64 + 2 * (576 + 1) * 64
    assert parameters(CONVNET) == convolutional + (4096 + 1) * 12 + 13 * 12 + 13 * 10


def test_images_steps_and_operations_by_hand() -> None:
    assert training_images(TINY_CELL) == 10_000
    assert training_images(replace(TINY_CELL, unspecified=Unspecified(held_out=9000))) == 1000
    assert steps(TINY_CELL) == 157  # 156 batches of 64, and one of 16
    assert steps(CONVNET) == 2 * 6250
    # Forward, and backward into the weights, 2 operations a product; backward into what enters, but for the images.
    image = 4 * 784 * 6 + 6 * (3 * 6 * 6 + 6 * 10)
    assert training_flops(TINY_CELL) == 2 * 1 * 10_000 * image
    assert training_flops(replace(TINY_CELL, protocol=Training(0.1, 64, (0, 2, 3)))) == 2 * 3 * 10_000 * image
    pixels = 9 * (3 * 32 * 1024 + 32 * 32 * 256 + 32 * 64 * 256 + 2 * 64 * 64 * 64)
    image = 6 * (pixels + 4096 * 12 + 12 * 12 + 12 * 10) - 2 * 9 * 3 * 32 * 1024
    assert training_flops(CONVNET) == 2 * 2 * 50_000 * image
    for protocol in (Training(0.1, 64, (0,)), Violation("drift", 0.1)):
        untrained = replace(TINY_CELL, protocol=protocol)
        assert (steps(untrained), training_flops(untrained)) == (0, 0)


@pytest.mark.parametrize("cell", BY_AUTOGRAD, ids=lambda cell: cell.architecture)
def test_operations_and_activations_are_those_that_torch_counts(cell: Cell) -> None:
    stack, kept = build(cell, cell.seeds, 784, CPU), {}
    x, labels = torch.randn(2, 7, 784), torch.zeros(2, 7, dtype=torch.int64)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # which counts products of matrices
        stack.sgd_step(x, labels, 0.1)
    assert counter.get_total_flops() == training_flops(cell) * 7 / training_images(cell)  # of one epoch

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = stack(x)
    for parameter in stack.parameters():
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    numbers = sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 4 / (2 * 7)
    assert logits.requires_grad
    assert numbers <= costs.activations(cell) < 2 * numbers


@pytest.mark.parametrize(
    "cell",
    [
        TINY_CELL,
        replace(TINY_CELL, activation="relu", width=30),
        replace(TINY_CELL, width=3, protocol=Training(0.1, 64, (0,))),
        replace(TINY_CELL, probe=Probe(images_per_class=20, most_pairs=7, control_pairs=4)),
        replace(TINY_CELL, probe=replace(TINY_PROBE, transformed_pairs=7)),
        replace(TINY_CELL, probe=replace(TINY_PROBE, control_pairs=0, transformed_pairs=0)),
        replace(UNTRAINED, width=60, probe=replace(TINY_PROBE, transformed_pairs=900)),  # of 40 neurons
        replace(TINY_CELL, width=9, probe=Probe(images_per_class=20, control_pairs=9)),
        replace(TINY_CELL, probe=Probe(20, most_pairs=10, control_pairs=2)),
        replace(
            TINY_CELL, width=12, probe=Probe(images_per_class=20, control_pairs=3), protocol=Violation("drift", 0.1)
        ),
        ENSEMBLES,
        replace(TINY_CELL, width=13, probe=replace(TINY_PROBE, more_images=(30, 40))),
    ],
    ids=lambda cell: f"{cell.label}, {cell.probe.control_pairs} controls, {cell.probe.transformed_pairs} transformed",
)
def test_estimates_count_the_calls_of_the_estimator(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ranks, estimate = [], [], layers.pairwise_mi

    def counted(x, *, pairs, null=None, margins="sd", **options):
        calls = ranks if margins == "normal" else asked
        calls.append(len(pairs) * (1 + options.get("n_shuffles", 8) * (null is not None)))
        return estimate(x, pairs=pairs, null=null, margins=margins, **options)

    for module in (layers, transformed):
        monkeypatch.setattr(module, "pairwise_mi", counted)
    found = measure(replace(cell, unspecified=Unspecified(held_out=9000)))
    assert not found["flagged"].any()  # else its controls would want fewer
    assert estimates(cell) == sum(asked)
    assert rank_estimates(cell) == sum(ranks)


def held_bytes(cell: Cell) -> int:
    """Bytes of the tensors of a stack that is trained and probed: parameters, a step, the order, the probe."""
    stack = build(cell, cell.seeds, costs.inputs(cell), CPU)
    images, labels = torch.zeros(100, costs.inputs(cell)), torch.zeros(100, dtype=torch.int64)
    tensors = [*stack.state_dict().values()]  # with Adam's moments
    if isinstance(cell.protocol, Training):
        tensors += [Steps(stack, images, labels, cell.protocol).batch_images]
        tensors += [BatchOrder(cell.seeds, training_images(cell)).epoch()]
    if cell.ensembles:
        probed = pre_activations(stack, torch.zeros(len(cell.seeds), 1, costs.inputs(cell)))
    else:
        images = (cell.probe.images, *cell.probe.further_images)[-1]
        probed = pre_activations(stack, torch.zeros(images, costs.inputs(cell)))
    return sum(tensor.nbytes for tensor in tensors) + 2 * sum(z.nbytes for z in probed)  # of a layer z, and φ(z)


@EACH
def test_a_stack_takes_no_more_memory_than_predicted(cell: Cell) -> None:
    on_more = replace(cell, probe=replace(cell.probe, more_images=(200,)))
    others = [replace(cell, protocol=replace(cell.protocol, batch_size=size)) for size in (8, 500)]
    for asked in (cell, on_more, *others):
        assert held_bytes(asked) < stack_bytes(asked, len(cell.seeds))


def test_an_ensemble_takes_no_more_memory_than_predicted() -> None:
    cell = replace(ENSEMBLES, seeds=tuple(range(200)), width=50, unspecified=Unspecified(held_out=9000))
    assert held_bytes(cell) < stack_bytes(cell, 200)


def test_memory_is_proportional_to_the_members() -> None:
    assert stack_bytes(TINY_CELL, 6) == pytest.approx(6 * stack_bytes(TINY_CELL, 1))
    assert stack_bytes(replace(TINY_CELL, width=100), 1) > stack_bytes(TINY_CELL, 1)
    untrained = replace(TINY_CELL, protocol=Training(0.1, 64, (0,)))
    assert stack_bytes(TINY_CELL, 1) - stack_bytes(untrained, 1) == 16 * 10_000  # an epoch's order, twice


def test_activations_count_those_of_the_stack() -> None:
    z = pre_activations(build(TINY_CELL, (0,), 784, CPU), torch.zeros(1, 784))
    assert costs.activations(TINY_CELL) == 2 * 784 + sum(prod(layer.shape) for layer in z)


def test_cost_of_a_cell_by_hand() -> None:
    pairs = costs.PAIR_SECONDS * estimates(TINY_CELL) + costs.RANK_PAIR_SECONDS * rank_estimates(TINY_CELL)
    rest = pairs + costs.STEP_SECONDS * 157
    assert core_seconds(TINY_CELL) == pytest.approx(rest + training_flops(TINY_CELL) / costs.CORE_FLOPS["narrow"])
    for cell, kind in ((WIDE, "mlp"), (CONVNET, "convnet"), (ENSEMBLES, "ensemble")):
        doubled = replace(cell, protocol=replace(cell.protocol, stages=(*cell.protocol.stages[:-1], 4)))
        more = (training_flops(doubled) - training_flops(cell)) / costs.CORE_FLOPS[kind]
        more += costs.STEP_SECONDS * (steps(doubled) - steps(cell))
        assert core_seconds(doubled) - core_seconds(cell) == pytest.approx(more)
    violated = replace(TINY_CELL, protocol=Violation("drift", 0.1))
    before = replace(UNTRAINED, probe=replace(UNTRAINED.probe, transformed_pairs=0))  # taken at the last stage only,
    within_classes = costs.PAIR_SECONDS * 2 * 5 * 2 * 10  # as these are: two nets, five layers, ten pairs, a null
    assert core_seconds(violated) == pytest.approx(core_seconds(before) + core_seconds(UNTRAINED) - within_classes)


@pytest.mark.parametrize(
    "more",
    [
        {"width": 12},
        {"seeds": (0, 1, 2)},
        {"dataset": "mnist"},
        {"protocol": Training(0.1, 64, (0, 2))},
        {"protocol": Training(0.1, 64, (0, 1, 2))},
        {"protocol": Training(0.1, 16, (0, 1))},
        {"probe": replace(TINY_CELL.probe, most_pairs=14)},
        {"probe": replace(TINY_CELL.probe, more_images=(40,))},
    ],
    ids=str,
)
def test_cost_grows_with_the_work(more: dict) -> None:
    assert core_seconds(replace(TINY_CELL, **more)) > core_seconds(TINY_CELL) > core_seconds(UNTRAINED) > 0
    assert core_seconds(CONVNET) > core_seconds(CIFAR) > core_seconds(TINY_CELL)


def test_a_step_on_a_gpu_takes_its_launches_however_small() -> None:
    many = replace(TINY_CELL, protocol=Training(0.01, 1, (0, 100)))  # a million steps
    assert device_seconds(many, "cpu") == core_seconds(many)
    assert device_seconds(many, "cuda") >= costs.GPU_STEP_SECONDS * 1_000_000
    assert is_bound_by_launches(many)
    assert not is_bound_by_launches(replace(TINY_CELL, width=5000))
    assert not is_bound_by_launches(UNTRAINED)


def test_the_cell_of_the_most_steps_is_the_longest_of_the_full_profile_on_a_gpu_alone() -> None:
    cells = {cell for part in parts(FULL, 0).values() for cell in part}
    most = max(cells, key=steps)
    assert max(cells, key=lambda cell: device_seconds(cell, "cuda:1")) == most
    assert max(cells, key=lambda cell: device_seconds(cell, "cpu")).width == 1000 > most.width
