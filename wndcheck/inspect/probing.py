"""What the layers of any network put out on given inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wndcheck.estimators.validation import check_choice, check_integer
from wndcheck.inspect import quiet
from wndcheck.inspect.activations import Activations
from wndcheck.inspect.hooks import POST, PRE, Listener, Take, listening
from wndcheck.inspect.inputs import Batch, batches, looked_into
from wndcheck.inspect.layers import Tap, named, usual
from wndcheck.inspect.sampling import SCOUTS, Axes, Sampler, axes


def probe(
    model: nn.Module,
    x: Any,
    layers: str | Sequence[str] | None = None,
    *,
    when: str = "pre",
    batch_size: int = 256,
    positions: int = 1,
    neuron_axis: int | None = None,
    max_samples: int | None = None,
    random_state: int = 0,
) -> Activations:
    """What the neurons of a network's layers put out on the inputs x.

    Parameters
    ----------
    model : torch.nn.Module
        Run in evaluation mode, without gradients, on its own device and in its own precision; nothing of it changes.
    x : array, tensor, tuple or list of them (arguments), mapping (named arguments), or an iterable of batches
        Samples along the first axis. Of a batch (inputs, labels) the inputs are taken.
    layers : str or sequence of str, optional
        Dotted names or shell patterns (``"encoder.*.linear1"``). Any module that puts out one tensor can be named. By
        default all linear and convolutional layers and, of every nn.MultiheadAttention, ``q_proj``, ``k_proj``,
        ``v_proj`` and ``out_proj``, as if they were modules; without names, what cannot be measured is left out.
    when : {"pre", "post"}
        The layer's own output, or that of the activation module that takes it in.
    positions : int
        Of images and sequences, the positions drawn of every sample (padding is drawn too): the neurons are the
        channels, or the last axis. With more than one, rows are not independent.
    neuron_axis : int, optional
        The axis of neurons in the layers' outputs, where their kind does not tell.
    max_samples : int, optional
        At most so many samples: a seeded draw, or the first ones of an iterable.
    random_state : int
        Seed of all draws, those of the model's own forward pass among them.

    Returns
    -------
    Activations
        Layer name -> (samples × positions, neurons) float32 on the host; `left_out` has the layers left out, and why.

    Raises
    ------
    TypeError, ValueError
        For a model or input that cannot be used, and for a named layer that is unknown, not reached, reached more than
        once in a forward pass, or puts out anything but one tensor of finite numbers.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> {name: z.shape for name, z in probe(net, torch.randn(100, 8)).items()}
    {'0': (100, 4), '2': (100, 2)}
    >>> float(probe(net, torch.randn(100, 8), "0", when="post")["0"].min())
    0.0
    """
    model = quiet.check_ready(model)
    check_choice(when, "when", (PRE, POST))
    check_integer(positions, "positions", least=1)
    check_integer(random_state, "random_state", least=0)
    taps = usual(model) if layers is None else named(model, layers)
    session = Session(model, when, quiet.device_of(model), quiet.dtype_of(model))
    with quiet.undisturbed(model, random_state):
        first, given = looked_into(batches(x, batch_size, max_samples, random_state))  # a loader draws, too
        found, problems, reached = scouted(session, taps, first, neuron_axis)
        settle(found, problems, strict=layers is not None)
        samplers = {name: Sampler(name, axes, positions, random_state) for name, axes in found.items()}
        rows = collected(session, [tap for tap in taps if tap.name in found], samplers, given)
    for name in list(rows):
        if not np.isfinite(rows[name]).all():
            problems[name] = not_finite(rows.pop(name))
    settle(rows, problems, strict=layers is not None)
    return Activations(rows, problems, {name: samplers[name].per_sample for name in rows}, reached)


class Session(NamedTuple):
    """A network, what is heard of it, and where and how it is run."""

    model: nn.Module
    when: str
    device: torch.device
    dtype: torch.dtype | None

    @contextmanager
    def listening(self, taps: Sequence[Tap], take: Take) -> Iterator[tuple[Callable[[Batch], None], Listener]]:
        """How to run a batch, and who listens."""
        with listening(self.model, taps, self.when, take) as listener:
            yield lambda batch: listener.run(self.model, batch.placed(self.device, self.dtype)), listener


def scouted(
    session: Session, taps: Sequence[Tap], first: Batch, neuron_axis: int | None
) -> tuple[dict[str, Axes], dict[str, str], tuple[str, ...]]:
    """The layers that can be measured, why others cannot, and all that are reached, in order.

    Two passes over a few samples tell how often a layer is reached, what it puts out and which axis is the samples'.
    """
    passes: list[dict[str, list[tuple[int, ...] | str]]] = []

    def take(name: str, output: Any) -> None:
        passes[-1].setdefault(name, []).append(described(output))

    with session.listening(taps, take) as (run, listener):
        for size in SCOUTS:
            passes.append({})
            run(first.taken(torch.arange(size) % first.size))
    order = {name: place for place, name in enumerate(listener.reached)}
    found: dict[str, Axes] = {}
    problems: dict[str, str] = {}
    for tap in sorted(taps, key=lambda tap: order.get(tap.name, len(order))):
        outputs = [of_pass.get(tap.name, []) for of_pass in passes]
        told = judged(tap, outputs, listener, neuron_axis)
        if isinstance(told, str):
            problems[tap.name] = told
        else:
            found[tap.name] = told
    return found, problems, tuple(order)


def described(output: Any) -> tuple[int, ...] | str:
    """The shape of a tensor of real numbers; the kind of anything else."""
    if isinstance(output, Tensor):
        kind = str(output.dtype).removeprefix("torch.")
        return tuple(output.shape) if output.is_floating_point() and not output.is_nested else f"a tensor of {kind}"
    return f"a {type(output).__name__}"


def judged(tap: Tap, outputs: list[list], listener: Listener, neuron_axis: int | None) -> Axes | str:
    """The axes of a layer's output, or why it cannot be measured."""
    small, large = outputs
    if tap.name not in listener.reached:
        return "a forward pass does not reach it"
    if not small:
        follower = listener.followers.get(tap.name)
        goes = f"goes to {follower}, not" if follower else "does not go"
        remedy = "name the activation module itself, or take when='pre' and apply the function to what it gives"
        return f"its output {goes} to an activation module of torch.nn; {remedy}"
    if len(small) != 1 or len(large) != 1:
        return f"a forward pass reaches it {max(len(small), len(large))} times: these are not one set of neurons"
    if isinstance(small[0], str):
        return f"it puts out {small[0]}: expected one tensor of floating-point numbers; name a layer inside it"
    return axes((small[0], large[0]), tap.layout, neuron_axis)


