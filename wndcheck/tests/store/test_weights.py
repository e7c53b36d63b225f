"""Nets that are kept at all stages, and measured again from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wndcheck import datasets, devices
from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import stack_bytes
from wndcheck.experiment.measurement import measuring, probing
from wndcheck.experiment.measurement.measuring import Keeping, measure
from wndcheck.experiment.measurement.provenance import State
from wndcheck.nets.specification import Training, Unspecified, Violation
from wndcheck.store.files import read_safetensors, write_safetensors
from wndcheck.store.filling import fill
from wndcheck.store.kept import StateFile
from wndcheck.store.measurements import Store
from wndcheck.tests.experiment.test_memory import assert_same_nets
from wndcheck.tests.tiny import TINY_CELL, TINY_PROBE, Log, assert_same_numbers

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = Unspecified(held_out=9000)  # a thousand images to train on
MLP = replace(TINY_CELL, seeds=(3, 1, 2), protocol=Training(0.1, 64, (0, 1, 3)), unspecified=FEW)
CELLS = [
    MLP,
    replace(TINY_CELL, protocol=Violation("shared", 0.15)),
    replace(MLP, seeds=tuple(range(40)), ensembles=2),
    Cell("cifar10", "relu", 4, (0, 1), Training(0.01, 32, (0, 1)), TINY_PROBE, architecture="convnet"),
]


@pytest.fixture(autouse=True)
def random_images_for_cifar10(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many as the probe and a few steps need."""
    rng, load = np.random.default_rng(0), datasets.load
    images, labels = rng.integers(0, 256, (420, 32, 32, 3), np.uint8), np.arange(420, dtype=np.uint8) % 10
    made = datasets.Dataset(images[:400], labels[:400], images[400:], labels[400:])
    monkeypatch.setattr(datasets, "load", lambda name, root=None: made if name == "cifar10" else load(name, root))
    yield
    probing._load.cache_clear()


def filled(store: Store, cell: Cell, *, keep_weights: bool = False) -> None:
    fill([cell], store, Log(), device="cpu", data_root=None, keep_weights=keep_weights)


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "run", lambda *_: pytest.fail("a net is trained"))


