"""The fixture `weak_dependence`, loaded by the tests that use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wndcheck.inspect import NetworkVerdict, dependence_score, weakly_dependent
from wndcheck.inspect.verdicts import THRESHOLD
from wndcheck.verdicts.checks import Verdict


def assert_weak_dependence(
    model: Any,
    x: Any = None,
    layers: str | Sequence[str] | None = None,
    *,
    margin: float = THRESHOLD,
    confidence: float = 0.99,
    allow_inconclusive: bool = False,
    **options: Any,
) -> NetworkVerdict:
    """Assert that the neurons of a network's layers are weakly dependent on the inputs x; return the verdict.

    Parameters
    ----------
    model, x, layers, options
        As `wndcheck.dependence_score` takes them. By default all layers but the one reached last: the last layer stays
        dependent (§4).
    margin : float
        Nats that ι_c may reach.
    confidence : float
        Of the interval over inputs, for this one network.
    allow_inconclusive : bool
        Only a refuted layer fails the test; otherwise one that cannot be decided fails it too.

    Raises
    ------
    AssertionError
        With the layers and their most dependent pairs.
    TypeError, ValueError
        As `dependence_score`.
    """
    __tracebackhide__ = True
    scores = dependence_score(model, x, layers, **options)
    # Where nothing but the last layer could be scored, it is what the test asks about.
    beside = {scores.meta["last_layer"]} if layers is None else set()
    found = weakly_dependent(scores, margin, confidence, beside=beside if set(scores) - beside else ())
    refuted, undecided = found.of(Verdict.REFUTED), found.of(Verdict.INCONCLUSIVE)
    if refuted or (undecided and not allow_inconclusive):
        raise AssertionError(message(found, refuted, undecided))
    return found


def message(found: NetworkVerdict, refuted: list[str], undecided: list[str]) -> str:
    """What failed, with the evidence, and what to do about it."""
    said = []
    if refuted:
        said.append(f"not weakly dependent (ι_c above {found.margin:g} nats): {', '.join(refuted)}")
    if undecided:
        said.append(
            f"not decided at {found.margin:g} nats: {', '.join(undecided)}; give more inputs (max_samples=...), "
            "another margin, other layers, or allow_inconclusive=True"
        )
    return "\n".join([*said, *(f"  {found[name]}" for name in (*refuted, *undecided))])
