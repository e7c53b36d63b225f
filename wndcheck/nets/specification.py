"""Everything that makes a net what it is: data, architecture, protocol, seeds. No torch here.

The store, the profiles and the plugin read specifications without paying for torch's import.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import KW_ONLY, asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from wndcheck.datasets import dataset_digest

# Version of the nets. Raised by hand when a change of code gives other nets from the same fields (initialisation,
# training, violations); comments and speed do not count. Measurements of each version have a folder of their own.
NETS = 5

Activation = Literal["relu", "tanh"]
Architecture = Literal["mlp", "convnet", "batch-norm", "layer-norm", "residual", "adam", "mup", "transformer"]
Scaling = Literal["standardised", "unit"]
ViolationKind = Literal["drift", "shared", "bottleneck", "tied", "constant", "biased"]

# The paper's perceptron with one thing changed, and a transformer; see `wndcheck.nets.architectures`.
BEYOND_PAPER: tuple[Architecture, ...] = ("batch-norm", "layer-norm", "residual", "adam", "mup", "transformer")
WITH_ADAM: tuple[Architecture, ...] = ("adam", "transformer")  # in place of plain SGD
# Dense layers, logits included: those that are measured.
LAYERS = dict.fromkeys(get_args(Architecture), 5) | {"convnet": 3, "transformer": 3}
CLASSES = 10
IMAGE = (32, 32, 3)  # height, width and channels of CIFAR-10's images
# Output channels and stride of the five convolutions, all 3×3. Springenberg et al. (2015) put strides in the place of
# pooling and double the channels where they halve the image; their first block has 96. The paper says only how many
# convolutions there are: a third of the channels keeps sixteen nets on one device.
CHANNELS, STRIDES = (32, 32, 64, 64, 64), (1, 2, 1, 2, 1)
# Of a transformer on images of 28×28: tokens, values of a token (patches of 7×7), dimensions of an attention head. A
# token has half as many dimensions as the first dense layer has neurons; with the usual quarter, the narrowest nets of
# pilots were not trained.
TOKENS, PATCH, HEAD = 16, 49, 8


@dataclass(frozen=True)
class Training:
    """Plain SGD on the mean cross-entropy, probed after each number of epochs in `stages` (0 is the initial net)."""

    learning_rate: float
    batch_size: int
    stages: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.stages[:1] != (0,) or list(self.stages) != sorted(set(self.stages)):
            raise ValueError(f"stages {self.stages}: expected ascending epochs that start at 0, e.g. (0, 10)")
        if not (self.learning_rate > 0 and self.batch_size >= 1):
            raise ValueError(
                f"learning rate {self.learning_rate} and batch size {self.batch_size}: expected both positive"
            )


@dataclass(frozen=True)
class Violation:
    """Nets that break a claim by construction: stage 0 is the initial net, stage 1 the net with the violation.

    ``drift``: every weight grows by the factor N**strength, so entropies move by more in wider nets.
    ``shared``: all neurons of a layer share one input direction, whose part of the variance grows with the width.
    ``bottleneck``: the weights of a hidden layer have a rank of `strength`.
    ``tied``: a hidden layer has no more than `strength` different neurons, the others are copies of them.
    ``constant``: a share of `strength` of a hidden layer's neurons is cut off from its inputs and constant.
    ``biased``: biases are Gaussian of standard deviation `strength` in place of zero, which the paper takes to be no
    violation (§1).
    """

    kind: ViolationKind
    strength: float
    stages: tuple[int, ...] = (0, 1)

    def __post_init__(self) -> None:
        if self.kind not in get_args(ViolationKind):
            raise ValueError(f"violation {self.kind!r}: expected one of {', '.join(get_args(ViolationKind))}")


@dataclass(frozen=True)
class Unspecified:
    """The choices that the paper leaves open, in addition to the batch size of `Training`; reasons: `profiles.py`.

    initial_gain: factor on the initial weights of He et al. (ReLU) or LeCun et al. (tanh). scaling: "standardised"
    pixels, or "unit" for pixels in [0, 1]. held_out: how many of the training images are kept for validation; 0
    validates on the data set's published test images.
    """

    initial_gain: float = 1.0
    scaling: Scaling = "standardised"
    held_out: int = 0

    def __post_init__(self) -> None:
        if not self.initial_gain > 0 or self.scaling not in ("standardised", "unit") or self.held_out < 0:
            raise ValueError(f"{self}: expected a positive gain, scaling 'standardised' or 'unit', held_out >= 0")

    @property
    def label(self) -> str:
        """The differences from the defaults: `` gain 2``, `` unit pixels``, `` 10000 held out``."""
        gain = f" gain {self.initial_gain:g}" if self.initial_gain != 1 else ""
        scaling = " unit pixels" if self.scaling == "unit" else ""
        return gain + scaling + (f" {self.held_out} held out" if self.held_out else "")


@dataclass(frozen=True)
class NetSpec:
    """One stack of nets: S seeds of one width, initialised and trained alike."""

    dataset: str
    activation: Activation
    width: int
    seeds: tuple[int, ...]
    protocol: Training | Violation
    _: KW_ONLY
    architecture: Architecture = "mlp"
    channels: tuple[int, ...] = CHANNELS  # out of the convolutions of a convnet
    unspecified: Unspecified = Unspecified()

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "tanh"):
            raise ValueError(f"activation {self.activation!r}: expected 'relu' or 'tanh'")
        if self.width < 2 or not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"width {self.width}, seeds {self.seeds}: expected a width >= 2 and distinct seeds")
        if self.architecture not in LAYERS:
            raise ValueError(f"architecture {self.architecture!r}: expected one of {', '.join(LAYERS)}")
        if self.architecture in BEYOND_PAPER and (self.activation != "relu" or isinstance(self.protocol, Violation)):
            raise ValueError(f"{self.architecture} with {self.activation}, {self.protocol}: expected relu and Training")
        if self.architecture == "transformer" and (self.width % (2 * HEAD) or not self.dataset.startswith("mnist")):
            raise ValueError(
                f"a transformer of N = {self.width} on {self.dataset}: expected a multiple of {2 * HEAD}, and mnist"
            )
        is_convnet = self.architecture == "convnet"
        if is_convnet and (not self.dataset.startswith("cifar10") or isinstance(self.protocol, Violation)):
            raise ValueError(f"a convnet on {self.dataset}, {self.protocol}: expected cifar10 and Training")
        if (
            len(self.channels) != len(STRIDES)
            or min(self.channels) < 1
            or not (is_convnet or self.channels == CHANNELS)
        ):
            raise ValueError(f"channels {self.channels}: expected {len(STRIDES)} positive numbers, of a convnet alone")

    @property
    def layers(self) -> int:
        """Number of measured layers: all five of a perceptron, the three dense ones of convnet and transformer."""
        return LAYERS[self.architecture]

    @cached_property
    def nets_key(self) -> str:
        """Digest of all that makes the nets: the fields, the data, the architecture's layers, and the version NETS."""
        described = {field.name: _plain(getattr(self, field.name)) for field in fields(NetSpec)}
        channels = described.pop("channels")
        described |= {"protocol_kind": type(self.protocol).__name__, "layers": self.layers, "nets": NETS}
        described["convolutions"] = list(zip(channels, STRIDES, strict=True)) if self.architecture == "convnet" else ()
        return digest(described | {"data_sha256": dataset_digest(self.dataset)})


