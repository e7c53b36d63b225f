"""Ours, of §6's "more exhaustive experiments on different architectures". Perceptrons with layer norm (Ba et al., 2016)
behind every hidden layer.

Measured: ι and ι_c of the hidden layers' outputs before the norm, by images of a net's own, after ten epochs (in the
quick profile, those of the perceptrons).
Supported: ι_c decreases with log N (trend), and at the widest ι is at most 0.054 nats (vicinity), as of the perceptron
in weak_dependence. Refuted: an interval lies entirely outside its region. Also shown: |ΔH| at the widest (entropy), and
ι_c minus that of the paper's perceptron of the same seeds, images and epochs (as_the_perceptron).
Controls: independently permuted activations must be in the vicinity, pairs mixed to 0.223 nats must not; nets whose
layers share a direction, the more so the wider they are, must not have a decreasing trend.
"""

from wndcheck.pytest_plugin.architecture_tests import *  # noqa: F403
from wndcheck.pytest_plugin.architecture_tests import architecture_claim

CLAIM = architecture_claim(
    "layer-norm", "In perceptrons with layer norm, too, hidden layers of wide nets are weakly dependent"
)
