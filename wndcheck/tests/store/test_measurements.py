from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.records import Measurement
from wndcheck.nets.specification import NETS, Violation
from wndcheck.store import measurements as store
from wndcheck.store.measurements import Store, packed, store_root
from wndcheck.tests.tiny import TINY_CELL, random_measurement, start_python, wait_for

OTHER_CELL = replace(TINY_CELL, width=7)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def kept(tmp_path: Path, said: list[str]) -> Store:
    return Store(tmp_path, said.append)


def write(path: Path, **changes: np.ndarray) -> None:
    np.savez_compressed(path, **packed(random_measurement(TINY_CELL)) | changes)


def assert_same(found: Measurement | None, expected: Measurement) -> None:
    assert found is not None
    assert found.cell == expected.cell
    assert found.provenance == expected.provenance
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes(), name


def test_round_trip_is_exact(kept: Store, said: list[str]) -> None:
    measurement = random_measurement(TINY_CELL)
    assert not kept.has(TINY_CELL)
    assert kept.load(TINY_CELL) is None
    path = kept.save(measurement)
    assert path == kept.path(TINY_CELL)
    assert kept.has(TINY_CELL)
    assert_same(kept.load(TINY_CELL), measurement)
    assert [p.name for p in kept.root.iterdir() if p.is_file()] == [path.name]
    assert not said


def test_saving_again_replaces(kept: Store) -> None:
    kept.save(random_measurement(TINY_CELL, 1))
    kept.save(random_measurement(TINY_CELL, 2))
    assert_same(kept.load(TINY_CELL), random_measurement(TINY_CELL, 2))


def test_cells_do_not_meet(kept: Store) -> None:
    alike = [
        TINY_CELL,
        OTHER_CELL,
        replace(TINY_CELL, seeds=(0, 2)),
        replace(TINY_CELL, protocol=Violation("drift", 1)),
    ]
    for seed, cell in enumerate(alike):
        kept.save(random_measurement(cell, seed))
    for seed, cell in enumerate(alike):
        assert_same(kept.load(cell), random_measurement(cell, seed))


def test_path_tells_what_it_holds(kept: Store) -> None:
    assert kept.path(TINY_CELL).name == f"mnist-subset-tanh-mlp-n0006-{TINY_CELL.key}.npz"
    drifted = replace(TINY_CELL, protocol=Violation("drift", 0.1))
    assert kept.path(drifted).name == f"mnist-subset-tanh-drift-n0006-{drifted.key}.npz"
    assert kept.root.name == f"v{NETS}"


def truncated(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(3000))


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"score": 1}))


def lone_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def objects(path: Path) -> None:
    write(path, score=np.array([{"a": 1}], dtype=object))


