from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.specification import NETS, Violation
from wndcheck.store import measurements
from wndcheck.store.files import read_npz
from wndcheck.store.measurements import DIGEST, Store, packed, store_root
from wndcheck.tests.tiny import TINY_CELL, assert_same_numbers, random_measurement, start_python, wait_for

OTHER_CELL = replace(TINY_CELL, width=7)


def assert_same(found: Measurement | None, expected: Measurement) -> None:
    assert_same_numbers(found, expected)
    assert found
    assert (found.cell, found.provenance) == (expected.cell, expected.provenance)


def test_round_trip_is_exact(store: Store, messages: list[str]) -> None:
    measurement = random_measurement(TINY_CELL)
    assert not store.has(TINY_CELL)
    assert store.load(TINY_CELL) is None
    store.save(random_measurement(TINY_CELL, 1))
    path = store.save(measurement)  # replaces the other
    assert path == store.path(TINY_CELL)
    assert store.has(TINY_CELL)
    assert_same(store.load(TINY_CELL), measurement)
    assert [p.name for p in store.root.iterdir() if p.is_file()] == [path.name]
    assert not messages


def test_cells_have_files_of_their_own(store: Store) -> None:
    drifted = replace(TINY_CELL, protocol=Violation("drift", 1))
    cells = [TINY_CELL, OTHER_CELL, replace(TINY_CELL, seeds=(0, 2)), drifted]
    for seed, cell in enumerate(cells):
        store.save(random_measurement(cell, seed))
    for seed, cell in enumerate(cells):
        assert_same(store.load(cell), random_measurement(cell, seed))
    assert store.path(TINY_CELL).name == f"mnist-subset-tanh-mlp-n0006-{TINY_CELL.key}.npz"
    assert store.path(drifted).name == f"mnist-subset-tanh-drift-n0006-{drifted.key}.npz"
    assert store.root.name == f"v{NETS}"


WHOLE = packed(random_measurement(TINY_CELL))