def of_the_next_record(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """The cell under another version of the record: a new object, which has no key yet."""
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    return replace(cell)


def short_of_memory_once(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[int, ...]]:
    """Make a generator of `measuring` raise at its first call, after what it yields first; the seeds of all calls."""
    original, calls = getattr(measuring, name), []

    def generator(cell, *more):
        seeds = next(argument for argument in more if isinstance(argument, tuple))
        calls.append(seeds)
        work = original(cell, *more)
        if len(calls) == 1:
            yield next(work)
            raise torch.OutOfMemoryError("no room")
        return (yield from work)

    monkeypatch.setattr(measuring, name, generator)
    return calls


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.kind)
def test_kept_nets_are_measured_again_to_the_same_bits(
    cell: Cell, store: Store, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measure(cell)
    filled(store, cell, keep_weights=True)
    first = store.load(cell)
    no_training(monkeypatch)
    cell = of_the_next_record(cell, monkeypatch)
    assert not store.has(cell)
    filled(store, cell)
    again = store.load(cell)
    assert first
    assert again
    assert_same_numbers(first, measured)
    assert_same_numbers(again, measured)
    assert (first.provenance["stacks_from_kept_nets"], again.provenance["stacks_from_kept_nets"]) == (0, 1)
    assert again.provenance["seconds"]["training"] == first.provenance["seconds"]["training"]  # type: ignore[index]
    assert messages == []


@pytest.mark.parametrize("cell", [MLP, CELLS[2]], ids=lambda cell: cell.kind)
def test_another_probe_of_kept_nets_gives_the_same_numbers_as_training(
    cell: Cell, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(cell, probe=replace(cell.probe, k=4, most_pairs=7, control_pairs=4))
    expected = measure(other)
    filled(store, cell, keep_weights=True)
    no_training(monkeypatch)
    filled(store, other)
    assert_same_numbers(store.load(other), expected)
    assert store.has(cell)
    assert store.other_records(other) == [store.path(cell)]


def test_weights_but_not_activations_of_ensembles_serve_other_images(store: Store) -> None:
    for cell, serves in ((MLP, True), (CELLS[2], False)):
        filled(store, cell, keep_weights=True)
        other = replace(cell, probe=replace(cell.probe, images_per_class=30))
        assert store.weights.has(cell)
        assert store.weights.has(other) == serves


def test_no_weights_are_kept_by_default(store: Store) -> None:
    filled(store, MLP)
    assert not store.weights.folder.exists()


def test_kept_weights_are_those_of_the_nets(store: Store) -> None:
    filled(store, MLP, keep_weights=True)
    files = sorted(path.name for path in store.weights.folder.iterdir())
    assert files == [f"{MLP.nets_key}-3-3-stage{epoch}.safetensors" for epoch in (0, 1, 3)]
    found = store.weights.of(MLP, MLP.seeds, 0).load()
    assert found
    expected = measuring.build(MLP, MLP.seeds, 784, torch.device("cpu")).state_dict()
    assert found.arrays.keys() == expected.keys()
    for name, array in found.arrays.items():
        assert torch.equal(torch.from_numpy(array), expected[name]), name


def flipped(path: Path) -> None:
    """One byte of a weight."""
    data = bytearray(path.read_bytes())
    data[-7] ^= 0x55
    path.write_bytes(data)


def of_another_stage(path: Path) -> None:
    path.write_bytes(path.with_name(path.name.replace("stage1", "stage3")).read_bytes())


def of_other_nets(path: Path) -> None:
    arrays, notes = read_safetensors(path)
    write_safetensors(path, arrays | {"weights.0": arrays["weights.0"][:, 1:]}, notes)


def without_notes(path: Path) -> None:
    arrays, notes = read_safetensors(path)
    write_safetensors(path, arrays, {"part": notes["part"]})


@pytest.mark.parametrize("damage", [flipped, of_another_stage, of_other_nets, without_notes], ids=lambda d: d.__name__)
def test_damaged_nets_are_named_and_trained_again(
    damage: Callable[[Path], None], store: Store, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = measure(MLP)
    filled(store, MLP, keep_weights=True)
    path = store.weights.path(MLP, MLP.seeds, 1)
    damage(path)
    cell = of_the_next_record(MLP, monkeypatch)
    filled(store, cell)
    assert_same_numbers(store.load(cell), expected)
    assert not path.exists()
    (message,) = messages
    assert message.startswith(f"{path.name} is damaged (")


def test_missing_nets_are_trained_again(store: Store, messages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store, MLP, keep_weights=True)
    store.weights.path(MLP, MLP.seeds, 3).unlink()
    assert not store.weights.has(MLP)
    cell = of_the_next_record(MLP, monkeypatch)
    filled(store, cell, keep_weights=True)
    assert store.load(cell).provenance["stacks_from_kept_nets"] == 0  # type: ignore[union-attr]
    assert store.weights.has(cell)
    assert messages == []


# --- parts of a stack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [MLP, CELLS[2]], ids=lambda cell: cell.kind)
def test_parts_are_measured_again_as_the_same_parts(cell: Cell, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 2 if cell is MLP else 17
    with monkeypatch.context() as patch:
        patch.setattr(devices, "spare_bytes", lambda name: size * stack_bytes(cell, 1) + 1)
        filled(store, cell, keep_weights=True)
    first = store.load(cell)
    parts = store.weights.parts(cell)
    assert first
    assert [len(part) for part in parts] == first.provenance["stacks"]
    assert sum(parts, ()) == cell.seeds
    no_training(monkeypatch)
    again = measure(of_the_next_record(cell, monkeypatch), keeping=Keeping(weights=store.weights))
    assert again.provenance["stacks"] == first.provenance["stacks"]
    assert_same_numbers(again, first)


def test_kept_nets_for_which_memory_runs_out_are_measured_in_halves(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store, MLP, keep_weights=True)
    no_training(monkeypatch)
    calls = short_of_memory_once(monkeypatch, "recalled")
    found = measure(MLP, keeping=Keeping(weights=store.weights))
    first = store.load(MLP)
    assert first
    assert calls == [(3, 1, 2), (3,), (1, 2)]
    assert_same_nets(found.arrays, first.arrays)


def test_half_of_a_damaged_part_is_trained_and_kept_by_itself(store: Store, messages: list[str]) -> None:
    filled(store, MLP, keep_weights=True)
    flipped(store.weights.path(MLP, MLP.seeds, 1))
    assert store.weights.of(MLP, (3,), 1).load() is None
    store.weights.of(MLP, (3,), 1).save(State({"w": np.zeros(1)}, {}))
    assert store.weights.path(MLP, (3,), 1).exists()
    assert not store.weights.path(MLP, MLP.seeds, 1).exists()
    assert len(messages) == 1


def test_parts_for_which_memory_ran_out_are_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory_once(monkeypatch, "run")
    filled(store, MLP, keep_weights=True)
    assert store.weights.parts(MLP) == [(3,), (1, 2)]
    assert len(list(store.weights.folder.iterdir())) == 2 * 3


def test_the_largest_of_overlapping_parts_tiles_the_stack_and_the_smallest_serves_a_part(store: Store) -> None:
    for part in (MLP.seeds, (3,)):
        for epoch in MLP.protocol.stages:
            StateFile(store.weights.path(MLP, part, epoch), pytest.fail).save(State({"w": np.zeros(len(part))}, {}))
    assert store.weights.parts(MLP) == [MLP.seeds]
    assert store.weights.of(MLP, (3,), 1).path == store.weights.path(MLP, (3,), 1)


def interrupt(store: Store, monkeypatch: pytest.MonkeyPatch, **options: bool) -> None:
    """End the training of MLP before its last stage."""

    def interrupted(*args):
        for epochs, is_stage in run(*args):
            if epochs == 3:
                raise KeyboardInterrupt
            yield epochs, is_stage

    run = measuring.run
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            filled(store, MLP, **options)


def test_a_resumed_run_names_the_nets_it_cannot_keep(
    store: Store, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their first stages were trained without --keep-weights, and are not trained again."""
    interrupt(store, monkeypatch)
    filled(store, MLP, keep_weights=True)
    found = store.load(MLP)
    assert found
    assert found.provenance["resumed_at_epochs"] == [1]
    assert messages == [
        f"the nets of {MLP.label} are not kept: an earlier run trained their first stages without --keep-weights"
    ]
    assert list(store.weights.folder.iterdir()) == []


def test_a_resumed_run_keeps_all_stages(store: Store, messages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(store, monkeypatch, keep_weights=True)
    filled(store, MLP, keep_weights=True)
    assert store.weights.has(MLP)
    assert messages == []
    assert_same_numbers(measure(MLP, keeping=Keeping(weights=store.weights)), measure(MLP))


def test_cells_of_the_same_nets_wait_for_each_other(store: Store) -> None:
    """So that the second is measured from the nets that the first has kept."""
    other = replace(MLP, probe=replace(MLP.probe, k=4))
    with store.locked(MLP) as has_lock, store.locked(other) as its, store.locked(replace(MLP, width=9)) as free:
        assert (has_lock, its, free) == (True, False, True)
    log = Log()
    fill([MLP, other], store, log, device="cpu", data_root=None, keep_weights=True)
    stacks = [found.provenance["stacks_from_kept_nets"] for cell in log.done if (found := store.load(cell))]
    assert stacks == [0, 1]
    assert_same_numbers(store.load(other), measure(other))
