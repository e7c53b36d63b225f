"""§4, Figure 3: "the MIs of all layers but the last converged"; "since the last layer is unnormalized probabilities,
there should be dependence between them: higher likelihood in one class results lower in another".

Measured: the dependence score ι of the logits minus that of each hidden layer, and the logits' corrected score ι_c.
Supported: at the paper's widest, where the hidden layers have converged, the logits exceed every hidden layer by 0.02
nats (contrast) and have 0.05 themselves (dependence). Refuted: an interval lies entirely below its bound. Also shown:
the same at the narrower widths from 100 up; and the logits' mean correlation, which is negative, -1/9 if their sum is
constant.
Controls: the same activations, independently permuted, do not have a dependent last layer, and must be refuted, by
contrast and by dependence.
"""

from dataclasses import replace

from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, at_most
from wndcheck.verdicts.shared_checks import CONTRAST, DEPENDENCE, contrast, values

CLAIM = Claim(
    "§4, Fig. 3",
    "The last layer stays dependent, unlike the hidden ones",
    families=("trained/relu", "trained/tanh"),
    figures=("figure-3-dependence",),
)

LAST = 5  # of the paper's layers: the logits
NARROWER_CONTRAST, NARROWER_DEPENDENCE = (replace(each, primary=False) for each in (CONTRAST, DEPENDENCE))
COMPETITION = Check("mean correlation of the logits", at_most(0), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over(metafunc, "narrower", lambda profile: [width for width in profile.widths[:-1] if width >= 100])


@check(CONTRAST)
def test_contrast(decide, layer, trained):
    decide(contrast, trained.widest, layer)


@check(DEPENDENCE)
def test_dependence(decide, trained):
    decide(values, trained.widest, "corrected_score", LAST)


@check(NARROWER_CONTRAST)
def test_contrast_in_narrower_nets(decide, layer, trained, narrower):
    decide(contrast, trained.at(narrower), layer)


@check(NARROWER_DEPENDENCE)
def test_dependence_in_narrower_nets(decide, trained, narrower):
    decide(values, trained.at(narrower), "corrected_score", LAST)


@check(COMPETITION)
def test_logits_compete(decide, trained):
    decide(values, trained.widest, "correlation", LAST)


@control(CONTRAST, must_be="refuted")
def test_independently_permuted_activations_show_no_contrast(decide, trained):
    # All hidden layers together: the few pairs of one leave an interval as wide as the margin.
    grid = trained.widest
    scores = grid.of("shuffled_score")[0]
    decide(scores[:, -1] - scores[:, :-1].mean(axis=1), grid)


@control(DEPENDENCE, must_be="refuted")
def test_independently_permuted_logits_are_independent(decide, trained):
    decide(values, trained.widest, "shuffled_score", LAST)
