"""The two readings of the paper's claims: the images are random, or the parameters too (theorem 1).

A reading measures a stack at every stage and makes the cell's record of it. A stack may hold only some of the cell's
nets; the arrays of the parts are combined at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache, partial
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from wndcheck.devices import host_threads
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import neurons, steps
from wndcheck.experiment.measurement.layers import Initial, Layer, image_floor, scores_alone, summarised, unknown
from wndcheck.experiment.measurement.probing import Data, Images, accuracies, importance, pre_activations
from wndcheck.experiment.measurement.provenance import Arrays
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs, sampled_neurons
from wndcheck.experiment.record_schema import SAME_IMAGE, blank_record, on_images
from wndcheck.nets.specification import Training
from wndcheck.nets.stacks import Stack, weights_of
from wndcheck.seeds import SEEDS_PER_BASE, derived_seed

T = TypeVar("T")
ProgressEvent = tuple[str, float]  # the activity, and the share of it that is done
MOST_DIVERGED = 0.05  # share of an ensemble's nets; an ensemble that lost more is not measured
FORMS = {"": "one image each", SAME_IMAGE: "the same image for all"}
ACCURACIES = ("accuracy", "validation_accuracy")


class DataReading:
    """One net is a replicate, and its samples are the probe's images: its own, or the same for all nets."""

    def __init__(self, cell: Cell, seeds: Sequence[int], device: str) -> None:
        self.cell = replace(cell, seeds=tuple(seeds))
        self.device = device
        self.pairs = [layer_pairs(n, cell.probe.most_pairs, layer) for layer, n in enumerate(neurons(cell))]
        self.ablated = [
            sampled_neurons("ablated", n, cell.probe.ablated, layer) for layer, n in enumerate(neurons(cell)[:-1])
        ]
        self.arrays = blank_record(self.cell)
        for layer, (n, pairs) in enumerate(zip(neurons(cell), self.pairs, strict=True)):
            for name, blank in unknown(n, len(pairs))._asdict().items():
                self.arrays[f"initial_{name}_{layer}"] = np.tile(blank, (len(seeds), *[1] * blank.ndim))

    def record_stage(self, stack: Stack, data: Data, epoch: int) -> Iterator[ProgressEvent]:
        """Measure every layer of every net at this stage. A net that has diverged keeps its NaN.

        Accuracies are those of all images at the last stage, which tells whether a net has trained, and before it of a
        sample.
        """
        cell, row = self.cell, self.cell.protocol.stages.index(epoch)
        probe = data.probe(cell.probe, cell.seeds)
        if steps(cell):  # the accuracy of nets that are never trained is chance
            sample = None if epoch == cell.protocol.stages[-1] else probe
            for name, values in accuracies(stack, data, sample).items():
                self.arrays[name][row] = values
            if cell.probe.ablated:
                self.arrays["importance"][row, :, :-1] = importance(stack, probe.x, self.ablated)
        members = range(len(cell.seeds))
        pieces = [
            partial(self.measure, z[member], member, layer, epoch, probe.of(member).labels.cpu().numpy())
            for layer, z in enumerate(pre_activations(stack, probe.x))
            for member in members
        ]
        if not row and cell.architecture == "mlp" and isinstance(cell.protocol, Training):
            pieces += [partial(self.measure_floor, probe.of(member).x.cpu().numpy(), member) for member in members]
        pieces += [
            partial(self.measure_scores, z[member], member, layer, epoch)
            for per_class in cell.probe.more_images
            for layer, z in enumerate(pre_activations(stack, data.probe(cell.probe, cell.seeds, per_class).x))
            for member in members
        ]
        for share in run_in_threads(pieces, host_threads(self.device)):
            yield f"measuring stage {epoch}", share

    def measure(self, z: np.ndarray, member: int, layer: int, epoch: int, classes: np.ndarray) -> None:
        """Measure one net's layer z (images, neurons) at a stage; classes of the images, (images,)."""
        row, layer_now = self.layer_at_stage(z, member, layer, epoch)
        layer_now = layer_now._replace(classes=classes)
        initial = Initial(*(self.arrays[f"initial_{name}_{layer}"][member] for name in Initial._fields))
        numbers, first = summarised(layer_now, initial if row else None)
        for name, value in numbers.items():
            self.arrays[name][row, member, layer] = value
        for kept, value in zip(initial, first, strict=True):
            kept[:] = value

    def measure_scores(self, z: np.ndarray, member: int, layer: int, epoch: int) -> None:
        """Measure the scores of one net's layer z (images, neurons) at a stage, on more images than the probe's."""
        row, layer_now = self.layer_at_stage(z, member, layer, epoch)
        for name, value in scores_alone(layer_now).items():
            self.arrays[on_images(name, len(z))][row, member, layer] = value

    def measure_floor(self, images: np.ndarray, member: int) -> None:
        """Record what the images (n, inputs) of a net set as a floor, which is the same at all stages."""
        seed = derived_seed(self.cell.seeds[member], "image floor")
        self.arrays["image_floor"][:, member, 0] = image_floor(images, seed)

    def layer_at_stage(self, z: np.ndarray, member: int, layer: int, epoch: int) -> tuple[int, Layer]:
        """The stage's row in the arrays, and a net's layer z (images, neurons) at it."""
        row, seed = self.cell.protocol.stages.index(epoch), self.cell.seeds[member]
        return row, layer_at_stage(self.cell, z, self.pairs[layer], seed, layer, epoch, self.device)

    def kept(self, stack: Stack, epoch: int) -> Arrays:
        """Return what is kept of the nets at a stage, to measure them again: their weights."""
        return weights_of(stack)

    @staticmethod
    def combine_parts(cell: Cell, parts: Sequence[Arrays], device: str) -> Generator[ProgressEvent, None, Arrays]:
        """Return the cell's record, from the arrays of all parts of its stack."""
        yield "measuring", 1.0
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in blank_record(cell)}


