"""Ours, of §6's "more exhaustive experiments on different architectures". The paper's perceptron, trained with Adam
(Kingma & Ba, 2015) in place of plain SGD; outputs are those of its hidden layers.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import RULES, architecture_claim

__doc__ = f"{__doc__}{RULES}"

CLAIM = architecture_claim("adam", "Trained with Adam, too, hidden layers of wide perceptrons are weakly dependent")
