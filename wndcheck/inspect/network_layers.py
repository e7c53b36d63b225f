"""The layers of a network by name: which are measured by default, and which ones names and patterns select."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn

from wndcheck.inspect.layer_kinds import (
    ATTENTION_PARTS,
    MEASURED,
    OUT_PROJECTION,
    NetworkLayer,
    has_own_weights,
    has_torchs_forward,
)

WHOLE = "(model)"  # the name of a network that is a single layer
CALL = re.compile(r"(.+)#([1-9][0-9]*)")  # "relu#2": the second call of relu in a forward pass


def all_layers(model: nn.Module) -> dict[str, NetworkLayer]:
    """Every module of a network and every projection inside attention, by dotted name, in the network's order.

    A module that torch.compile wraps has the name that it has without the wrapper.
    """
    layers: dict[str, NetworkLayer] = {}
    for full_name, module in model.named_modules(remove_duplicate=False):
        if hasattr(module, "_orig_mod"):
            continue
        name = ".".join(part for part in full_name.split(".") if part != "_orig_mod")
        if name in layers:  # attention reads the parameters of its module out_proj without calling it
            continue
        is_attention = isinstance(module, nn.MultiheadAttention)
        part = OUT_PROJECTION if is_attention and has_torchs_forward(module) else ""
        layers[name or WHOLE] = NetworkLayer(name or WHOLE, module, part)
        if is_attention:
            prefix = f"{name}." if name else ""
            layers |= {prefix + part: NetworkLayer(prefix + part, module, part) for part in ATTENTION_PARTS}
    return layers


def default_layers(model: nn.Module) -> list[NetworkLayer]:
    """Return the layers measured by default.

    Linear, convolutional and recurrent ones, the projections of attention and, with is_guess, modules outside torch.nn
    that have weights of their own and none of these inside: whether they are layers, their output shows.
    """
    chosen, seen = [], set()
    for name, layer in all_layers(model).items():
        is_part = bool(layer.part) and name.rpartition(".")[2] in ATTENTION_PARTS
        is_guess = not layer.part and has_own_weights(layer.module)
        wanted = is_part or is_guess or (not layer.part and isinstance(layer.module, MEASURED))
        if wanted and (key := (id(layer.module), layer.part)) not in seen:
            seen.add(key)
            chosen.append(layer._replace(is_guess=is_guess))
    return chosen


def select_layers(model: nn.Module, names: str | Sequence[str]) -> list[NetworkLayer]:
    """The layers with these names, in the network's order.

    A shell pattern selects among the default layers or, if it matches none of them, among all modules. "NAME#2" selects
    the second call. TypeError for a name that is not a string, ValueError for one that matches nothing.
    """
    known, defaults = all_layers(model), [layer.name for layer in default_layers(model)]
    wanted: dict[str, frozenset[int]] = {}
    for given in [names] if isinstance(names, str) or not isinstance(names, Iterable) else names:
        if not isinstance(given, str):
            raise TypeError(f"layer {given!r}: expected the dotted name of a module, such as {_example(known)!r}")
        call = None if given in known else CALL.fullmatch(given)
        name, calls = (call[1], frozenset({int(call[2])})) if call else (given, frozenset())
        matching = [name] if name in known else _matching(name, defaults) or _matching(name, known)
        if not matching:
            raise ValueError(f"layer {given!r}: the model has none of that name; {_suggestion(name, known)}")
        for each in matching:
            all_wanted = not calls or wanted.get(each) == frozenset()
            wanted[each] = frozenset() if all_wanted else wanted.get(each, calls) | calls
    if not wanted:
        raise ValueError(f"layers is empty: name at least one, such as {_example(known)!r}, or omit it")
    return [layer._replace(calls=wanted[name]) for name, layer in known.items() if name in wanted]


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]


def _example(known: Iterable[str]) -> str:
    return next((name for name in known if name != WHOLE), WHOLE)


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return similar names, or all names."""
    names = [other for other in known if other != WHOLE] or [WHOLE]
    if close := get_close_matches(name, names, n=3):
        return f"did you mean {', '.join(close)}?"
    more = f" and {len(names) - 12} more (model.named_modules() lists them)" if len(names) > 12 else ""
    return f"its layers are {', '.join(names[:12])}{more}"
