"""Architectures beyond the paper's: each member of a stack is the net that plain torch modules and optimisers make."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.overrides import TorchFunctionMode

from wndcheck.experiment.cells import Cell, Probe, Training
from wndcheck.experiment.measurement.probing import importance
from wndcheck.experiment.profiles import FULL
from wndcheck.nets.architectures import MUP_WIDTH, STACKS, AdamPerceptron, MuPerceptron, StackedTransformer, patches
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import BEYOND_PAPER, HEAD, PATCH, TOKENS, WITH_ADAM, Architecture, Violation
from wndcheck.nets.stacks import Stack, build, load_weights, weights_of
from wndcheck.nets.training import BatchOrder, Steps, train

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS, WIDTH = (3, 7, 9), 32
each_kind = pytest.mark.parametrize("kind", BEYOND_PAPER)
close = {"rtol": 0, "atol": 1e-10}  # float64
PROBE = Probe(images_per_class=20, ablated=0, transformed_pairs=0)
CELL = Cell("mnist-subset", "relu", WIDTH, SEEDS, Training(0.1, 32, (0, 1)), PROBE, architecture="residual")


def stack_of(kind: Architecture, seeds: tuple[int, ...] = SEEDS) -> Stack:
    """A stack in float64, all of whose parameters are other than 0 and 1, each seed's its own."""
    stack = build(replace(CELL, architecture=kind, seeds=seeds), seeds, 784, torch.device("cpu")).double()
    for parameter in stack.parameters():
        for member, seed in zip(parameter.data, seeds, strict=True):
            member += 0.1 * torch.randn(
                member.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
            )
    return stack


def batch(seed: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(SEEDS), 21, 784, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 10, (len(SEEDS), 21), generator=generator)


def filled(layer: nn.Module, weight: Tensor, bias: Tensor) -> nn.Module:
    """A layer with these parameters; a dense one's weight is (in, out) here."""
    parameters = dict(layer.named_parameters())
    parameters["weight"].data = (weight.T if parameters["weight"].dim() == 2 else weight.flatten()).clone()
    parameters["bias"].data = bias.flatten().clone()
    return layer


class PlainPerceptron(nn.Module):
    """One member of a stack of perceptrons, out of torch's own modules."""

    def __init__(self, stack: StackedMLP, member: int, kind: Architecture) -> None:
        super().__init__()
        self.kind = kind
        of_layers = zip(stack.weights, stack.biases, strict=True)
        self.dense = nn.ModuleList(
            filled(nn.Linear(*weight.shape[1:]), weight.data[member], bias.data[member]) for weight, bias in of_layers
        )
        self.norms = nn.ModuleList(nn.Identity() for _ in self.dense)
        if kind == "batch-norm":
            scales, shifts = stack.get_submodule("scales"), stack.get_submodule("shifts")
            of_norms = zip(scales.parameters(), shifts.parameters(), strict=True)
            self.norms = nn.ModuleList(
                filled(nn.BatchNorm1d(WIDTH), s.data[member], b.data[member]) for s, b in of_norms
            )
        if kind == "layer-norm":
            norms = list(stack.get_submodule("norms").children())
            self.norms = nn.ModuleList(
                filled(
                    nn.LayerNorm(WIDTH),
                    norm.get_parameter("scale").data[member],
                    norm.get_parameter("shift").data[member],
                )
                for norm in norms
            )
        self.double()

    def outputs(self, x: Tensor) -> list[Tensor]:
        z = []
        for layer, dense in enumerate(self.dense):
            z.append(dense(x))
            if layer < len(self.dense) - 1:
                passed = torch.relu(self.norms[layer](z[-1]))
                x = x + passed if self.kind == "residual" and layer else passed
        return z


