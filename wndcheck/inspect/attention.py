"""The projections inside nn.MultiheadAttention.

Those of query, key and value are parameters, not modules; they are applied here to what entered the module, as it does.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear

INPUTS = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}
OUTPUT = "out_proj"
PARTS = (*INPUTS, OUTPUT)


def projected(module: nn.Module, part: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Tensor:
    """A projection's output, of the shape of what it projects but for its last axis."""
    assert isinstance(module, nn.MultiheadAttention)
    if part == OUTPUT:
        return output[0]  # what the module puts out is its last projection
    place = list(INPUTS).index(part)
    entering = args[place] if place < len(args) else kwargs[INPUTS[part]]
    return linear(entering, *parameters(module, place))


def parameters(module: nn.MultiheadAttention, place: int) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the projection of query (0), key (1) or value (2)."""
    if module.in_proj_weight is not None:
        weight = module.in_proj_weight.chunk(3)[place]
    else:
        weight = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)[place]
    return weight, None if module.in_proj_bias is None else module.in_proj_bias.chunk(3)[place]
