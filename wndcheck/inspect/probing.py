"""probe: the activations of a network's layers on given inputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wndcheck.estimators.validation import RandomState, check_choice, drawn_seed
from wndcheck.inspect.batches import cut, make_batches, peek, seeded_draws
from wndcheck.inspect.binding import Binding
from wndcheck.inspect.evaluation import checked_dtype, evaluation_mode, remark_on_precision
from wndcheck.inspect.forward_arguments import Batch
from wndcheck.inspect.forward_pass import POST, PRE, Call, OutputRecorder, check_network, record_outputs
from wndcheck.inspect.layer_kinds import NetworkLayer
from wndcheck.inspect.layer_scoring import drawn_rows
from wndcheck.inspect.network_layers import default_layers, select_layers
from wndcheck.inspect.output_axes import TRIAL_SIZES, PositionSampler, ShapeChangedError, remark_on_masks, remark_on_tie
from wndcheck.inspect.padding import Positions, positions_per_sample
from wndcheck.inspect.repeatability import check_repeatable
from wndcheck.inspect.results import Activations
from wndcheck.inspect.trial_passes import Trial, calls_differ, try_layers

BATCH_BYTES = 2**26  # of the largest output of a module in a forward pass; a batch is cut where it is larger
INPUT_SAMPLES = "of the samples measured"  # in what is said of inputs that are not finite


def probe(
    model: nn.Module,
    x: Any,
    layers: str | Sequence[str] | None = None,
    *,
    when: str = "pre",
    activation: Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = 256,
    batch_to_inputs: Callable[[Any], Any] | None = None,
    forward_kwargs: Mapping[str, Any] | None = None,
    positions: Positions = 1,
    neuron_axis: int | None = None,
    max_samples: int | None = None,
    groups: Any = None,
    dtype: str | torch.dtype | None = None,
    random_state: RandomState = 0,
) -> Activations:
    """Return the activations of a network's layers on the inputs x.

    Parameters
    ----------
    model : torch.nn.Module
        Run in evaluation mode, without gradients, on its own device and in its own precision; it is left unchanged.
    x : array, tensor, tuple of them (arguments), mapping (named arguments), data set, list, or iterable of batches
        Samples along the first axis. Of a tuple, forward gets as many tensors as it requires, of a mapping those whose
        names it takes; `inputs` of the result says which. It is an error if forward might take more of a tuple.
        Data sets (of torch, also iterable ones) and lists of samples are batched by a DataLoader.
    layers : str or sequence of str, optional
        Dotted names or shell patterns (``"encoder.*.linear1"``). Any module whose output is one tensor can be named,
        and a call of one that a forward pass calls several times: ``"relu#2"``. By default all linear, convolutional
        and recurrent layers, modules outside torch.nn that have weights and an output of their size and, of every
        nn.MultiheadAttention, ``q_proj``, ``k_proj``, ``v_proj`` and ``out_proj``, as if they were modules; default
        layers that cannot be measured are left out.
    when : {"pre", "post"}
        The layer's own output, or that of the activation module that follows it, be it after batch normalization or
        dropout.
    activation : callable, optional
        The function that the network applies to the layers' outputs, such as torch.relu, where that is no module.
        Implies when="post"; layers of whose output the network does not compute it are left out.
    batch_size : int, optional
        Largest number of samples in a forward pass, which ends with the last measured layer; fewer are taken where an
        output exceeds 64 MiB. None: batches are never cut, nor samples drawn before the pass, for networks in which
        samples need each other, such as the nodes of a graph.
    batch_to_inputs : function, optional
        What of a batch (of all of x, where x is no iterable) is passed: returns a tensor, a tuple of arguments, or a
        dict of named ones.
    forward_kwargs : mapping, optional
        Named arguments that are not of samples, the same in every pass: a graph's edges, a causal mask, a flag. Arrays
        become tensors; lists, tuples and all else stay as they are.
    positions : int, boolean array (samples, positions), or function
        Number of positions drawn per sample from images and sequences. The neurons are the channels, or the last axis.
        With more than one position, rows are not independent. Padding is not drawn if an input says where it is
        (``attention_mask``, 1 is real; ``…key_padding_mask``, True is padding). An array, or a function of the dict of
        a batch's arguments that returns one, says where the one position may be drawn.
    neuron_axis : int, optional
        Axis of neurons in the layers' outputs, where it cannot be inferred from the kind of layer.
    max_samples : int, optional
        Largest number of samples: a seeded draw, or the first ones of an iterable.
    groups : array-like (samples,), or function of a batch that returns one, optional
        A label for each sample, such as its class: `groups` of the result has the number of each measured one's group.
    dtype : str or torch.dtype, optional
        "float32" measures a copy in this precision of a network in half precision, whose values repeat.
    random_state : int, numpy Generator or RandomState, or None
        Seed of all draws, including those of a loader.

    Returns
    -------
    Activations
        Layer name -> (samples × positions, neurons), float32 on the host; of a layer that is called several times, each
        call, such as ``"relu#1"``. `left_out` has the layers left out, and why, `inputs` what was passed to forward.

    Raises
    ------
    TypeError, ValueError
        For a model or inputs that cannot be used, a network that is random in evaluation mode, and for a named layer
        that is unknown, not reached, called more often for some inputs than for others, or whose output is not a single
        tensor of finite numbers.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> {name: z.shape for name, z in probe(net, torch.randn(100, 8)).items()}
    {'0': (100, 4), '2': (100, 2)}
    >>> float(probe(net, torch.randn(100, 8), "0", when="post")["0"].min())
    0.0
    """
    model = check_network(model)
    check_choice(when, "when", (PRE, POST))
    if activation is not None:
        if not callable(activation) or isinstance(activation, nn.Module | type):
            raise TypeError(f"activation={activation!r}: expected a function, such as torch.relu")
        when = POST
    per_sample = positions_per_sample(positions)
    bind = Binding(model, batch_to_inputs, forward_kwargs, positions, groups)
    random_state = drawn_seed(random_state)
    chosen = default_layers(model) if layers is None else select_layers(model, layers)
    with evaluation_mode(model, random_state, checked_dtype(dtype)), seeded_draws(x, random_state):
        batches = make_batches(x, bind, batch_size, max_samples, random_state)
        first, batches = peek(batches)
        few = [torch.arange(size, device="cpu") % first.size for size in TRIAL_SIZES]  # not on the user's default
        trials = [first.select(samples) for samples in few] if batch_size else [first]
        try_them = partial(try_layers, model, chosen, trials, when, activation, neuron_axis, named=layers is not None)
        was_loaded = "torch._dynamo" in sys.modules
        try:
            trial = try_them()
        except ValueError:  # torch.cond imports the compiler as it is called, too late to be disabled for this pass
            if was_loaded or "torch._dynamo" not in sys.modules:
                raise
            trial = try_them()
        problems = trial.problems
        _raise_problems(trial.axes, problems, strict=layers is not None)
        recorder = OutputRecorder(model, when, activation, wanted=trial.names, links=trial.links)
        remarks = [*bind.words, check_repeatable(recorder, chosen, trial.names, trials, trial.axes)]
        samplers = {name: PositionSampler(name, at, per_sample, random_state) for name, at in trial.axes.items()}
        if batch_size:
            batches = cut(batches, max(1, BATCH_BYTES // max(1, trial.bytes_per_sample)))
        rows, numbers, not_finite = _collect_rows(recorder, chosen, trial, samplers, batches, strict=layers is not None)
    if batch_size is None:
        numbers = None if numbers is None else drawn_rows(numbers, 1, max_samples, random_state)
        rows = {name: drawn_rows(z, samplers[name].per_sample, max_samples, random_state) for name, z in rows.items()}
    for name in list(rows):
        bad = np.flatnonzero(~np.isfinite(rows[name]).all(axis=1))
        if len(bad):
            count = len(rows.pop(name))
            where = f"{len(bad)} of {count} rows (the first: row {bad[0]})"
            problems[name] = f"its output has NaN or infinity in {where}{_of_inputs(not_finite)}"
    _raise_problems(rows, problems, strict=layers is not None)
    remarks += [remark_on_tie(trial.axes), remark_on_masks(samplers), "" if dtype else remark_on_precision(model)]
    rows_per_sample = {name: samplers[name].per_sample for name in rows}
    return Activations(rows, problems, rows_per_sample, trial.reached, filter(None, remarks), numbers)


def _collect_rows(
    recorder: OutputRecorder,
    layers: Sequence[NetworkLayer],
    trial: Trial,
    samplers: Mapping[str, PositionSampler],
    batches: Iterable[Batch],
    *,
    strict: bool,
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64] | None, int]:
    """Return the rows of all batches, their samples' groups, and the number of samples that are not finite.

    Rows are copied inside the hook, since an activation may modify the output in place. A layer that differs between
    batches is left out of the trial, with the reason.
    """
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in samplers}
    groups: list[NDArray[np.int64]] = []
    not_finite = 0
    batch: Batch

    def leave_out(call: Call, why: str, name: str = "") -> None:
        trial.problems[name or trial.names[call]] = why
        del rows[trial.names.pop(call)]

    def receive(call: Call, output: Any) -> None:
        name = trial.names[call]
        try:
            rows[name].append(samplers[name].rows(output, batch.size, batch.real))
        except ShapeChangedError as error:
            leave_out(call, str(error))

    with record_outputs(recorder, layers, receive):
        for number, batch in enumerate(batches, start=1):
            recorder.run(batch)
            not_finite += _not_finite(batch)
            groups += [] if batch.groups is None else [batch.groups.numpy()]
            for call, name in list(trial.names.items()):
                layer, calls = call.layer, recorder.calls[call.layer]
                if calls > (usual := trial.all_calls.get(layer, calls)):
                    leave_out(call, calls_differ(layer, usual, calls), layer)
                elif len(rows[name]) != number:
                    leave_out(call, "not every batch reaches it; name layers that all batches reach")
            _raise_problems(rows, trial.problems, strict=strict)
    numbers = np.concatenate(groups) if groups else None
    return {name: np.concatenate(rows.pop(name)) for name in list(rows)}, numbers, not_finite


def _not_finite(batch: Batch) -> int:
    """The number of a batch's samples that hold NaN or infinity."""
    bad = torch.zeros(batch.size, dtype=torch.bool, device="cpu")
    for tensor in batch.tensors:
        if tensor.is_floating_point() and tensor.layout == torch.strided and len(tensor) == batch.size:
            bad |= ~tensor.isfinite().reshape(batch.size, -1).all(1).cpu()
    return int(bad.sum())


def _of_inputs(not_finite: int) -> str:
    """What to say of inputs that are not finite either: the network is then not to blame."""
    return f"; so have the inputs, in {not_finite} {INPUT_SAMPLES}: give finite numbers" if not_finite else ""


def _raise_problems(measurable: Collection[str], problems: dict[str, str], *, strict: bool) -> None:
    """ValueError if a named layer (strict) cannot be measured, or if no layer can."""
    if problems and (strict or not measurable):
        raise ValueError("\n".join(f"layer {name!r}: {why}" for name, why in problems.items()))
    if not measurable:
        raise ValueError(
            "the model has no linear, convolutional or recurrent layer: name the modules to measure inside it, "
            "layers=[...] (--layers)"
        )
