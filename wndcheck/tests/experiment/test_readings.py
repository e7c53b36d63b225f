from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from math import hypot, log, log2, sqrt
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from wndcheck import devices
from wndcheck.estimators import pairwise_mi
from wndcheck.experiment.cells import Cell, Probe, Sampling
from wndcheck.experiment.costs import stack_bytes
from wndcheck.experiment.measurement.layers import Layer, summarised
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.probing import accuracy, load
from wndcheck.experiment.measurement.readings import (
    FORMS,
    EnsembleReading,
    ensemble_name,
    ensemble_probe,
    images_shown,
    reading_of,
    run_in_threads,
)
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs
from wndcheck.experiment.record_schema import LAYER_QUANTITIES, QUANTILES, SAME_IMAGE, Measurement, record_shapes
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Unspecified, Violation
from wndcheck.nets.training import BatchOrder, Steps, train
from wndcheck.tests.tiny import TINY_CELL, unmeasured

pytestmark = pytest.mark.usefixtures("one_thread")
T = TypeVar("T")
FEW = Unspecified(held_out=9000)  # a thousand images to train on
# Three ensembles of ten nets; the ten see ten of the thirty probe images.
CELL = replace(
    TINY_CELL,
    seeds=tuple(range(100, 130)),
    probe=Probe(3, most_pairs=10, control_pairs=8),
    ensembles=3,
    unspecified=FEW,
)


@pytest.fixture(scope="module")
def measured() -> Measurement:
    return measure(CELL)


def drained(work: Generator[Any, None, T]) -> tuple[list[Any], T]:
    """Return the values that a generator yields, and the one that it returns."""
    yielded = []
    while True:
        try:
            yielded.append(next(work))
        except StopIteration as done:
            return yielded, done.value


def test_each_cell_has_its_reading() -> None:
    assert reading_of(CELL) is EnsembleReading
    assert reading_of(TINY_CELL) is not EnsembleReading


def shown(cell: Cell, part: slice = slice(None)) -> list[list[bytes]]:
    """The images that its nets see, in both forms."""
    data = load(cell, torch.device("cpu"), None)
    return [[image.numpy().tobytes() for image in form] for form in images_shown(cell, data, part)]


@pytest.mark.parametrize("sampling", ["own", "fixed"])
def test_nets_of_an_ensemble_see_an_image_each_or_the_same(sampling: Sampling) -> None:
    cell = replace(CELL, probe=replace(CELL.probe, sampling=sampling))
    each, same = shown(cell)
    for start in (0, 10, 20):
        assert len(set(each[start : start + 10])) == 10
        assert set(same[start : start + 10]) == {each[start]}
    # Ensembles have ten of their own thirty images, or draw them from the same thirty.
    assert (len(set(each)) == 30) == (sampling == "own")
    assert shown(replace(cell, seeds=cell.seeds[10:20], ensembles=1)) == [each[10:20], same[10:20]]
    assert shown(cell, slice(7, 23)) == [each[7:23], same[7:23]]
    for other in (replace(cell, probe=replace(cell.probe, seed=1)), replace(cell, seeds=tuple(range(10_100, 10_130)))):
        assert shown(other)[0] != each


def test_an_ensemble_that_sees_as_many_images_as_its_probe_has_sees_all_of_them() -> None:
    cell = replace(CELL, ensembles=1)
    probe = ensemble_probe(cell, load(cell, torch.device("cpu"), None), 0)
    assert np.bincount(probe.labels).tolist() == [3] * 10
    each = shown(cell)[0]
    images = [image.numpy().tobytes() for image in probe.x]
    assert sorted(each) == sorted(images)
    assert each != images


def test_ensembles_share_images_where_the_data_have_too_few() -> None:
    data = load(CELL, torch.device("cpu"), None)
    of_class = int(np.bincount(data.labels).min()) // 3  # samples of three that the smallest class has
    first, last, again = (
        ensemble_probe(replace(CELL, seeds=tuple(range(10 * n, 10 * n + 10)), ensembles=1), data, 0).x
        for n in (0, of_class - 1, of_class)
    )
    assert again.equal(first)
    assert not (first[:, None] == last).all(-1).any()


