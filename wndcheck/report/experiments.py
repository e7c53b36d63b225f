"""What the figures of the estimators' experiments show (appendix A), from the checks that ran them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from wndcheck.experiment.simulations import gaussian_entropy, gaussian_information
from wndcheck.report.series import Figure, Line
from wndcheck.verdicts.checks import Finding


def entropy_against(parameter: str, checks: Iterable[Finding], profile: str) -> Figure | None:
    """Figures A.1a and A.1b: the entropy of standard Gaussian samples as estimated with each k, or M."""
    found = experiment("entropy estimate", parameter, checks, lambda _: gaussian_entropy())
    if not found:
        return None
    panel, name = {"k": ("a", "k"), "m": ("b", "M")}[parameter]
    title = f"Figure A.1{panel}: entropy of a standard Gaussian against {name} ({profile} profile)"
    return Figure(
        f"figure-a1{panel}-entropy-{parameter}", title, experiment_caption([found]), parameter, "experiment", (found,)
    )


def stabilisation(checks: Iterable[Finding], profile: str) -> Figure | None:
    """Figure A.1c: information of Gaussians of very unequal scales, with and without standardising."""
    checks = list(checks)
    named = {
        name: [check for check in checks if check.check.partition("[")[0] == name] for name in ("vanilla", "stabilised")
    }
    lines = [experiment(name, "rho", found, gaussian_information) for name, found in named.items()]
    measured = [line for line in lines if line]
    if not measured:
        return None
    title = f"Figure A.1c: information of Gaussians of unequal scales ({profile} profile)"
    caption = experiment_caption(measured)
    return Figure("figure-a1c-stabilisation", title, caption, "rho", "experiment", tuple(measured))


def experiment(name: str, parameter: str, checks: Iterable[Finding], truth: Callable[[float], float]) -> Line | None:
    """The line of the checks that differ in this one parameter; their values are estimate less truth."""
    # A check of all places together (the RMSE falls with M) has no place of its own.
    found = [check for check in checks if not check.control and set(check.parameters) == {parameter}]
    found = sorted((check for check in found if check.values), key=lambda check: check.parameters[parameter])
    x = [check.parameters[parameter] for check in found]
    truths = [truth(place) for place in x]
    values = [true + np.array(check.values, dtype=float) for true, check in zip(truths, found, strict=True)]
    regions = [check.region for check in found]
    replicates = range(max(map(len, values), default=0))
    line = Line({"estimator": name}, x, replicates, values, truths, regions)
    return line if line.measured else None


def experiment_caption(lines: Sequence[Line]) -> str:
    counts = sorted({found.n for line in lines for found in line.intervals})
    return f"n = {' or '.join(map(str, counts))} experiments a point. Faint: each; strong: mean, 99 % t interval."
