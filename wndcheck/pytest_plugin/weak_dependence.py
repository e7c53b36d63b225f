"""The fixture `weak_dependence`; imported only when a test uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wndcheck.inspect import NetworkVerdict, dependence_score, weakly_dependent
from wndcheck.inspect.weak_dependence import THRESHOLD
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
        As for `wndcheck.dependence_score`. By default all layers except the one reached last, which stays dependent
        (§4).
    margin : float
        Largest ι_c of a weakly dependent layer, in nats.
    confidence : float
        Confidence of the interval over inputs, for this one network.
    allow_inconclusive : bool
        If True, only refuted layers fail the test; otherwise inconclusive layers fail it, too.

    Raises
    ------
    AssertionError
        With the failing layers and their most dependent pairs.
    TypeError, ValueError
        As `dependence_score`.
    """
    __tracebackhide__ = True
    scores = dependence_score(model, x, layers, **options)
    # The last layer is excluded unless it is named, or is the only one that could be scored.
    exclude = {scores.meta["last_layer"]} & {*scores, *scores.left_out} if layers is None else set()
    found = weakly_dependent(scores, margin, confidence, exclude=exclude if set(scores) - exclude else ())
    refuted, undecided = found.of(Verdict.REFUTED), found.of(Verdict.INCONCLUSIVE)
    if refuted or (undecided and not allow_inconclusive):
        raise AssertionError(failure_message(found, refuted, undecided))
    return found


def failure_message(found: NetworkVerdict, refuted: list[str], undecided: list[str]) -> str:
    """Return the layers that failed, what can be done, and the evidence."""
    lines = []
    if refuted:
        lines.append(f"not weakly dependent (ι_c above {found.margin:g} nats): {', '.join(refuted)}")
    if undecided:
        lines.append(
            f"inconclusive at {found.margin:g} nats: {', '.join(undecided)}; give more inputs (max_samples=...), "
            "another margin, other layers, or allow_inconclusive=True"
        )
    return "\n".join([*lines, *(f"  {found[name]}" for name in (*refuted, *undecided))])
