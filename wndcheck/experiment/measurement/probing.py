"""What the neurons of a stack do on the probe images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wndcheck.nets.stacks import Stack

AT_ONCE = 2**26  # numbers of a layer at once when only the logits are wanted, which bounds the memory of wide stacks


@torch.no_grad()
def pre_activations(stack: Stack, images: Tensor) -> list[np.ndarray]:
    """z of every layer, each (S, n, neurons) float32 on the host, unclipped; images (n, inputs) or (S, n, inputs)."""
    return [z.cpu().numpy() for z in stack.pre_activations(images)]


@torch.no_grad()
def importance(stack: Stack, images: Tensor, neurons: Sequence[np.ndarray]) -> np.ndarray:
    """How much single neurons matter: (S, hidden layers).

    The mean, over some neurons of every hidden layer, of the share of images (n, inputs) that a net classifies
    otherwise when the neuron puts out 0. NaN for a member whose logits are not finite.
    """
    entering, z = stack.dense.propagated(stack.features(images))
    classes, finite = z[-1].argmax(-1), z[-1].isfinite().all(-1).all(-1)

    def share(layer: int, neuron: int) -> Tensor:
        without = stack.dense.without(neuron, layer, entering[layer + 1])
        return (without.argmax(-1) != classes).double().mean(1)

    shares = [torch.stack([share(layer, int(i)) for i in some]).mean(0) for layer, some in enumerate(neurons)]
    return torch.where(finite[:, None], torch.stack(shares, 1), torch.nan).cpu().numpy()


@torch.no_grad()
def accuracy(stack: Stack, images: Tensor, labels: Tensor) -> np.ndarray:
    """Share of images each member classifies rightly, (S,) float64; NaN for a member whose logits are not finite."""
    hits = torch.zeros(stack.members, dtype=torch.float64, device=images.device)
    finite = torch.ones(stack.members, dtype=torch.bool, device=images.device)
    slices = max(1, AT_ONCE // (stack.members * stack.widest))
    for x, y in zip(images.split(slices), labels.split(slices), strict=True):
        logits = stack(x)
        hits += (logits.argmax(-1) == y).sum(1)
        finite &= logits.isfinite().all(-1).all(-1)
    return torch.where(finite, hits / len(labels), torch.nan).cpu().numpy()
