"""Quick, medium and full: the numbers that the families of nets of a run are made from, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from wndcheck.experiment.cells import Activation, Cell, Probe, Training, Unspecified, Violation
from wndcheck.nets.specification import BEYOND_PAPER, CHANNELS, Architecture

ACTIVATIONS: tuple[Activation, ...] = ("relu", "tanh")  # §4
HIDDEN_LAYERS = (1, 2, 3, 4)  # of the paper's five layers; the fifth gives the logits
NARROW = 20  # §4: "for N > 20" the nets reach their accuracies, below they are "usually worse"


# What the paper leaves unspecified, and what is taken:
UNSPECIFIED = Unspecified(
    initial_gain=1.0,  # He's and LeCun's variances keep the scale of pre-activations from layer to layer
    scaling="standardised",  # what those variances assume of the inputs
    held_out=0,  # the data sets come with validation images; all training images are trained on
)
SMALL_CHANNELS = (8, 8, 16, 16, 16)  # of convolutional nets on a CPU: a quarter of CHANNELS
BATCH_SIZE = 32  # small enough that 300 epochs at rate 0.001 reach the paper's accuracies


@dataclass(frozen=True)
class Ensembles:
    """Groups of nets of one width, trained together; the nets of a group are the samples (theorem 1)."""

    widths: tuple[int, ...]
    initial_width: int  # of ensembles that are never trained, for claims about initialisation
    count: int  # groups, the replicates
    nets: int  # of a group
    training: Training
    trained_accuracy: float  # mean training accuracy of a group from which it counts as trained
    nets_of: Mapping[int, int] = field(default_factory=dict)  # nets of a group of these widths, in place of `nets`


@dataclass(frozen=True)
class Cifar10:
    """ReLU perceptrons on CIFAR-10 (appendix B)."""

    dataset: str
    widths: tuple[int, ...]
    nets: int
    training: Training
    twice_measured: int  # the width whose nets are measured on twice as many images, too
    fewer: Mapping[int, int] = field(default_factory=dict)  # nets of some widths

    def __post_init__(self) -> None:
        if self.twice_measured not in self.widths:
            raise ValueError(f"twice_measured {self.twice_measured}: expected one of the widths {self.widths}")


@dataclass(frozen=True)
class ConvNets:
    """Convolutional nets on CIFAR-10, the width of whose two dense layers is swept (appendix B)."""

    dataset: str
    widths: tuple[int, ...]
    nets: int
    training: Training
    channels: tuple[int, ...] = CHANNELS


@dataclass(frozen=True)
class PaperRecipe:
    """Nets of the paper's recipe in a profile that trains by another, to be paired with the profile's by seed.

    whole and begun: numbers of nets by kind ("relu", "tanh", "cifar10") and width, trained for all epochs and up to the
    last stage but one.
    """

    training: Training
    whole: Mapping[str, Mapping[int, int]]
    begun: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Architectures:
    """Nets of other architectures than the paper's, and its perceptron trained alike. `rates` are of those that differ.

    Such nets are measured after training and before it.
    """

    kinds: tuple[Architecture, ...]
    widths: tuple[int, ...]
    nets: int
    training: Training
    trained_accuracy: float  # mean training accuracy from which such a net counts as trained
    rates: Mapping[Architecture, float] = field(default_factory=dict)


class Scope(StrEnum):
    """What a check is about, which says whether a profile can decide it."""

    ESTIMATOR = "estimator"  # samples of a known law, simulated or of untrained nets, and the estimator itself
    TREND = "trend"  # trained nets against one another: slopes, contrasts, orderings
    LEVEL = "level"  # trained nets against a constant, which takes the paper's widths and recipe
    RECIPE = "recipe"  # nets of another recipe, or on other images, against the paper's


@dataclass(frozen=True)
class Profile:
    """The nets that a run trains, and the numbers of repetitions."""

    name: str
    dataset: str
    widths: tuple[int, ...]
    nets: int  # seeds of each cell
    training: Training
    initial_width: int  # the widest untrained net, for claims about initialisation
    scopes: tuple[Scope, ...]  # of the checks that it decides
    trained_accuracy: float  # training accuracy from which a net of N > 20 counts as trained
    narrow_accuracy: float  # the same for N <= 20, which the paper itself calls usually worse
    probe: Probe
    ensembles: Ensembles
    sensitivity_width: int  # at which what the paper leaves unspecified is varied
    cifar10: Cifar10
    convnets: ConvNets | None = None
    more_channels: ConvNets | None = None  # convolutional nets beside these, with more channels
    fewer: Mapping[tuple[Activation, int], int] = field(default_factory=dict)  # seeds of the cells that cost the most
    more_seeds: Mapping[int, int] = field(default_factory=dict)  # of further cells of some widths
    more_images: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # of ReLU nets of some widths, see `Probe`
    fixed_images: tuple[int, ...] = ()  # widths whose ReLU nets are also measured on the same images, as in the paper
    architectures: Architectures | None = None
    paper_recipe: PaperRecipe | None = None
    sensitivity_nets: int | None = None  # of each of the other choices; as many as of a cell if None
    experiments: int = 16  # repetitions of each estimator experiment; ours, to give it an interval
    violation_widths: tuple[int, ...] = (8, 32, 128)  # ours: enough for a trend, cheap to measure
    violation_width: int = 32  # of violations that are the same at every width
    violation_nets: int = 10  # how far such nets break a claim differs much from one to the next
    leaves_to: str = ""  # the profile that decides checks of the other scopes

    @property
    def widest(self) -> int:
        return self.widths[-1]

    def trained_bar(self, cell: Cell) -> float:
        """The mean training accuracy from which a net, or an ensemble, of the cell counts as trained."""
        if cell.ensembles:
            return self.ensembles.trained_accuracy
        if self.architectures and cell.architecture in BEYOND_PAPER:
            return self.architectures.trained_accuracy
        if cell.width <= NARROW:
            return self.narrow_accuracy
        return CIFAR10_ACCURACY if cell.dataset.startswith("cifar10") else self.trained_accuracy


VIOLATIONS = {
    # Weights ×N^0.2: ΔH of the first layer is 0.2·log N, 0.97 nats at N = 128: far beyond the margin, and growing.
    "drift": Violation("drift", 0.2),
    # Weights ×N^0.002, at N = 32 a growth by 0.7 %: nets that have hardly moved, 0.007 nats in the first layer.
    "still": Violation("drift", 0.002),
    # Correlation 0.15 more per doubling: about 0.9 at N = 128, for Gaussians 0.8 nats: beyond every margin, growing.
    "shared": Violation("shared", 0.15),
    # All neurons of a layer depend on two numbers of the layer below; for Gaussians that is log 2 = 0.69 nats per pair.
    "bottleneck": Violation("bottleneck", 2),
    # One pair in four is the same neuron twice.
    "tied": Violation("tied", 4),
    # None is left to be measured.
    "constant": Violation("constant", 1),
    # As far as pre-activations spread themselves, whose variance is about 1 in all layers.
    "biased": Violation("biased", 1),
}
TRENDS = ("drift", "shared")  # which break a claim the more the wider the nets

# Ours: what is planted is far beyond the margins; and nets that are controls need no controls of their own.
VIOLATION_PROBE = Probe(most_pairs=200, rank_pairs=50, control_pairs=0, transformed_pairs=30, groups=1, ablated=1)

CIFAR10_ACCURACY = 0.3  # the paper gives no accuracies on CIFAR-10; ours: three times chance

# Ours: 20 times the paper's rate, for 63 units of rate × steps where its recipe has 562. Of the rates that pilots
# tried, those up to .03 leave ι_c within .015 nats of the paper's; 100 times its rate doubled that of deep layers.
# Nets of N > 20 fit the 10,000 images to over 98 %.
# The stage between them is for "regardless of the training stage".
QUICK_TRAINING = Training(learning_rate=0.02, batch_size=BATCH_SIZE, stages=(0, 1, 10))

# Ours, of §6's "more exhaustive experiments on different architectures": three times medium's rate for a third of its
# epochs, the same 562.5 units. Adam's rate is its usual one. In pilots a transformer of N = 32 reached 93 % after ten
# epochs, the others 97 % and more.
ARCHITECTURES = Architectures(
    BEYOND_PAPER,
    widths=(32, 64, 128, 256, 512),
    nets=8,
    training=Training(learning_rate=0.03, batch_size=BATCH_SIZE, stages=(0, 10)),
    trained_accuracy=0.9,  # of ten classes; the paper's nets reach more
    rates={"adam": 0.001, "transformer": 0.001},
)

QUICK = Profile(
    name="quick",
    dataset="mnist-subset",  # ours: 10,000 of the images, so that no network is needed
    widths=(5, 10, 20, 50, 100, 200),  # ours: the paper's range up to what two cores train in four minutes
    nets=8,  # ours: a 99 % interval of a mean is then ±1.24 standard deviations
    training=QUICK_TRAINING,
    initial_width=1000,  # §4
    scopes=(Scope.ESTIMATOR, Scope.TREND),
    leaves_to="medium",
    trained_accuracy=0.95,  # ours: near the paper's 99 % (ReLU) and 95 % (tanh), which its slower recipe reaches
    narrow_accuracy=0.2,  # ours: twice chance
    # §4: 1000 images, 100 per class; §A: k = 3; ours: a sample of a layer's pairs, whose mean is known to 0.004 nats
    probe=Probe(most_pairs=300, rank_pairs=100, control_pairs=32, transformed_pairs=50, groups=2),
    # Ours: eight groups for the interval's sake, and few steps after which nets can be called trained. (Batches of 16
    # cost half as much again and leave the nets no more accurate.) Untrained nets cost little; of 80 of
    # them, the control of initial_independence failed by chance under 2 of 20 base seeds: its interval included 0.01.
    ensembles=Ensembles(
        widths=(16, 32),
        initial_width=200,
        count=8,
        nets=80,
        training=Training(0.1, 32, stages=(0, 1)),
        trained_accuracy=0.7,
        nets_of={200: 160},
    ),
    sensitivity_width=50,
    # Ours: what a minute of one core trains; 3,000 of the images.
    # No net of N = 5: on images so alike whole layers of it are dead.
    cifar10=Cifar10(
        "cifar10-subset",
        widths=(10, 20, 50, 200),
        nets=6,
        training=Training(0.03, BATCH_SIZE, stages=(0, 12)),  # 34 units of rate × steps
        twice_measured=50,
    ),
    # Ours: two that cost little, of widths and a recipe that the perceptrons have, too. (Residual nets of N = 20 often
    # have images on which whole layers are silent, and so no score.)
    architectures=Architectures(
        ("batch-norm", "mup"), (20, 50, 100), nets=4, training=QUICK_TRAINING, trained_accuracy=0.9
    ),
    # Ours: an eighth of CHANNELS, on the same images; few epochs, after which the nets of pilots reached 34 %.
    convnets=ConvNets(
        "cifar10-subset",
        (20, 60, 180),
        nets=4,
        training=Training(0.03, BATCH_SIZE, stages=(0, 7)),
        channels=(4, 4, 8, 8, 8),
    ),
)

# §4: "14 different widths ranging from 5 to 1000", of which it names these two, and 20, 100 and 200 in the text.
PAPER_WIDTHS = (5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 700, 1000)
# §4: 300 epochs at rate 0.001; ours: stages a decade apart, for "regardless of the training stage".
PAPER_TRAINING = Training(learning_rate=0.001, batch_size=BATCH_SIZE, stages=(0, 1, 10, 100, 300))

FULL = Profile(
    name="full",
    dataset="mnist",
    widths=PAPER_WIDTHS,
    nets=16,  # ours: a 99 % interval of a mean is then ±0.74 standard deviations
    training=PAPER_TRAINING,
    initial_width=1000,
    scopes=(Scope.ESTIMATOR, Scope.TREND, Scope.LEVEL),  # its recipe is the paper's
    leaves_to="medium",
    trained_accuracy=0.95,  # §4: "> 99 %" (ReLU), "> 95 %" (tanh)
    narrow_accuracy=0.2,
    # All pairs up to N = 100; of more, their mean is known to 0.001 nats.
    probe=Probe(most_pairs=5000, transformed_pairs=300, groups=10, ablated=5),
    # Ours: four times as many nets as the paper has images, in eight groups for the interval's sake; twenty times the
    # paper's rate for a twentieth of its epochs, so that 4,000 nets of N = 128 are trained in minutes.
    ensembles=Ensembles(
        widths=(8, 16, 32, 64, 128),
        initial_width=1000,
        count=8,
        nets=500,
        training=Training(0.02, BATCH_SIZE, stages=(0, 1, 5, 15)),
        trained_accuracy=0.95,
    ),
    sensitivity_width=200,  # §4: the width that "usually suffices"
    # §B: "same … configurations"
    cifar10=Cifar10("cifar10", widths=PAPER_WIDTHS, nets=16, training=PAPER_TRAINING, twice_measured=200),
    architectures=ARCHITECTURES,
    # Ours, since appendix B says nothing of it: ten times the paper's rate for a tenth of its epochs, on half the nets.
    convnets=ConvNets(
        "cifar10", (10, 20, 50, 100, 200, 500, 1000), nets=8, training=Training(0.01, BATCH_SIZE, stages=(0, 1, 10, 30))
    ),
)

# Ours: ten times the paper's rate for a tenth of its epochs, the same 562.5 units of rate × steps. Pilots found ι_c of
# hidden layers within 0.007 nats of those of the paper's rate, and ΔH and logits further off; `PaperRecipe` measures
# how far. Stages at 0, 19, 112 and 562 units, and of the paper's own recipe the same.
MEDIUM_TRAINING = Training(learning_rate=0.01, batch_size=BATCH_SIZE, stages=(0, 1, 6, 30))

MEDIUM = Profile(
    name="medium",
    dataset="mnist",
    widths=(5, 10, 20, 50, 100, 200, 500, 1000),
    nets=8,
    fewer={("relu", 500): 6, ("tanh", 500): 6, ("tanh", 1000): 6},
    training=MEDIUM_TRAINING,
    initial_width=1000,
    scopes=tuple(Scope),
    trained_accuracy=0.95,
    narrow_accuracy=0.2,
    # Of layers of more than 64 neurons a sample of the pairs, whose mean is known to 0.002 nats.
    probe=Probe(most_pairs=2000, transformed_pairs=200, groups=8),
    more_images={200: (200, 400), 1000: (200, 400)},
    fixed_images=(200,),
    more_seeds={100: 16},  # pairs enough to tell recipes apart: four tell half a standard deviation, sixteen a quarter
    ensembles=Ensembles(
        widths=(8, 16, 32, 64, 128),
        initial_width=1000,
        count=8,
        nets=250,
        nets_of={128: 125},  # they cost the most
        training=Training(0.02, BATCH_SIZE, stages=(0, 1, 4)),
        trained_accuracy=0.8,
    ),
    sensitivity_width=200,
    sensitivity_nets=6,
    cifar10=Cifar10(
        "cifar10",
        widths=(10, 15, 20, 50, 100, 200, 500, 1000),
        nets=8,
        fewer={50: 4, 100: 4, 1000: 4},
        training=MEDIUM_TRAINING,
        twice_measured=200,
    ),
    architectures=ARCHITECTURES,
    # A quarter of the channels, so that more widths and nets can be had.
    convnets=ConvNets("cifar10", (20, 100, 500), nets=6, training=MEDIUM_TRAINING, channels=SMALL_CHANNELS),
    more_channels=ConvNets("cifar10", (100,), nets=2, training=replace(MEDIUM_TRAINING, stages=(0, 1, 6, 10))),
    paper_recipe=PaperRecipe(
        replace(PAPER_TRAINING, stages=(0, 10, 60, 300)),
        whole={"relu": {50: 8, 100: 16}, "tanh": {50: 8, 100: 16}, "cifar10": {50: 4}},
        begun={"relu": {200: 8, 1000: 8}, "tanh": {200: 8}, "cifar10": {200: 4}},
    ),
)

PROFILES = {profile.name: profile for profile in (QUICK, MEDIUM, FULL)}


def named(name: str) -> Profile:
    """Return the profile of that name; ValueError for another."""
    if name not in PROFILES:
        raise ValueError(f"profile {name!r}: expected {' or '.join(PROFILES)}; try --wnd-profile=quick")
    return PROFILES[name]
