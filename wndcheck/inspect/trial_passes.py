"""What forward passes over a few samples show of a network's layers: their calls, shapes and axes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from wndcheck.inspect.forward_arguments import Batch
from wndcheck.inspect.forward_pass import Call, OutputRecorder, record_outputs
from wndcheck.inspect.function_activations import Activation
from wndcheck.inspect.layer_kinds import (
    MEASURED,
    UNKNOWN,
    NetworkLayer,
    has_torchs_forward,
    layout_of,
    single_tensor,
    weight_axes,
)
from wndcheck.inspect.output_axes import TRIAL_SIZES, UNKNOWN_AXIS, Axes, KnownLayer, find_axes, resized

MOST_CALLS = 24  # of a layer that is not named; a recurrent cell is called at every step
Shape = tuple[int, ...]


@dataclass
class Trial:
    """The calls that can be measured, by the names of their results, and their axes; why others cannot be measured."""

    names: dict[Call, str] = field(default_factory=dict)
    axes: dict[str, Axes] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    reached: tuple[str, ...] = ()
    all_calls: dict[str, int] = field(default_factory=dict)  # layers of which all calls are measured -> their number
    links: dict[Call, int] = field(default_factory=dict)  # of OutputRecorder
    bytes_per_sample: int = 0  # of the largest output of a module


class _Output(NamedTuple):
    """Output of a module: its shape or what it is instead, its bytes, and the last axis of its first real input."""

    module: nn.Module
    shape: Shape | str
    bytes: int
    n_inputs: int  # 0 without an input of real numbers


class _Pass:
    """What one forward pass shows."""

    def __init__(self) -> None:
        self.outputs: list[_Output] = []  # of all modules, in order
        self.received: dict[Call, list[tuple[Shape | str, int]]] = defaultdict(list)  # and the length of outputs then
        self.calls: Counter[str] = Counter()

    def on_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Forward hook of every module."""
        tensor = single_tensor(module, output)
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value.ndim]
        real = [value for value in tensors if value.is_floating_point() or value.is_quantized]
        size = tensor.nbytes if isinstance(tensor, Tensor) and not tensor.is_nested else 0
        self.outputs.append(_Output(module, _describe(tensor), size, real[0].shape[-1] if real else 0))

    def receive(self, call: Call, output: Any) -> None:
        """Note an output of a layer, after activation if that is measured."""
        self.received[call].append((_describe(output), len(self.outputs)))

    def resized(self, samples: int, size: int) -> _Pass:
        """The pass as it would be with another number of samples."""
        other = _Pass()
        other.outputs = [output._replace(shape=resized(output.shape, samples, size)) for output in self.outputs]
        for call, received in self.received.items():
            other.received[call] = [(resized(shape, samples, size), heard) for shape, heard in received]
        other.calls = self.calls
        return other


def try_layers(
    model: nn.Module,
    layers: Sequence[NetworkLayer],
    trials: Sequence[Batch],
    when: str,
    activation: Activation | None,
    neuron_axis: int | None,
    *,
    named: bool,
) -> Trial:
    """Run the network on trials, batches of TRIAL_SIZES samples or one batch that must not be cut.

    Of a single batch, the samples are along the first axis of its length. named: whether the user named the layers.
    """
    passes: list[_Pass] = []
    recorder = OutputRecorder(model, when, activation)
    with ExitStack() as stack:
        for module in set(model.modules()):  # before the layers' own hooks
            hook = module.register_forward_hook(lambda *heard: passes[-1].on_module(*heard), with_kwargs=True)
            stack.callback(hook.remove)
        stack.enter_context(record_outputs(recorder, layers, lambda *heard: passes[-1].receive(*heard)))
        for batch in trials:
            passes.append(_Pass())
            recorder.run(batch)
            passes[-1].calls = recorder.calls.copy()
    if len(trials) == 1:
        passes = [passes[0].resized(trials[0].size, size) for size in TRIAL_SIZES]
    trial = Trial(
        links=recorder.links, bytes_per_sample=max((o.bytes for o in passes[-1].outputs), default=0) // trials[-1].size
    )
    for layer in layers:
        _try_layer(trial, layer, passes, recorder, neuron_axis, most_calls=0 if named else MOST_CALLS)
    order = {call: place for place, call in enumerate(recorder.reached)}
    trial.names = dict(sorted(trial.names.items(), key=lambda item: order[item[0]]))
    trial.axes = {name: trial.axes[name] for name in trial.names.values()}
    labels = {
        call: name for call in order for name in (f"{call.layer}#{call.number}", call.layer) if name in trial.problems
    }
    trial.reached = tuple(dict.fromkeys((labels | trial.names)[call] for call in order if call in labels | trial.names))
    return trial


