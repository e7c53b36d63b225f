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
STEP = 4  # samples visited at a time
FEW = 6  # vectors are inserted one by one into shorter tuples


class Vector(types.Type):
    def __init__(self):
        super().__init__(name=f"vector({LANES} x float32)")


VECTOR = Vector()
VECTORS = types.UniTuple(VECTOR, STEP)


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
def load_each(typing_context, array, at):
    """STEP vectors, one after the other."""

    def build(context, b, signature, arguments):
        first = b.bitcast(_element(context, b, signature, arguments), LAYOUT.as_pointer())
        return cgutils.pack_array(b, [b.load(b.gep(first, [ir.IntType(64)(i)]), align=4) for i in range(STEP)])

    return VECTORS(array, types.intp), build


@intrinsic
def store_each(typing_context, array, at, vectors):
    """Write STEP vectors, one after the other."""

    def build(context, b, signature, arguments):
        first = b.bitcast(_element(context, b, signature, arguments), LAYOUT.as_pointer())
        for i, vector in enumerate(cgutils.unpack_tuple(b, arguments[2])):
            b.store(vector, b.gep(first, [ir.IntType(64)(i)]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, VECTORS), build


@intrinsic
def gaps(typing_context, query, array, at):
    """|query − array[at]|, |query − array[at + 1]|, ...: STEP vectors."""

    def build(context, b, signature, arguments):
        query, *place = arguments
        first = _element(context, b, signature.replace(args=signature.args[1:]), place)
        others = [_spread(b, b.load(b.gep(first, [ir.IntType(64)(i)]))) for i in range(STEP)]
        return cgutils.pack_array(b, [_call(b, "fabs", b.fsub(query, other)) for other in others])

    return VECTORS(VECTOR, array, types.intp), build


@intrinsic
def larger_each(typing_context, a, other):
    """The larger of STEP vectors each."""

    def build(context, b, signature, arguments):
        both = zip(*(cgutils.unpack_tuple(b, vectors) for vectors in arguments), strict=True)
        return cgutils.pack_array(b, [_call(b, "maxnum", *pair) for pair in both])

    return VECTORS(VECTORS, VECTORS), build


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
def insert(typing_context, ascending, vectors):
    """Insert a tuple of vectors of non-negative numbers into one sorted in every lane, and drop the largest numbers."""

    def build(context, b, signature, arguments):
        def sorted_two(one, other):
            return [_of_bits(b, "umin", one, other), _of_bits(b, "umax", one, other)]

        held, added = (cgutils.unpack_tuple(b, tuples) for tuples in arguments)
        kept = len(held)
        if kept < FEW:
            for value in added:
                for place, other in enumerate(held):
                    held[place], value = sorted_two(other, value)
        else:
            runs = [[vector] for vector in added]
            while len(runs) > 1:
                runs = [_merged(one, other, sorted_two) for one, other in zip(runs[::2], runs[1::2], strict=True)]
            held = _merged(held, runs[0], sorted_two)[:kept]  # LLVM removes what is not kept
        return cgutils.pack_array(b, held)

    return ascending(ascending, vectors), build


def _merged(one, other, sorted_two):
    """Batcher's odd-even merge of two sorted lists."""
    if not one or not other:
        return one or other
    if len(one) == len(other) == 1:
        return sorted_two(one[0], other[0])
    even, odd = (_merged(one[start::2], other[start::2], sorted_two) for start in (0, 1))
    result = even[:1]
    for place in range(max(len(even) - 1, len(odd))):
        both = odd[place : place + 1] + even[place + 1 : place + 2]
        result += sorted_two(*both) if len(both) == 2 else both
    return result


@intrinsic
def times_mantissas(typing_context, products, vector):
    """Multiply the float64 products of all lanes, kept in two vectors, by the mantissas of a vector, from 1 to 2."""

    def build(context, b, signature, arguments):
        bits = b.or_(b.and_(_bits(b, arguments[1]), BITS([0x7FFFFF] * LANES)), BITS([0x3F800000] * LANES))
        mantissas, kind = _floats(b, bits), ir.VectorType(ir.DoubleType(), LANES // 2)
        results = []
        for half, product in enumerate(cgutils.unpack_tuple(b, arguments[0])):
            first = half * LANES // 2
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES // 2), [*range(first, first + LANES // 2)])
            factor = b.fpext(b.shuffle_vector(mantissas, mantissas, lanes), kind)
            results.append(b.bitcast(b.fmul(b.bitcast(product, kind), factor), LAYOUT))
        return cgutils.pack_array(b, results)

    return products(products, VECTOR), build


@intrinsic
def take_next(typing_context, counter, step):
    """Add step to counter[0] in one indivisible operation; what it was before."""

    def build(context, b, signature, arguments):
        first = context.make_array(signature.args[0])(context, b, arguments[0]).data
        return b.atomic_rmw("add", first, arguments[1], "monotonic")

    return types.int64(counter, types.int64), build


def _operation(build):
    """An operation on two vectors, given its builder of LLVM instructions."""

    def typed(typing_context, a, other):
        return VECTOR(VECTOR, VECTOR), lambda context, b, signature, vectors: build(b, *vectors)

    return intrinsic(typed)


minus = _operation(lambda b, a, other: b.fsub(a, other))
smaller = _operation(lambda b, a, other: _call(b, "minnum", a, other))
larger = _operation(lambda b, a, other: _call(b, "maxnum", a, other))
plus_bits = _operation(lambda b, a, other: _floats(b, b.add(_bits(b, a), _bits(b, other))))
# the sum of the bits of `total` and the exponents of non-negative numbers, each 127 too large
add_exponents = _operation(
    lambda b, total, a: _floats(b, b.add(_bits(b, total), b.lshr(_bits(b, a), BITS([23] * LANES))))
)


@intrinsic
def where_less(typing_context, a, other, value):
    """value in the lanes with a < other, 0 in the rest."""

    def build(context, b, signature, arguments):
        a, other, value = arguments
        return b.select(b.fcmp_ordered("<", a, other), value, LAYOUT([0.0] * LANES))

    return VECTOR(VECTOR, VECTOR, VECTOR), build


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


def _less(b, a, other):
    return b.bitcast(b.fcmp_ordered("<", a, other), ir.IntType(LANES))


def _of_bits(b, name, a, other):
    function = cgutils.get_or_insert_function(b.module, ir.FunctionType(BITS, [BITS] * 2), f"llvm.{name}.v{LANES}i32")
    return _floats(b, b.call(function, [_bits(b, a), _bits(b, other)]))


def _call(b, name, *operands):
    kind = ir.FunctionType(LAYOUT, [LAYOUT] * len(operands))
    function = cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.v{LANES}f32")
    return b.call(function, operands, fastmath=("nnan", "nsz"))  # no operand is NaN: a single instruction