def test_the_record_has_both_forms(measured: Measurement) -> None:
    assert {name: array.shape for name, array in measured.arrays.items()} == record_shapes(CELL)
    quantities = {*LAYER_QUANTITIES, *QUANTILES}  # and none of DATA_QUANTITIES
    others = {"accuracy", "validation_accuracy", "diverged"}
    assert set(measured.arrays) == quantities | {SAME_IMAGE + name for name in quantities} | others
    assert measured["score"].shape == measured[SAME_IMAGE + "score"].shape == (2, 3, 5)
    assert measured["accuracy"].shape == measured["diverged"].shape == (2, 3)
    for name, blank in unmeasured(CELL).items():
        np.testing.assert_array_equal(np.isnan(measured[name]), blank, err_msg=name)
        assert not np.isinf(measured[name]).any(), name
    assert not measured["diverged"].any()
    assert (measured["score"] != measured[SAME_IMAGE + "score"]).all()


def stack_of_one(seed: int) -> list[StackedMLP]:
    """A net trained by itself, at each stage."""
    data, stages = load(CELL, torch.device("cpu"), None), []
    stack = StackedMLP(784, 6, seeds=(seed,), activation="tanh")
    steps, order = Steps(stack, data.images, data.labels, CELL.protocol), BatchOrder((seed,), len(data.images))  # type: ignore[arg-type]
    for _, is_stage in train(steps, order, CELL.protocol):  # type: ignore[arg-type]
        if is_stage:
            stages.append(StackedMLP(784, 6, seeds=(seed,), activation="tanh"))
            stages[-1].load_state_dict(stack.state_dict())
    return stages


def test_an_ensembles_numbers_are_those_of_nets_trained_one_by_one(measured: Measurement) -> None:
    ensemble, data = 1, load(CELL, torch.device("cpu"), None)
    seeds, nets = CELL.seeds[10:20], slice(10, 20)
    members = [stack_of_one(seed) for seed in seeds]
    for row, epoch in enumerate((0, 1)):
        rightly = [accuracy(stages[row], *data.sample(3, 0)) for stages in members]
        assert measured["accuracy"][row, ensemble] == pytest.approx(np.mean(rightly))
        unseen = data.validation_images[:30], data.validation_labels[:30]  # as many as the probe has
        rightly = [accuracy(stages[row], *unseen) for stages in members]
        assert measured["validation_accuracy"][row, ensemble] == pytest.approx(np.mean(rightly))
        for form, images in zip(FORMS, images_shown(CELL, data), strict=True):
            arrays = [
                stages[row].pre_activations(image[None]) for stages, image in zip(members, images[nets], strict=True)
            ]
            for layer, z in enumerate(zip(*arrays, strict=True)):
                draw_key = DrawKey("ensemble from 110" + form, layer, epoch)
                samples = torch.cat(z)[:, 0].detach().numpy()
                pairs = layer_pairs(samples.shape[1], 10, layer)
                expected = pairwise_mi(
                    samples, pairs=pairs, null="shuffle", n_shuffles=1, random_state=draw_key.seed("null"), device="cpu"
                )
                # Single precision, made larger by 16 steps and by the logarithm of distances within ten samples.
                where = (row, ensemble, layer)
                close = pytest.approx(expected.score, abs=1e-3)
                assert measured[form + "score"][where] == close, (form, *where)
                close = pytest.approx(expected.corrected_score, abs=1e-3)
                assert measured[form + "corrected_score"][where] == close, (form, *where)
                close = pytest.approx(expected.entropy.mean(), abs=1e-3)
                assert measured[form + "entropy"][where] == close, (form, *where)


def test_an_ensemble_changes_from_its_own_stage_0(measured: Measurement) -> None:
    for form in FORMS:
        assert not measured[form + "entropy_change"][0].any()
        change = measured[form + "entropy"][1] - measured[form + "entropy"][0]
        np.testing.assert_allclose(measured[form + "entropy_change"][1], change, atol=1e-12)
        assert change.any()


