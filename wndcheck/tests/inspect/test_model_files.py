"""Loading a network, its weights and its inputs from files; pickles are read only on request."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from wndcheck.inspect.model_files import load_inputs, load_network, load_weights

MODEL = """
import torch
from helper_of_the_model import WIDTH

class Net(torch.nn.Linear):
    def __init__(self):
        super().__init__(WIDTH, 2)

def make_net():
    return Net()

def needs(argument):
    return Net()

def makes_a_number():
    return 3

def stops():
    raise SystemExit(7)

instance = Net()
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "helper_of_the_model.py").write_text("WIDTH = 3\n")
    (tmp_path / "model_of_a_user.py").write_text(MODEL)
    (tmp_path / "broken_model.py").write_text("1 / 0\n")
    for name in ("model_of_a_user", "helper_of_the_model", "broken_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path / "model_of_a_user.py"


@pytest.mark.parametrize("name", ["make_net", "Net", "instance"])
def test_a_network_is_loaded_from_a_file_or_a_module(model: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.path)
    assert isinstance(load_network(f"{model}:{name}"), nn.Linear)
    assert sys.path == before
    monkeypatch.chdir(model.parent)
    assert isinstance(load_network(f"model_of_a_user:{name}"), nn.Linear)
    assert sys.path == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("model_of_a_user", "expected module:factory or file.py:factory, such as model.py:make_net"),
        ("{file}:nothing", "has no 'nothing'; it has Net, make_net, needs, makes_a_number, stops, instance"),
        ("{file}:needs", r"calling it failed \(TypeError: needs\(\) missing 1 required"),
        ("{file}:makes_a_number", "it returns int, expected a torch.nn.Module"),
        ("{file}:stops", r"calling it failed \(SystemExit: 7\)"),
        ("{folder}/nowhere.py:make", "nowhere.py is not there: expected file.py:factory"),
        ("no_such_module:make", "No module named 'no_such_module'; give its file instead"),
        ("{folder}/broken_model.py:make", r"cannot be imported \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_a_name_without_a_network_raises(model: Path, target: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_network(target.format(file=model, folder=model.parent))


def test_weights_are_loaded_from_safetensors(tmp_path: Path) -> None:
    net, weights = nn.Linear(3, 2), {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    save_file(weights, tmp_path / "net.safetensors")
    load_weights(net, tmp_path / "net.safetensors")
    assert torch.equal(net.weight, weights["weight"])
    with pytest.raises(ValueError, match=r"net.safetensors does not fit the model: (.|\n)*size mismatch"):
        load_weights(nn.Linear(4, 2), tmp_path / "net.safetensors")


def test_the_weights_of_a_wrapped_network_are_refused_with_what_to_save(tmp_path: Path) -> None:
    weights = nn.DataParallel(nn.Linear(3, 2)).state_dict()
    save_file(weights, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"all its names begin with 'module\.', .*name.removeprefix\('module.'\): w"):
        load_weights(nn.Linear(3, 2), tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.safetensors", None, r"is not there: give the file's path with --state-dict"),
        ("net.safetensors", b"no tensors", "is not a safetensors file"),
        ("net.h5", b"", r": expected a .safetensors file \(safetensors.torch.save_file"),
        ("net.safetensors", {"weight": torch.ones(2, 3)}, r'does not fit the model: (.|\n)*Missing key.*: "bias"'),
        ("net.safetensors", {"scale": torch.ones(2)}, r'does not fit the model: (.|\n)*Unexpected key.*: "scale"'),
    ],
)
def test_files_without_the_weights_raise(tmp_path: Path, name: str, content: bytes | dict | None, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, dict):
        save_file(content, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} ?{message}"):
        load_weights(nn.Linear(3, 2), path)


class Bomb:
    exploded = False

    def __reduce__(self):
        return explode, ()


def explode() -> dict:
    Bomb.exploded = True
    return {}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".pkl"])
def test_pickles_are_refused_by_default(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"is a pickle: save it as .safetensors instead, .* give --allow-pickle"):
        load_weights(nn.Linear(3, 2), path)
    np.save(tmp_path / "x.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"x.npy holds Python objects or is not an array: .* give --allow-pickle"):
        load_inputs(tmp_path / "x.npy")
    assert not Bomb.exploded


WRAPS = {
    "state": nn.Module.state_dict,
    "model": lambda net: net,
    "checkpoint": lambda net: {"state_dict": net.state_dict()},
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_pickles_are_read_on_request(tmp_path: Path, wrap) -> None:
    saved, net = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.save(wrap(saved), tmp_path / "net.pt")
    load_weights(net, tmp_path / "net.pt", allow_pickle=True)
    assert torch.equal(net.weight, saved.weight)


def test_a_pickle_without_a_state_dict_raises(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "net.pt")
    with pytest.raises(ValueError, match="holds a list: expected a state dict"):
        load_weights(nn.Linear(3, 2), tmp_path / "net.pt", allow_pickle=True)
    (tmp_path / "net.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"net.pt cannot be read"):
        load_weights(nn.Linear(3, 2), tmp_path / "net.pt", allow_pickle=True)


def test_inputs_are_one_array_or_arrays_by_name(tmp_path: Path) -> None:
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "one.npz", x)
    np.savez(tmp_path / "two.npz", x=x, y=y)
    save_file({"x": torch.from_numpy(x)}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(load_inputs(tmp_path / "x.npy"), x)
    np.testing.assert_array_equal(load_inputs(tmp_path / "one.npz"), x)
    assert {name: value.shape for name, value in load_inputs(tmp_path / "two.npz").items()} == {"x": (3, 2), "y": (3,)}
    assert load_inputs(tmp_path / "x.safetensors").shape == (3, 2)
    save_file({"x": torch.from_numpy(x), "y": torch.from_numpy(y)}, tmp_path / "x.safetensors")
    assert load_inputs(tmp_path / "x.safetensors")["y"].shape == (3,)
    np.save(tmp_path / "objects.npy", np.array([{}, None]))
    with pytest.raises(ValueError, match=r"objects.npy holds Python objects or is not an array: .* --allow-pickle"):
        load_inputs(tmp_path / "objects.npy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"1,2", r"x.csv: expected samples in a .npy file \(numpy.save\), or arguments by name"),
        ("x.npy", b"1,2", "x.npy is not a .npy file: save the inputs with numpy.save, samples first"),
        ("x.npy", b"", "x.npy is not a .npy file"),
        ("x.npz", b"1,2", "x.npz is not a .npz file: save the inputs with numpy.savez, arguments by name"),
        ("x.npy", b"\x93NUMPY\x01", "x.npy cannot be read"),
        ("x.npz", b"PK\x03\x04", "x.npz cannot be read"),
    ],
)
def test_files_without_inputs_raise(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_inputs(tmp_path / name)
    with pytest.raises(ValueError, match=r"nowhere.npy is not there: give the file's path with --data"):
        load_inputs(tmp_path / "nowhere.npy")