def zipped(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def without_digest(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As earlier versions wrote them."""
    return {name: array for name, array in arrays.items() if name != DIGEST}


def lone_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def zip_of_text() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("score.txt", "1")
    return file.getvalue()


def damaged_deflate() -> bytes:
    """The first compressed byte of every array made an impossible block, which zlib itself refuses."""
    data = bytearray(zipped(WHOLE))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            start = entry.header_offset
            names = int.from_bytes(data[start + 26 : start + 28], "little")
            extra = int.from_bytes(data[start + 28 : start + 30], "little")
            data[start + 30 + names + extra] = 0xFF
    return bytes(data)


OTHER_VERSION = np.array(json.dumps(TINY_CELL.to_dict() | {"key": "another-key"}))
NAN = np.full_like(WHOLE["entropy"], np.nan)
OTHER_KIND = np.array(json.dumps(TINY_CELL.to_dict() | {"probe": [1], "key": TINY_CELL.key}))
ALTERED = "its content is not what was written"
DAMAGE = {
    "an altered number": (zipped(WHOLE | {"score": WHOLE["score"] + 1e-15}), ALTERED),
    "NaN where none was": (zipped(WHOLE | {"entropy": NAN}), ALTERED),
    "altered provenance": (zipped(WHOLE | {"provenance": np.array("{}")}), ALTERED),
    "infinite, without a digest": (zipped(without_digest(WHOLE) | {"entropy": np.full_like(NAN, np.inf)}), "infinite"),
    "a field of another kind": (zipped(WHOLE | {"cell": OTHER_KIND}), "it does not hold a cell ("),
    "truncated": (zipped(WHOLE)[:-100], ""),
    "empty": (b"", ""),
    "noise": (np.random.default_rng(0).bytes(3000), ""),
    "pickle": (pickle.dumps({"score": 1}), ""),
    "lone array": (lone_array(), ""),
    "zip of text": (zip_of_text(), ""),
    "damaged deflate": (damaged_deflate(), ""),
    "objects": (zipped(WHOLE | {"score": np.array([{"a": 1}], dtype=object)}), ""),
    "no cell": (zipped(random_measurement(TINY_CELL).arrays), "cell"),
    "another cell": (
        zipped(packed(random_measurement(OTHER_CELL))),
        f"it holds cell {OTHER_CELL.key}, expected {TINY_CELL.key}",
    ),
    "another version": (zipped(WHOLE | {"cell": OTHER_VERSION}), "it holds cell another-key, expected "),
    "misshapen": (zipped(WHOLE | {"score": np.zeros((2, 2, 4))}), "missing or misshapen arrays: score"),
    "incomplete": (
        zipped({name: array for name, array in WHOLE.items() if name != "score"}),
        "missing or misshapen arrays: score",
    ),
    "too many arrays": (zipped(WHOLE | {"scores": np.zeros((2, 2, 5))}), "missing or misshapen arrays: scores"),
    "text": (zipped(WHOLE | {"score": np.full((2, 2, 5), "1.0")}), "score"),
    "unreadable provenance": (zipped(WHOLE | {"provenance": np.array("{half")}), ""),
    "provenance of another kind": (
        zipped(WHOLE | {"provenance": np.array("[1]")}),
        "its provenance is [1], expected named fields",
    ),
}


def test_a_record_of_an_earlier_version_has_no_digest_and_is_read(silent_store: Store) -> None:
    silent_store.path(TINY_CELL).write_bytes(zipped(without_digest(WHOLE)))
    assert_same(silent_store.load(TINY_CELL), random_measurement(TINY_CELL))


def test_a_digest_is_all_that_a_record_has_in_addition(silent_store: Store) -> None:
    """Earlier versions read the file: they ask for arrays of float64, a cell and its provenance."""
    found = read_npz(silent_store.save(random_measurement(TINY_CELL)))
    assert found.keys() - random_measurement(TINY_CELL).arrays.keys() == {"cell", "provenance", "sha256"}


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(store: Store, messages: list[str]) -> None:
    os.mkfifo(store.path(TINY_CELL))
    assert store.load(TINY_CELL) is None
    assert "it is a pipe" in messages[0]


@pytest.mark.parametrize(("content", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_put_aside(content: bytes, reason: str, store: Store, messages: list[str]) -> None:
    path = store.path(TINY_CELL)
    path.write_bytes(content)
    assert store.load(TINY_CELL) is None
    assert not store.has(TINY_CELL)
    assert path.with_suffix(".damaged").read_bytes() == content
    (message,) = messages
    assert message.startswith(f"{path.name} is damaged (")
    assert reason in message
    assert message.endswith(f"put aside as {path.stem}.damaged, to be measured again")
    store.save(random_measurement(TINY_CELL))
    assert_same(store.load(TINY_CELL), random_measurement(TINY_CELL))


def test_no_flipped_byte_changes_a_number(store: Store) -> None:
    measurement = random_measurement(TINY_CELL)
    path = store.save(measurement)
    whole = path.read_bytes()
    refused = 0
    for place in np.random.default_rng(0).choice(len(whole), 300, replace=False):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = store.load(TINY_CELL)
        refused += found is None
        if found is not None:  # a byte that says nothing about the arrays, such as a time of day
            assert_same(found, measurement)
    assert refused > 150


def test_store_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "named"))
    assert store_root() == tmp_path / "named"
    assert store_root(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("WNDCHECK_STORE")
    monkeypatch.setattr(measurements.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    assert store_root() == tmp_path / "wndcheck" / "store"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_root("~/here") == tmp_path / "here"


def test_a_root_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "closed").mkdir(mode=0o500)
    roots = ["file"] if os.access(tmp_path / "closed", os.W_OK) else ["file", "closed"]
    for root in roots:
        message = rf"the store .*{root}.* cannot be written \(.+\): name another folder with --wnd-store"
        with pytest.raises(OSError, match=message):
            Store(tmp_path / root)


def test_a_store_that_is_only_read_is_not_created(tmp_path: Path) -> None:
    absent = Store(tmp_path / "store", pytest.fail, make=False)
    assert not absent.has(TINY_CELL)
    assert not absent.is_half_trained(TINY_CELL)
    assert list(absent.measured()) == []
    assert not (tmp_path / "store").exists()


def test_a_cell_with_a_checkpoint_is_half_trained_until_it_is_measured(store: Store) -> None:
    store.checkpoints.folder.mkdir()
    (store.checkpoints.folder / f"{TINY_CELL.key}-0-2.safetensors").touch()
    assert store.is_half_trained(TINY_CELL)
    assert not store.is_half_trained(OTHER_CELL)
    store.save(random_measurement(TINY_CELL))
    assert not store.is_half_trained(TINY_CELL)


# 20,000 nets: writing them takes long enough to be killed at.
LARGE_CELL = replace(TINY_CELL, seeds=tuple(range(20_000)))
SAVE_LARGE = """
import sys
from wndcheck.store.measurements import Store
from wndcheck.tests.store.test_measurements import LARGE_CELL
from wndcheck.tests.tiny import random_measurement
Store(sys.argv[1]).save(random_measurement(LARGE_CELL, int(sys.argv[2])))
"""


def test_a_killed_writer_leaves_no_half_file(store: Store, messages: list[str]) -> None:
    def kill_while_saving(seed: int) -> None:
        process = start_python(SAVE_LARGE, store.root.parent, seed)
        wait_for(lambda: process.poll() is not None or any(p.stat().st_size > 1000 for p in unfinished()))
        process.kill()
        process.communicate()
        assert unfinished(), "the writer had finished"

    def unfinished() -> list[Path]:
        return list(store.root.glob(".*.part"))

    kill_while_saving(1)
    assert not store.has(LARGE_CELL)
    assert store.load(LARGE_CELL) is None
    unfinished()[0].unlink()
    old = random_measurement(LARGE_CELL, 0)
    store.save(old)
    kill_while_saving(2)
    assert_same(store.load(LARGE_CELL), old)
    assert not messages


def test_an_error_while_saving_leaves_nothing(store: Store) -> None:
    unserializable = replace(random_measurement(TINY_CELL), provenance={"made": object()})
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.save(unserializable)
    assert [p for p in store.root.iterdir() if p.is_file()] == []


def test_an_unreadable_file_is_not_damaged(store: Store, messages: list[str]) -> None:
    path = store.path(TINY_CELL)
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        store.load(TINY_CELL)
    assert path.is_dir()
    assert messages == []