def _try_layer(
    trial: Trial,
    layer: NetworkLayer,
    passes: Sequence[_Pass],
    recorder: OutputRecorder,
    neuron_axis: int | None,
    most_calls: int,
) -> None:
    """Add the calls of a layer to the trial, or why it cannot be measured. A guess that is no layer is passed over."""
    few, many = sorted(each.calls[layer.name] for each in passes)
    if not many:
        if not layer.is_guess:
            trial.problems[layer.name] = "a forward pass does not reach it"
        return
    if not layer.calls and few != many:
        trial.problems[layer.name] = calls_differ(layer.name, few, many)
        return
    if not layer.calls and many > most_calls > 0:
        trial.problems[layer.name] = (
            f"a forward pass calls it {many} times; name the calls to measure, such as '{layer.name}#{many}'"
        )
        return
    if not layer.calls:
        trial.all_calls[layer.name] = many
    for number in sorted(layer.calls) or range(1, many + 1):
        call = Call(layer.name, number)
        name = f"{layer.name}#{number}" if layer.calls or many > 1 else layer.name
        if number > few:
            found = f"a forward pass calls it {few} times" if few > 1 else "a forward pass calls it once"
        else:
            found = _axes_or_problem(layer, call, passes, recorder, neuron_axis)
        if isinstance(found, Axes):
            trial.names[call], trial.axes[name] = name, found
        elif not layer.is_guess or UNKNOWN_AXIS in found:
            trial.problems[name] = found


def calls_differ(layer: str, few: int, many: int) -> str:
    """Why a layer that is not called equally often for all inputs cannot be measured."""
    return (
        f"a forward pass calls it {few} or {many} times, depending on the inputs; name the calls to measure, such as "
        f"'{layer}#1'"
    )


def _axes_or_problem(
    layer: NetworkLayer, call: Call, passes: Sequence[_Pass], recorder: OutputRecorder, neuron_axis: int | None
) -> Axes | str:
    """Return the axes of a layer's output, or why the layer cannot be measured."""
    if layer.part and not has_torchs_forward(layer.module):
        kind = type(layer.module).__name__
        return f"{kind} has a forward of its own, and what its projections take is unknown; name the module itself"
    small, large = (each.received[call] for each in passes)
    if not small or not large:
        consumer = recorder.consumers.get(call)
        goes = f"goes to {consumer}, not" if consumer else "does not go"
        if recorder.activation:
            return "the network does not compute the given activation of its output; name layers of which it does"
        remedy = "if the network applies a function to it, give that: activation=torch.relu; or name the module itself"
        return f"its output {goes} to an activation module of torch.nn; {remedy}"
    if len(small) > 1 or len(large) > 1:
        return "its output goes to several activation modules; name the one to measure"
    (shape, heard), (larger, _) = small[0], large[0]
    if isinstance(shape, str) or isinstance(larger, str):
        return f"its output is {shape}"
    output = next(output for output in passes[0].outputs if output.module is layer.module)
    own = _own_axes(output, shape, larger)
    if layer.is_guess and not (own and output.n_inputs):
        return "its output does not have the size of its weights"
    known = () if isinstance(layer.module, MEASURED) else _known_layers(layer, heard, passes)  # its own size is known
    return find_axes((shape, larger), _layout(layer.module, own), neuron_axis, own, known)


def _own_axes(output: _Output, small: Shape, large: Shape) -> list[int]:
    """Axes that may be the neurons' by the module's weights; not that of the samples, which differs between passes."""
    shape = tuple(a if a == b else 0 for a, b in zip(small, large, strict=False))
    return weight_axes(output.module, shape, output.n_inputs) if shape else []


def _layout(module: nn.Module, own: Sequence[int]) -> str:
    """The layout of a module's class; unknown where a forward of its own returns no axis of its size."""
    return layout_of(module) if own or has_torchs_forward(module) else UNKNOWN


def _known_layers(layer: NetworkLayer, heard: int, passes: Sequence[_Pass]) -> Iterator[KnownLayer]:
    """Layers with known axes inside a layer, the last one first, and the one before it.

    heard: how many outputs the first pass had when it received that of the layer.
    """
    small, large = (each.outputs for each in passes)
    inside = set(layer.module.modules())
    for one, other in zip(reversed(small[:heard]), reversed(large[:heard]), strict=False):
        if one.module is not other.module or isinstance(one.shape, str) or isinstance(other.shape, str):
            continue
        own = _own_axes(one, one.shape, other.shape)
        layout = _layout(one.module, own)
        axes = find_axes((one.shape, other.shape), layout, None, own) if layout != UNKNOWN or own else ""
        if isinstance(axes, Axes):
            yield KnownLayer(one.shape[axes.neuron], len(one.shape), axes.neuron)
            if one.module not in inside:
                return


def _describe(output: Any) -> Shape | str:
    """Return the shape of a floating-point tensor, or what anything else is and what to do."""
    if isinstance(output, Tensor):
        if output.is_floating_point() and not output.is_nested:
            return tuple(output.shape)
        kind = "a nested tensor" if output.is_nested else f"a tensor of {str(output.dtype).removeprefix('torch.')}"
    elif isinstance(output, PackedSequence):
        return (
            "a packed sequence, in which the samples have no axis of their own: leave out pack_padded_sequence while "
            "measuring, or name a layer after pad_packed_sequence"
        )
    else:
        kind = f"a {type(output).__name__}"
    return (
        f"{kind}: expected one tensor of floating-point numbers; name a layer inside it, or pass the tensor through an "
        "nn.Identity() of the network and name that"
    )
