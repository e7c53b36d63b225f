"""Ours, of §4's recipe, "300 epochs, using stochastic gradient descent with constant learning rate η = 0.001": nets
that are trained at ten times the rate for a tenth of the epochs stand for it.

Measured: what a quantity is by the profile's recipe minus what it is by the paper's, net by net: both nets have the
same initial weights and are probed with the same images. Of hidden layers ι, ι_c and ΔH, of the logits ι_c; at the end
of training where the paper's recipe was trained to its end, and else after 60 of its 300 epochs. Of the former also
accuracies: at other stages than the last they are those of 1000 images, too few to tell differences of 0.005.
Supported: the difference lies between two margins, by two one-sided tests at 5 %: -1 … 1 in units of the greater of
0.01 nats, or for ΔH 0.05 nats, and 10 % of what the paper's recipe gives; for logits -0.03 … 0.03 nats, for accuracies
-0.005 … 0.005. Refuted: the interval lies entirely outside. Whatever comes out is carried by every level.
Controls: independently permuted activations must be equivalent; permuted ones mixed to 0.047 nats must not be
equivalent to those that are not, nor the accuracies of untrained nets to those of trained ones, nor nets whose weights
have drifted to themselves before.
"""

import numpy as np
import pytest

from wndcheck.experiment.counterparts import MORE_SEEDS, PAPER_RECIPE
from wndcheck.experiment.profiles import MEDIUM
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.recipes import differences
from wndcheck.verdicts.shared_checks import change, hidden_mean, of_one_width, values
from wndcheck.verdicts.statistics import paired_difference

CLAIM = Claim(
    "§4 (ours)",
    "Nets trained ten times as fast for a tenth of the epochs are as those of the paper's recipe",
    families=(
        *PAPER_RECIPE,
        *MORE_SEEDS.values(),
        *(name for names in PAPER_RECIPE.values() for name in names),
        "violation/drift",
    ),
)

FAMILY = {family.removeprefix("trained/"): family for family in PAPER_RECIPE}  # by kind
SCORES = ("score", "corrected_score")


def equivalence(estimand, margin, unit):
    """A check by two one-sided tests at 5 %: the 90 % interval lies within ± the margin."""
    return Check(
        f"{estimand}, minus by the paper's recipe", within(-margin, margin), scope=Scope.RECIPE, alpha=0.1, unit=unit
    )


SCORE = {"score": equivalence("ι", 1, "margins"), "corrected_score": equivalence("ι_c", 1, "margins")}
ENTROPY = equivalence("ΔH", 1, "margins")
LOGITS = equivalence("ι_c of the logits", 0.03, "nats")
ACCURACY = {
    "accuracy": equivalence("training accuracy", 0.005, ""),
    "validation_accuracy": equivalence("validation accuracy", 0.005, ""),
}


def pytest_generate_tests(metafunc):
    over(metafunc, "kind,width", whole_places if "name" in metafunc.fixturenames else places)


def places(profile, of=("whole", "begun")):
    """The kinds and widths of the nets of the paper's recipe; a profile without any leaves the checks to medium."""
    by_kind = [getattr(profile.paper_recipe or MEDIUM.paper_recipe, trained) for trained in of]
    return [(kind, width) for nets in by_kind for kind in nets for width in nets[kind]]


def whole_places(profile):
    """The same, of nets that were trained to the end."""
    return places(profile, of=("whole",))


@pytest.fixture
def pair(nets, kind, width):
    """Nets by the profile's and by the paper's recipe, at the last stage that the latter were trained to."""
    (found,) = (pair for pair in nets.of_paper_recipe(FAMILY[kind]) if pair.other.widths == [width])
    return found


def difference(pair, estimand, *arguments):
    """The estimand by the profile's recipe minus that by the paper's, (S,), at the last stage of the latter."""
    return differences(lambda grid: estimand(grid, *arguments), pair, len(pair.other.epochs) - 1)


def margins(pair, least, quantity, layer):
    """The unit of a difference, in nats: `least`, or a tenth of the mean by the paper's recipe if that is greater."""
    return np.fmax(least, 0.1 * abs(np.ma.masked_invalid(values(pair.other, quantity, layer)).mean()))


def in_margins(pair, least, quantity, layer):
    """The difference in units of its margin, (S,)."""
    return difference(pair, values, quantity, layer) / margins(pair, least, quantity, layer)


def accuracy(grid, name):
    """Accuracies of nets of one width, trained or not, (S,)."""
    return of_one_width(grid, grid.raw(name))


@check(SCORE, by="quantity")
@pytest.mark.parametrize("quantity", SCORES)
def test_score(decide, pair, quantity, layer):
    decide(in_margins(pair, 0.01, quantity, layer))


@check(ENTROPY)
def test_entropy_change(decide, pair, layer):
    decide(in_margins(pair, 0.05, "entropy_change", layer))


@check(LOGITS)
def test_logits(decide, pair):
    decide(difference(pair, values, "corrected_score", 5))


@check(ACCURACY, by="name")
@pytest.mark.parametrize("name", list(ACCURACY))
def test_accuracy(decide, pair, name):
    decide(difference(pair, accuracy, name))


@control(LOGITS, must_be="supported")
def test_independently_permuted_activations_are_equivalent(decide, pair):
    # All hidden layers together: the few pairs of one leave an interval as wide as the margin of its own.
    decide(difference(pair, hidden_mean, "shuffled_score"))


@control(SCORE, by="quantity", must_be="refuted")
@pytest.mark.parametrize("quantity", SCORES)
def test_planted_dependence_is_not_equivalent(decide, pair, quantity):
    planted, permuted = hidden_mean(pair.usual, "planted_score"), hidden_mean(pair.other, "shuffled_score")
    decide(paired_difference(planted, permuted) / 0.01)


@control(ENTROPY, must_be="refuted")
def test_drifting_nets_are_not_equivalent_to_themselves_before(decide, nets):
    decide(change(nets["violation/drift"].widest, "entropy_change", layer=1) / 0.05)


@control(ACCURACY, by="name", must_be="refuted")
@pytest.mark.parametrize("name", list(ACCURACY))
def test_untrained_nets_have_other_accuracies(decide, pair, name):
    decide(paired_difference(accuracy(pair.usual.at_stage(0), name), accuracy(pair.other, name)))