class EnsembleReading:
    """An ensemble is a replicate, and its samples are its nets: one image each, or the same image for all."""

    def __init__(self, cell: Cell, seeds: Sequence[int], device: str) -> None:
        self.cell = cell
        first = cell.seeds.index(seeds[0])
        self.part = slice(first, first + len(seeds))
        stages = len(cell.protocol.stages)
        self.arrays: Arrays = {
            f"{form}z_{layer}": np.full((stages, len(seeds), n), np.nan, dtype=np.float32)
            for form in FORMS
            for layer, n in enumerate(neurons(cell))
        }
        self.arrays |= {name: np.full((stages, len(seeds)), np.nan) for name in ACCURACIES}

    def record_stage(self, stack: Stack, data: Data, epoch: int) -> Iterator[ProgressEvent]:
        """Keep the pre-activations of every net on the net's images, and how well the net classifies.

        Accuracies are those of a fixed sample of the images at all stages.
        """
        row = self.cell.protocol.stages.index(epoch)
        yield f"measuring stage {epoch}", 0.0
        if steps(self.cell):  # as in the data reading
            sample = data.sample(self.cell.probe.images_per_class, self.cell.probe.seed)
            for name, values in accuracies(stack, data, sample).items():
                self.arrays[name][row] = values
        for form, images in zip(FORMS, images_shown(self.cell, data, self.part), strict=True):
            for layer, z in enumerate(pre_activations(stack, images[:, None])):
                self.arrays[f"{form}z_{layer}"][row] = z[:, 0]

    def kept(self, stack: Stack, epoch: int) -> Arrays:
        """Return what `record_stage` has recorded of the nets at a stage, which is smaller than their weights."""
        row = self.cell.protocol.stages.index(epoch)
        return {name: array[row] for name, array in self.arrays.items()}

    def restore(self, kept: Arrays, epoch: int) -> None:
        """Take over what was kept of the nets at a stage. ValueError if it is of other nets."""
        row = self.cell.protocol.stages.index(epoch)
        found = {name: array.shape for name, array in kept.items()}
        if found != (expected := {name: array[row].shape for name, array in self.arrays.items()}):
            raise ValueError(f"it holds arrays of shapes {found}, expected {expected}")
        for name, array in kept.items():
            self.arrays[name][row] = array

    @staticmethod
    def combine_parts(cell: Cell, parts: Sequence[Arrays], device: str) -> Generator[ProgressEvent, None, Arrays]:
        """The cell's record: every ensemble's layers, measured with its nets as the samples."""
        record, size = blank_record(cell), cell.nets_per_ensemble
        arrays = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        pieces: list[Callable[[], None]] = []
        for ensemble in range(cell.ensembles):
            nets = slice(ensemble * size, (ensemble + 1) * size)
            diverged = ~np.isfinite(arrays[f"z_{cell.layers - 1}"][:, nets]).all(axis=2)
            if steps(cell):
                diverged |= np.isnan(arrays["accuracy"][:, nets])
            record["diverged"][:, ensemble] = diverged.mean(axis=1)
            kept = ~diverged.any(axis=0)  # a diverged net is not a sample at any stage
            if kept.mean() < 1 - MOST_DIVERGED:
                continue
            for name in ACCURACIES:
                record[name][:, ensemble] = arrays[name][:, nets][:, kept].mean(axis=1)
            for layer, form in product(range(cell.layers), FORMS):
                z = arrays[f"{form}z_{layer}"][:, nets][:, kept]
                pieces.append(partial(measure_ensemble, cell, record, z, ensemble, layer, form, device))
        for share in run_in_threads(pieces, host_threads(device)):
            yield "measuring ensembles", share
        return record


