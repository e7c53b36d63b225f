"""float32 vectors for numba: a type and a few operations, emitted as LLVM vector instructions.

numba compiles a loop over minima and maxima to scalar branches. LLVM maps these operations to the vector instructions
of any CPU that numba supports. Indices are not checked: they must be non-negative and within bounds. Operations on bits
treat the lanes as integers; the bits of non-negative floats have the order of the floats.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

intrinsic = cast(Callable[[Callable], Callable[..., Any]], numba_intrinsic)  # callers pass no typing context

# The width changes the speed only, never a distance or a count. The variable is for tests of the other width.
LANES = int(os.environ.get("WNDCHECK_LANES") or (16 if get_host_cpu_features().get("avx512f") else 8))
LAYOUT = ir.VectorType(ir.FloatType(), LANES)
BITS = ir.VectorType(ir.IntType(32), LANES)


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
def spread_integer(typing_context, value):
    """The same integer in every lane, as bits."""

    def build(context, b, signature, arguments):
        return _spread(b, b.bitcast(b.trunc(arguments[0], ir.IntType(32)), ir.FloatType()))

    return VECTOR(types.int64), build


@intrinsic
def largest(typing_context, vector):
    """The largest lane of a vector of non-negative numbers."""

    def build(context, b, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [BITS])
        reduce = cgutils.get_or_insert_function(b.module, kind, f"llvm.vector.reduce.umax.v{LANES}i32")
        return b.bitcast(b.call(reduce, [b.bitcast(arguments[0], BITS)]), ir.FloatType())

    return types.float32(VECTOR), build


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
    """A tuple of as many copies of the vector as the tuple `length` has elements."""
    kind = types.UniTuple(VECTOR, len(length))
    return kind(VECTOR, length), lambda context, b, signature, arguments: cgutils.pack_array(
        b, [arguments[0]] * len(length)
    )


@intrinsic
def insert(typing_context, ascending, vector):
    """Insert a vector of non-negative numbers into a tuple sorted in every lane, and drop the largest."""

    def build(context, b, signature, arguments):
        kept, value = [], arguments[1]
        held = cgutils.unpack_tuple(b, arguments[0])
        for at, other in enumerate(held):
            kept.append(_of_bits(b, "umin", other, value))
            if at + 1 < len(held):
                value = _of_bits(b, "umax", other, value)
        return cgutils.pack_array(b, kept)

    return ascending(ascending, VECTOR), build


@intrinsic
def take_next(typing_context, counter, step):
    """Add step to counter[0] in one indivisible operation; what it was before."""

    def build(context, b, signature, arguments):
        first = context.make_array(signature.args[0])(context, b, arguments[0]).data
        return b.atomic_rmw("add", first, arguments[1], "monotonic")

    return types.int64(counter, types.int64), build


def _operation(arguments, build):
    """An operation on vectors, given its builder of LLVM instructions."""
    if arguments == 2:

        def typed(typing_context, a, other):
            return VECTOR(VECTOR, VECTOR), lambda context, b, signature, vectors: build(b, *vectors)
    elif arguments == 3:

        def typed(typing_context, a, other, third):
            return VECTOR(VECTOR, VECTOR, VECTOR), lambda context, b, signature, vectors: build(b, *vectors)
    else:

        def typed(typing_context, a, other, third, fourth):
            return VECTOR(*[VECTOR] * 4), lambda context, b, signature, vectors: build(b, *vectors)

    return intrinsic(typed)


minus = _operation(2, lambda b, a, other: b.fsub(a, other))
gap = _operation(2, lambda b, a, other: _call(b, "fabs", b.fsub(a, other)))  # |a − other|
smaller = _operation(2, lambda b, a, other: _call(b, "minnum", a, other))
larger = _operation(2, lambda b, a, other: _call(b, "maxnum", a, other))

# a < other ? value : 0
where_less = _operation(3, lambda b, a, other, value: b.select(b.fcmp_ordered("<", a, other), value, LAYOUT(None)))

# Bits: sum, difference and mean; counts + 1 in the lanes with a < other; a < other ? yes : no.
plus_bits = _operation(2, lambda b, a, other: _floats(b, b.add(_bits(b, a), _bits(b, other))))
minus_bits = _operation(2, lambda b, a, other: _floats(b, b.sub(_bits(b, a), _bits(b, other))))
mean_bits = _operation(2, lambda b, a, other: _floats(b, b.lshr(b.add(_bits(b, a), _bits(b, other)), BITS([1] * LANES))))
add_less = _operation(
    3, lambda b, counts, a, other: _floats(b, b.sub(_bits(b, counts), b.sext(_less_bits(b, a, other), BITS)))
)
choose_less = _operation(4, lambda b, a, other, yes, no: b.select(_less_bits(b, a, other), yes, no))

# a · √(target / count), count an integer above 0
scaled = _operation(
    3, lambda b, a, target, count: b.fmul(a, _call(b, "sqrt", b.fdiv(target, b.sitofp(_bits(b, count), LAYOUT))))
)


def _element(context, b, signature, arguments):
    if signature.args[0].layout != "C":
        raise TypingError(f"{signature.args[0]}: expected a contiguous array")
    array = context.make_array(signature.args[0])(context, b, arguments[0])
    return b.gep(array.data, [arguments[1]])


def _spread(b, value):
    undefined = ir.Constant(LAYOUT, ir.Undefined)
    first = b.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return b.shuffle_vector(first, undefined, ir.Constant(BITS, [0] * LANES))


def _bits(b, vector):
    return b.bitcast(vector, BITS)


def _floats(b, bits):
    return b.bitcast(bits, LAYOUT)


def _less_bits(b, a, other):
    return b.icmp_signed("<", _bits(b, a), _bits(b, other))


def _less(b, a, other):
    return b.bitcast(b.fcmp_ordered("<", a, other), ir.IntType(LANES))


def _of_bits(b, name, a, other):
    function = cgutils.get_or_insert_function(b.module, ir.FunctionType(BITS, [BITS] * 2), f"llvm.{name}.v{LANES}i32")
    return _floats(b, b.call(function, [_bits(b, a), _bits(b, other)]))


def _call(b, name, *operands):
    kind = ir.FunctionType(LAYOUT, [LAYOUT] * len(operands))
    function = cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.v{LANES}f32")
    return b.call(function, operands, fastmath=("nnan", "nsz"))  # no operand is NaN: a single instruction
