"""The k-th smallest of many vectors in every lane, by counting: for more neighbours than a sorted tuple can hold.

A threshold is raised or lowered, lane by lane, until at most KEPT of the k smallest numbers are not below it; these are
then found by insertion. The result is exact for any k, and a pass over the numbers costs a comparison and an addition.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .cpu_simd import LANES, add_less, any_less, choose_less, insert, load, mean_bits, minus_bits, plus_bits
from .cpu_simd import repeated, scaled, spread, spread_integer

KEPT = 6  # numbers found by insertion
SLOTS = (0,) * KEPT
TRIALS = 5  # thresholds by interpolation, before bisection


@njit(nogil=True)
def kth_smallest(found, n, k, bound, guess):
    """The k-th smallest of n vectors of non-negative numbers; no more than `bound`, in every lane.

    found: n · LANES numbers. bound: above 0. guess: the first threshold, above 0; any is right, a good one is fast.
    """
    one, wanted, kept = spread_integer(1), spread_integer(k), spread_integer(KEPT)
    target = spread(np.float32(k) - np.float32(KEPT / 2 - 0.5))
    no, yes = spread(np.float32(0)), spread(np.float32(1))
    low, below_low = no, spread_integer(0)  # fewer than k are below low
    high = plus_bits(bound, one)  # k or more are below high
    threshold = choose_less(guess, high, guess, bound)
    trial = 0
    while True:
        below = spread_integer(0)
        for at in range(0, n * LANES, LANES):
            below = add_less(below, load(found, at), threshold)
        low = choose_less(below, wanted, threshold, low)
        below_low = choose_less(below, wanted, below, below_low)
        high = choose_less(below, wanted, high, threshold)
        missing = minus_bits(wanted, below_low)  # 1 or more
        # Done where the missing numbers can be inserted, or where low and high are neighbours: then all are equal.
        is_open = choose_less(kept, missing, choose_less(one, minus_bits(high, low), yes, no), no)
        if not any_less(no, is_open):
            break
        middle = mean_bits(low, high)
        following = middle
        if trial < TRIALS:
            following = scaled(threshold, target, choose_less(below, one, one, below))
            following = choose_less(low, following, choose_less(following, high, following, middle), middle)
        threshold = choose_less(no, is_open, following, low)
        trial += 1
    nearest = repeated(minus_bits(bound, low), SLOTS)
    for at in range(0, n * LANES, LANES):
        nearest = insert(nearest, minus_bits(load(found, at), low))  # numbers below low become the largest
    result = nearest[0]
    for slot in range(1, KEPT):
        result = choose_less(spread_integer(slot), missing, nearest[slot], result)
    return plus_bits(result, low)
