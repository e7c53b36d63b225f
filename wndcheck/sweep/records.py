"""The record of one net of a sweep, and the folder where records are kept until their sweep is asked for again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wndcheck.experiment.cells import RECORD
from wndcheck.report.files import write_atomically
from wndcheck.versions import versions

SOURCE = "source"  # the file with the digest of the functions' source
PLAIN = (int, float, str, bool, bytes, type(None), tuple, frozenset)


class NetRecord(msgspec.Struct):
    """What was measured of one net.

    neurons: by measured layer, in the order of the forward pass. numbers: layer -> quantity of
    `wndcheck.experiment.record_schema.LAYER_QUANTITIES` -> its value at each stage. last: the layer reached last.
    weights: digest of the initial parameters. left_out: layer -> why it was not measured. problem: what was raised.
    """

    width: int
    seed: int
    neurons: dict[str, int] = {}
    last: str = ""
    numbers: dict[str, dict[str, list[float]]] = {}
    accuracy: list[float] = []
    weights: str = ""
    left_out: dict[str, str] = {}
    diverged: bool = False
    problem: str = ""
    seconds: float = 0.0

    @property
    def stages(self) -> int:
        return max((len(values) for each in self.numbers.values() for values in each.values()), default=0)

    @property
    def line(self) -> str:
        """``N = 64, seed 3: 12.3 s``, with the problem if there was one."""
        return f"N = {self.width}, seed {self.seed}: {self.problem or f'{self.seconds:.1f} s'}"


class SourceChangedError(ValueError):
    """The functions of a sweep are not those whose nets were kept."""


class Kept:
    """The records of a sweep's nets that were measured without a problem, by name and by what they depend on."""

    def __init__(self, root: Path, name: str, options: object, functions: Iterable[Callable[..., Any] | None]) -> None:
        if not name or "/" in name or name.startswith("."):
            raise ValueError(f"name {name!r}: expected a name for the sweep's nets, without '/', such as 'residual'")
        made = {"record": RECORD, **versions("wndcheck", "torch")}
        self.folder = root / name / sha256(repr((options, made)).encode()).hexdigest()[:16]
        source, file = source_digest(functions), self.folder / SOURCE
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(file, source.encode())
        elif file.read_text() != source:
            raise SourceChangedError(
                f"the source of make_net, train or evaluate has changed since the nets of {name!r} were measured: give "
                "--no-cache to measure them without keeping them (in Python, store=None), or another name"
            )

    def load(self, width: int, seed: int) -> NetRecord | None:
        """The record of a net; None if there is none, or it is damaged."""
        try:
            return msgspec.msgpack.decode(self._path(width, seed).read_bytes(), type=NetRecord)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def save(self, record: NetRecord) -> None:
        """Keep a record, unless the net had a problem, which may be gone when the sweep is run again."""
        if not record.problem:
            write_atomically(self._path(record.width, record.seed), msgspec.msgpack.encode(record))

    def _path(self, width: int, seed: int) -> Path:
        return self.folder / f"N={width}-seed={seed}"


def source_digest(functions: Iterable[Callable[..., Any] | None]) -> str:
    """Digest of the source of the functions' modules, and of what is bound to the functions (partials, closures).

    Not of other modules that these import. ValueError for a function without source, or bound to other than plain
    values or functions of the same kind, which may change unseen.
    """
    content = sha256()
    for text in (part for function in functions for part in parts_of(function)):
        content.update(text.encode("utf-8", "backslashreplace") + b"\0")
    return content.hexdigest()


def parts_of(function: Any) -> Iterator[str]:
    if isinstance(function, partial):
        yield from (repr(function.args), repr(sorted(function.keywords.items())))
        yield from parts_of(function.func)
    elif function is not None:
        closure = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
        for name, value in closure.items():
            if callable(value):
                yield from parts_of(value)
            else:
                yield f"{name}={value!r}" if isinstance(value, PLAIN) else f"{name}: {digest_of(value)}"
        try:
            module = inspect.getmodule(function)
            is_interactive = module is None or getattr(module, "__file__", None) is None
            yield inspect.getsource(function if is_interactive or module is None else module)
        except (OSError, TypeError) as error:
            raise ValueError(f"{function!r} has no source by which kept nets could be told apart ({error})") from None


def digest_of(x: Any) -> str:
    """Digest of inputs: arrays, tensors, tuples and mappings of them, or an iterable of batches.

    TypeError for an iterator, which can be read only once, and for anything else.
    """
    content = sha256()
    for part in contents(x):
        content.update(part)
    return content.hexdigest()[:16]


def contents(x: Any) -> Iterator[bytes]:
    if hasattr(x, "detach"):  # a tensor
        x = x.detach().cpu()
        x = (x.float() if x.is_floating_point() and x.element_size() < 4 else x).numpy()
    if isinstance(x, np.ndarray):
        yield f"{x.dtype} {x.shape}".encode()
        yield np.ascontiguousarray(x).tobytes()
    elif isinstance(x, Mapping):
        for name, value in x.items():
            yield repr(name).encode()
            yield from contents(value)
    elif isinstance(x, PLAIN) and not isinstance(x, tuple):
        yield repr(x).encode()
    elif isinstance(x, Iterable) and not isinstance(x, Iterator):
        for value in x:
            yield from contents(value)
    else:
        raise TypeError(f"{type(x).__name__} cannot be told apart from another: expected arrays, or a loader of them")
