"""Cell → Measurement: train the stack, stop at every stage, measure every layer of every net.

The unit of replication is the net: each quantity is one number a net, layer and stage, never one a neuron or pair.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from wndcheck import datasets
from wndcheck.cells import Cell, Training
from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.networks import StackedMLP
from wndcheck.probing import accuracy, pre_activations
from wndcheck.records import PAIR_QUANTILES, PLANTED_CORRELATION, Measurement, record_shapes
from wndcheck.seeds import derived_seed
from wndcheck.training import train
from wndcheck.violations import violate

Progress = Callable[[str, float], None]  # what is being done, and the share of it that is done
Initial = dict[tuple[int, int], PairwiseInformation]  # stage 0 of every (member, layer)


@dataclass(frozen=True)
class Data:
    """A data set on the device: standardised images (n, inputs), labels (n,), and the probe's 1000 images."""

    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    probe: Tensor


def load(cell: Cell, device: torch.device, root: str | None) -> Data:
    """The cell's data, scaled by the training images' mean and standard deviation."""
    raw = datasets.load(cell.dataset, root)
    chosen = datasets.probe_indices(raw.train_labels, per_class=cell.probe.images_per_class, seed=cell.probe.seed)

    def scaled(images: np.ndarray) -> Tensor:
        return torch.from_numpy(datasets.standardised(images, raw.train_images)).to(device)

    def classes(labels: np.ndarray) -> Tensor:
        return torch.from_numpy(labels.astype(np.int64)).to(device)

    images = scaled(raw.train_images)
    return Data(
        images,
        classes(raw.train_labels),
        scaled(raw.validation_images),
        classes(raw.validation_labels),
        images[torch.from_numpy(chosen).to(device)],
    )


def measure(
    cell: Cell, *, device: str = "cpu", data_root: str | None = None, progress: Progress = lambda doing, share: None
) -> Measurement:
    """Train and measure one cell. Raises MissingData or DamagedData (with the command to type) without its data."""
    started = time.perf_counter()
    where = torch.device(device)
    data = load(cell, where, data_root)
    stack = StackedMLP(
        data.images.shape[1], cell.width, seeds=cell.seeds, activation=cell.activation, layers=cell.layers
    ).to(where)
    pairs = [layer_pairs(n, cell.probe.most_pairs, layer) for layer, n in enumerate(neurons(stack))]
    record = blank_record(cell)
    initial: Initial = {}
    measuring = 0.0
    for epoch, is_stage in stages(cell, stack, data):
        progress("training", epoch / max(1, cell.protocol.stages[-1]))
        if is_stage:
            paused = time.perf_counter()
            measure_stage(cell, epoch, stack, data, pairs, initial, record, progress)
            measuring += time.perf_counter() - paused
    training = time.perf_counter() - started - measuring
    return Measurement(cell, record, provenance(where, {"training": training, "measuring": measuring}))


def measure_stage(
    cell: Cell,
    epoch: int,
    stack: StackedMLP,
    data: Data,
    pairs: list[np.ndarray],
    initial: Initial,
    record: dict[str, np.ndarray],
    progress: Progress,
) -> None:
    """Fill the record's row of this stage. A member that has diverged keeps its NaN."""
    row = cell.protocol.stages.index(epoch)
    if len(cell.protocol.stages) > 1:  # of a net that is never trained, accuracy says nothing and costs the most
        record["accuracy"][row] = accuracy(stack, data.images, data.labels)
        record["validation_accuracy"][row] = accuracy(stack, data.validation_images, data.validation_labels)
    for layer, z in enumerate(pre_activations(stack, data.probe)):
        progress(f"measuring stage {epoch}", layer / cell.layers)
        for member, seed in enumerate(cell.seeds):
            if not np.isfinite(z[member]).all():
                continue
            now = information(z[member], pairs[layer], cell, seed, layer, epoch)
            before = initial.setdefault((member, layer), now)
            numbers = summarised(now, before) | controls(z[member], cell, seed, layer, epoch)
            for name, value in numbers.items():
                record[name][row, member, layer] = value


def stages(cell: Cell, stack: StackedMLP, data: Data) -> Iterator[tuple[int, bool]]:
    """The cell's protocol as a run of (epoch, is it a stage)."""
    if isinstance(cell.protocol, Training):
        return train(stack, data.images, data.labels, cell.protocol, cell.seeds)
    return violate(stack, cell.width, cell.protocol, cell.seeds)


def neurons(stack: StackedMLP) -> list[int]:
    """Number of neurons of every layer."""
    return [weight.shape[-1] for weight in stack.weights]


