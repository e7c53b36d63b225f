"""Speed of all pairs of one layer, ours and other packages, on the same samples and one thread.

The rows of a group treat the same pairs, so the number in brackets is the time relative to the fastest. Run with:
tox -e bench
"""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.kernels import reference
from wndcheck.estimators.validation import all_pairs

from .peers import PEERS, Peer
from .samples import layer, reference_information

K, NEURONS = 3, 16
PAIRS = all_pairs(NEURONS)
AGREEMENT = {"3h": 1e-5, "ksg1": 1e-3}  # float32 rounding flips a few strict comparisons of KSG1

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")  # of other packages


def group(estimator: str) -> str:
    return f"{estimator.upper()}: all {len(PAIRS)} pairs of {NEURONS} neurons, M = 1000, k = {K}, one thread"


def ours(X: np.ndarray, estimator: str) -> np.ndarray:
    return pairwise_mi(X, k=K, estimator=estimator, n_jobs=1).pair_mi


@pytest.mark.parametrize("estimator", ["3h", "ksg1"])
def test_wndcheck(benchmark, estimator):
    benchmark.group = group(estimator)
    X = layer(NEURONS)
    ours(X, estimator)
    values = benchmark(ours, X, estimator)
    assert values[0] == pytest.approx(reference_information(X, k=K, estimator=estimator), abs=AGREEMENT[estimator])


@pytest.mark.parametrize("estimator", ["3h", "ksg1"])
def test_bare_kd_tree(benchmark, estimator):
    """Build and query the joint tree, nothing else: a lower bound for estimators that use one."""
    benchmark.group = group(estimator)
    X = layer(NEURONS)
    points = [np.ascontiguousarray(X[:, pair]) for pair in PAIRS]
    distances = benchmark.pedantic(lambda: [reference.kth_distances(p, k=K) for p in points], rounds=3)
    assert len(distances) == len(PAIRS)
    assert np.all(distances[0] > 0)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.distribution)
def test_peer(benchmark, peer: Peer):
    pytest.importorskip(peer.module, reason=f"{peer.distribution} is not installed: pip install {peer.distribution}")
    benchmark.group = group(peer.estimator)
    X = layer(NEURONS)
    peer.all_pairs(X[:, :2], K)
    values = benchmark.pedantic(peer.all_pairs, args=(X, K), rounds=3)
    expected = ours(X, peer.estimator)
    np.testing.assert_allclose(
        values, np.maximum(expected, 0) if peer.clipped else expected, rtol=0, atol=AGREEMENT[peer.estimator]
    )