def collected(
    session: Session, taps: Sequence[Tap], samplers: dict[str, Sampler], given: Iterable[Batch]
) -> dict[str, NDArray[np.float32]]:
    """The rows of all batches. Rows are drawn while a layer speaks: an activation may work in place after it."""
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in samplers}
    size = 0
    with session.listening(taps, lambda n, out: rows[n].append(samplers[n].rows(out, size))) as (run, _):
        for number, batch in enumerate(given, start=1):
            size = batch.size
            run(batch)
            for name, heard in rows.items():
                if len(heard) != number:
                    raise ValueError(f"layer {name!r}: not every batch reaches it once; leave it out of layers")
    return {name: np.concatenate(heard) for name, heard in rows.items()}


def settle(found: Iterable[str], problems: dict[str, str], *, strict: bool) -> None:
    """ValueError for layers that were named and cannot be measured, and if none is left."""
    if problems and (strict or not list(found)):
        raise ValueError("\n".join(f"layer {name!r}: {why}" for name, why in problems.items()))
    if not list(found):
        raise ValueError("the model has no linear or convolutional layer: name the layers to measure, layers=[...]")


def not_finite(rows: NDArray[np.float32]) -> str:
    bad = ~np.isfinite(rows).all(axis=1)
    return f"it puts out NaN or infinity in {int(bad.sum())} of {len(rows)} rows (the first: row {int(bad.argmax())})"
