"""What a test's checks count for, read from its code: it follows the names that the test uses to `Check` objects."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from types import CodeType, FunctionType
from typing import Any

from wndcheck.verdicts.checks import Check


@dataclass(frozen=True)
class Kind:
    """What a check counts for: towards the claim or not, and in every profile or in those with the widest nets."""

    primary: bool
    level: bool


def kinds_of(test: Callable[..., Any]) -> frozenset[Kind]:
    """The kinds of all checks that a test may decide, by what it and the functions beside it name; none if unclear."""
    found: set[Kind] = set()
    seen: list[FunctionType] = []
    waiting: list[tuple[Any, list[ast.Call]]] = [(inspect.unwrap(test), [])]
    while waiting:
        function, calls = waiting.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.append(function)
        scope = function.__globals__
        for name in names_in(function.__code__):
            value = scope.get(name)
            if value is Check:
                found |= constructed_in(function, calls)
            elif callable(value) and not isinstance(value, type):
                called = inspect.unwrap(value)
                # Functions of another module are the library's, unless that module makes checks itself.
                if getattr(called, "__globals__", {}).get("Check") is Check:
                    waiting.append((called, calls_in(function, name)))
            else:
                found |= {Kind(check.primary, check.level) for check in checks_in(value)}
    return frozenset(found)


def names_in(code: CodeType) -> Iterator[str]:
    """The names of other objects that a function's code has, those of its inner functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def checks_in(value: object) -> Iterator[Check]:
    """A check, or those of a dict, a list or a tuple."""
    if isinstance(value, Check):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from checks_in(item)


def calls_in(function: FunctionType, name: str) -> list[ast.Call]:
    """The calls of that name in a function's source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


def constructed_in(function: FunctionType, calls: Sequence[ast.Call]) -> set[Kind]:
    """The kinds of the checks that a function, which is called so, makes itself."""
    return {
        Kind(primary, level)
        for check in calls_in(function, "Check")
        for primary, level in product(
            switched(check, "primary", True, function, calls), switched(check, "level", False, function, calls)
        )
    }


def switched(check: ast.Call, name: str, usual: bool, function: FunctionType, calls: Sequence[ast.Call]) -> set[bool]:
    """What a check's switch may be; either, where that hangs on more than an argument of the function's calls."""
    given = next((keyword.value for keyword in check.keywords if keyword.arg == name), ast.Constant(usual))
    signature = inspect.signature(function)
    if not isinstance(given, ast.Name) or given.id not in signature.parameters:
        return literal(given)
    default = ast.Constant(signature.parameters[given.id].default)
    arguments = [
        signature.bind_partial(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
        for call in calls
    ]
    return {value for bound in arguments for value in literal(bound.arguments.get(given.id, default))} or {True, False}


def literal(node: ast.expr) -> set[bool]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, bool) else {True, False}
