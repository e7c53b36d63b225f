"""From values to verdicts: statistics, checks and claims, expectations, and the coverage of the paper."""

from wndcheck.experiment.profiles import Scope
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_least, at_most, within

__all__ = ["Check", "Claim", "Scope", "at_least", "at_most", "within"]
