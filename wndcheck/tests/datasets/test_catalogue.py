from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wndcheck.datasets import DamagedData, Dataset, dataset_digest
from wndcheck.datasets.catalogue import digest, verified
from wndcheck.tests.tiny import TINY, TINY_MNIST


def test_the_digests_never_change() -> None:
    # They are part of the keys of all measurements.
    names = ("mnist-subset", "mnist", "cifar10", "cifar10-subset")
    digests = ["f6c1f2113976a540", "5aa682d139db4df4", "93d06389e4418e1e", "b57ddff43b64d6f6"]
    assert [dataset_digest(name)[:16] for name in names] == digests


def test_the_digest_covers_name_dtype_shape_and_bytes_but_not_memory_order() -> None:
    images, labels = TINY.train_images, TINY.train_labels
    assert digest(TINY._replace(train_images=np.asfortranarray(images))) == digest(TINY)
    signed: Any = images.view(np.int8)
    changed = [
        TINY._replace(train_images=images.reshape(20, 784)),
        TINY._replace(train_images=signed),
        TINY._replace(train_labels=labels[::-1]),
        Dataset(TINY.validation_images, TINY.validation_labels, images, labels),
    ]
    assert len({digest(dataset) for dataset in [TINY, *changed]}) == 5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"train_labels": TINY.train_labels.astype(np.int8)},
            r"the train labels are int8 \(20,\), expected uint8 \(20,\)",
        ),
        (
            {"validation_images": TINY.train_images},
            r"the validation images are uint8 \(20, 28, 28\), expected uint8 \(10, 28, 28\)",
        ),
        ({"train_labels": np.zeros(20, np.uint8)}, r"the train labels count \(20, 0, .* by class, expected \(2, 2,"),
        ({"validation_labels": np.arange(1, 11, dtype=np.uint8)}, "the validation labels count"),
        ({"train_images": TINY.train_images[::-1]}, "the SHA-256 of the arrays is"),
    ],
    ids=["dtype", "shape", "counts", "label", "content"],
)
def test_a_difference_from_the_specification_is_described(changed: dict[str, Any], message: str) -> None:
    assert verified(TINY_MNIST, TINY) is TINY
    with pytest.raises(DamagedData, match=message):
        verified(TINY_MNIST, TINY._replace(**changed))
