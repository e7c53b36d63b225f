"""§5: "In tanh-activated nets, the extension is even simpler since MI is invariant to reparameterization given by
homeomorphisms …, in particular tanh⁻¹": tanh does not change the mutual information of neurons.

That is a theorem, which no measurement can refute. What is tested is the estimator: whether its values follow the
theorem on the neurons of trained nets, as they must where pre- and post-activations are compared. The verdict is one on
it.

Measured: for some pairs of every hidden layer of trained tanh nets, at every width above 20, the 3H estimate of tanh(z)
minus that of z, corrected with the same permutations. Also shown: the same by KSG1, which follows a change of the
marginals better.
Supported: the mean difference lies within ±0.005 nats. Refuted: its interval lies entirely outside: the 3H estimate is
biased where tanh saturates and the marginals concentrate near ±1.
Control: |z| in place of tanh(z) discards the sign, which is not a reparametrisation, and must be refuted.
"""

import pytest

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control, over_widths
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import values

CLAIM = Claim(
    "§5",
    "The 3H estimate is invariant to reparametrisation by tanh, as mutual information is",
    families=("trained/tanh",),
)

DIFFERENCE = Check("Î after tanh minus before", within(-0.005, 0.005), scope=Scope.ESTIMATOR)
BY_KSG1 = Check("Î after tanh minus before, by KSG1", within(-0.005, 0.005), primary=False, scope=Scope.ESTIMATOR)


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


@pytest.fixture
def grid(nets, width):
    return nets["trained/tanh"].at(width)


@check(DIFFERENCE)
def test_difference(decide, layer, grid):
    decide(values, grid, "post_change_3h", layer)


@check(BY_KSG1)
def test_by_ksg1(decide, layer, grid):
    decide(values, grid, "post_change", layer)


@control(DIFFERENCE, must_be="refuted")
def test_forgotten_signs_are_noticed(decide, layer, grid):
    decide(values, grid, "folded_change_3h", layer)
