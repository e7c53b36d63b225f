"""Ours, of §6's "more exhaustive experiments on different architectures". The paper's perceptron in the μ
parametrisation (Yang et al., 2021), in which features of wide nets keep on moving; outputs are those of its hidden
layers.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import RULES, architecture_claim

__doc__ = f"{__doc__}{RULES}"

CLAIM = architecture_claim(
    "mup", "In the μ parametrisation, too, hidden layers of wide perceptrons are weakly dependent"
)
