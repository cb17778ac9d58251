"""Lanes: one number of BITS for each vector of a block, in one SIMD register.

Arrays of either precision are loaded and stored, with a conversion where it is not that of lanes.
They are flat: the lanes at `place` are the WIDTH numbers from place * WIDTH on; cell (i, j) is
place i * columns + j. Slopes, and factors made of them, are per vector where OWN is 1, else one
number per cell.
"""

from __future__ import annotations

import operator
from typing import Any

import numba.extending
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import overload, register_model

intrinsic: Any = numba.extending.intrinsic  # it takes the first argument away
WIDTH = 8
OWN = 1
BITS = 64

_REAL = ir.DoubleType() if BITS == 64 else ir.FloatType()
_VECTOR = ir.VectorType(_REAL, WIDTH)
_FLAGS = ("contract", "nsz", "arcp")  # no reassociation: two_sum and NaN stay what they are

# A function with arrays among its arguments counts references when it is called: never in an
# inner loop.
compiled = njit(nogil=True, cache=True, error_model="numpy")


class Lanes(types.Type):
    """The type of lanes."""

    def __init__(self) -> None:
        super().__init__(name=f"lanes{WIDTH}of{BITS}")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, _VECTOR)


def _at(context, builder, kind, array, index):
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


def _lanes_at(context, builder, kind, array, place):
    """A pointer to the lanes at `place`, and their type in the array."""
    index = builder.mul(place, ir.Constant(place.type, WIDTH))
    stored = ir.VectorType(ir.DoubleType() if kind.dtype.bitwidth == 64 else ir.FloatType(), WIDTH)
    at = _at(context, builder, kind, array, index)
    return builder.bitcast(at, stored.as_pointer()), stored


def _converted(builder, value, kind):
    """`value` in the precision of `kind`; both scalars or both vectors."""
    if value.type == kind:
        return value
    wider = "double" in str(kind)
    return builder.fpext(value, kind) if wider else builder.fptrunc(value, kind)


def _broadcast(builder, value):
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    vector = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(vector, nothing, mask)


@intrinsic
def load(typing, array, place):
    """The lanes at `place` of `array`."""

    def code(context, builder, signature, arguments):
        at, _ = _lanes_at(context, builder, signature.args[0], arguments[0], arguments[1])
        return _converted(builder, builder.load(at, align=4), _VECTOR)

    return lanes(array, types.intp), code


@intrinsic
def store(typing, array, place, value):
    """Puts the lanes `value` at `place` of `array`."""

    def code(context, builder, signature, arguments):
        at, stored = _lanes_at(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store(_converted(builder, arguments[2], stored), at, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


@intrinsic
def add_to(typing, array, place, value):
    """Adds the lanes `value` to those at `place` of `array`, in the precision of the array."""

    def code(context, builder, signature, arguments):
        at, stored = _lanes_at(context, builder, signature.args[0], arguments[0], arguments[1])
        total = builder.fadd(builder.load(at, align=4), _converted(builder, arguments[2], stored))
        builder.store(total, at, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), code


@intrinsic
def move(typing, array, remainder, place, value):
    """Adds the lanes `value` to `array` + `remainder`, the digits it has no room for to the latter.

    Both in the precision of the array.
    """

    def code(context, builder, signature, arguments):
        places = [
            _lanes_at(context, builder, signature.args[k], arguments[k], arguments[2])
            for k in (0, 1)
        ]
        (at, stored), (at_rest, _) = places
        here, rest = builder.load(at, align=4), builder.load(at_rest, align=4)
        small = builder.fadd(rest, _converted(builder, arguments[3], stored))
        total = builder.fadd(here, small)
        builder.store(total, at, align=4)
        builder.store(builder.fsub(small, builder.fsub(total, here)), at_rest, align=4)
        return context.get_dummy_value()

    return types.void(array, remainder, types.intp, lanes), code


@intrinsic
def shared(typing, array, place):
    """The one number at `place` of `array`, in all lanes."""

    def code(context, builder, signature, arguments):
        at = _at(context, builder, signature.args[0], arguments[0], arguments[1])
        return _broadcast(builder, _converted(builder, builder.load(at), _REAL))

    return lanes(array, types.intp), code


@intrinsic
def everywhere(typing, value):
    """`value` in all lanes."""

    def code(context, builder, signature, arguments):
        return _broadcast(builder, _converted(builder, arguments[0], _REAL))

    return lanes(types.float64), code


@intrinsic
def magnitude(typing, a):
    """|a|."""

    def code(context, builder, signature, arguments):
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        name = f"llvm.fabs.v{WIDTH}f{BITS}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)

    return lanes(lanes), code


@intrinsic
def larger(typing, a, b):
    """The larger of a and b; b where one of them is NaN."""

    def code(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered("ogt", a, b), a, b)

    return lanes(lanes, lanes), code


@intrinsic
def packed(typing, a, rest):
    """One number from which `passed` makes a = 1 - rest, where neither is negative.

    It is a where that is small, else -rest: both keep their digits.
    """

    def code(context, builder, signature, arguments):
        a, rest = arguments
        kind = ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR])
        name = f"llvm.copysign.v{WIDTH}f{BITS}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        negative = builder.call(function, [rest, ir.Constant(_VECTOR, [-1.0] * WIDTH)])
        half = ir.Constant(_VECTOR, [0.5] * WIDTH)
        return builder.select(builder.fcmp_ordered("<", a, half), a, negative)

    return lanes(lanes, lanes), code


@intrinsic
def passed(typing, kept):
    """The a that `packed` had."""

    def code(context, builder, signature, arguments):
        bits = ir.VectorType(ir.IntType(BITS), WIDTH)
        sign = builder.bitcast(arguments[0], bits)
        negative = builder.icmp_signed("<", sign, ir.Constant(bits, [0] * WIDTH))
        one = ir.Constant(_VECTOR, [1.0] * WIDTH)
        return builder.select(negative, builder.fadd(one, arguments[0]), arguments[0])

    return lanes(lanes), code


def _arithmetic(function, instruction):
    @intrinsic
    def operation(typing, a, b):
        def code(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, flags=_FLAGS)

        return lanes(lanes, lanes), code

    @overload(function)
    def choose(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: operation(a, b)
        return None


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_function, _instruction)

own = load if OWN else shared


@compiled
def two_sum(a, b):
    """a + b as it is rounded, and what the rounding loses, exactly."""
    total = a + b
    kept = total - a
    return total, (a - (total - kept)) + (b - kept)
