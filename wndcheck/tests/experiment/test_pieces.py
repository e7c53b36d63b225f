"""Cells in pieces, and joined again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wndcheck.experiment import pieces as module
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds
from wndcheck.experiment.families import parts
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.pieces import joined, pieces, split
from wndcheck.experiment.profiles import FULL, MEDIUM, QUICK
from wndcheck.nets.specification import Unspecified
from wndcheck.tests.tiny import TINY_CELL, random_measurement

NETS = replace(TINY_CELL, seeds=(5, 3, 8, 1, 9), unspecified=Unspecified(held_out=9000))
ENSEMBLES = replace(NETS, seeds=tuple(range(100, 150)), ensembles=5)
each = pytest.mark.parametrize("cell", [NETS, ENSEMBLES], ids=["nets", "ensembles"])


@hypothesis_settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True), st.integers(1, 70))
def test_split(seeds: list[int], size: int) -> None:
    parts = split(seeds, size)
    assert [seed for part in parts for seed in part] == seeds
    lengths = [len(part) for part in parts]
    assert min(lengths) >= 1
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert len(parts) == -(-len(seeds) // size)


@each
@pytest.mark.parametrize(
    ("share", "replicates"), [(1.01, [5]), (0.7, [2, 3]), (0.41, [1, 2, 2]), (0.39, [1] * 5), (0.01, [1] * 5)]
)
def test_pieces_are_cells_of_whole_replicates(
    cell: Cell, share: float, replicates: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST", share * core_seconds(cell))
    found = pieces(cell)
    assert sum((piece.seeds for piece in found), ()) == cell.seeds
    assert [piece.replicates for piece in found] == replicates
    assert {replace(piece, seeds=cell.seeds, ensembles=cell.ensembles) for piece in found} == {cell}
    assert len({piece.nets_per_ensemble for piece in found if cell.ensembles}) <= 1


@pytest.mark.parametrize("profile", [QUICK, MEDIUM], ids=lambda profile: profile.name)
def test_no_piece_keeps_a_core_for_longer_than_three_quarters_of_an_hour(profile) -> None:
    cells = [cell for some in parts(profile, 0).values() for cell in some]
    found = [piece for cell in cells for piece in pieces(cell)]
    assert max(map(core_seconds, found)) <= 45 * 60
    assert (len(found) > len(cells)) == (profile is MEDIUM)


def test_a_single_net_is_a_piece_however_long_it_takes() -> None:
    widest = parts(FULL, 0)["mlp"][-1]
    assert [len(piece.seeds) for piece in pieces(widest)] == [1] * 16


@pytest.mark.usefixtures("one_thread")
@each
def test_pieces_joined_are_the_whole_cell(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(cell)
    monkeypatch.setattr(module, "LONGEST", 0.61 * core_seconds(cell))
    measured = [measure(piece) for piece in pieces(cell)]
    found = joined(cell, measured)
    assert found.cell == cell
    assert found.arrays.keys() == whole.arrays.keys()
    for name, array in whole.arrays.items():
        # Sums in another order: single precision, made larger by 16 steps. Shares jump where a comparison turns over.
        atol = 0.11 if name.endswith(("lemma_broken", "rank_dependent")) else 1e-4
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol, err_msg=name)
    assert found.provenance["pieces"] == 2
    assert found.provenance["stacks"] == [len(piece.cell.seeds) for piece in measured]
    for kind in ("seconds", "core_seconds"):
        for name, seconds in found.provenance[kind].items():  # type: ignore[attr-defined]
            assert seconds == pytest.approx(sum(piece.provenance[kind][name] for piece in measured))  # type: ignore[index]
    assert len(found.provenance["matrix_product"]) == 2  # type: ignore[arg-type]
    for name in ("device", "versions", "threads"):
        assert found.provenance[name] == whole.provenance[name], name


def test_pieces_of_other_seeds_or_in_another_order_are_refused() -> None:
    halves = [random_measurement(replace(NETS, seeds=seeds)) for seeds in (NETS.seeds[:3], NETS.seeds[3:])]
    assert joined(NETS, halves)["score"].shape == (2, 5, 5)
    for wrong in (halves[:1], halves[::-1]):
        with pytest.raises(ValueError, match=r"pieces of the seeds .*: expected \(5, 3, 8, 1, 9\)"):
            joined(NETS, wrong)
