"""Ours, of §6's "more exhaustive experiments on different architectures". A transformer block over the 16 patches
of an image, N neurons wide in its first dense layer and N / 2 in its second, whose outputs are taken at one token of
each image.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import RULES, architecture_claim

__doc__ = f"{__doc__}{RULES}"

CLAIM = architecture_claim(
    "transformer", "In a small transformer, too, the dense layers of wide nets are weakly dependent"
)
