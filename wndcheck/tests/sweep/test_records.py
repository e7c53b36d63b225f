"""Records that are kept: taken up again, and never for other nets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from wndcheck.sweep import records
from wndcheck.tests.sweep import families
from wndcheck.tests.sweep.families import inputs, make_net, swept

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"widths": (20, 30), "seeds": 2, "max_pairs": 10, "max_samples": 100}


def load(path: Path, bias: int = 0):
    """make_net of a file of the user's, which counts its calls in another file."""
    path.write_text(
        f"import torch\n{'#' * bias}\n"  # of another size, by which Python knows that it has changed
        f"def make_net(width):\n"
        f"    with open({str(path.with_suffix('.calls'))!r}, 'a') as calls: calls.write('.')\n"
        f"    return torch.nn.Sequential(torch.nn.Linear(64, width + {bias}), torch.nn.Linear(width + {bias}, 4))\n"
    )
    from wndcheck.inspect.model_files import load_functions

    return load_functions(f"{path}:make_net")[0]


def calls(path: Path) -> int:
    return len(path.with_suffix(".calls").read_text())


def test_kept_nets_are_taken_up_and_others_measured(tmp_path: Path) -> None:
    make = load(tmp_path / "family.py")
    kept = {"name": "mine", "store": tmp_path / "store"}
    first = swept(make, **FEW, **kept)
    assert calls(tmp_path / "family.py") == 4
    (record,) = (tmp_path / "store").rglob("N=30-seed=1")
    record.unlink()
    (damaged,) = (tmp_path / "store").rglob("N=20-seed=0")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    again = swept(make, **FEW, **kept)
    assert calls(tmp_path / "family.py") == 6
    for name, array in first.grid.measurements[1].arrays.items():
        np.testing.assert_array_equal(array, again.grid.measurements[1][name], err_msg=name)
    for options in ({"seeds": 3}, {"max_pairs": 11}, {"x": inputs() + 1}, {"layers": "0"}):
        before = calls(tmp_path / "family.py")
        swept(make, **FEW | kept | options)
        assert calls(tmp_path / "family.py") > before, options


def test_a_loader_that_draws_by_its_own_generator_is_taken_up(tmp_path: Path) -> None:
    data, draws = torch.utils.data.TensorDataset(inputs()), torch.Generator()
    loader = torch.utils.data.DataLoader(data, batch_size=200, shuffle=True, generator=draws)
    make = load(tmp_path / "family.py")
    for _ in range(2):
        swept(make, x=loader, **FEW, name="mine", store=tmp_path / "store")
        torch.rand(3, generator=draws)  # as a training draws
    assert calls(tmp_path / "family.py") == 4


def test_a_changed_source_is_never_taken_up_in_silence(tmp_path: Path) -> None:
    kept = {"name": "mine", "store": tmp_path / "store"}
    swept(load(tmp_path / "family.py"), **FEW, **kept)
    changed = load(tmp_path / "family.py", bias=1)
    with pytest.raises(
        ValueError, match=r"the source of make_net, train, evaluate or positions has changed since the nets of 'mi"
    ):
        swept(changed, **FEW, **kept)
    assert swept(changed, **FEW, **kept | {"name": "other"}).records[0].neurons["0"] == 21
    assert swept(changed, **FEW).records[0].neurons["0"] == 21


class WithoutInit(torch.nn.Linear):
    """Whose source is elsewhere."""


def test_functions_whose_source_is_not_all_there_is_are_refused(tmp_path: Path) -> None:
    for make in (families.share_a_direction, partial(make_net), WithoutInit):
        with pytest.raises(ValueError, match="expected a function, or a class with __init__"):
            swept(make, **FEW, name="mine", store=tmp_path)
    with pytest.raises(ValueError, match="name '': expected a name"):
        swept(**FEW, store=tmp_path)


