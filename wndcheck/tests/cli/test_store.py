"""`wndcheck store` as a user meets it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.families import cells_of, perceptron
from wndcheck.experiment.measurement.provenance import State
from wndcheck.experiment.profiles import QUICK
from wndcheck.nets.specification import NETS
from wndcheck.seeds import SEEDS_PER_BASE
from wndcheck.store.measurements import FOLDER, READ_ONLY, IncompleteStore, Store
from wndcheck.store.remote import downloaded
from wndcheck.tests.tiny import TINY_CELL, assert_same_numbers, random_measurement

OTHER_CELL = replace(TINY_CELL, width=7)
MADE = "2026-11-23T16:00:00+00:00"
PROVENANCE = {"made": MADE, "seconds": {"training": 60.4, "measuring": 3.0}, "device": "an abacus"}
CHECKPOINT = State({"w": np.zeros(3)}, {"epochs": 5, "seconds": {}})


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store the commands take, with one cell."""
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    store = Store(say=pytest.fail)
    store.save(replace(random_measurement(TINY_CELL), provenance=PROVENANCE))
    return store


@pytest.fixture
def run(cli):
    return lambda *arguments: cli("store", *arguments)


def test_list_shows_what_is_measured(run):
    outcome = run("list")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{MADE}      63 s  {TINY_CELL.label}  (an abacus)\n"


def test_list_shows_what_is_half_trained(run, kept):
    known = perceptron(QUICK, "tanh", 50, 2)
    kept.checkpoints.of(known, known.seeds[3:]).save(CHECKPOINT)
    kept.checkpoints.of(OTHER_CELL, OTHER_CELL.seeds).save(CHECKPOINT)
    assert set(run("list").stdout.splitlines()[1:]) == {
        f"half trained: {known.label}: 5 of 10 epochs of 5 nets from seed {2 * SEEDS_PER_BASE + 3}",
        f"half trained: cell {OTHER_CELL.key}: 5 epochs of 2 nets from seed 0",
    }


def test_list_names_damaged_files_and_ends_with_status_1(run, kept):
    kept.path(OTHER_CELL).write_bytes(b"PK half")
    kept.checkpoints.folder.mkdir()
    (kept.checkpoints.folder / f"{OTHER_CELL.key}-0-2.safetensors").write_bytes(b"PK half")
    outcome = run("list")
    assert outcome.exit_code == 1
    assert len(outcome.stdout.splitlines()) == 1
    first, second = outcome.stderr.splitlines()
    assert first.startswith(f"{kept.path(OTHER_CELL).name} is damaged: ")
    assert second.startswith(f"checkpoint {OTHER_CELL.key}-0-2.safetensors is damaged: ")
    assert kept.path(OTHER_CELL).exists()


def test_list_and_merge_name_unreadable_files_and_end_with_status_1(run, kept, tmp_path):
    for store in (kept, Store(tmp_path / "there")):
        store.path(OTHER_CELL).mkdir()
    name = kept.path(OTHER_CELL).name
    for arguments in (("list",), ("merge", tmp_path / "there")):
        outcome = run(*arguments)
        assert (outcome.exit_code, outcome.stderr) == (1, f"{name} cannot be read: Is a directory\n")
    assert outcome.stdout == "0 copied, 0 there already, 0 damaged, 1 unreadable\n"


def test_list_says_what_to_do_with_files_put_aside(run, kept):
    reading = Store(say=lambda message: None)
    for cell in (OTHER_CELL, TINY_CELL):
        kept.path(cell).write_bytes(b"PK half")
        assert reading.load(cell) is None
    kept.save(random_measurement(TINY_CELL))
    outcome = run("list")
    assert outcome.exit_code == 0
    prefixes = [f"{kept.path(cell).stem}.damaged was damaged and put aside; " for cell in (TINY_CELL, OTHER_CELL)]
    assert outcome.stdout.splitlines()[1:] == [
        f"{prefixes[0]}its cell has been measured again: delete it",
        f"{prefixes[1]}measure its cell again with `wndcheck measure`, then delete it",
    ]


