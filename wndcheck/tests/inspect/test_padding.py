"""Positions are drawn from real tokens only, where a mask says which they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from wndcheck import dependence_score, probe
from wndcheck.inspect.binding import Binding
from wndcheck.inspect.output_axes import draw_positions

pytestmark = pytest.mark.usefixtures("one_thread")
LENGTH, PAD = 7, 0


def sequences(samples: int = 60) -> tuple[Tensor, Tensor]:
    """Token ids (samples, LENGTH), padded by 0, of 1 to LENGTH tokens; and where they are real."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 50, (samples, LENGTH), generator=generator)
    real = torch.arange(LENGTH) < torch.randint(1, LENGTH + 1, (samples, 1), generator=generator)
    return ids * real, real


class Tokens(nn.Module):
    """Returns the ids at every position, so that rows show where they were drawn."""

    def __init__(self, mask: str) -> None:
        super().__init__()
        self.mask, self.ids, self.shorter = mask, nn.Identity(), nn.Identity()

    def forward(self, x: Tensor, **masks: Tensor) -> Tensor:
        self.shorter(x[:, 1:, None].float().repeat(1, 1, 2))
        return self.ids(torch.stack([x, x], -1).float())


def drawn(inputs: Any, **options: Any) -> np.ndarray:
    return probe(Tokens("mask"), inputs, "ids", neuron_axis=-1, **options)["ids"][:, 0]


MASKS: dict[str, Callable[[Tensor], Tensor]] = {
    "attention_mask": lambda real: real.long(),
    "encoder_attention_mask": lambda real: real,
    "decoder_attention_mask": lambda real: real.float(),
    "source_attention_mask": lambda real: torch.where(real, 0.0, -1e9),  # added to scores
    "target_attention_mask": lambda real: torch.where(real, 0.0, -torch.inf),
    "key_padding_mask": lambda real: ~real,
    "src_key_padding_mask": lambda real: torch.where(real, 0.0, -torch.inf),
}


@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_among_the_inputs_excludes_padding(mask: str) -> None:
    ids, real = sequences()
    assert (drawn({"x": ids}) == PAD).any()
    found = drawn({"x": ids, mask: MASKS[mask](real)})
    assert (found != PAD).all()
    assert all(token in row for token, row in zip(found, ids, strict=True))
    parts = drawn({"x": ids, mask: MASKS[mask](real)}, batch_size=7)
    np.testing.assert_array_equal(found, parts)


def test_every_real_position_is_drawn_equally_often() -> None:
    real = torch.tensor([[True, False, True, True, False, False, False]]).expand(3000, -1)
    ids = torch.arange(LENGTH).expand(3000, -1)
    counts = np.bincount(drawn({"x": ids, "attention_mask": real}).astype(int), minlength=LENGTH)
    assert set(np.flatnonzero(counts)) == {0, 2, 3}
    assert (np.abs(counts[[0, 2, 3]] - 1000) < 4 * (3000 * (1 / 3) * (2 / 3)) ** 0.5).all()  # 4 standard deviations


def test_several_positions_of_a_sample_are_distinct_and_real() -> None:
    ids, _ = sequences()
    real = torch.arange(LENGTH) >= 4
    places = torch.arange(LENGTH).expand(60, -1)
    found = drawn({"x": places, "attention_mask": real.expand(60, -1)}, positions=3).reshape(60, 3)
    assert {tuple(sorted(row)) for row in found} == {(4.0, 5.0, 6.0)}
    with pytest.raises(
        ValueError, match=r"layer 'ids': a sample has 1 positions that are not padding.*give positions=1"
    ):
        drawn({"x": ids, "attention_mask": ids != PAD}, positions=2)
    with pytest.raises(ValueError, match=r"a sample has 0 positions .*leave out samples without any"):
        drawn({"x": ids, "attention_mask": torch.zeros(60, LENGTH, dtype=torch.int64)})


