"""float32 vectors for numba: a type and a few operations, emitted as LLVM vector instructions.

numba compiles a loop over minima and maxima to scalar branches. LLVM maps these operations to the vector instructions
of any CPU that numba supports. Indices are not checked: they must be non-negative and within bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

intrinsic = cast(Callable[[Callable], Callable[..., Any]], numba_intrinsic)  # callers pass no typing context

LANES = 8
LAYOUT = ir.VectorType(ir.FloatType(), LANES)


class Vector(types.Type):
    def __init__(self):
        super().__init__(name=f"vector({LANES} x float32)")


VECTOR = Vector()


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, LAYOUT)


@intrinsic
def load(typing_context, array, at):
    """array[at], array[at + 1], ... as a vector."""

    def build(context, b, signature, arguments):
        return b.load(b.bitcast(_element(context, b, signature, arguments), LAYOUT.as_pointer()), align=4)

    return VECTOR(array, types.intp), build


@intrinsic
def store(typing_context, array, at, vector):
    """Write the lanes to array[at], array[at + 1], ..."""

    def build(context, b, signature, arguments):
        b.store(arguments[2], b.bitcast(_element(context, b, signature, arguments), LAYOUT.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, VECTOR), build


@intrinsic
def element(typing_context, array, at):
    """array[at] in every lane."""

    def build(context, b, signature, arguments):
        return _spread(b, b.load(_element(context, b, signature, arguments)))

    return VECTOR(array, types.intp), build


@intrinsic
def spread(typing_context, value):
    """The same number in every lane."""
    return VECTOR(types.float32), lambda context, b, signature, arguments: _spread(b, *arguments)


@intrinsic
def minus(typing_context, a, other):
    return VECTOR(VECTOR, VECTOR), lambda context, b, signature, arguments: b.fsub(*arguments)


@intrinsic
def gap(typing_context, a, other):
    """|a − other|."""
    return VECTOR(VECTOR, VECTOR), lambda context, b, signature, arguments: _call(b, "fabs", b.fsub(*arguments))


@intrinsic
def smaller(typing_context, a, other):
    return VECTOR(VECTOR, VECTOR), lambda context, b, signature, arguments: _call(b, "minnum", *arguments)


@intrinsic
def larger(typing_context, a, other):
    return VECTOR(VECTOR, VECTOR), lambda context, b, signature, arguments: _call(b, "maxnum", *arguments)


@intrinsic
def where_less(typing_context, a, other, value):
    """value in the lanes with a < other, 0 in the rest."""

    def build(context, b, signature, arguments):
        a, other, value = arguments
        return b.select(b.fcmp_ordered("<", a, other), value, ir.Constant(LAYOUT, [0.0] * LANES))

    return VECTOR(VECTOR, VECTOR, VECTOR), build


@intrinsic
def any_less(typing_context, a, other):
    """Whether a < other in any lane."""

    def build(context, b, signature, arguments):
        less = _less(b, *arguments)
        return b.icmp_unsigned("!=", less, less.type(0))

    return types.boolean(VECTOR, VECTOR), build


@intrinsic
def count_less(typing_context, a, other):
    """Number of lanes with a < other."""

    def build(context, b, signature, arguments):
        return b.zext(b.ctpop(_less(b, *arguments)), ir.IntType(64))

    return types.int64(VECTOR, VECTOR), build


@intrinsic
def repeated(typing_context, vector, length):
    """A tuple of as many vectors as the tuple `length` has elements."""
    kind = types.UniTuple(VECTOR, len(length))
    return kind(VECTOR, length), lambda context, b, signature, arguments: cgutils.pack_array(
        b, [arguments[0]] * len(length)
    )


@intrinsic
def insert(typing_context, ascending, vector):
    """Insert a vector into a tuple of vectors sorted in every lane, and drop the largest."""

    def build(context, b, signature, arguments):
        kept, value = [], arguments[1]
        for held in cgutils.unpack_tuple(b, arguments[0]):
            kept.append(_call(b, "minnum", held, value))
            value = _call(b, "maxnum", held, value)
        return cgutils.pack_array(b, kept)

    return ascending(ascending, VECTOR), build


def _element(context, b, signature, arguments):
    if signature.args[0].layout != "C":
        raise TypingError(f"{signature.args[0]}: expected a contiguous array")
    array = context.make_array(signature.args[0])(context, b, arguments[0])
    return b.gep(array.data, [arguments[1]])


def _spread(b, value):
    undefined = ir.Constant(LAYOUT, ir.Undefined)
    first = b.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _less(b, a, other):
    return b.bitcast(b.fcmp_ordered("<", a, other), ir.IntType(LANES))


def _call(b, name, *operands):
    kind = ir.FunctionType(LAYOUT, [LAYOUT] * len(operands))
    function = cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.v{LANES}f32")
    return b.call(function, operands, fastmath=("nnan", "nsz"))  # no operand is NaN: a single instruction
