from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from wndcheck.devices import prepare, visible_gpus
from wndcheck.nets import training
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import BEYOND_PAPER, Architecture, NetSpec, Training
from wndcheck.nets.stacks import Stack, build
from wndcheck.nets.training import STRETCH, BatchOrder, GraphedSteps, Steps, steps_on, train

pytestmark = pytest.mark.usefixtures("one_thread")
needs_cuda = pytest.mark.skipif(not visible_gpus(), reason="no CUDA device: graphs and streams are CUDA's")
SEEDS = (1, 9, 7)
GENERATOR = torch.Generator().manual_seed(0)
# An epoch is a whole stretch, then part of one, whose last step has 22 images.
COUNT = (STRETCH + 9) * 32 + 22
IMAGES = torch.randn(COUNT, 20, generator=GENERATOR)
LABELS = torch.randint(0, 10, (COUNT,), generator=GENERATOR)
TRAINING = Training(0.1, 32, (0, 1, 3))


class Recorder(nn.Module):
    """A stack that keeps what its steps are given, and takes none."""

    members = 3

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[Tensor, Tensor, float]] = []
        self.places: set[int] = set()

    def sgd_step(self, x: Tensor, labels: Tensor, learning_rate: float) -> None:
        self.given.append((x.clone(), labels.clone(), learning_rate))
        self.places.add(x.data_ptr())


def drawn(images: int) -> Tensor:
    return BatchOrder(SEEDS, images).epoch()


def cached_bytes(one: Stack, inputs: int) -> int:
    """Bytes of a net's state and its batch."""
    return sum(value.nbytes for value in one.state_dict().values()) + 4 * 32 * inputs


def test_every_step_sees_the_images_and_labels_of_its_batch() -> None:
    recorder, order = Recorder(), drawn(len(IMAGES))
    steps = Steps(recorder, IMAGES, LABELS, TRAINING)  # type: ignore[arg-type]
    steps.run(steps.uploaded(order))
    steps.synchronize()
    assert [x.shape for x, _, _ in recorder.given] == [(3, 32, 20)] * 34 + [(3, 22, 20)]
    for start, (x, labels, rate) in zip(range(0, len(IMAGES), 32), recorder.given, strict=True):
        for member in range(3):
            chosen = order[member, start : start + 32]
            assert torch.equal(x[member], IMAGES[chosen])
            assert torch.equal(labels[member], LABELS[chosen])
        assert rate == TRAINING.learning_rate


def test_batches_share_one_buffer() -> None:
    recorder = Recorder()
    steps = Steps(recorder, IMAGES, LABELS, TRAINING)  # type: ignore[arg-type]
    for _ in range(2):
        steps.run(drawn(len(IMAGES)))
    assert recorder.places == {steps.batch_images.data_ptr()}


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    recorder = Recorder()
    steps = Steps(recorder, IMAGES[:5], LABELS[:5], TRAINING)  # type: ignore[arg-type]
    steps.run(drawn(5))
    ((x, _, _),) = recorder.given
    assert x.shape == (3, 5, 20)


def test_steps_in_pieces_equal_steps_at_once() -> None:
    order, found = drawn(len(IMAGES)), []
    for pieces in ([order], order.split(32, dim=1), order.split(STRETCH * 32, dim=1)):
        stack = StackedMLP(20, 8, seeds=SEEDS, activation="tanh")
        for piece in pieces:
            Steps(stack, IMAGES, LABELS, TRAINING).run(piece)
        found.append([parameter.detach().clone() for parameter in stack.parameters()])
    for parameters in zip(*found, strict=True):
        assert torch.equal(parameters[0], parameters[1])
        assert torch.equal(parameters[0], parameters[2])


