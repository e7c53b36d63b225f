"""Ours, of §6's "more exhaustive experiments on different architectures". Perceptrons whose hidden layers but the
first add to what enters them (He et al., 2016); outputs are taken before they are added.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import RULES, architecture_claim

__doc__ = f"{__doc__}{RULES}"

CLAIM = architecture_claim("residual", "In residual perceptrons, too, hidden layers of wide nets are weakly dependent")
