"""Seeds derived from names, so that draws do not depend on the selection or order of cells, or on workers."""

from __future__ import annotations

import hashlib

SEEDS_PER_BASE = 10_000
BASE_SEED = 100  # of runs that name no other: rules were made with a look at nets of 0 to 19


def derived_seed(*words: object) -> int:
    """A 63-bit seed from the words that name a draw, e.g. ``derived_seed(7, "initial weights")``.

    Different words give independent streams; the same words give the same seed on every machine. ValueError for a word
    that contains the separator "/", which would make names ambiguous.
    """
    names = [str(word) for word in words]
    if any("/" in name for name in names):
        raise ValueError(f"words {names}: expected no '/' in them")
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def net_seeds(base: int, count: int) -> tuple[int, ...]:
    """The seeds of the nets of one cell. Those of different base seeds are disjoint.

    ValueError for a negative base seed, and for fewer than 1 or more than 10,000 nets.
    """
    if base < 0 or not 1 <= count <= SEEDS_PER_BASE:
        raise ValueError(
            f"base seed {base} with {count} nets: expected base >= 0 and 1 to {SEEDS_PER_BASE} nets; "
            "choose another --wnd-seed"
        )
    return tuple(range(base * SEEDS_PER_BASE, base * SEEDS_PER_BASE + count))