@pytest.mark.parametrize(
    ("cell", "most", "stacks"),
    [(CELL, 8, [7, 8, 7, 8]), (replace(TINY_CELL, seeds=(5, 3, 8, 1, 9), unspecified=FEW), 2, [1, 2, 2])],
    ids=["ensembles", "nets"],
)
def test_split_stacks_give_the_same_numbers(
    cell: Cell, most: int, stacks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure(cell)
    assert whole.provenance["stacks"] == [len(cell.seeds)]
    monkeypatch.setattr(devices, "spare_bytes", lambda name: stack_bytes(cell, most) + 1)
    parts = measure(cell)
    assert parts.provenance["stacks"] == stacks
    for name, array in whole.arrays.items():
        # Sums in another order: single precision, made larger by 16 steps. Shares jump where a comparison turns over.
        atol = 0.11 if name.endswith("lemma_broken") else 1e-4
        np.testing.assert_allclose(parts[name], array, rtol=0, atol=atol, err_msg=name)


# Two ensembles of 200 nets, 190 pairs of neurons: 200 samples give a pair an error of about .08 nats (sd, corrected by
# one shuffle; .035 with 1000), and half of all pairs share a neuron.
LARGE = replace(
    CELL, width=20, seeds=tuple(range(400)), protocol=Violation("shared", 0.6 / log2(10)), probe=Probe(20), ensembles=2
)
ERROR = 4 * 0.08 * sqrt(2 / 380)


def test_planted_dependence_across_nets_is_measured() -> None:
    found = measure(LARGE)
    scores = found[SAME_IMAGE + "corrected_score"].mean(axis=1)
    # Shown one image, first-layer neurons of initial nets are independent normals; after it, of one correlation, .6.
    assert abs(scores[0, 0]) < ERROR
    # What they share is the same for all pairs. Of 200 nets its variance errs by √(2/200), the correlation by .6 · .4
    # of that, the information by .6 / (1 - .6²) of that: .022 nats, of two ensembles .016.
    assert abs(scores[1, 0] - -0.5 * log(1 - 0.6**2)) < hypot(ERROR, 4 * 0.016)
    for form in FORMS:
        assert (found[form + "corrected_score"][1, :, :4] > 0.1).all(), form
        assert (np.abs(found[form + "shuffled_score"].mean(axis=1)) < 4 * 0.08 * sqrt(2 / 200)).all(), form
        assert (found[form + "flagged"] == 0).all()
    # Over images the scale of the inputs is random too, which neurons share; the planted direction outweighs it.
    assert abs(found["corrected_score"].mean(axis=1)[0, 0]) < 0.05


def random_arrays(cell: Cell) -> dict[str, np.ndarray]:
    """Random pre-activations in the shapes of what a reading keeps."""
    rng = np.random.default_rng(0)
    shapes = {name: array.shape for name, array in EnsembleReading(cell, cell.seeds, "cpu").arrays.items()}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}


def test_an_ensembles_record_has_the_numbers_of_its_layers(two_ensembles) -> None:
    cell, arrays, found = two_ensembles
    for form in FORMS:
        for number in (0, 4):  # tanh comes after the one, nothing after the other
            initial, pairs = None, layer_pairs(6 if number == 0 else 10, 10, number)
            for row in (0, 1):
                z = arrays[f"{form}z_{number}"][row, 30:]
                draw_key = DrawKey("ensemble from 30" + form, number, row)
                layer = Layer(z, pairs, draw_key, cell.probe, None if number else "tanh", row == 1, "cpu")
                numbers, initial = summarised(layer, initial)
                assert {"negentropy", "gaussian_score", "planted_strong_score"} < set(numbers)
                for name, value in numbers.items():
                    np.testing.assert_array_equal(found[form + name][row, 1, number], value, err_msg=form + name)


