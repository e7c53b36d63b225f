"""One net of a sweep: built under its seed, trained, and measured at every stage."""

from __future__ import annotations

import re
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from inspect import isgenerator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.layers import Initial, Layer, summarised
from wndcheck.experiment.measurement.measuring import is_out_of_memory
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs
from wndcheck.inspect.evaluation import seeded_generators
from wndcheck.inspect.probing import INPUT_SAMPLES, probe
from wndcheck.inspect.results import Activations
from wndcheck.report.format import one_line
from wndcheck.store.executors import Terminated
from wndcheck.store.files import content_digest
from wndcheck.sweep.records import NO_SUCH_LAYER, NetRecord, is_named

# Pairs of the controls of narrower nets, which are asked only whether a planted rise is found: 0.22 nats and more.
FEW_CONTROLS = 16
FEW_SAMPLES = 8  # inputs that show which layers a net has
NOT_FINITE = re.compile("NaN or infinity")  # in what `probe` says of a layer's output

RETURNED: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # nets of make_net that still exist


def has_diverged(said: str) -> bool:
    """Whether `probe` says that activations are not finite, of inputs that are."""
    return bool(NOT_FINITE.search(said)) and INPUT_SAMPLES not in said


def checked_accuracy(value: Any) -> float:
    """What `evaluate` has returned, as a number; TypeError where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"evaluate returned {repr(value)[:60]}: expected a number, such as an accuracy") from None


class DivergedError(ValueError):
    """A net's parameters, or its activations, are not finite."""


@dataclass
class Family:
    """A family of nets by width, their inputs, and how they are measured; see `width_sweep`."""

    make_net: Callable[[int], nn.Module]
    x: Any
    train: Callable[[nn.Module, int], Any] | None
    evaluate: Callable[[nn.Module], float] | None
    layers: tuple[str, ...] | None
    max_samples: int
    probe: Probe
    widest: int
    device: str
    probing: dict[str, Any]  # further options of `wndcheck.probe`

    def measure(self, width: int, seed: int) -> NetRecord:
        """Build, train and measure one net. What it raises is the `problem` of the record."""
        record, started = NetRecord(width, seed), time.perf_counter()
        with seeded_generators(range(torch.cuda.device_count()), seed):
            try:
                self._record(record)
            except DivergedError as error:
                record.diverged, record.problem = True, f"diverged: {error}"
            except Terminated:
                raise
            except (Exception, SystemExit) as error:
                why = one_line(f"{type(error).__name__}: {error}") + self._place(error)
                record.problem = f"out of memory ({why})" if is_out_of_memory(error) else why
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # what one net leaves would not be there for the next, which is of another size
        record.seconds = time.perf_counter() - started
        return record

    def _record(self, record: NetRecord) -> None:
        net = self.make_net(record.width)
        if not isinstance(net, nn.Module):
            raise TypeError(f"make_net returned {type(net).__name__}: expected a torch.nn.Module")
        if net in RETURNED:
            raise ValueError("make_net returned a net that it has returned before: expected a new one each time")
        RETURNED.add(net)
        parameters = {name: each.detach().to("cpu", torch.float32).numpy() for name, each in net.named_parameters()}
        record.weights = content_digest(parameters, "")
        initial: dict[str, Initial] = {}
        for stage in self._stages(net, record.seed):
            if stage and not all(each.isfinite().all() for each in net.parameters()):
                raise DivergedError(f"its parameters are not finite at stage {stage}")
            found = None if stage else self._find_layers(net, record)
            self._measure_stage(net, stage, record, initial, found)

    def _place(self, error: BaseException) -> str:
        """The innermost line of the files of the functions that an error came through, or nothing."""
        functions = filter(None, (self.make_net, self.train, self.evaluate))
        files = {getattr(sys.modules.get(each.__module__), "__file__", "") for each in functions}
        lines = [each for each in traceback.extract_tb(error.__traceback__) if each.filename in files]
        return f" ({Path(lines[-1].filename).name}, line {lines[-1].lineno}, in {lines[-1].name})" if lines else ""

    def _stages(self, net: nn.Module, seed: int) -> Iterator[int]:
        """Number of each stage, at which the net is as it is to be measured."""
        yield 0
        if self.train is None:
            return
        training = self.train(net, seed)
        if not isgenerator(training):
            yield 1
            return
        for stage, _ in enumerate(training, 1):
            yield stage

    def _find_layers(self, net: nn.Module, record: NetRecord) -> Activations | None:
        """Note the layers to measure, those of `layers` and the last one that a forward pass reaches.

        Their activations where these are all that a net has by default, which one pass then finds and measures.
        """
        found = self._probed(net, None, self.max_samples if self.layers is None else FEW_SAMPLES)
        record.last = found.reached[-1]
        patterns = ("*",) if self.layers is None else self.layers
        modules = dict(getattr(net, "_orig_mod", net).named_modules())
        named = {name for name in patterns if name.partition("#")[0] in modules}
        chosen = {name for name in found if is_named(name, patterns)} | named
        if not chosen:
            raise ValueError(f"no layer of the net is named {', '.join(patterns)}: its layers are {', '.join(found)}")
        record.left_out = {name: why for name, why in found.left_out.items() if is_named(name, patterns)}
        known = (*chosen, *found.left_out)
        record.left_out |= {p: NO_SUCH_LAYER for p in patterns if not any(is_named(name, [p]) for name in known)}
        if named - set(found):
            found = self._probed(net, sorted(chosen | ({record.last} & set(found))), FEW_SAMPLES)
            chosen = set(found)
        sizes = {name: z.shape[1] for name, z in found.items() if name in chosen or name == record.last}
        record.neurons = {name: size for name, size in sizes.items() if size > 1}
        record.left_out |= {name: "it has one neuron" for name in sizes if name not in record.neurons}
        return found if self.layers is None else None

    def _measure_stage(
        self, net: nn.Module, stage: int, record: NetRecord, initial: dict[str, Initial], found: Activations | None
    ) -> None:
        """Add the numbers of this stage to the record; `found` are the activations, if they are known."""
        found = found or self._probed(net, list(record.neurons), self.max_samples)
        how = self.probe if record.width == self.widest else replace(self.probe, control_pairs=FEW_CONTROLS)
        for index, (name, z) in enumerate((name, found[name]) for name in found if name in record.neurons):
            pairs = layer_pairs(z.shape[1], self.probe.most_pairs, index)
            key = DrawKey(record.seed, index, stage)
            layer = Layer(z, pairs, key, how, None, False, self.device)
            numbers, initial[name] = summarised(layer, initial.get(name))
            kept = record.numbers.setdefault(name, {})
            for quantity, value in numbers.items():
                if np.ndim(value) == 0:  # type: ignore[arg-type]
                    kept.setdefault(quantity, []).append(float(value))  # type: ignore[arg-type]
        if self.evaluate:
            record.accuracy.append(checked_accuracy(self.evaluate(net)))

    def _probed(self, net: nn.Module, layers: list[str] | None, max_samples: int) -> Activations:
        try:
            found = probe(net, self.x, layers, max_samples=max_samples, **self.probing)
        except ValueError as error:
            raise (DivergedError(str(error)) if has_diverged(str(error)) else error) from error
        for name, why in found.left_out.items():
            if has_diverged(why) and is_named(name, self.layers or ("*",)):
                raise DivergedError(f"layer {name!r}: {why}")
        return found
