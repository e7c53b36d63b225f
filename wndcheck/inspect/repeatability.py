"""Whether a network in evaluation mode gives the same output again, and for a sample alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from wndcheck.inspect.forward_arguments import Batch, mapped
from wndcheck.inspect.forward_pass import Call, OutputRecorder, record_outputs
from wndcheck.inspect.function_activations import agree
from wndcheck.inspect.layer_kinds import NetworkLayer
from wndcheck.inspect.output_axes import Axes


def check_repeatable(
    recorder: OutputRecorder,
    layers: Sequence[NetworkLayer],
    names: Mapping[Call, str],
    trials: Sequence[Batch],
    axes: Mapping[str, Axes],
) -> str:
    """Return a remark on layers whose output for a sample changes with the other samples of its batch, or "".

    ValueError if two passes over the last of the batches differ. Each batch begins with the samples of the one before.
    """
    passes: list[dict[str, list[Tensor]]] = []

    def receive(call: Call, output: Any) -> None:
        mapped(lambda tensor: passes[-1].setdefault(names[call], []).append(tensor.detach().clone()), output)

    with record_outputs(recorder, layers, receive):
        for batch in (*trials, trials[-1]):
            passes.append({})
            recorder.run(batch)
    *firsts, last, again = passes
    random = [name for name in axes if not all(map(agree, last[name], again[name]))]
    if random:
        stable = [name for name in axes if name not in random]
        raise ValueError(
            f"the network is random in evaluation mode: two passes over one batch differ at {_listed(random)}. Call "
            "model.eval() first if it changes its graph or its functions there; change the code of a dropout that "
            "ignores the mode, such as F.dropout(x) without training=self.training"
            + (f"; or measure layers before it, layers={stable[:3]}" if stable else "")
        )
    dependent = [
        name
        for name, at in axes.items()
        for few in firsts
        if not agree(at.rows(few[name][0]), at.rows(last[name][0])[: trials[0].size])
    ]
    if not dependent:
        return ""
    return (
        f"the outputs of {_listed(dependent)} for a sample change with the other samples of its batch, as with batch "
        "statistics: rows are not independent, and depend on batch_size"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
