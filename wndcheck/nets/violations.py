"""Nets that break a claim by construction: positive controls, measured like any other net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2, sqrt

import torch

from wndcheck.nets.mlp import GAIN, gaussian_weights, generators
from wndcheck.nets.specification import Violation
from wndcheck.nets.stacks import Stack


def violate(stack: Stack, width: int, violation: Violation, seeds: Sequence[int]) -> Iterator[tuple[int, bool]]:
    """Yield stage 0 with the initial nets and stage 1 with the violation in place, as `train` yields its stages."""
    yield 0, True
    match violation.kind:
        case "drift":
            drift(stack, width**violation.strength)
        case "shared":
            share_direction(stack, shared_variance(width, violation.strength), seeds)
        case "bottleneck":
            squeeze(stack, int(violation.strength), seeds)
        case "tied":
            tie(stack, int(violation.strength))
        case "constant":
            make_constant(stack, violation.strength)
        case "biased":
            draw_biases(stack, violation.strength, seeds)
    yield 1, True


@torch.no_grad()
def drift(stack: Stack, factor: float) -> None:
    """Multiply all weights: H of layer l moves by about l·log(factor) nats (exactly so for ReLU)."""
    for weight in stack.weights:
        weight.mul_(factor)


def shared_variance(width: int, strength: float) -> float:
    """Share of a neuron's variance common to its layer: 0 at two neurons, `strength` per doubling, at most 0.9."""
    return min(0.9, strength * log2(width / 2))


@torch.no_grad()
def share_direction(stack: Stack, share: float, seeds: Sequence[int]) -> None:
    """Give the hidden neurons of a layer one common input direction: pairs correlate by about `share`.

    The variance of every weight, and so the expected variance of the pre-activations, stays what it was.
    """
    drawn = generators(seeds, "shared direction")
    for weight in list(stack.weights)[:-1]:
        fan_in = weight.shape[1]
        gain = GAIN[stack.activation] / sqrt(fan_in)
        common = gaussian_weights((fan_in, 1), gain, drawn)
        weight.mul_(sqrt(1 - share)).add_(common.to(weight), alpha=sqrt(share))


@torch.no_grad()
def squeeze(stack: Stack, rank: int, seeds: Sequence[int]) -> None:
    """Give the hidden layers new weights of the given rank and the same variance: the product of two Gaussians."""
    drawn = generators(seeds, "low rank")
    for weight in list(stack.weights)[:-1]:
        _, fan_in, fan_out = weight.shape
        down, up = gaussian_weights((fan_in, rank), 1, drawn), gaussian_weights((rank, fan_out), 1, drawn)
        weight.copy_((down @ up) * (GAIN[stack.activation] / sqrt(fan_in * rank)))


@torch.no_grad()
def tie(stack: Stack, different: int) -> None:
    """Make copies of the first few neurons of every hidden layer take the place of the others."""
    for weight in list(stack.weights)[:-1]:
        copies = torch.arange(weight.shape[2], device=weight.device) % different
        weight.copy_(weight[:, :, copies])


@torch.no_grad()
def make_constant(stack: Stack, share: float) -> None:
    """Cut the first neurons of every hidden layer off from the layer below: they are constant."""
    for weight in list(stack.weights)[:-1]:
        weight[:, :, : round(share * weight.shape[2])] = 0


@torch.no_grad()
def draw_biases(stack: Stack, sd: float, seeds: Sequence[int]) -> None:
    """Give all layers iid zero-mean Gaussian biases."""
    drawn = generators(seeds, "biases")
    for bias in stack.dense.biases:
        bias.copy_(gaussian_weights(bias.shape[1:], sd, drawn))