def test_a_sample_of_padding_alone_ends_the_measurement_of_all_layers() -> None:
    ids, real = sequences()
    real[40] = False  # of a later batch
    net = nn.Sequential(nn.Embedding(50, 4), nn.Linear(4, 3), nn.Flatten(), nn.Linear(3 * LENGTH, 2))
    net.forward = lambda x, attention_mask: nn.Sequential.forward(net, x)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"^a sample has 0 positions .*; leave out samples without any"):
        probe(net, {"x": ids, "attention_mask": real}, batch_size=16)


@pytest.mark.parametrize("mask", ["attention_mask", "key_padding_mask"])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda real: torch.where(real, 0.5, -1e9), "from -1e[+]09 to 0.5"),
        (lambda real: real * torch.arange(2, 2 + LENGTH), "from 0 to 8"),
        (lambda real: torch.where(real, 1.0, torch.nan), "from nan to nan"),
    ],
    ids=["a bias", "numbers of segments", "nan"],
)
def test_a_mask_that_does_not_say_what_is_padding_is_refused(
    mask: str, values: Callable[[Tensor], Tensor], said: str
) -> None:
    ids, real = sequences()
    given = values(real)
    if mask == "key_padding_mask" and given.min() >= 0:  # numbers of kinds of padding
        given = values(~real)
    inputs = {"x": ids, mask: given}
    with pytest.raises(ValueError, match=f"{mask} has values {said}: expected") as raised:
        drawn(inputs)
    way = str(raised.value).partition("positions=")[2]
    assert (drawn(inputs, positions=eval(way)) != PAD).all()


def test_a_mask_of_zeros_is_refused_where_it_may_say_either() -> None:
    x = {"x": sequences()[0] + 1, "attention_mask": torch.zeros(60, LENGTH)}
    with pytest.raises(ValueError, match=r"attention_mask has values from 0 to 0: expected") as raised:
        drawn(x)
    assert (drawn(x, positions=eval(str(raised.value).partition("positions=")[2])) != PAD).all()


def test_a_mask_of_no_positions_applies_to_no_layer() -> None:
    found = probe(Tokens("m"), {"x": sequences()[0], "attention_mask": torch.zeros(60, 0)}, "ids", neuron_axis=-1)
    assert "the mask of padding does not apply to 1 of 1 layers" in found.inputs[2]


def test_two_masks_of_one_length_both_exclude() -> None:
    places = torch.arange(LENGTH).expand(60, -1)
    early, late = places < 4, places > 2
    found = drawn({"x": places, "attention_mask": early, "decoder_attention_mask": late})
    assert set(found) == {3.0}