class OneLayer(torch.nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(torch.nn.Linear(64, width), torch.nn.Linear(width, 4))


def test_a_class_is_known_by_its_own_source(tmp_path: Path) -> None:
    swept(OneLayer, **FEW, name="class", store=tmp_path)
    assert len(list(tmp_path.rglob("N=*"))) == 4


def test_nets_that_fail_are_tried_again(tmp_path: Path) -> None:
    make = load(tmp_path / "family.py")
    text = (tmp_path / "family.py").read_text()
    (tmp_path / "family.py").write_text(text)
    kept = {"name": "mine", "store": tmp_path / "store"}
    swept(make, **FEW, **kept, train=fails_once)
    assert len(list((tmp_path / "store").rglob("N=*"))) == 3
    assert not swept(make, **FEW, **kept, train=fails_once).failures


FAILED: list[int] = []


def fails_once(net: torch.nn.Module, seed: int) -> None:
    if not FAILED:
        FAILED.append(seed)
        raise OSError("the disk was busy")


def test_inputs_are_told_apart_by_what_they_hold() -> None:
    x = np.arange(12.0).reshape(4, 3)
    tensor = torch.from_numpy(x)

    def digest_of(x: object) -> str:
        return records.digest_of(x, 2)

    assert digest_of(x) == digest_of(x.copy()) == digest_of(tensor)
    different = [x, x + 1, x.reshape(3, 4), x.astype(np.float32), (x, x), {"a": x}, {"b": x}, tensor.bfloat16()]
    assert len({digest_of(each) for each in different}) == len(different)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(tensor), batch_size=2)
    assert digest_of(loader) == digest_of(loader) != digest_of(x)
    with pytest.raises(TypeError, match="object cannot be told apart"):
        digest_of(object())


class Rows(torch.utils.data.Dataset):
    """A data set that can be indexed and read in order, as those of the package datasets."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return {"x": self.x[index]}

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


class Stored:
    """An array elsewhere, which iterates over its rows."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.x

    def __iter__(self) -> Iterator[Any]:
        return iter(self.x)


COLLECTIONS: dict[str, Callable[[np.ndarray], Any]] = {
    "a data frame": pandas.DataFrame,
    "a data frame of several dtypes": lambda x: pandas.DataFrame(x).assign(label="a"),
    "a data set in order": Rows,
    "a data set": lambda x: torch.utils.data.TensorDataset(torch.from_numpy(x)),
    "a stored array": Stored,
    "a mapping": lambda x: {"x": Stored(x)},
    "a list": list,
    "a list of labelled samples": lambda x: [(row, "name") for row in x],
}


@pytest.mark.parametrize("made", COLLECTIONS.values(), ids=COLLECTIONS)
def test_all_that_samples_are_drawn_from_is_in_the_digest(made: Callable[[np.ndarray], Any]) -> None:
    x = np.arange(12.0).reshape(4, 3)
    last = x.copy()
    last[3, 2] = 0
    assert records.digest_of(made(x), 2) == records.digest_of(made(x.copy()), 2) != records.digest_of(made(last), 2)


def test_inputs_of_the_same_numbers_in_other_places_are_told_apart() -> None:
    a, b = np.zeros(2), np.ones(2)
    different = [[[1, 23]], [[12, 3]], [[1], [23]], ([a, b], a), (a, [b, a]), {"a": 1, "b": 2}, {"a1": 2}]
    different += [([a], [b]), ([a, [b]],)]
    assert len({records.digest_of(each, 2) for each in different}) == len(different)


def test_nets_of_other_positions_are_not_taken_up(tmp_path: Path) -> None:
    make, x = load(tmp_path / "family.py"), inputs(120 * 40).reshape(120, 40, 64)
    mask = torch.rand(120, 40) < 0.9
    other = mask.clone()
    other[60] = ~mask[60]
    kept = {"name": "mine", "store": tmp_path / "store", "x": x}
    counts = []
    for positions in (mask, mask.clone(), other, other.numpy(), mask.tolist(), 1, 1):
        swept(make, **FEW, **kept, positions=positions)
        counts.append(calls(tmp_path / "family.py"))
    assert counts == [4, 4, 8, 8, 12, 16, 16]
    first, second = [lambda inputs: inputs["input"][..., 0] < 1, lambda inputs: inputs["input"][..., 0] < 2]
    for count in (20, 20):  # a function is known by its source, not by its address
        swept(make, **FEW, **kept, positions=first)
        assert calls(tmp_path / "family.py") == count
    with pytest.raises(ValueError, match="the source of make_net, train, evaluate or positions has changed"):
        swept(make, **FEW, **kept, positions=second)


def test_a_store_that_cannot_be_written_is_named_with_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"nets cannot be kept in .*file.mine.* \(Not a directory\): name another --store"
    ):
        swept(**FEW, name="mine", store=tmp_path / "file")


def test_lines_tell_kept_nets_from_measured_ones(tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        swept(**FEW, name="mine", store=tmp_path, progress=lines.append)
    first, again = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert again == [f"{line} (kept)" for line in first]
