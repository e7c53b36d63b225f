"""What may be wrong with the inputs of a forward pass that failed."""

from __future__ import annotations

import torch
from torch import Tensor

from wndcheck.inspect.forward_arguments import Batch

COLOURS = (1, 3, 4)  # channels of an image


def hint(batch: Batch) -> str:
    """What the inputs look like, and what to give instead."""
    found = [remark for tensor in batch.tensors for remark in _image_remarks(tensor)]
    if found:
        return "; ".join(dict.fromkeys(found))
    return (
        "give x as its forward takes it, samples along the first axis, in its dtype (most take float32), or say which "
        "of a batch is passed, batch_to_inputs=lambda batch: …; inputs that are not of samples go into "
        "forward_kwargs={…}, and a network whose samples need each other takes batch_size=None"
    )


def _image_remarks(tensor: Tensor) -> list[str]:
    remarks = []
    if tensor.dtype == torch.uint8 and tensor.dim() > 2:
        remarks.append("uint8 looks like images of 0 to 255: give floats, such as x / 255")
    if tensor.dim() == 4 and tensor.shape[3] in COLOURS and tensor.shape[1] not in COLOURS:
        remarks.append(
            f"{tuple(tensor.shape)} looks like (samples, height, width, channels): give channels first, "
            "x.permute(0, 3, 1, 2)"
        )
    return remarks
