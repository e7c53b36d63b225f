"""Load a network, its weights and its inputs from files; pickles are read only on request."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
PICKLE_RISK = "a pickle can run any code when it is read: give --allow-pickle if you trust it"


def load_network(target: str) -> Any:
    """Return the torch.nn.Module that ``module:factory`` or ``file.py:factory`` names, or that a call of it returns.

    Modules are also searched for in the current folder. ValueError if there is none, with the names that exist.
    """
    import torch

    (value,) = load_objects(target)
    if isinstance(value, torch.nn.Module):
        return value
    try:
        made = value()
    except (Exception, SystemExit) as error:
        raise ValueError(f"model {target!r}: calling it failed ({type(error).__name__}: {error})") from error
    if not isinstance(made, torch.nn.Module):
        raise ValueError(f"model {target!r}: it returns {type(made).__name__}, expected a torch.nn.Module")
    return made


def load_functions(*targets: str) -> list[Any]:
    """Return the functions that targets such as ``file.py:make_net`` name. ValueError for what is none."""
    found = load_objects(*targets)
    for target, value in zip(targets, found, strict=True):
        if not callable(value):
            raise ValueError(f"model {target!r}: it is {type(value).__name__}, expected a function")
    return found


def load_objects(*targets: str) -> list[Any]:
    """Return what the targets name; each module is imported once. ValueError if one is not there."""
    modules: dict[str, ModuleType] = {}
    return [_load_object(target, modules) for target in targets]


def _load_object(target: str, modules: dict[str, ModuleType]) -> Any:
    where, colon, name = target.rpartition(":")
    if not (colon and where and name):
        raise ValueError(f"model {target!r}: expected module:factory or file.py:factory, such as model.py:make_net")
    module = modules[where] = modules.get(where) or _import_module(where)
    try:
        value: Any = module
        for part in name.split("."):
            value = getattr(value, part)
    except AttributeError:
        names = [n for n, v in vars(module).items() if not n.startswith("_") and _may_make_network(v, module)]
        available = f"it has {', '.join(names)}" if names else "it has no function, class or network of its own"
        raise ValueError(f"model {target!r}: {where} has no {name!r}; {available}") from None
    return value


def load_weights(model: Any, path: Path, *, allow_pickle: bool = False) -> None:
    """Load a state dict into a network. ValueError for a pickle without allow_pickle, or one that does not fit."""
    state = load_tensors(path, allow_pickle=allow_pickle)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        prefix = f"{next(iter(state)).partition('.')[0]}." if state else ""
        if set(state) == {prefix + name for name in model.state_dict()}:
            raise ValueError(
                f"the state dict {path} does not fit the model: all its names begin with {prefix!r}, as of a network "
                f"inside another; save it without, {{name.removeprefix({prefix!r}): w for name, w in state.items()}}"
            ) from None
        raise ValueError(f"the state dict {path} does not fit the model: {error}") from None


def load_tensors(path: Path, *, allow_pickle: bool = False) -> dict[str, Any]:
    """The tensors of a .safetensors file or, with allow_pickle, of a pickle written by torch.save."""
    _check_exists(path, "--state-dict")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a safetensors file ({error})") from None
    if path.suffix not in PICKLES:
        raise ValueError(f"{path}: expected a .safetensors file (safetensors.torch.save_file(model.state_dict(), ...))")
    if not allow_pickle:
        raise ValueError(f"{path} is a pickle: save it as .safetensors instead, for {PICKLE_RISK}")
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
    state = state.state_dict() if isinstance(state, torch.nn.Module) else state
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds a {type(state).__name__}: expected a state dict")
    return dict(state)


def load_inputs(path: Path, *, allow_pickle: bool = False) -> NDArray[Any] | dict[str, Any]:
    """The samples of a .npy file, or the named arguments of a .npz or .safetensors file.

    A single argument is to be passed by position, whatever its name.
    """
    _check_exists(path, "--data")
    loaded = _load_arrays(path, allow_pickle)
    return next(iter(loaded.values())) if isinstance(loaded, dict) and len(loaded) == 1 else loaded


def load_arguments(path: Path, *, allow_pickle: bool = False) -> dict[str, Any]:
    """The named arguments of a .npz or .safetensors file; arrays of no axes as numbers."""
    _check_exists(path, "--forward-kwargs")
    loaded = _load_arrays(path, allow_pickle)
    if not isinstance(loaded, dict):
        raise ValueError(f"{path} has no names: expected a .npz file, such as numpy.savez(file, edge_index=…)")
    return {name: value.item() if value.ndim == 0 else value for name, value in loaded.items()}


def load_labels(path: Path) -> NDArray[Any]:
    """The label of each sample, of a .npy file."""
    _check_exists(path, "--groups")
    loaded = _load_arrays(path, allow_pickle=False)
    if isinstance(loaded, dict) or loaded.ndim != 1:
        shape = "arrays by name" if isinstance(loaded, dict) else f"shape {loaded.shape}"
        raise ValueError(f"{path} has {shape}: expected a label for each sample, (samples,), in a .npy file (--groups)")
    return loaded


def _load_arrays(path: Path, allow_pickle: bool) -> NDArray[Any] | dict[str, Any]:
    if path.suffix == ".safetensors":
        return load_tensors(path)
    if path.suffix not in (".npy", ".npz"):
        raise ValueError(f"{path}: expected samples in a .npy file (numpy.save), or arguments by name in a .npz file")
    if not _is_numpy_file(path):
        save = "numpy.save, samples first" if path.suffix == ".npy" else "numpy.savez, arguments by name"
        raise ValueError(f"{path} is not a {path.suffix} file: save the inputs with {save}")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=allow_pickle)
            return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise ValueError(f"{path} cannot be read ({error})") from None
        raise ValueError(
            f"{path} holds Python objects or is not an array: save plain numbers instead, for {PICKLE_RISK}"
        ) from None
    except Exception as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error})") from None


def _is_numpy_file(path: Path) -> bool:
    """Whether the file starts like a .npy or .npz file."""
    with path.open("rb") as file:
        return file.read(6).startswith((b"\x93NUMPY", b"PK"))


def _import_module(where: str) -> ModuleType:
    path, is_file = Path(where), where.endswith(".py")
    if is_file and not path.is_file():
        raise ValueError(f"model file {where} is not there: expected file.py:factory")
    folder = str(path.resolve().parent if is_file else Path.cwd())
    sys.path.insert(0, folder)
    try:
        return _run_file(path) if is_file else import_module(where)
    except ModuleNotFoundError as error:
        raise ValueError(f"model module {where!r}: {error}; give its file instead, such as model.py:make_net") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"model module {where!r} cannot be imported ({type(error).__name__}: {error})") from error
    finally:
        if folder in sys.path[:1]:
            sys.path.pop(0)


def _run_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


def _may_make_network(value: Any, module: ModuleType) -> bool:
    return hasattr(value, "state_dict") or (callable(value) and getattr(value, "__module__", "") == module.__name__)


def _check_exists(path: Path, option: str) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is not there: give the file's path with {option}")