class PlainTransformer(nn.Module):
    """One member of a stack of transformers, out of torch's own modules."""

    def __init__(self, stack: StackedTransformer, member: int) -> None:
        super().__init__()
        matrices = {name: value.data[member] for name, value in stack.matrices.items()}
        offsets = {name: value.data[member] for name, value in stack.offsets.items()}
        made = {name: filled(nn.Linear(*matrices[name].shape), matrices[name], offsets[name]) for name in matrices}
        self.embedding, self.first, self.second = made["embedding"], made["first"], made["second"]
        self.logits = made["logits"]
        d = len(matrices["projection"])
        self.attention = nn.MultiheadAttention(d, d // HEAD, batch_first=True)
        self.attention.in_proj_weight.data = matrices["attention"].T.clone()
        self.attention.in_proj_bias.data = offsets["attention"].flatten().clone()
        filled(self.attention.out_proj, matrices["projection"], offsets["projection"])
        self.positions = nn.Parameter(stack.positions.data[member].clone())
        self.norms = nn.ModuleList(
            filled(nn.LayerNorm(d), norm.get_parameter("scale").data[member], norm.get_parameter("shift").data[member])
            for norm in stack.norms
        )
        self.double()

    def outputs(self, x: Tensor) -> list[Tensor]:
        x = self.embedding(tiles(x)) + self.positions
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        first = self.first(self.norms[1](x))
        second = self.second(torch.relu(first))
        logits = self.logits(self.norms[2](x + second).mean(1))
        shown = [i % TOKENS for i in range(len(x))]
        return [first[range(len(x)), shown], second[range(len(x)), shown], logits]


def tiles(images: Tensor) -> Tensor:
    """Images (n, 784) as 16 tiles of 7×7, row by row."""
    squares = images.view(-1, 28, 28)
    cut = [squares[:, 7 * r : 7 * r + 7, 7 * c : 7 * c + 7].flatten(1) for r in range(4) for c in range(4)]
    return torch.stack(cut, 1)


def plain(stack: Stack, member: int, kind: Architecture) -> PlainPerceptron | PlainTransformer:
    if isinstance(stack, StackedTransformer):
        return PlainTransformer(stack, member)
    assert isinstance(stack, StackedMLP)
    return PlainPerceptron(stack, member, kind)


def optimiser_of(net: nn.Module, kind: Architecture, rate: float) -> torch.optim.Optimizer:
    if kind in WITH_ADAM:
        return torch.optim.Adam(net.parameters(), lr=rate)
    if kind != "mup":
        return torch.optim.SGD(net.parameters(), lr=rate)
    m = WIDTH / MUP_WIDTH
    first, *hidden, last = net.get_submodule("dense").children()
    groups = [(m, [*first.parameters(), *(layer.get_parameter("bias") for layer in hidden)])]
    groups += [(1.0, [*(layer.get_parameter("weight") for layer in hidden), last.get_parameter("bias")])]
    groups += [(1 / m, [last.get_parameter("weight")])]
    return torch.optim.SGD([{"params": parameters, "lr": rate * by} for by, parameters in groups])


@each_kind
def test_a_member_computes_what_plain_modules_compute(kind: Architecture) -> None:
    stack, (x, _) = stack_of(kind), batch()
    z, shared = stack.pre_activations(x), stack(x[0])
    sizes = [WIDTH, WIDTH // 2, 10] if kind == "transformer" else [WIDTH] * 4 + [10]
    assert [layer.shape for layer in z] == [(3, 21, n) for n in sizes]
    for member in range(3):
        net = plain(stack, member, kind).eval()
        for found, expected in zip(z, net.outputs(x[member]), strict=True):
            torch.testing.assert_close(found[member], expected, **close)
        torch.testing.assert_close(shared[member], net.outputs(x[0])[-1], **close)


@each_kind
def test_the_widest_layer_has_the_neurons_of_all_tokens(kind: Architecture) -> None:
    """Of as many images as fit into little memory the logits are taken at once."""
    stack, (x, _), sizes = stack_of(kind), batch(), []

    class Activated(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            found = function(*args, **(kwargs or {}))
            if function is torch.relu:
                sizes.append(found.numel() / (3 * 21))
            return found

    with Activated():
        stack(x)
    assert stack.widest == max(sizes)


@each_kind
def test_training_is_that_of_each_member_by_torchs_optimiser(kind: Architecture) -> None:
    stack, rate = stack_of(kind), 0.02
    nets = [plain(stack, member, kind).train() for member in range(3)]
    optimisers = [optimiser_of(net, kind, rate) for net in nets]
    for step in range(4):
        x, labels = batch(step)
        stack.sgd_step(x, labels, rate)
        for net, optimiser, own, truth in zip(nets, optimisers, x, labels, strict=True):
            optimiser.zero_grad()
            cross_entropy(net.outputs(own)[-1], truth).backward()
            optimiser.step()
    x, _ = batch(9)
    for member, net in enumerate(nets):
        for found, expected in zip(stack.pre_activations(x), net.eval().outputs(x[member]), strict=True):
            torch.testing.assert_close(found[member], expected, rtol=1e-7, atol=1e-7)  # of Adam's square roots
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in stack.parameters())


@each_kind
def test_a_seed_names_the_same_net_in_any_stack(kind: Architecture) -> None:
    how = {"architecture": kind, "probe": PROBE}
    alone, among = (
        build(replace(CELL, seeds=seeds, **how), seeds, 784, torch.device("cpu")) for seeds in ((7,), (1, 7, 9))
    )
    for (name, one), many in zip(alone.named_parameters(), among.parameters(), strict=True):
        assert torch.equal(one[0], many[1]), name
    assert not torch.equal(among.weights[0][0], among.weights[0][1])


def test_perceptrons_start_from_the_papers_weights() -> None:
    paper = StackedMLP(784, WIDTH, seeds=SEEDS, activation="relu")
    for kind in set(BEYOND_PAPER) - {"transformer"}:
        stack = build(replace(CELL, architecture=kind), SEEDS, 784, torch.device("cpu"))
        for layer, (own, papers) in enumerate(zip(stack.weights, paper.weights, strict=True)):
            assert torch.equal(own, papers) or (kind, layer) == ("mup", 4)


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_initial_weights_of_a_transformer_are_gaussians_by_what_enters(gain: float) -> None:
    """Of variance gain² / fan-in, and twice that behind the ReLU; position embeddings of the usual scale."""
    stack = StackedTransformer(784, 64, seeds=SEEDS, gain=gain)
    variances = {name: gain**2 * (1 + (name == "second")) / matrix.shape[1] for name, matrix in stack.matrices.items()}
    drawn = [(matrix.detach(), variances[name]) for name, matrix in stack.matrices.items()]
    for weights, variance in [*drawn, (stack.positions.detach(), 0.02**2)]:
        for member in weights:
            assert abs(member.mean()) < 4 * (variance / member.numel()) ** 0.5  # 4 standard errors
            assert abs(member.var() / variance - 1) < 4 * (2 / member.numel()) ** 0.5
    assert not any(offset.any() for offset in stack.offsets.values())


def test_mup_is_the_usual_parametrisation_at_its_width() -> None:
    """The middle of those that are swept."""
    assert FULL.architectures
    assert FULL.architectures.widths[0] * FULL.architectures.widths[-1] == MUP_WIDTH**2
    own, usual = (net(784, MUP_WIDTH, seeds=SEEDS, activation="relu", layers=5) for net in (MuPerceptron, StackedMLP))
    x, labels = torch.randn(3, 11, 784), torch.randint(0, 10, (3, 11))
    for net in (own, usual):
        net.sgd_step(x, labels, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), usual.parameters(), strict=True))