@pytest.mark.parametrize("architecture", ["mlp", "convnet", *BEYOND_PAPER])
def test_steps_in_blocks_of_members_equal_those_of_the_whole_stack(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, whether the caches hold one member, two or all three, and with what belongs to the state."""
    inputs, found = 3072 if architecture == "convnet" else 784, []
    images, labels = torch.randn(80, inputs, generator=GENERATOR), LABELS[:80]
    dataset = "cifar10" if architecture == "convnet" else "mnist"
    nets = NetSpec(dataset, "relu", 32, SEEDS, TRAINING, architecture=architecture)
    bytes_each = cached_bytes(build(nets, SEEDS[:1], inputs, torch.device("cpu")), inputs)
    for members in (3, 2, 1):
        monkeypatch.setattr(training, "CACHE", (members + 0.5) * bytes_each)
        stack = build(nets, SEEDS, inputs, torch.device("cpu"))
        steps = Steps(stack, images, labels, TRAINING)
        assert [block.members for _, block in steps.blocks] == {3: [3], 2: [2, 1], 1: [1, 1, 1]}[members]
        for _ in range(2):
            steps.run(BatchOrder(SEEDS, 80).epoch())
        found.append(stack.state_dict())
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name
        assert torch.equal(value, found[2][name]), name


def test_steps_on_a_cpu_are_plain() -> None:
    assert type(steps_on(StackedMLP(20, 8, seeds=SEEDS, activation="tanh"), IMAGES, LABELS, TRAINING)) is Steps


# --- CUDA ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cuda() -> torch.device:
    return prepare("cuda")


def nets(kind: str, device: torch.device, width: int = 16) -> tuple[Stack, Tensor, Tensor]:
    """A stack, images and labels on the device; a convnet's images are few, and fill one stretch all the same."""
    if kind == "convnet":
        generator = torch.Generator().manual_seed(1)
        images, labels = torch.randn(300, 3072, generator=generator), LABELS[:300]
        stack = StackedConvNet(width, seeds=SEEDS, activation="relu").to(device)
    else:
        images, labels = IMAGES, LABELS
        stack = StackedMLP(20, width, seeds=SEEDS, activation="relu" if kind == "relu" else "tanh").to(device)
    return stack, images.to(device), labels.to(device)


def training_of(kind: str) -> Training:
    return Training(0.02, 8, (0, 1, 2)) if kind == "convnet" else TRAINING


def run(kind: str, steps: Steps, images: Tensor) -> Iterator[tuple[float, bool]]:
    return train(steps, BatchOrder(SEEDS, len(images)), training_of(kind))


def trained(kind: str, device: torch.device, method: type[Steps]) -> list[Tensor]:
    stack, images, labels = nets(kind, device)
    steps = method(stack, images, labels, training_of(kind))
    for _ in run(kind, steps, images):
        pass
    steps.synchronize()
    return [value.cpu() for value in stack.state_dict().values()]


@needs_cuda
@pytest.mark.parametrize("kind", ["relu", "tanh", "convnet"])
def test_graphed_steps_equal_plain_steps(cuda: torch.device, kind: str) -> None:
    """The same kernels on the same numbers; a convolution may choose another algorithm in a capture."""
    for graphed, plain in zip(trained(kind, cuda, GraphedSteps), trained(kind, cuda, Steps), strict=True):
        torch.testing.assert_close(graphed, plain, rtol=0, atol=1e-5 if kind == "convnet" else 1e-6)


@needs_cuda
@pytest.mark.parametrize("kind", ["relu", "tanh", "convnet"])
def test_graphed_steps_are_deterministic(cuda: torch.device, kind: str) -> None:
    for once, again in zip(trained(kind, cuda, GraphedSteps), trained(kind, cuda, GraphedSteps), strict=True):
        assert torch.equal(once, again)


@needs_cuda
@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_training_on_a_gpu_equals_training_on_a_cpu(cuda: torch.device, kind: str) -> None:
    """Sums in another order, made larger by the hundred steps."""
    for there, here in zip(trained(kind, cuda, GraphedSteps), trained(kind, torch.device("cpu"), Steps), strict=True):
        torch.testing.assert_close(there, here, rtol=0, atol=1e-4)


@needs_cuda
@pytest.mark.parametrize("kind", ["relu", "convnet"])
def test_capturing_a_graph_leaves_the_weights_unchanged(cuda: torch.device, kind: str) -> None:
    """The nets are read on the default stream, which waits for no other, as a reading of stage 0 does."""
    stack, images, labels = nets(kind, cuda)
    initial = {name: value.cpu() for name, value in stack.state_dict().items()}
    for _ in range(5):
        steps_on(stack, images, labels, training_of(kind))
        for name, value in stack.state_dict().items():
            assert torch.equal(value.cpu(), initial[name]), name


@needs_cuda
def test_several_cells_on_one_device_train_as_one_by_one(cuda: torch.device) -> None:
    kinds = ("relu", "tanh", "convnet", "relu")
    alone = [trained(kind, cuda, GraphedSteps) for kind in kinds]
    made = [nets(kind, cuda) for kind in kinds]
    works = []
    for kind, (stack, images, labels) in zip(kinds, made, strict=True):
        steps = steps_on(stack, images, labels, training_of(kind))
        assert type(steps) is GraphedSteps
        works.append((run(kind, steps, images), steps))
    waiting = list(works)
    while waiting:  # a stretch each in turn, as the sweep does
        waiting = [(work, steps) for work, steps in waiting if next(work, None) is not None]
    for (_, steps), (stack, _, _), expected in zip(works, made, alone, strict=True):
        steps.synchronize()
        for value, one in zip(stack.state_dict().values(), expected, strict=True):
            assert torch.equal(value.cpu(), one)


@needs_cuda
def test_nets_are_settled_at_every_stage(cuda: torch.device) -> None:
    """At a stage the default stream sees the nets that the steps so far make, though their stream runs on."""
    stack, images, labels = nets("relu", cuda, width=1000)
    seen = []
    for _, is_stage in run("relu", steps_on(stack, images, labels, TRAINING), images):
        if is_stage:
            seen.append(stack.weights[0].cpu())
            torch.cuda.synchronize()
            assert torch.equal(seen[-1], stack.weights[0].cpu())
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1])
