"""A data set as tensors on the device that trains on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from wndcheck import datasets
from wndcheck.experiment.cells import Cell, Scaling
from wndcheck.seeds import derived_seed


@dataclass(frozen=True)
class Data:
    """A data set on the device: scaled images (n, inputs), labels (n,), and the probe's images and labels."""

    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    probe: Tensor
    probe_labels: Tensor


def load(cell: Cell, device: torch.device, root: str | None) -> Data:
    """The cell's data; cells on one device share it. Raises MissingData or DamagedData, with the command to type."""
    probe = (cell.probe.images_per_class, cell.probe.seed)
    return _load(cell.dataset, cell.unsaid.scaling, cell.unsaid.held_out, *probe, device, root)


@lru_cache(maxsize=4)  # MNIST, also in other scaling and with images held out, and CIFAR-10
def _load(
    name: str, scaling: Scaling, held_out: int, per_class: int, probe_seed: int, device: torch.device, root: str | None
) -> Data:
    raw = datasets.load(name, root)
    images, labels = raw.train_images, raw.train_labels
    validation_images, validation_labels = raw.validation_images, raw.validation_labels
    if held_out:
        if held_out >= len(images):
            raise ValueError(f"{held_out} images held out of {name}'s {len(images)}: expected fewer")
        order = np.random.default_rng(derived_seed("held out", name)).permutation(len(images))
        kept, apart = np.sort(order[held_out:]), np.sort(order[:held_out])
        images, labels, validation_images, validation_labels = images[kept], labels[kept], images[apart], labels[apart]
    chosen = datasets.probe_indices(labels, per_class=per_class, seed=probe_seed)

    def scaled(pixels: np.ndarray) -> Tensor:
        values = datasets.standardised(pixels, images) if scaling == "standardised" else datasets.in_unit(pixels)
        return torch.from_numpy(values).to(device)

    def classes(labels: np.ndarray) -> Tensor:
        return torch.from_numpy(labels.astype(np.int64)).to(device)

    training, truth, at = scaled(images), classes(labels), torch.from_numpy(chosen).to(device)
    return Data(training, truth, scaled(validation_images), classes(validation_labels), training[at], truth[at])