@pytest.mark.parametrize(
    ("folder", "message"),
    [("none", "is not a folder: name the root of a store"), (".", f"is not a store: expected a folder {FOLDER} in it")],
)
def test_list_of_what_is_not_a_store_ends_with_status_2(run, tmp_path, folder, message):
    outcome = run("list", "--store", tmp_path / folder)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"Error: {tmp_path / folder} {message}" in outcome.stderr
    assert not (tmp_path / "none").exists()


def test_merge_counts_what_it_did(run, kept, tmp_path):
    there = Store(tmp_path / "there", pytest.fail)
    for cell in (TINY_CELL, OTHER_CELL):
        there.save(random_measurement(cell))
    outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "1 copied, 1 there already, 0 damaged\n", "")
    assert kept.has(OTHER_CELL)
    assert run("merge", tmp_path / "there" / FOLDER, "--store", tmp_path / "new").stdout.startswith("2 copied, 0 there")


def test_merge_names_what_is_damaged_and_ends_with_status_1(run, tmp_path):
    there = Store(tmp_path / "there")
    there.path(OTHER_CELL).write_bytes(b"PK half")
    outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout) == (1, "0 copied, 0 there already, 1 damaged\n")
    assert outcome.stderr.startswith(f"{there.path(OTHER_CELL).name} is damaged: ")


def test_merge_leaves_out_cells_that_are_being_measured(run, kept, tmp_path):
    there = Store(tmp_path / "there")
    there.save(random_measurement(OTHER_CELL))
    with kept.locked(OTHER_CELL):
        outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout) == (0, "0 copied, 0 there already, 0 damaged, 1 left out\n")
    name = there.path(OTHER_CELL).name
    assert outcome.stderr == f"{name} is left out: another process measures its cell at this moment\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("store", "is the store itself: name another one, or another --store"),
        ("nowhere", f"is not a folder: name the root of a store, or {FOLDER} in it"),
        (".", f"is not a store: expected a folder {FOLDER} in it"),
        ("old", f"holds only nets of version {NETS - 1}, and this wndcheck reads version {NETS}"),
    ],
)
def test_merge_of_what_is_not_another_store_ends_with_status_2(run, tmp_path, source, message):
    (tmp_path / "old" / f"v{NETS - 1}").mkdir(parents=True)
    outcome = run("merge", tmp_path / source)
    assert outcome.exit_code == 2
    assert f"Error: {tmp_path / source} {message}" in outcome.stderr
    assert run("merge").exit_code == 2


def test_a_store_that_cannot_be_made_ends_with_status_2(run, tmp_path):
    (tmp_path / "file").touch()
    outcome = run("merge", tmp_path, "--store", tmp_path / "file" / "store")
    assert outcome.exit_code == 2
    assert "name another folder with --store" in outcome.stderr


def test_export_makes_a_store_that_is_only_read(run, kept, tmp_path):
    cell, *others = cells_of(["trained/relu"], QUICK, 7)
    kept.save(random_measurement(cell))
    kept.path(others[0]).write_bytes(b"PK half")
    kept.checkpoints.of(others[1], others[1].seeds).save(CHECKPOINT)
    folder = tmp_path / "report" / "store"
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "of-another-version.npz").touch()
    for _ in range(2):  # into a folder that is there, too
        outcome = run("export", folder, "--seed=7")
        assert outcome.exit_code == 0
        assert re.fullmatch(rf"1 of \d+ cells, 0.1 MB, in {folder}\n", outcome.stdout)
        assert f"not measured: {others[0].label}\n" in outcome.stderr
        assert cell.label not in outcome.stderr
    exported = Store.to_judge(folder)
    assert not exported.is_writable
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {READ_ONLY, kept.path(cell).name}
    assert exported.path(cell).read_bytes() == kept.path(cell).read_bytes()
    assert "--wnd-profile=quick --wnd-seed=7 --wnd-store=" in (folder / READ_ONLY).read_text()
    with pytest.raises(IncompleteStore, match=r"only read \(its cells are those of profile quick, base seed 7\), and"):
        Store.to_judge(folder).require(OTHER_CELL)
    assert run("merge", kept.root, "--store", folder).exit_code == 2