def test_in_mup_the_logits_of_wide_initial_nets_vanish() -> None:
    """Like 1/√N, where those of the usual parametrisation stay."""
    x = torch.randn(200, 784, generator=torch.Generator().manual_seed(0))
    sizes = {
        net: [net(784, n, seeds=(0, 1, 2, 3), activation="relu")(x).std().item() for n in (64, 1024)]
        for net in (MuPerceptron, StackedMLP)
    }
    assert sizes[MuPerceptron][1] / sizes[MuPerceptron][0] == pytest.approx(0.25, rel=0.3)  # √(64 / 1024)
    assert sizes[StackedMLP][1] / sizes[StackedMLP][0] == pytest.approx(1, rel=0.3)


@each_kind
def test_resumed_training_gives_the_same_bits(kind: Architecture) -> None:
    images, labels = torch.randn(90, 784), torch.randint(0, 10, (90,))
    training = Training(0.01, 32, (0, 3))

    def begun(seeds: tuple[int, ...]) -> tuple[Stack, Steps, BatchOrder]:
        stack = build(replace(CELL, architecture=kind, seeds=seeds), seeds, 784, torch.device("cpu"))
        return stack, Steps(stack, images, labels, training), BatchOrder(seeds, len(images))

    whole, steps, order = begun(SEEDS)
    kept: dict = {}
    for epochs, _ in train(steps, order, training):
        if epochs == 1:
            kept = {name: array.copy() for name, array in weights_of(whole).items()} | {"order": order.state.clone()}
    other, steps, order = begun((5, 6, 8))
    order.state = kept.pop("order")
    load_weights(other, kept)
    for _ in train(steps, order, training, done=1):
        pass
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True))


def test_batch_norm_is_measured_with_running_statistics() -> None:
    stack, (x, labels) = stack_of("batch-norm"), batch()
    stack.sgd_step(x, labels, 0.1)
    alone, among = stack(x[:, :1]), stack(x)
    torch.testing.assert_close(alone[:, 0], among[:, 0], **close)


def test_patches_are_tiles_of_the_image() -> None:
    images = torch.randn(2, 5, 784)
    found = patches(images)
    assert found.shape == (2, 5, TOKENS, PATCH)
    assert all(torch.equal(found[member], tiles(images[member])) for member in range(2))


@pytest.mark.parametrize("kind", [kind for kind in BEYOND_PAPER if not issubclass(STACKS[kind], MuPerceptron)])
def test_neurons_are_ablated_only_in_the_papers_nets(kind: Architecture) -> None:
    with pytest.raises(NotImplementedError, match="only in the paper's nets"):
        importance(stack_of(kind), torch.zeros(5, 784), [])


def test_a_transformer_takes_images_of_784_values() -> None:
    with pytest.raises(ValueError, match="images of 3072 values: expected 784"):
        StackedTransformer(3072, WIDTH, seeds=SEEDS)


def test_adams_moments_belong_to_the_state() -> None:
    stack, (x, labels) = AdamPerceptron(784, WIDTH, seeds=SEEDS, activation="relu").double(), batch()
    stack.sgd_step(x, labels, 0.001)
    moments = [value for name, value in stack.state_dict().items() if name.startswith(("mean", "square", "step"))]
    assert len(moments) == 2 * len(list(stack.parameters())) + 1
    assert all(value.any() for value in moments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"probe": Probe(ablated=0)}, "transformed_pairs=0"),
        ({"probe": Probe(transformed_pairs=0)}, "ablated=0"),
        ({"activation": "tanh"}, "expected relu and Training"),
        ({"protocol": Violation("drift", 0.1)}, "expected relu and Training"),
        ({"architecture": "transformer", "width": 24}, "expected a multiple of 16"),
        ({"architecture": "transformer", "dataset": "cifar10"}, "and mnist"),
    ],
)
def test_cells_that_cannot_be_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CELL, **fields)