def layer_pairs(count: int, most: int, layer: int) -> np.ndarray:
    """All pairs i < j of a layer's neurons, or a seeded sample of `most` of them: (P, 2), in order."""
    pairs = np.stack(np.triu_indices(count, 1), axis=1)
    if len(pairs) <= most:
        return pairs
    rng = np.random.default_rng(derived_seed("pairs", count, layer))
    return pairs[np.sort(rng.choice(len(pairs), most, replace=False))]


def information(z: np.ndarray, pairs: np.ndarray, cell: Cell, seed: int, layer: int, epoch: int) -> PairwiseInformation:
    """Entropies and pairwise 3H information of one layer of one net, with one shuffle of every neuron as the null."""
    return pairwise_mi(
        z,
        k=cell.probe.k,
        pairs=pairs,
        null="shuffle",
        n_shuffles=1,
        random_state=derived_seed(seed, "null", layer, epoch),
    )


def summarised(now: PairwiseInformation, initial: PairwiseInformation) -> dict[str, object]:
    """The layer's numbers at one stage; NaN where flags leave no neuron or pair to average over."""
    change = now.entropy - initial.entropy
    information_change = now.pair_mi - initial.pair_mi
    i, j = now.pairs.T
    assert now.null_mi is not None
    broken = np.concatenate([information_change > change[i], information_change > change[j]])
    known = np.tile(np.isfinite(information_change), 2)
    return {
        "entropy": mean(now.entropy),
        "entropy_change": mean(change),
        "score": mean(now.pair_mi),
        "corrected_score": mean(now.pair_corrected),
        "pair_quantiles": quantiles(now.pair_mi, PAIR_QUANTILES),
        "share_above_null": mean(exceeds(now.pair_mi, quantiles(now.null_mi, (0.95,))[0])),
        "lemma_excess": mean(information_change - (change[i] + change[j]) / 2),
        "lemma_broken": mean(broken[known].astype(float)),
        "flagged": len(now.flags) / len(now.entropy),
    }


def controls(z: np.ndarray, cell: Cell, seed: int, layer: int, epoch: int) -> dict[str, float | None]:
    """Corrected scores of the same activations made independent, and of dependence planted into them (nats).

    Independent: every neuron's samples shuffled on their own. Planted: each shuffled neuron beside a mix of itself and
    its neighbour with correlation `PLANTED_CORRELATION`.
    """
    rng = np.random.default_rng(derived_seed(seed, "control", layer, epoch))
    count = cell.probe.control_pairs
    spread = z.std(axis=0, ddof=1, dtype=np.float64)
    usable = np.flatnonzero(spread > 0)[: count + 1]
    if len(usable) < 2:
        return {"shuffled_score": np.nan, "planted_score": np.nan}
    apart = rng.permuted(z[:, usable] / spread[usable], axis=0)
    mixed = PLANTED_CORRELATION * apart + np.sqrt(1 - PLANTED_CORRELATION**2) * np.roll(apart, 1, axis=1)
    neighbours = np.stack([np.arange(len(usable) - 1), np.arange(1, len(usable))], axis=1)
    beside_its_mix = np.stack([np.arange(len(usable)), len(usable) + np.arange(len(usable))], axis=1)[:count]

    def score(x: np.ndarray, chosen: np.ndarray) -> float | None:
        state = derived_seed(seed, "control null", layer, epoch)
        information = pairwise_mi(x, k=cell.probe.k, pairs=chosen, null="shuffle", n_shuffles=1, random_state=state)
        return information.corrected_score

    return {
        "shuffled_score": score(apart, neighbours),
        "planted_score": score(np.hstack([apart, mixed]), beside_its_mix),
    }


def mean(values: np.ndarray | None) -> float:
    """Mean over what is not NaN; NaN, without a warning, when nothing is left."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def quantiles(values: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles over what is not NaN."""
    kept = values[np.isfinite(values)]
    return np.quantile(kept, at) if kept.size else np.full(len(at), np.nan)


def exceeds(values: np.ndarray, bound: float) -> np.ndarray:
    """1 where a value lies above the bound, 0 where not, NaN where it is NaN."""
    return np.where(np.isfinite(values), values > bound, np.nan)


def blank_record(cell: Cell) -> dict[str, np.ndarray]:
    """Arrays of NaN, to be filled stage by stage."""
    return {name: np.full(shape, np.nan) for name, shape in record_shapes(cell).items()}


def provenance(device: torch.device, seconds: dict[str, float]) -> dict[str, object]:
    """Where and with what a measurement was made; it is recorded and changes no key."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("wndcheck", "torch", "numpy", "numba")},
    }
