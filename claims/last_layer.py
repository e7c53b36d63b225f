"""§4, Figure 3: "the MIs of all layers but the last converged"; "since the last layer is unnormalized probabilities,
there should be dependence between them: higher likelihood in one class results lower in another".

Measured: the dependence score ι of the logits minus that of each hidden layer, and the logits' corrected score ι_c, at
every width from 100.
Supported: the logits exceed every hidden layer by 0.02 nats (contrast) and have 0.05 themselves (dependence). Refuted:
an interval lies entirely below its bound. Also shown: the logits' mean correlation is negative, -1/9 if their sum is
constant.
Controls: the same activations, independently permuted, do not have a dependent last layer, and must be refuted, by
contrast and by dependence.
"""

from wndcheck.pytest_plugin.declarations import check, control, over_widths
from wndcheck.verdicts import Check, Claim, Scope, at_least, at_most
from wndcheck.verdicts.shared_checks import values

CLAIM = Claim(
    "§4, Fig. 3",
    "The last layer stays dependent, unlike the hidden ones",
    families=("trained/relu", "trained/tanh"),
    figures=("figure-3-dependence",),
)

LAST = 5  # of the paper's layers: the logits
CONTRAST = Check("ι of the logits minus that of the hidden layer", at_least(0.02))
DEPENDENCE = Check("ι_c of the logits", at_least(0.05), scope=Scope.LEVEL)
COMPETITION = Check("mean correlation of the logits", at_most(0), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, 100)


@check(CONTRAST)
def test_contrast(decide, layer, trained, width):
    grid = trained.at(width)
    decide((grid.of("score", LAST) - grid.of("score", layer))[0], grid)


@check(DEPENDENCE)
def test_dependence(decide, trained, width):
    decide(*values(trained.at(width), "corrected_score", LAST))


@check(COMPETITION)
def test_logits_compete(decide, trained, width):
    decide(*values(trained.at(width), "correlation", LAST))


@control(CONTRAST, must_be="refuted")
def test_independently_permuted_activations_show_no_contrast(decide, trained, width):
    # All hidden layers together: the few pairs of one leave an interval as wide as the margin.
    grid = trained.at(width)
    scores = grid.of("shuffled_score")[0]
    decide(scores[:, -1] - scores[:, :-1].mean(axis=1), grid)


@control(DEPENDENCE, must_be="refuted")
def test_independently_permuted_logits_are_independent(decide, trained, width):
    decide(*values(trained.at(width), "shuffled_score", LAST))
