"""Positions of a sequence that are not padding: found by a mask among the inputs, or given by the user."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wndcheck.estimators.validation import check_integer

Positions = int | Tensor | NDArray[np.bool_] | Callable[[dict[str, Any]], Any]


def positions_per_sample(positions: Positions) -> int:
    """The number of positions drawn per sample: one, where `positions` says which may be drawn."""
    if callable(positions) or isinstance(positions, Tensor | np.ndarray | list):
        return 1
    check_integer(positions, "positions", least=1)
    return positions


def real_positions(
    arguments: Mapping[str, Any], size: int, positions: Positions, padding: Collection[int] = ()
) -> tuple[dict[str, Tensor], str]:
    """Masks of the positions that are not padding, (samples, positions), by name; and a remark on them.

    Of the arguments, `attention_mask` (transformers: 1 is real) and `key_padding_mask` (torch: True is padding) are
    recognised, also with words before them, and as what is added to scores (0 is real, negative numbers are padding).
    padding: the tokens that the network's embeddings take for padding, which the remark names where no mask does.
    ValueError for a mask of other shape or values.
    """
    if positions_per_sample(positions) == 1 and not isinstance(positions, int | np.integer):
        return _given(arguments, size, positions)
    real: dict[str, Tensor] = {}
    unknown = ""
    for name, value in arguments.items():
        if not isinstance(value, Tensor) or value.dim() != 2 or len(value) != size or "mask" not in name:
            continue
        if name.endswith(("attention_mask", "key_padding_mask")):
            real[name] = _without_padding(name, value.cpu())
        elif ((value == 0) | (value == 1)).all():
            unknown = (
                f"{name} may be a mask of padding, and positions are drawn where it is 0 and where it is 1; if 1 is "
                f"real, give positions=lambda inputs: inputs[{name!r}] == 1"
            )
    if real:
        return real, f"positions are drawn where {' and '.join(real)} {'say' if len(real) > 1 else 'says'} no padding"
    return real, unknown or _remark_without_mask(arguments, padding)


def _without_padding(name: str, mask: Tensor) -> Tensor:
    """Where a mask says that there is no padding. ValueError for values that do not say it."""
    one_is_real, is_added = name.endswith("attention_mask"), bool((mask <= 0).all())
    is_binary = bool(((mask == 0) | (mask == 1)).all())
    is_either = one_is_real and is_binary and is_added and mask.is_floating_point() and mask.numel() > 0
    if not (is_binary or is_added) or is_either:
        where = "== 0" if is_either or (not one_is_real and mask.min() >= 0) else "> 0"
        raise ValueError(
            f"{name} has values from {mask.min():g} to {mask.max():g}: expected {int(one_is_real)} at real positions "
            f"and {int(not one_is_real)} at padding, or 0 and negative numbers, which are added to scores; say where "
            f"positions may be drawn: positions=lambda inputs: inputs[{name!r}] {where}"
        )
    return mask == int(one_is_real and is_binary)


def _remark_without_mask(arguments: Mapping[str, Any], padding: Collection[int]) -> str:
    """A remark on inputs that look padded, or ""."""
    tables = {name: value for name, value in arguments.items() if isinstance(value, Tensor) and value.dim() > 1}
    for name, value in arguments.items():
        if not isinstance(value, Tensor) or value.dtype not in (torch.int64, torch.int32):
            continue
        over = "positions are drawn over padding, too; if they should not be, give positions=lambda inputs: "
        found = [token for token in padding if value.dim() == 2 and (value == token).any()]
        if found:
            return f"{name} holds {found[0]}, an embedding's padding_idx: {over}inputs[{name!r}] != {found[0]}"
        longest = next((other for other in tables if tables[other].shape[1] >= value.max() > 1), None)
        if value.dim() == 1 and "len" in name and longest:
            steps = f"torch.arange(inputs[{longest!r}].shape[1])"
            return f"{name} may say what is padding: {over}{steps} < inputs[{name!r}][:, None]"
    return ""


def _given(arguments: Mapping[str, Any], size: int, positions: Any) -> tuple[dict[str, Tensor], str]:
    try:
        mask = positions(dict(arguments)) if callable(positions) else positions
    except KeyError as error:
        raise ValueError(f"positions: there is no input {error}, but {', '.join(arguments)}") from None
    mask = mask.cpu() if isinstance(mask, Tensor) else torch.from_numpy(np.array(mask, order="C"))
    if mask.dtype != torch.bool or mask.dim() != 2 or len(mask) != size:
        kind = str(mask.dtype).removeprefix("torch.")
        raise ValueError(
            f"positions: the mask has shape {tuple(mask.shape)} and dtype {kind}: expected bool, ({size} samples, "
            "positions), True where a position may be drawn; of a loader's batches, a function gives it, such as "
            "positions=lambda inputs: inputs['input_ids'] != 0"
        )
    return {"positions": mask}, ""


def drawable(real: Mapping[str, Tensor], positions: int) -> NDArray[np.bool_] | None:
    """The positions of a layer's output that no mask of their number excludes; None without such a mask."""
    fitting = [mask for mask in real.values() if mask.shape[1] == positions]
    return torch.stack(fitting).all(0).numpy() if fitting else None
