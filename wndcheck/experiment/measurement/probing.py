"""A data set as tensors on the device that trains on it, and what a stack of nets does on its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from wndcheck import datasets
from wndcheck.experiment.cells import Cell, Probe
from wndcheck.nets.specification import Scaling
from wndcheck.nets.stacks import Stack
from wndcheck.seeds import derived_seed

# Numbers of a layer at once when only the logits are wanted: what a core's cache holds, or little memory of a GPU.
AT_ONCE = {"cpu": 2**18, "cuda": 2**26}


class Images(NamedTuple):
    """Images (n, inputs) and labels (n,) that all nets see; or (S, n, inputs) and (S, n), each net its own."""

    x: Tensor
    labels: Tensor

    def of(self, member: int) -> Images:
        """Those that one net sees, (n, inputs) and (n,)."""
        return self if self.labels.dim() == 1 else Images(self.x[member], self.labels[member])


@dataclass(frozen=True)
class Data:
    """A data set on the device: scaled images (n, inputs) and labels (n,), for training and for validation."""

    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor

    def sample(self, per_class: int, seed: int, number: int = 0) -> Images:
        """Some training images, `per_class` of each class: those of `datasets.probe_indices`."""
        chosen = datasets.probe_indices(self.labels.cpu().numpy(), per_class=per_class, seed=seed, number=number)
        at = torch.from_numpy(chosen).to(self.images.device)
        return Images(self.images[at], self.labels[at])

    def probe(self, probe: Probe, seeds: Sequence[int], per_class: int | None = None) -> Images:
        """The images on which nets of these seeds are measured; of more than `images_per_class` they are among them."""
        count = per_class or probe.images_per_class
        if probe.sampling == "fixed":
            return self.sample(count, probe.seed)
        own = [self.sample(count, derived_seed(seed, "probe", probe.seed)) for seed in seeds]
        return Images(*map(torch.stack, zip(*own, strict=True)))


def load(cell: Cell, device: torch.device, root: str | None) -> Data:
    """The cell's data; cells with the same data share one copy on a device.

    Raises MissingData or DamagedData, with the command to run.
    """
    return _load(cell.dataset, cell.unspecified.scaling, cell.unspecified.held_out, device, root)


@lru_cache(maxsize=4)  # MNIST, also in other scaling and with images held out, and CIFAR-10
def _load(name: str, scaling: Scaling, held_out: int, device: torch.device, root: str | None) -> Data:
    raw = datasets.load(name, root)
    images, labels = raw.train_images, raw.train_labels
    validation_images, validation_labels = raw.validation_images, raw.validation_labels
    if held_out:
        if held_out >= len(images):
            raise ValueError(f"{held_out} images held out of {name}'s {len(images)}: expected fewer")
        order = np.random.default_rng(derived_seed("held out", name)).permutation(len(images))
        kept, held = np.sort(order[held_out:]), np.sort(order[:held_out])
        images, labels, validation_images, validation_labels = images[kept], labels[kept], images[held], labels[held]

    def scaled(pixels: np.ndarray) -> Tensor:
        values = datasets.standardised(pixels, images) if scaling == "standardised" else datasets.in_unit(pixels)
        return torch.from_numpy(values).to(device)

    def classes(labels: np.ndarray) -> Tensor:
        return torch.from_numpy(labels.astype(np.int64)).to(device)

    return Data(scaled(images), classes(labels), scaled(validation_images), classes(validation_labels))


@torch.no_grad()
def pre_activations(stack: Stack, images: Tensor) -> list[np.ndarray]:
    """z of every layer, each (S, n, neurons) float32 on the host, unclipped; images (n, inputs) or (S, n, inputs)."""
    return [z.cpu().numpy() for z in stack.pre_activations(images)]


@torch.no_grad()
def importance(stack: Stack, images: Tensor, neurons: Sequence[np.ndarray]) -> np.ndarray:
    """Importance of single neurons: (S, hidden layers).

    The mean, over some neurons of every hidden layer, of the share of images, (n, inputs) or (S, n, inputs), that a net
    classifies differently when the neuron's output is 0. NaN for a member of which some z is not finite.
    """
    changed = torch.zeros(stack.members, len(neurons), dtype=torch.float64, device=images.device)
    finite = torch.ones(stack.members, dtype=torch.bool, device=images.device)
    for x in images.split(at_once(stack, images.device), dim=-2):
        entering, z = stack.dense.propagated(stack.features(x))
        classes = z[-1].argmax(-1)
        for layer, some in enumerate(neurons):
            for neuron in some.tolist():
                without = stack.dense.without(neuron, layer, entering, z)
                changed[:, layer] += (without.argmax(-1) != classes).sum(1) / len(some)
        finite &= torch.stack([each.isfinite().all(-1).all(-1) for each in z]).all(0)
    return torch.where(finite[:, None], changed / images.shape[-2], torch.nan).cpu().numpy()


@torch.no_grad()
def accuracy(stack: Stack, images: Tensor, labels: Tensor) -> np.ndarray:
    """Share of images that each member classifies correctly, (S,) float64; NaN for one whose logits are not finite.

    images (n, inputs) and labels (n,), or each member's own (S, n, inputs) and (S, n).
    """
    hits = torch.zeros(stack.members, dtype=torch.float64, device=images.device)
    finite = torch.ones(stack.members, dtype=torch.bool, device=images.device)
    slices = at_once(stack, images.device)
    for x, y in zip(images.split(slices, dim=-2), labels.split(slices, dim=-1), strict=True):
        logits = stack(x)
        hits += (logits.argmax(-1) == y).sum(1)
        finite &= logits.isfinite().all(-1).all(-1)
    return torch.where(finite, hits / labels.shape[-1], torch.nan).cpu().numpy()


def at_once(stack: Stack, device: torch.device) -> int:
    """Number of images to show the nets at once."""
    return max(1, AT_ONCE.get(device.type, AT_ONCE["cuda"]) // (stack.members * stack.widest))


def accuracies(stack: Stack, data: Data, sample: Images | None = None) -> dict[str, np.ndarray]:
    """Training and validation accuracy of each member, (S,) float64: on all images, or on a sample of the training
    images and as many validation images.
    """
    seen, some = sample or Images(data.images, data.labels), sample and sample.labels.shape[-1]
    unseen = data.validation_images[:some], data.validation_labels[:some]
    return {"accuracy": accuracy(stack, *seen), "validation_accuracy": accuracy(stack, *unseen)}
