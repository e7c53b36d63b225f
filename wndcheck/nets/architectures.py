"""The shapes of the paper's two architectures, without torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Architecture = Literal["mlp", "convnet"]
LAYERS: dict[Architecture, int] = {"mlp": 5, "convnet": 3}  # dense layers, logits included: those that are measured
CLASSES = 10

IMAGE = (32, 32, 3)  # height, width and channels of CIFAR-10's images
# Output channels and stride of the five convolutions, all 3×3. Springenberg et al. (2015) put strides in the place of
# pooling and double the channels where they halve the image; their first block has 96. The paper says only how many
# convolutions there are: a third of the channels keeps sixteen nets on one device.
CONVOLUTIONS = ((32, 1), (32, 2), (64, 1), (64, 2), (64, 1))


class Convolution(NamedTuple):
    """A 3×3 convolution: channels in and out, stride, and pixels of a map that leaves it."""

    channels: int
    out: int
    stride: int
    pixels: int


def convolutions() -> Iterator[Convolution]:
    """From the image upwards."""
    side, _, channels = IMAGE
    for out, stride in CONVOLUTIONS:
        side //= stride
        yield Convolution(channels, out, stride, side * side)
        channels = out


def features() -> int:
    """How many numbers the convolutions make of an image."""
    *_, last = convolutions()
    return last.out * last.pixels


def dense_sizes(architecture: Architecture, inputs: int, width: int) -> list[int]:
    """Numbers from what enters the first dense layer to the logits."""
    entering = features() if architecture == "convnet" else inputs
    return [entering] + [width] * (LAYERS[architecture] - 1) + [CLASSES]