def test_export_that_cannot_be_done_changes_nothing(run, kept, tmp_path):
    itself = run("export", kept.root.parent)
    assert (itself.exit_code, "is the store itself: name another folder" in itself.stderr) == (2, True)
    assert kept.has(TINY_CELL)
    (tmp_path / "file").touch()
    outcome = run("export", tmp_path / "file" / "store")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert (
        f"Error: {tmp_path / 'file' / 'store'} cannot be written (Not a directory): name another folder"
        in outcome.stderr
    )


# --- stores at URLs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def at_url(tmp_path) -> str:
    """A store of two cells, on fsspec's file system in memory, with a file in a folder that is no record."""
    from fsspec.implementations.memory import MemoryFileSystem

    there, system = Store(tmp_path / "there"), MemoryFileSystem()
    for cell in (TINY_CELL, OTHER_CELL):
        there.save(random_measurement(cell))
    system.put(str(there.root) + "/", f"/bucket/store/{FOLDER}/", recursive=True)
    system.pipe(f"/bucket/store/{FOLDER}/elsewhere/x.npz", b"PK half")
    yield "memory://bucket/store"
    system.rm("/bucket", recursive=True)


def test_merge_of_a_url_copies_its_records(run, kept, at_url, tmp_path):
    outcome = run("merge", at_url)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "1 copied, 1 there already, 0 damaged\n", "")
    assert_same_numbers(kept.load(OTHER_CELL), random_measurement(OTHER_CELL))
    below = run("merge", f"{at_url}/{FOLDER}", "--store", tmp_path / "new")
    assert below.stdout.startswith("2 copied, 0 there already")
    assert run("merge", f"file://{tmp_path}/there", "--store", tmp_path / "third").stdout.startswith(
        "2 copied, 0 there"
    )


def test_merge_of_a_url_verifies_what_it_copies(run, kept, at_url):
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem().pipe(f"/bucket/store/{FOLDER}/{kept.path(OTHER_CELL).name}", b"PK half")
    outcome = run("merge", at_url)
    assert (outcome.exit_code, outcome.stdout) == (1, "0 copied, 1 there already, 1 damaged\n")
    assert f"{kept.path(OTHER_CELL).name} is damaged: " in outcome.stderr
    assert not kept.has(OTHER_CELL)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://bucket/store", "nonsense://bucket/store cannot be reached: Protocol not known: nonsense"),
        ("dropbox://bucket/store", "dropbox://bucket/store cannot be reached: DropboxFileSystem requires"),
        ("memory://nowhere", f"memory://nowhere is not a store: expected a folder {FOLDER} in it"),
    ],
)
def test_merge_of_a_url_that_is_no_store_ends_with_status_2(run, url, message):
    outcome = run("merge", url)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert message in outcome.stderr


def test_only_records_are_downloaded(kept, at_url, tmp_path):
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem().pipe(f"/bucket/store/{FOLDER}/half.npz.part", b"PK half")
    (tmp_path / "copy").mkdir()
    found = downloaded(f"{at_url}/", tmp_path / "copy")
    records = {kept.path(cell).name for cell in (TINY_CELL, OTHER_CELL)}
    assert {path.name for path in (found / FOLDER).iterdir()} == records


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("no credentials"), "no credentials"), (PermissionError(), "PermissionError")],
    ids=["with words", "without"],
)
def test_merge_of_a_url_whose_service_fails_ends_with_status_1(run, at_url, monkeypatch, error, said):
    from fsspec.implementations.memory import MemoryFileSystem

    def denied(*_, **__):
        raise error

    monkeypatch.setattr(MemoryFileSystem, "get_file", denied)
    outcome = run("merge", at_url)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == f"Error: {at_url} cannot be read: {said}\n"


def test_merge_of_a_url_without_fsspec_says_what_to_type(run, monkeypatch):
    monkeypatch.setattr("wndcheck.store.remote.find_spec", lambda name: None)
    outcome = run("merge", "s3://bucket/store")
    assert outcome.exit_code == 2
    assert "s3://bucket/store needs fsspec: type `pip install 'wndcheck[fsspec]'`" in outcome.stderr
