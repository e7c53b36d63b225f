"""The measured nets of a run, as claims are given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.datasets import DamagedData, MissingData
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import FAMILIES, cells_of
from wndcheck.experiment.profiles import FULL, QUICK, Profile
from wndcheck.pytest_plugin import nets_fixture
from wndcheck.pytest_plugin.nets_fixture import DeclaredNets, Nets
from wndcheck.store.filling import DeviceLost, Piece
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, Log, random_measurement, write_tiny

SMALL = replace(
    QUICK,
    widths=(3, 5),
    nets=2,
    initial_width=6,
    violation_widths=(4, 8),
    violation_width=5,
    cifar10=replace(QUICK.cifar10, widths=(4, 6), nets=2, twice_measured=4),
    ensembles=replace(QUICK.ensembles, widths=(3, 4), initial_width=5, count=2, nets=4),
)
NEEDS_DATA = replace(UNTRAINED, dataset="cifar10-subset")


class Filled(list[list[Cell]]):
    """Stands for the sweep: it keeps what it is to measure, and puts random numbers into the store."""

    def __call__(self, cells: Sequence[Cell], store: Store, reporter: object, **_: object) -> None:
        self.append(list(cells))
        for cell in cells:
            if not store.has(cell):
                store.save(random_measurement(cell))


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> Filled:
    found = Filled()
    monkeypatch.setattr(nets_fixture, "fill", found)
    return found


def nets(root: Path, needed: Sequence[Cell] = (), profile: Profile = SMALL, *, require_data: bool = False) -> Nets:
    store = Store(root / "store", lambda text: None)
    return Nets(profile, 0, needed, store, Log(), "cpu", str(root / "data"), require_data)  # type: ignore[arg-type]


def test_the_first_request_measures_all_needed_cells(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path, [TINY_CELL])
    one = found.measured(UNTRAINED)
    assert one.cell == UNTRAINED
    assert filled == [[TINY_CELL, UNTRAINED]]
    assert found.measured(UNTRAINED) is one  # and is read once
    assert found.measured(TINY_CELL).cell == TINY_CELL
    assert len(filled) == 1


def test_stored_cells_are_not_measured(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path, [TINY_CELL])
    found.store.save(random_measurement(UNTRAINED, seed=5))
    expected = random_measurement(UNTRAINED, seed=5)["entropy"]
    np.testing.assert_array_equal(found.measured(UNTRAINED)["entropy"], expected)
    assert filled == []


def test_a_damaged_cell_is_measured_again(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path)
    found.store.save(random_measurement(UNTRAINED, seed=5))
    (file,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file() and UNTRAINED.key in path.name)
    file.write_bytes(file.read_bytes()[:-100])
    expected = random_measurement(UNTRAINED)["entropy"]
    np.testing.assert_array_equal(found.measured(UNTRAINED)["entropy"], expected)
    assert filled == [[UNTRAINED]]


def test_missing_data_skips_only_the_tests_that_need_it(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path, [NEEDS_DATA, TINY_CELL])
    assert found.measured(UNTRAINED).cell == UNTRAINED
    assert filled == [[TINY_CELL, UNTRAINED]]
    with pytest.raises(pytest.skip.Exception, match=r"(?s)not run: cifar10 is not in .*wndcheck fetch cifar10 "):
        found.measured(NEEDS_DATA)
    assert found.measured(TINY_CELL).cell == TINY_CELL
    assert len(filled) == 1


def test_missing_data_is_an_error_where_it_is_required(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path, [NEEDS_DATA], require_data=True)
    assert found.measured(UNTRAINED).cell == UNTRAINED
    with pytest.raises(MissingData, match="run: wndcheck fetch cifar10 --data"):
        found.measured(NEEDS_DATA)
    assert filled == [[UNTRAINED]]


def test_a_cell_missing_from_a_complete_store_is_an_error(tmp_path: Path) -> None:
    found = nets(tmp_path, [TINY_CELL, NEEDS_DATA], require_data=True)  # else it would be skipped
    found.store.save(random_measurement(TINY_CELL))
    found.store = Store(tmp_path / "store", pytest.fail, complete=True)
    assert found.measured(TINY_CELL).cell == TINY_CELL
    message = f"lacks 1 of the cells: {NEEDS_DATA.label}, of which it has nothing"
    with pytest.raises(pytest.fail.Exception, match=message) as caught:
        found.measured(NEEDS_DATA)
    assert not caught.value.pytrace


def test_a_record_that_cannot_be_read_in_a_complete_store_is_named(tmp_path: Path) -> None:
    found = nets(tmp_path, TINY_CELL)
    found.store.path(TINY_CELL).mkdir()
    with pytest.raises(IsADirectoryError):
        found.measured(TINY_CELL)
    messages: list[str] = []
    found.store = Store(tmp_path / "store", messages.append, complete=True)
    name = found.store.path(TINY_CELL).name
    with pytest.raises(pytest.fail.Exception, match=f"{TINY_CELL.label}, whose file {name} cannot be used"):
        found.measured(TINY_CELL)
    assert messages == [f"{found.store.path(TINY_CELL)} cannot be read: Is a directory"]


def test_stored_cells_need_no_data(tmp_path: Path, filled: Filled) -> None:
    found = nets(tmp_path, require_data=True)
    found.store.save(random_measurement(NEEDS_DATA))
    assert found.measured(NEEDS_DATA).cell == NEEDS_DATA
    assert filled == []


def test_damaged_data_is_not_missing_data(tmp_path: Path) -> None:
    """The real sweep meets files that are not the data set."""
    write_tiny(tmp_path / "data")
    with pytest.raises(DamagedData, match=r"wndcheck fetch mnist --data .* --force"):
        nets(tmp_path).measured(replace(UNTRAINED, dataset="mnist"))


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "convnets"])
def test_a_family_is_given_as_a_grid_from_narrow_to_wide(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nets_fixture.datasets, "is_available", lambda name, root: True)
    grid = nets(tmp_path).grid(family)
    assert tuple(measurement.cell for measurement in grid.measurements) == cells_of([family], SMALL, 0)
    assert (grid.stage, grid.profile) == (-1, SMALL)


def test_a_family_that_the_profile_lacks_is_not_run(tmp_path: Path, filled: Filled) -> None:
    lacks = r"quick has no paper-recipe/relu; run: pytest claims/ --wnd-profile=medium"
    with pytest.raises(pytest.skip.Exception, match=lacks):
        nets(tmp_path).grid("paper-recipe/relu")
    assert filled == []
    profile = replace(FULL, convnets=replace(FULL.convnets, widths=(3, 4), nets=2))
    found = nets(tmp_path, profile=profile)
    cells = cells_of(["convnets"], profile, 0)
    for cell in cells:
        found.store.save(random_measurement(cell))
    assert tuple(m.cell for m in found.grid("convnets").measurements) == cells


def test_a_claim_is_given_the_families_that_it_declares(tmp_path: Path, filled: Filled) -> None:
    declared = DeclaredNets(nets(tmp_path), ("initial/tanh",), "claim.py")
    assert declared["initial/tanh"].widths == [SMALL.initial_width]
    with pytest.raises(
        pytest.UsageError,
        match=r"claim.py asks for nets\['trained/relu'\] and declares initial/tanh: add 'trained/relu' to families=",
    ):
        declared["trained/relu"]
    assert filled == [[*cells_of(["initial/tanh"], SMALL, 0)]]


def test_a_cell_that_fails_is_not_trained_again_for_every_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[Cell]] = []

    def fails(cells: Sequence[Cell], store: Store, *_: object, **__: object) -> None:
        tried.append(list(cells))
        store.save(random_measurement(UNTRAINED))
        raise RuntimeError("no convergence")

    monkeypatch.setattr(nets_fixture, "fill", fails)
    found = nets(tmp_path, [TINY_CELL, UNTRAINED])
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no convergence"):
            found.measured(TINY_CELL)
    assert found.measured(UNTRAINED).cell == UNTRAINED
    assert tried == [[TINY_CELL, UNTRAINED, TINY_CELL]]
    other = replace(TINY_CELL, width=9)
    with pytest.raises(RuntimeError, match="no convergence"):
        found.measured(other)
    assert tried[1:] == [[UNTRAINED, other]]


def test_after_a_cuda_error_no_check_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def lost(*_: object, **__: object) -> None:
        tried.append(True)
        raise DeviceLost(Piece(TINY_CELL, TINY_CELL), RuntimeError("CUDA error: unspecified launch failure\nMore."))

    monkeypatch.setattr(nets_fixture, "fill", lost)
    found = nets(tmp_path, [TINY_CELL, UNTRAINED])
    for cell in (TINY_CELL, UNTRAINED):
        with pytest.raises(
            pytest.fail.Exception, match=r"N=6 .*: CUDA error: unspecified launch failure: this process"
        ):
            found.measured(cell)
    assert len(tried) == 1