def folder_of_text(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("score.txt", "1")


def cellless(path: Path) -> None:
    np.savez_compressed(path, **random_measurement(TINY_CELL).arrays)


def another_cells(path: Path) -> None:
    np.savez_compressed(path, **packed(random_measurement(OTHER_CELL)))


def of_another_version(path: Path) -> None:
    write(path, cell=np.array(json.dumps(TINY_CELL.to_dict() | {"key": "another-key"})))


def misshapen(path: Path) -> None:
    write(path, score=np.zeros((2, 2, 4)))


def incomplete(path: Path) -> None:
    arrays = packed(random_measurement(TINY_CELL))
    del arrays["score"]
    np.savez_compressed(path, **arrays)


def too_many(path: Path) -> None:
    write(path, scores=np.zeros((2, 2, 5)))


def of_text(path: Path) -> None:
    write(path, score=np.full((2, 2, 5), "1.0"))


def unreadable_provenance(path: Path) -> None:
    write(path, provenance=np.array("{half"))


def provenance_of_another_kind(path: Path) -> None:
    write(path, provenance=np.array("[1]"))


def damaged_deflate(path: Path) -> None:
    """The first compressed byte of every array made an impossible block, which zlib itself refuses."""
    write(path)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            start = entry.header_offset
            names = int.from_bytes(data[start + 26 : start + 28], "little")
            extra = int.from_bytes(data[start + 28 : start + 30], "little")
            data[start + 30 + names + extra] = 0xFF
    path.write_bytes(data)


DAMAGE = {
    truncated: "",
    emptied: "",
    noise: "",
    pickled: "",
    lone_array: "",
    objects: "",
    folder_of_text: "",
    cellless: "cell",
    another_cells: f"it holds cell {OTHER_CELL.key}, expected {TINY_CELL.key}",
    of_another_version: "it holds cell another-key, expected ",
    misshapen: "missing or misshapen arrays: score",
    incomplete: "missing or misshapen arrays: score",
    too_many: "missing or misshapen arrays: scores",
    of_text: "score",
    unreadable_provenance: "",
    provenance_of_another_kind: "its provenance is [1], expected named fields",
    damaged_deflate: "",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_file_that_cannot_be_trusted_is_put_aside(
    damage: Callable[[Path], None], kept: Store, said: list[str]
) -> None:
    path = kept.path(TINY_CELL)
    damage(path)
    before = path.read_bytes()
    assert kept.load(TINY_CELL) is None
    assert not kept.has(TINY_CELL)
    assert path.with_suffix(".damaged").read_bytes() == before
    (told,) = said
    assert told.startswith(f"{path.name} is damaged (")
    assert DAMAGE[damage] in told
    assert told.endswith(f"put aside as {path.stem}.damaged, to be measured again")
    kept.save(random_measurement(TINY_CELL))
    assert_same(kept.load(TINY_CELL), random_measurement(TINY_CELL))


def test_no_flipped_byte_changes_a_number(kept: Store) -> None:
    measurement = random_measurement(TINY_CELL)
    path = kept.save(measurement)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).choice(len(whole), 300, replace=False):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = kept.load(TINY_CELL)
        if found is not None:  # a byte that says nothing about the arrays, such as a time of day
            assert_same(found, measurement)


def test_store_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "named"))
    assert store_root() == tmp_path / "named"
    assert store_root(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("WNDCHECK_STORE")
    monkeypatch.setattr(store.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    assert store_root() == tmp_path / "wndcheck" / "store"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_root("~/here") == tmp_path / "here"


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OSError, match=r"the store .*file.* cannot be made \(.*\): name another folder with --wnd-store"
    ):
        Store(tmp_path / "file")


def test_an_unwritable_root_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(OSError, match=r"cannot be made \(Permission denied\): name another folder with --wnd-store"):
        Store(closed)


def test_a_store_that_is_only_read_is_not_made(tmp_path: Path) -> None:
    absent = Store(tmp_path / "store", pytest.fail, make=False)
    assert not absent.has(TINY_CELL)
    assert not absent.is_half_trained(TINY_CELL)
    assert list(absent.measured()) == []
    assert not (tmp_path / "store").exists()


def test_a_cell_with_a_checkpoint_is_half_trained_until_it_is_measured(kept: Store) -> None:
    kept.checkpoints.folder.mkdir()
    (kept.checkpoints.folder / f"{TINY_CELL.key}-0-2.safetensors").touch()
    assert kept.is_half_trained(TINY_CELL)
    assert not kept.is_half_trained(OTHER_CELL)
    kept.save(random_measurement(TINY_CELL))
    assert not kept.is_half_trained(TINY_CELL)


# 20,000 nets: writing them takes long enough to be killed at.
LARGE_CELL = replace(TINY_CELL, seeds=tuple(range(20_000)))
SAVE_LARGE = """
import sys
from wndcheck.store.measurements import Store
from wndcheck.tests.store.test_measurements import LARGE_CELL
from wndcheck.tests.tiny import random_measurement
Store(sys.argv[1]).save(random_measurement(LARGE_CELL, int(sys.argv[2])))
"""


def test_a_writer_killed_half_way_leaves_no_half_file(kept: Store, said: list[str]) -> None:
    def kill_while_saving(seed: int) -> None:
        process = start_python(SAVE_LARGE, kept.root.parent, seed)
        wait_for(lambda: process.poll() is not None or any(p.stat().st_size > 1000 for p in unfinished()))
        process.kill()
        process.communicate()
        assert unfinished(), "the writer had finished"

    def unfinished() -> list[Path]:
        return list(kept.root.glob(".*.part"))

    kill_while_saving(1)
    assert not kept.has(LARGE_CELL)
    assert kept.load(LARGE_CELL) is None
    unfinished()[0].unlink()
    old = random_measurement(LARGE_CELL, 0)
    kept.save(old)
    kill_while_saving(2)
    assert_same(kept.load(LARGE_CELL), old)
    assert not said


def test_an_error_while_saving_leaves_nothing(kept: Store) -> None:
    unserializable = replace(random_measurement(TINY_CELL), provenance={"made": object()})
    with pytest.raises(TypeError, match="not JSON serializable"):
        kept.save(unserializable)
    assert [p for p in kept.root.iterdir() if p.is_file()] == []


def test_what_cannot_be_read_now_is_not_damaged(kept: Store, said: list[str]) -> None:
    path = kept.path(TINY_CELL)
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        kept.load(TINY_CELL)
    assert path.is_dir()
    assert said == []
