"""Ours, of §4's "fixed random sample of 1000 training images (100 per class)" and Appendix A's "a sample size of around
1000 strikes the balance": the scores do not hinge on which images are taken, nor on their number.

Measured: ι_c of hidden layers of the same trained ReLU nets on other images. Here each net is probed with images of its
own, so that an interval over nets covers their choice; the paper has one sample for all. So, at one width, ι_c on one
fixed sample minus that on each net's own images; and ι_c on more images minus that on 1000, in narrow and wide nets:
what is left of the dependence at large widths might be a bias of so few images.
Supported: the difference lies in -0.005 … 0.005 nats, half of the paper's threshold 0.01, by two one-sided tests at 5 %
(fixed_sample, more_images). Refuted: the interval lies entirely outside.
Controls: independently permuted activations must not differ from sample to sample; permuted ones mixed to 0.047 nats on
one sample must differ from those that are not on the other.
"""

import pytest

from wndcheck.experiment.profiles import MEDIUM
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import hidden_mean, of_one_width, values

CLAIM = Claim(
    "§4, §A (ours)",
    "The scores do not hinge on which 1000 images are taken, nor on their number",
    families=("trained/relu", "trained/relu/fixed-images"),
)

EQUAL = {"region": within(-0.005, 0.005), "scope": Scope.RECIPE, "alpha": 0.1}
FIXED = Check("ι_c on one sample for all nets minus on samples of their own", **EQUAL)
MORE = Check("ι_c on more images minus on 1000", **EQUAL)


def pytest_generate_tests(metafunc):
    over(metafunc, "fixed", lambda profile: profile.fixed_images or MEDIUM.fixed_images)
    over(metafunc, "width,images", further_images)


def further_images(profile):
    """Widths with further numbers of images; a profile without any leaves the checks to medium."""
    widths = profile.more_images or MEDIUM.more_images
    return [(width, 10 * per_class) for width, numbers in widths.items() for per_class in numbers]


@pytest.fixture
def samples(nets, fixed):
    """The same nets on one sample, and on samples of their own."""
    return nets["trained/relu/fixed-images"].at(fixed), nets["trained/relu"].at(fixed)


@check(FIXED)
def test_fixed_sample(decide, samples, layer):
    on_fixed, on_own = samples
    decide(values(on_fixed, "corrected_score", layer) - values(on_own, "corrected_score", layer), on_own)


@check(MORE)
def test_more_images(decide, nets, width, images, layer):
    grid = nets["trained/relu"].at(width)
    scores = grid.by_images("corrected_score", layer)
    decide(of_one_width(grid, scores[images] - scores[1000]), grid)


@control(FIXED, must_be="supported")
def test_independently_permuted_activations_do_not_differ(decide, samples):
    on_fixed, on_own = samples
    decide(hidden_mean(on_fixed, "shuffled_score") - hidden_mean(on_own, "shuffled_score"), on_own)


@control(FIXED, must_be="refuted")
def test_planted_dependence_differs(decide, samples):
    on_fixed, on_own = samples
    decide(hidden_mean(on_fixed, "planted_score") - hidden_mean(on_own, "shuffled_score"), on_own)
