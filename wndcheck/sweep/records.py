"""The record of one net of a sweep, and the folder where records are kept until their sweep is asked for again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wndcheck.experiment.cells import RECORD
from wndcheck.report.files import write_atomically
from wndcheck.versions import versions

SOURCE = "source"  # the file with the digest of the functions' source
PLAIN = (int, float, str, bool, bytes, type(None))
NO_SUCH_LAYER = "the net has no such layer"


def is_named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a layer has one of these names, or matches one of these shell patterns."""
    return any(name == each or fnmatchcase(name, each) for each in patterns)


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


class Kept:
    """The records of a sweep's nets that were measured without a problem, by name and by what they depend on."""

    def __init__(self, root: Path, name: str, options: object, functions: Iterable[Callable[..., Any] | None]) -> None:
        if not name or "/" in name or name.startswith("."):
            raise ValueError(f"name {name!r}: expected a name for the sweep's nets, without '/', such as 'residual'")
        made = {"record": RECORD, **versions("wndcheck", "torch")}
        self.folder = root / name / sha256(repr((options, made)).encode()).hexdigest()[:16]
        source, file = source_digest(functions), self.folder / SOURCE
        if not file.exists():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(file, source.encode())
            except OSError as error:
                raise OSError(
                    f"nets cannot be kept in {self.folder} ({error.strerror or error}): name another --store, or give "
                    "--no-cache to keep none (in Python, store=)"
                ) from error
        elif file.read_text() != source:
            raise ValueError(
                f"the source of make_net, train, evaluate or positions has changed since the nets of {name!r} were "
                "measured: give --no-cache to keep none (in Python, store=None), or another name"
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
    """Digest of the source of the functions' files; what these import, or read from files, is not in it.

    ValueError for a function without source of its own, or bound to values that may change unseen.
    """
    content = sha256()
    for function in filter(None, functions):
        code = vars(function).get("__init__") if inspect.isclass(function) else function
        if not inspect.isfunction(code) or (code is function and code.__closure__):
            raise ValueError(
                f"{function!r}: expected a function, or a class with __init__, of a module or notebook, which is all "
                "that there is of it"
            )
        file = Path(code.__code__.co_filename)
        try:
            source = file.read_bytes() if file.is_file() else inspect.getsource(code).encode()
        except OSError:
            raise ValueError(f"{function!r} has no source, by which kept nets are told apart: give no store") from None
        places = list(code.__code__.co_positions())  # which tell lambdas of one file apart
        content.update(f"{function.__qualname__} {places}".encode() + source)
    return content.hexdigest()


def digest_of(x: Any, most: int) -> str:
    """Digest of inputs: arrays, tensors, tuples and mappings of them, data sets, or `most` batches of a loader.

    TypeError for an iterator, which can be read only once, and for anything else.
    """
    content = sha256()
    for part in contents(x, most):
        content.update(f"{len(part)}:".encode())
        content.update(part)
    return content.hexdigest()[:16]


def contents(x: Any, most: int) -> Iterator[bytes]:
    if hasattr(x, "detach"):  # a tensor
        x = x.detach().cpu()
        if x.is_floating_point() and x.element_size() < 4:
            yield str(x.dtype).encode()
            x = x.float()
        x = x.numpy()
    is_indexed = hasattr(x, "__len__") and hasattr(x, "__getitem__")  # samples are drawn from all of it
    if hasattr(x, "__array__") and not isinstance(x, PLAIN):
        x = np.asarray(x)
        yield f"{x.dtype} {x.shape}".encode()
        if x.dtype.hasobject:
            yield from contents(x.tolist(), most)
        else:
            yield np.ascontiguousarray(x).tobytes()
    elif isinstance(x, PLAIN):
        yield repr(x).encode()
    elif isinstance(x, Mapping):
        yield from contents([*x.items()], most)
    elif is_indexed or (isinstance(x, Iterable) and not isinstance(x, Iterator)):
        yield b"["
        for value in islice(x, len(x) if is_indexed else most):  # pyright: ignore[reportArgumentType]
            yield from contents(value, most)
        yield b"]"
    else:
        raise TypeError(f"{type(x).__name__} cannot be told apart from another: expected arrays, or a loader of them")
