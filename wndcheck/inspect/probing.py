"""probe: the activations of a network's layers on given inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wndcheck.estimators.validation import RandomState, check_choice, drawn_seed
from wndcheck.inspect.batches import drawn_rows, make_batches, peek
from wndcheck.inspect.binding import Batch, Binding
from wndcheck.inspect.forward_pass import POST, PRE, OutputRecorder, check_network, record_outputs
from wndcheck.inspect.left_as_found import checked_dtype, evaluation_mode, remark_on_precision
from wndcheck.inspect.network_layers import NetworkLayer, default_layers, select_layers
from wndcheck.inspect.output_axes import TRIAL_SIZES, Axes, PositionSampler, find_axes, remark_on_masks, resized
from wndcheck.inspect.padding import Positions, positions_per_sample
from wndcheck.inspect.repeatability import check_repeatable
from wndcheck.inspect.results import Activations


def probe(
    model: nn.Module,
    x: Any,
    layers: str | Sequence[str] | None = None,
    *,
    when: str = "pre",
    batch_size: int | None = 256,
    batch_to_inputs: Callable[[Any], Any] | None = None,
    forward_kwargs: Mapping[str, Any] | None = None,
    positions: Positions = 1,
    neuron_axis: int | None = None,
    max_samples: int | None = None,
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
        Dotted names or shell patterns (``"encoder.*.linear1"``). Any module whose output is one tensor can be named. By
        default all linear and convolutional layers and, of every nn.MultiheadAttention, ``q_proj``, ``k_proj``,
        ``v_proj`` and ``out_proj``, as if they were modules; default layers that cannot be measured are left out.
    when : {"pre", "post"}
        The layer's own output, or that of the activation module that follows it.
    batch_size : int, optional
        Largest number of samples in a forward pass. None: batches are never cut, nor samples drawn before the pass, for
        networks in which samples need each other, such as the nodes of a graph.
    batch_to_inputs : function, optional
        What of a batch (of all of x, where x is no iterable) is passed: returns a tensor, a tuple of arguments, or a
        dict of named ones.
    forward_kwargs : mapping, optional
        Named arguments that are not of samples, the same in every pass: a graph's edges, a causal mask, a flag.
    positions : int, boolean array (samples, positions), or function
        Number of positions drawn per sample from images and sequences. The neurons are the channels, or the last axis.
        With more than one position, rows are not independent. Padding is not drawn if an input says where it is
        (``attention_mask``, 1 is real; ``…key_padding_mask``, True is padding). An array, or a function of the dict of
        a batch's arguments that returns one, says where the one position may be drawn.
    neuron_axis : int, optional
        Axis of neurons in the layers' outputs, where it cannot be inferred from the kind of layer.
    max_samples : int, optional
        Largest number of samples: a seeded draw, or the first ones of an iterable.
    dtype : str or torch.dtype, optional
        "float32" measures a copy in this precision of a network in half precision, whose values repeat.
    random_state : int, numpy Generator or RandomState, or None
        Seed of all draws, including those of a loader.

    Returns
    -------
    Activations
        Layer name -> (samples × positions, neurons), float32 on the host; `left_out` has the layers left out, and why,
        `inputs` what was passed to forward.

    Raises
    ------
    TypeError, ValueError
        For a model or inputs that cannot be used, a network that is random in evaluation mode, and for a named layer
        that is unknown, not reached, reached more than once in a forward pass, or whose output is not a single tensor
        of finite numbers.

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
    per_sample = positions_per_sample(positions)
    bind = Binding(model, batch_to_inputs, forward_kwargs, positions)
    random_state = drawn_seed(random_state)
    chosen = default_layers(model) if layers is None else select_layers(model, layers)
    with evaluation_mode(model, random_state, checked_dtype(dtype)):
        batches = make_batches(x, bind, batch_size, max_samples, random_state)  # a loader may also draw
        first, batches = peek(batches)
        trials = [first.select(torch.arange(size) % first.size) for size in TRIAL_SIZES] if batch_size else [first]
        axes, problems, reached = _trial_passes(model, chosen, when, trials, neuron_axis)
        _raise_problems(axes, problems, strict=layers is not None)
        measured = [layer for layer in chosen if layer.name in axes]
        remarks = [*bind.words, check_repeatable(model, measured, when, trials, axes)]
        samplers = {name: PositionSampler(name, at, per_sample, random_state) for name, at in axes.items()}
        rows = _collect_rows(model, measured, when, samplers, batches)
    if batch_size is None and max_samples is not None:
        rows = {name: drawn_rows(z, samplers[name].per_sample, max_samples, random_state) for name, z in rows.items()}
    for name in list(rows):
        bad = np.flatnonzero(~np.isfinite(rows[name]).all(axis=1))
        if len(bad):
            count = len(rows.pop(name))
            problems[name] = f"its output has NaN or infinity in {len(bad)} of {count} rows (the first: row {bad[0]})"
    _raise_problems(rows, problems, strict=layers is not None)
    remarks += [remark_on_masks(samplers), "" if dtype else remark_on_precision(model)]
    rows_per_sample = {name: samplers[name].per_sample for name in rows}
    return Activations(rows, problems, rows_per_sample, reached, filter(None, remarks))


def _trial_passes(
    model: nn.Module,
    layers: Sequence[NetworkLayer],
    when: str,
    trials: Sequence[Batch],
    neuron_axis: int | None,
) -> tuple[dict[str, Axes], dict[str, str], tuple[str, ...]]:
    """Return the axes of the layers that can be measured, why others cannot, and all layers reached, in order.

    Two passes over a few samples show how often each layer is reached, what its output is, and the axis of samples. A
    single batch is one that must not be cut: samples are along the first axis of its length.
    """
    passes: list[dict[str, list[tuple[int, ...] | str]]] = []

    def receive(name: str, output: Any) -> None:
        passes[-1].setdefault(name, []).append(_describe(output))

    with record_outputs(model, layers, when, receive) as recorder:
        for batch in trials:
            passes.append({})
            recorder.run(batch)
    if len(trials) == 1:
        passes = [
            {name: [resized(shape, trials[0].size, size) for shape in shapes] for name, shapes in passes[0].items()}
            for size in TRIAL_SIZES
        ]
    order = {name: index for index, name in enumerate(recorder.reached)}
    axes: dict[str, Axes] = {}
    problems: dict[str, str] = {}
    for layer in sorted(layers, key=lambda layer: order.get(layer.name, len(order))):
        outcome = _axes_or_problem(layer, [outputs.get(layer.name, []) for outputs in passes], recorder, neuron_axis)
        if isinstance(outcome, str):
            problems[layer.name] = outcome
        else:
            axes[layer.name] = outcome
    return axes, problems, tuple(order)


def _describe(output: Any) -> tuple[int, ...] | str:
    """Return the shape of a floating-point tensor, or a description of anything else."""
    if isinstance(output, Tensor):
        kind = str(output.dtype).removeprefix("torch.")
        return tuple(output.shape) if output.is_floating_point() and not output.is_nested else f"a tensor of {kind}"
    return f"a {type(output).__name__}"


def _axes_or_problem(
    layer: NetworkLayer, outputs: list[list], recorder: OutputRecorder, neuron_axis: int | None
) -> Axes | str:
    """Return the axes of a layer's output, or why the layer cannot be measured."""
    small, large = outputs
    if layer.name not in recorder.reached:
        return "a forward pass does not reach it"
    if not small:
        consumer = recorder.consumers.get(layer.name)
        goes = f"goes to {consumer}, not" if consumer else "does not go"
        remedy = "name the activation module itself, or take when='pre' and apply the function to the result"
        return f"its output {goes} to an activation module of torch.nn; {remedy}"
    if len(small) != 1 or len(large) != 1:
        return f"a forward pass reaches it {max(len(small), len(large))} times: these are not one set of neurons"
    if isinstance(small[0], str):
        return f"its output is {small[0]}: expected one tensor of floating-point numbers; name a layer inside it"
    return find_axes((small[0], large[0]), layer.layout, neuron_axis)


def _collect_rows(
    model: nn.Module,
    layers: Sequence[NetworkLayer],
    when: str,
    samplers: dict[str, PositionSampler],
    batches: Iterable[Batch],
) -> dict[str, NDArray[np.float32]]:
    """Return the rows of all batches, copied inside the hook, since an activation may modify the output in place."""
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in samplers}
    batch: Batch

    def receive(name: str, output: Any) -> None:
        rows[name].append(samplers[name].rows(output, batch.size, batch.real))

    with record_outputs(model, layers, when, receive) as recorder:
        for number, batch in enumerate(batches, start=1):
            recorder.run(batch)
            for name, collected in rows.items():
                if len(collected) != number:
                    raise ValueError(f"layer {name!r}: not every batch reaches it once; leave it out of layers")
    return {name: np.concatenate(collected) for name, collected in rows.items()}


def _raise_problems(measurable: Collection[str], problems: dict[str, str], *, strict: bool) -> None:
    """ValueError if a named layer (strict) cannot be measured, or if no layer can."""
    if problems and (strict or not measurable):
        raise ValueError("\n".join(f"layer {name!r}: {why}" for name, why in problems.items()))
    if not measurable:
        raise ValueError("the model has no linear or convolutional layer: name the layers to measure, layers=[...]")