def digest(described: dict[str, Any], length: int = 16) -> str:
    """The first hexadecimal digits of the SHA-256 of plain fields."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:length]


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Training | Violation | Unspecified) else value


class Convolution(NamedTuple):
    """A 3×3 convolution: channels in and out, stride, and pixels of a map that leaves it."""

    channels: int
    out: int
    stride: int
    pixels: int


def convolutions(outputs: tuple[int, ...] = CHANNELS) -> Iterator[Convolution]:
    """The convolutions with these numbers of output channels, from the image upwards."""
    side, _, channels = IMAGE
    for out, stride in zip(outputs, STRIDES, strict=True):
        side //= stride
        yield Convolution(channels, out, stride, side * side)
        channels = out


def features(outputs: tuple[int, ...] = CHANNELS) -> int:
    """Number of outputs of the convolutions for an image."""
    *_, last = convolutions(outputs)
    return last.out * last.pixels


def dense_sizes(nets: NetSpec, inputs: int) -> list[int]:
    """Numbers from what enters the first dense layer to the logits; `inputs` is the number of values of an image."""
    if nets.architecture == "transformer":
        return [nets.width // 2, nets.width, nets.width // 2, CLASSES]
    entering = features(nets.channels) if nets.architecture == "convnet" else inputs
    return [entering] + [nets.width] * (nets.layers - 1) + [CLASSES]