def measure_ensemble(
    cell: Cell, record: Arrays, z: np.ndarray, ensemble: int, layer: int, form: str, device: str
) -> None:
    """Measure one layer of an ensemble at all stages; z (stages, nets, neurons)."""
    pairs, initial = layer_pairs(z.shape[2], cell.probe.most_pairs, layer), None
    for row, epoch in enumerate(cell.protocol.stages):
        layer_now = layer_at_stage(cell, z[row], pairs, ensemble_name(cell, ensemble) + form, layer, epoch, device)
        numbers, initial = summarised(layer_now, initial)
        for name, value in numbers.items():
            record[form + name][row, ensemble, layer] = value


def layer_at_stage(
    cell: Cell, z: np.ndarray, pairs: np.ndarray, replicate: object, layer: int, epoch: int, device: str
) -> Layer:
    """A layer of one replicate, with all that measuring it takes; z (samples, neurons)."""
    activation = cell.activation if layer < cell.layers - 1 else None
    is_last_stage = epoch == cell.protocol.stages[-1]
    return Layer(z, pairs, DrawKey(replicate, layer, epoch), cell.probe, activation, is_last_stage, device)


def images_shown(cell: Cell, data: Data, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """The image that each net of a part of an ensembles' stack sees, (S, inputs): its own, and its ensemble's."""
    size = cell.nets_per_ensemble
    nets = range(len(cell.seeds))[part]
    each, same = [], []
    for ensemble in range(nets[0] // size, nets[-1] // size + 1):
        seed = derived_seed(ensemble_name(cell, ensemble), "images", cell.probe.seed)
        drawn = np.random.default_rng(seed).permutation(cell.probe.images)[:size]
        mine = [drawn[net % size] for net in nets if net // size == ensemble]
        images = ensemble_probe(cell, data, ensemble).x
        each.append(images[mine])
        same.append(images[drawn[[0] * len(mine)]])
    return torch.cat(each), torch.cat(same)


def ensemble_probe(cell: Cell, data: Data, ensemble: int) -> Images:
    """The images that the nets of an ensemble see some of; those of its base seed share none, as far as there are."""
    probe, first = cell.probe, cell.seeds[ensemble * cell.nets_per_ensemble]
    if probe.sampling == "fixed":
        return data.sample(probe.images_per_class, probe.seed)
    base, at = divmod(first, SEEDS_PER_BASE)
    seed = derived_seed("ensembles", "probe", base, probe.seed)
    return data.sample(probe.images_per_class, seed, at // cell.nets_per_ensemble)


def ensemble_name(cell: Cell, ensemble: int) -> str:
    return f"ensemble from {cell.seeds[ensemble * cell.nets_per_ensemble]}"


Reading = DataReading | EnsembleReading


def reading_of(cell: Cell) -> type[Reading]:
    return EnsembleReading if cell.ensembles else DataReading


def run_in_threads(
    pieces: Sequence[Callable[[], T]], threads: int, patience: float = 0.0
) -> Generator[float, None, list[T]]:
    """The results of the pieces of work, in order; in between it yields the share that is done.

    It waits so many seconds for the threads each time: not at all where other cells train in the meantime. With one
    thread, that is the caller's. What a piece raises is raised here, and pieces that have not begun are cancelled.
    """
    if threads == 1:
        results = []
        for done, piece in enumerate(pieces):
            yield done / len(pieces)
            results.append(piece())
        return results
    futures = [_pool(threads).submit(piece) for piece in pieces]
    try:
        while (pending := wait(futures, patience).not_done) and not any(f.exception() for f in futures if f.done()):
            yield 1 - len(pending) / len(futures)
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="wndcheck")
