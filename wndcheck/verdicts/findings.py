"""A decided check or control with its evidence, and tests without a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import isclose, isfinite
from typing import Any

import numpy as np
from msgspec import Struct

from wndcheck.verdicts.checks import Cause, Check, MustBe, Verdict, decide
from wndcheck.verdicts.recipes import RecipeError
from wndcheck.verdicts.statistics import Interval


class Outcome(StrEnum):
    """The outcome of a test in pytest's words; xfailed is a refutation that is expected, or only reported."""

    PASSED = "passed"
    XFAILED = "xfailed"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


class Finding(Struct, frozen=True, kw_only=True):
    """A decided check, or a control, with its evidence.

    `name` is the test's without "test_", such as ``trend[relu-1]``. `values` holds one number per replicate, NaN where
    there is none. A primary check is one of `m` of its claim (1 for others), and `strict` is its interval at 1 -
    `Check.strict_alpha`; None where that is no wider. `recipe` is the error by which the intervals of a level are
    widened, None for other checks and where the profile's recipe is the paper's; `choices` holds a level's verdict by
    each choice that the paper leaves open. `must_be` is what a control must be, None for a check. `expected` holds the
    verdicts that expectations.toml expects, the usual one first, and `reason` why.
    """

    claim: str
    name: str
    check: Check
    interval: Interval
    verdict: Verdict
    cause: Cause | None = None
    m: int = 1
    strict: Interval | None = None
    values: tuple[float, ...] = ()
    untrained: int = 0
    recipe: RecipeError | None = None
    choices: dict[str, Verdict] = {}
    parameters: dict[str, int | float | str] = {}
    must_be: MustBe | None = None
    expected: tuple[Verdict, ...] = (Verdict.SUPPORTED,)
    reason: str = ""
    outcome: Outcome = Outcome.PASSED
    test: str = ""

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.INCONCLUSIVE and not isfinite(self.interval.estimate):
            raise ValueError(f"the estimate is missing, expected a number where the verdict is {self.verdict}")
        confidence = self.strict.confidence if self.strict else self.interval.confidence
        if self.m < 1 or not isclose(1 - confidence, expected := self.check.strict_alpha(self.m)):
            raise ValueError(f"strict is an interval of {confidence:.4%}, expected {1 - expected:.4%} with m {self.m}")

    @property
    def function(self) -> str:
        """``trend`` of ``trend[relu-1]``."""
        return self.name.partition("[")[0]

    @property
    def key(self) -> tuple[str, str]:
        return self.claim, self.name

    @property
    def counts_as(self) -> Verdict:
        """Its part in the claim's verdict, to which a refutation at 1 - alpha alone is inconclusive."""
        is_strict = self.strict is None or self.check.region.excludes(self.strict)
        return self.verdict if self.verdict is not Verdict.REFUTED or is_strict else Verdict.INCONCLUSIVE

    @property
    def failed(self) -> bool:
        """Whether it is a control that is not what it must be."""
        return self.must_be is not None and not self.must_be.allows(self.verdict)


def decided(
    claim: str,
    name: str,
    check: Check,
    values: Sequence[float] | np.ndarray,
    *,
    m: int = 1,
    untrained: int = 0,
    nets: int = 0,
    recipe: RecipeError | None = None,
    **fields: Any,
) -> Finding:
    """Return the finding of one of m checks, or of a control, from its values (R,), one per replicate; see `decide`.

    Its intervals are widened by the error of the `recipe`; further fields as `Finding` has them.
    """
    systematic = (recipe.low, recipe.high) if recipe else (0.0, 0.0)
    verdict, cause, interval, strict = decide(check, values, untrained=untrained, nets=nets, m=m, systematic=systematic)
    return Finding(
        claim=claim,
        name=name,
        check=check,
        interval=interval,
        verdict=verdict,
        cause=cause,
        m=m,
        strict=strict,
        values=tuple(map(float, values)),
        untrained=untrained,
        recipe=recipe,
        **fields,
    )


class Unfinished(Struct, frozen=True):
    """A test without a verdict: not run, or ended in an error; `reason` is the skip's reason or the error's message."""

    test: str
    reason: str

    @property
    def name(self) -> str:
        """``trend[relu-1]`` of ``claims/x.py::test_trend[relu-1]``."""
        return self.test.partition("::")[2].removeprefix("test_")


class Left(Struct, frozen=True):
    """A check that the run's profile does not decide, and the profile that does."""

    name: str
    check: Check
    profile: str
