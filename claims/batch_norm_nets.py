"""Ours, of §6's "more exhaustive experiments on different architectures". Perceptrons with batch norm (Ioffe &
Szegedy, 2015) after every hidden layer, whose outputs are taken before the norm.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import RULES, architecture_claim

__doc__ = f"{__doc__}{RULES}"

CLAIM = architecture_claim(
    "batch-norm", "In perceptrons with batch norm, too, hidden layers of wide nets are weakly dependent"
)