@pytest.fixture
def two_ensembles() -> tuple[Cell, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A cell, its reading's arrays, and its record."""
    cell = replace(CELL, seeds=tuple(range(60)), ensembles=2)
    arrays = random_arrays(cell)
    return cell, arrays, drained(EnsembleReading.combine_parts(cell, [arrays], "cpu"))[1]


def test_a_diverged_net_is_not_a_sample(two_ensembles) -> None:
    cell, arrays, sane = two_ensembles
    arrays["accuracy"][1, 47] = np.nan
    for name in arrays:
        if "z_" in name:
            arrays[name][1, 47] = np.inf
    found = drained(EnsembleReading.combine_parts(cell, [arrays], "cpu"))[1]
    assert found["diverged"].tolist() == [[0, 0], [0, 1 / 30]]
    for name, array in sane.items():
        np.testing.assert_array_equal(found[name][:, 0], array[:, 0], err_msg=name)
    others = np.delete(np.arange(60), 47)[30:]
    for row in (0, 1):  # at no stage
        assert found["accuracy"][row, 1] == pytest.approx(arrays["accuracy"][row, others].mean())
        for form in FORMS:
            draw_key = DrawKey(ensemble_name(cell, 1) + form, 2, row)
            z, pairs = arrays[f"{form}z_2"][row, others], layer_pairs(6, 10, 2)
            expected = pairwise_mi(z, pairs=pairs, null="shuffle", n_shuffles=1, random_state=draw_key.seed("null"))
            assert found[form + "score"][row, 1, 2] == pytest.approx(expected.score, abs=1e-12)


def test_an_ensemble_with_many_diverged_nets_is_not_measured(two_ensembles) -> None:
    cell, arrays, sane = two_ensembles
    arrays["accuracy"][1, [31, 47]] = np.nan
    found = drained(EnsembleReading.combine_parts(cell, [arrays], "cpu"))[1]
    assert found["diverged"].tolist() == [[0, 0], [0, 2 / 30]]
    for name, array in sane.items():
        np.testing.assert_array_equal(found[name][:, 0], array[:, 0], err_msg=name)
        assert name == "diverged" or np.isnan(found[name][:, 1]).all(), name


@pytest.mark.parametrize("threads", [1, 3])
def test_results_keep_their_order_and_shares_rise(threads: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.03 * (5 - number))
        return number

    shares, results = drained(run_in_threads([partial(slow, number) for number in range(5)], threads))
    assert results == [0, 1, 2, 3, 4]
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)


def test_one_thread_is_the_callers() -> None:
    ran: list[threading.Thread] = []
    work = run_in_threads([lambda: ran.append(threading.current_thread())] * 3, 1)
    assert [next(work), len(ran), next(work), len(ran)] == [0, 0, 1 / 3, 1]
    assert drained(run_in_threads([threading.current_thread], 1))[1] == [threading.current_thread()]


def test_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    _, results = drained(run_in_threads([partial(meeting.wait, 10)] * 3, 3))
    assert sorted(results) == [0, 1, 2]
    event = threading.Event()
    work = run_in_threads([partial(event.wait, 10)], 2)
    assert [next(work), next(work)] == [0, 0]
    event.set()
    assert set(work) <= {0}  # of a thread that has not seen it yet


def begun_pieces() -> tuple[list[int], list[Callable[[], None]]]:
    """Fifty pieces of work, and the numbers of those that have begun."""
    begun: list[int] = []

    def piece(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)

    return begun, [partial(piece, number) for number in range(50)]


def failing() -> None:
    raise ValueError("the first")


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_and_cancels_the_rest(threads: int) -> None:
    begun, pieces = begun_pieces()
    with pytest.raises(ValueError, match="the first"):
        drained(run_in_threads([failing, *pieces], threads))
    time.sleep(0.2)
    assert len(begun) < 25


def test_closing_cancels_the_rest() -> None:
    begun, pieces = begun_pieces()
    work = run_in_threads(pieces, 2)
    next(work)
    work.close()
    time.sleep(0.2)
    assert len(begun) < 25
