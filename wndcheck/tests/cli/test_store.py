"""`wndcheck store` as a user meets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main
from wndcheck.experiment.families import perceptron
from wndcheck.experiment.measurement.history import State
from wndcheck.experiment.profiles import QUICK
from wndcheck.nets.specification import NETS
from wndcheck.seeds import SEEDS_PER_BASE
from wndcheck.store.measurements import FOLDER, Store
from wndcheck.tests.tiny import TINY_CELL, random_measurement

OTHER_CELL = replace(TINY_CELL, width=7)
TOLD = {"made": "2026-11-23T16:00:00+00:00", "seconds": {"training": 60.4, "measuring": 3.0}, "device": "an abacus"}
CHECKPOINT = State({"w": np.zeros(3)}, {"epochs": 5, "seconds": {}})


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store the commands take, with one cell."""
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    store = Store(say=pytest.fail)
    store.save(replace(random_measurement(TINY_CELL), provenance=TOLD))
    return store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["store", *map(str, arguments)])


def test_help_explains_commands_and_exit_status():
    assert all(name in run("--help").output for name in ("list", "merge"))
    for command in ("list", "merge"):
        text = run(command, "--help").output
        assert all(word in text for word in ("--store", "WNDCHECK_STORE", "Exit status: 0")), command


def test_list_says_what_is_measured():
    outcome = run("list")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{TOLD['made']}      63 s  {TINY_CELL.label}  (an abacus)\n"


def test_list_says_what_is_half_trained(kept):
    known = perceptron(QUICK, "tanh", 50, 2)
    kept.checkpoints.of(known, known.seeds[3:]).save(CHECKPOINT)
    kept.checkpoints.of(OTHER_CELL, OTHER_CELL.seeds).save(CHECKPOINT)
    lines = run("list").stdout.splitlines()[1:]
    assert sorted(lines) == sorted(
        [
            f"half trained: {known.label}: 5 of 12 epochs of 5 nets from seed {2 * SEEDS_PER_BASE + 3}",
            f"half trained: cell {OTHER_CELL.key}: 5 epochs of 2 nets from seed 0",
        ]
    )


def test_list_names_damaged_files_and_ends_with_status_1(kept):
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


def test_list_of_a_store_that_is_not_there_makes_none(tmp_path):
    outcome = run("list", "--store", tmp_path / "none")
    assert (outcome.exit_code, outcome.output) == (0, "")
    assert not (tmp_path / "none").exists()


def test_merge_counts_what_it_did(kept, tmp_path):
    there = Store(tmp_path / "there", pytest.fail)
    for cell in (TINY_CELL, OTHER_CELL):
        there.save(random_measurement(cell))
    outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "1 copied, 1 there already, 0 damaged\n", "")
    assert kept.has(OTHER_CELL)
    assert run("merge", tmp_path / "there" / FOLDER, "--store", tmp_path / "new").stdout.startswith("2 copied, 0 there")


def test_merge_names_what_is_damaged_and_ends_with_status_1(tmp_path):
    there = Store(tmp_path / "there")
    there.path(OTHER_CELL).write_bytes(b"PK half")
    outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout) == (1, "0 copied, 0 there already, 1 damaged\n")
    assert outcome.stderr.startswith(f"{there.path(OTHER_CELL).name} is damaged: ")


def test_merge_leaves_out_what_is_at_work(kept, tmp_path):
    there = Store(tmp_path / "there")
    there.save(random_measurement(OTHER_CELL))
    with kept.held(OTHER_CELL):
        outcome = run("merge", tmp_path / "there")
    assert (outcome.exit_code, outcome.stdout) == (0, "0 copied, 0 there already, 0 damaged, 1 left out\n")
    name = there.path(OTHER_CELL).name
    assert outcome.stderr == f"{name} is left out: another process measures its cell at this moment\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("store", "is the store itself: name another one, or another --store"),
        ("nowhere", f"is not a folder: name the root of a store, or {FOLDER} in it"),
        (".", f"is not a store: expected a folder {FOLDER} in it"),
        ("old", f"holds only nets of version {NETS - 1}, and this wndcheck reads version {NETS}"),
    ],
)
def test_merge_of_what_is_no_other_store_ends_with_status_2(tmp_path, source, said):
    (tmp_path / "old" / f"v{NETS - 1}").mkdir(parents=True)
    outcome = run("merge", tmp_path / source)
    assert outcome.exit_code == 2
    assert f"Error: {tmp_path / source} {said}" in outcome.stderr
    assert run("merge").exit_code == 2


def test_a_store_that_cannot_be_made_ends_with_status_2(tmp_path):
    (tmp_path / "file").touch()
    outcome = run("merge", tmp_path, "--store", tmp_path / "file" / "store")
    assert outcome.exit_code == 2
    assert "name another folder with --store" in outcome.stderr