@pytest.mark.parametrize("kind", ["array", "read-only", "tensor", "function", "of a loader"])
def test_the_user_may_say_where_positions_are_drawn(kind: str) -> None:
    ids, real = sequences()
    x: Any = {"x": ids}
    arrays = {"array": real.numpy(), "read-only": np.broadcast_to(real.numpy(), real.shape), "tensor": real}
    positions: Any = arrays.get(kind, lambda inputs: inputs["x"] != PAD)
    if kind == "of a loader":
        x = DataLoader(TensorDataset(ids, ids), batch_size=13)
    assert (drawn(x, positions=positions) != PAD).all()
    assert (drawn({"x": ids}, positions=np.int64(1)) == PAD).any()  # a number, as 1
    few = drawn({"x": ids}, positions=positions, max_samples=20)
    assert (few != PAD).all()
    assert len(few) == 20


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (torch.ones(60, LENGTH), r"shape \(60, 7\) and dtype float32: expected bool, \(60 samples, positions\)"),
        (torch.ones(6, LENGTH, dtype=torch.bool), r"shape \(6, 7\) and dtype bool: expected"),
        (lambda inputs: inputs["ids"] > 0, "there is no input 'ids', but x"),
    ],
    ids=["numbers", "other samples", "an unknown name"],
)
def test_unusable_masks_raise(positions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn({"x": sequences()[0]}, positions=positions)


def test_the_result_says_which_mask_was_used_and_where_none_fits() -> None:
    ids, real = sequences()
    found = probe(Tokens("m"), {"x": ids, "attention_mask": real}, ["ids", "shorter"], neuron_axis=-1)
    assert found.inputs[1] == "positions are drawn where attention_mask says no padding"
    assert found.inputs[2] == (
        "the mask of padding does not apply to 1 of 2 layers, whose outputs have other numbers of positions "
        "(shorter: 6): their positions are drawn over padding, too"
    )
    unsure = probe(Tokens("m"), {"x": ids, "mask": real}, "ids", neuron_axis=-1).inputs[1]
    assert "mask may be a mask of padding" in unsure
    way = unsure.partition("positions=")[2]
    assert (drawn({"x": ids, "mask": real}, positions=eval(way)) != PAD).all()


@pytest.mark.parametrize(
    ("embeds", "others", "word"),
    [
        (True, {}, "x holds 0, an embedding's padding_idx"),
        (False, {"lengths": lambda real: real.sum(1)}, "lengths may say what is padding"),
        (True, {"attention_mask": lambda real: real}, "positions are drawn where attention_mask says no padding"),
        (False, {}, None),
        (False, {"size": lambda real: real.sum(1)}, None),
        (False, {"lengths": lambda real: real.sum(1) + LENGTH}, None),
    ],
    ids=["padding_idx", "lengths", "a mask", "nothing", "another name", "too long for lengths"],
)
def test_padding_that_no_mask_tells_has_a_remark(embeds: bool, others: dict[str, Any], word: str | None) -> None:
    ids, real = sequences()
    net, x = Tokens("mask"), {"x": ids} | {name: value(real) for name, value in others.items()}
    net.words = nn.Embedding(50, 2, padding_idx=PAD if embeds else None)
    said = [each for each in probe(net, x, "ids", neuron_axis=-1).inputs if "passed" not in each]
    assert [each.startswith(word or "") for each in said] == [True] * bool(word)
    for way in [each.partition("positions=")[2] for each in said if "positions=" in each]:
        assert (drawn(x, positions=eval(way)) != PAD).all()


def test_a_number_of_each_sample_is_no_padding() -> None:
    net = Tokens("mask")
    net.words = nn.Embedding(60, 2, padding_idx=PAD)
    x = {"x": sequences()[0] + 1, "kind": torch.zeros(60, dtype=torch.int64)}
    assert not [each for each in probe(net, x, "ids", neuron_axis=-1).inputs if "padding" in each]


def test_padding_that_one_batch_has_is_told() -> None:
    net, (ids, _) = Tokens("mask"), sequences()
    net.words = nn.Embedding(60, 2, padding_idx=PAD)
    bind = Binding(net)
    for x in (ids + 1, ids, ids + 1):
        bind({"x": x})
    (said,) = bind.words
    assert said.startswith("x holds 0, an embedding's padding_idx")


def test_padding_changes_the_score_unless_it_is_left_out() -> None:
    """Neurons are independent over tokens, and equal 0 over padding: only the mask gives an information of 0."""
    torch.manual_seed(0)
    real = torch.arange(10) < torch.randint(4, 10, (1000, 1))
    x = torch.randn(1000, 10, 4) * real[..., None]
    net = nn.Identity()
    net.forward = lambda x, attention_mask: x  # type: ignore[method-assign]
    options: dict[str, Any] = {"layers": "(model)", "neuron_axis": -1, "estimator": "ksg1", "n_shuffles": 20}
    with_mask = dependence_score(net, {"x": x, "attention_mask": real}, **options)["(model)"]
    every = {"x": x, "attention_mask": torch.ones_like(real)}
    without = dependence_score(net, every, **options)["(model)"]
    assert abs(with_mask.corrected) < 0.07  # 4 standard errors of the mean of six pairs, which have a sd of .042
    assert without.corrected > 0.2


def test_draws_from_few_positions_of_each_sample() -> None:
    counts = np.array([1, 2, 5] * 400)
    found = draw_positions(np.random.default_rng(0), 1200, counts, 1)[:, 0]
    for count in (1, 2, 5):
        frequencies = np.bincount(found[counts == count], minlength=count) / 400
        np.testing.assert_allclose(frequencies, 1 / count, atol=4 * (0.25 / 400) ** 0.5)
