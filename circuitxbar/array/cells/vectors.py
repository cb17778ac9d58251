"""Eight numbers side by side in one SIMD register, and the rows of them that laws work on.

A function of `Rows` is plain Python that runs once, while it is compiled, and leaves behind the
instructions for what it does. There is no loop that a compiler may or may not turn into vector
instructions, and nothing is rounded differently from how it stands: products and sums may be
fused, but their order is kept.
"""

from __future__ import annotations

from typing import Any

import numba
import numba.extending
from llvmlite import ir
from numba import types
from numba.core import cgutils

LANES = 8
# Their stubs know neither all options nor that a caller does not pass the first argument.
intrinsic: Any = numba.extending.intrinsic
njit: Any = numba.njit
_DOUBLE, _LONG, _INT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _BITS = ir.VectorType(_DOUBLE, LANES), ir.VectorType(_LONG, LANES)
_FUSED = ("contract",)

cfunc: Any = numba.cfunc
compiled = njit(nogil=True, error_model="numpy", cache=True)
part = njit(
    nogil=True,
    error_model="numpy",
    no_cpython_wrapper=True,  # called by compiled code alone
    no_cfunc_wrapper=True,
    _nrt=False,
)


class Mask:
    """Yes or no in every lane."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def __and__(self, other):
        return Mask(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other):
        return Mask(self.builder, self.builder.or_(self.value, other.value))

    def __invert__(self):
        return Mask(self.builder, self.builder.not_(self.value))


class Bits:
    """A whole number in every lane, or the bits of a number."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def _made(self, instruction, other):
        constant = ir.Constant(_BITS, [other] * LANES)
        return Bits(self.builder, getattr(self.builder, instruction)(self.value, constant))

    def __add__(self, other):
        return self._made("add", other)

    def __and__(self, other):
        return self._made("and_", other)

    def __lshift__(self, other):
        return self._made("shl", other)

    def __rshift__(self, other):
        return self._made("ashr", other)

    def number(self):
        """The numbers that have these bits."""
        return Lanes(self.builder, self.builder.bitcast(self.value, _VECTOR))


class Lanes:
    """A number in every lane; NaN compares as it does everywhere."""

    def __init__(self, builder, value, minus=None):
        # minus : what this is the negative of.  Products and sizes are then those of that one, so
        # that the functions of x and of -x share what they have in common.
        self.builder, self.value, self.minus = builder, value, minus

    def of(self, other):
        """`other`, a number or lanes, as lanes."""
        if isinstance(other, Lanes):
            return other
        return Lanes(self.builder, ir.Constant(_VECTOR, [float(other)] * LANES))

    def bits(self):
        """The bits of the numbers."""
        return Bits(self.builder, self.builder.bitcast(self.value, _BITS))

    def _made(self, instruction, first, second):
        first, second = self.of(first).value, self.of(second).value
        return Lanes(self.builder, getattr(self.builder, instruction)(first, second, flags=_FUSED))

    def _compared(self, sign, other):
        ordered = self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered
        return Mask(self.builder, ordered(sign, self.value, self.of(other).value))

    def __add__(self, other):
        return self._made("fadd", self, other)

    def __radd__(self, other):
        return self._made("fadd", other, self)

    def __sub__(self, other):
        return self._made("fsub", self, other)

    def __rsub__(self, other):
        return self._made("fsub", other, self)

    def __mul__(self, other):
        other = self.of(other)
        if self.minus is not None:
            return -(self.minus * other)
        if other.minus is not None:
            return -(self * other.minus)
        return self._made("fmul", self, other)

    def __rmul__(self, other):
        return self._made("fmul", other, self)

    def __truediv__(self, other):
        return self._made("fdiv", self, other)

    def __rtruediv__(self, other):
        return self._made("fdiv", other, self)

    def __neg__(self):
        if self.minus is not None:
            return self.minus
        return Lanes(self.builder, self.builder.fneg(self.value), minus=self)

    def __abs__(self):
        return (self if self.minus is None else self.minus).called("llvm.fabs")

    def __pow__(self, exponent):
        result, square = None, self
        while exponent:
            if exponent & 1:
                result = square if result is None else result * square
            exponent >>= 1
            square = square * square if exponent else square
        return result

    def __lt__(self, other):
        return self._compared("<", other)

    def __le__(self, other):
        return self._compared("<=", other)

    def __gt__(self, other):
        return self._compared(">", other)

    def __ge__(self, other):
        return self._compared(">=", other)

    def __eq__(self, other) -> Any:
        return self._compared("==", other)

    def __ne__(self, other) -> Any:
        return self._compared("!=", other)

    __hash__: Any = None

    def called(self, intrinsic_name):
        """The value of a vector function that the compiler knows itself."""
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        name = f"{intrinsic_name}.v{LANES}f64"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return Lanes(self.builder, self.builder.call(function, [self.value]))

    def one_by_one(self, name, *others):
        """The value of a function of the C library, lane by lane: slow."""
        builder, given = self.builder, [self.value, *(self.of(other).value for other in others)]
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(given))
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        result = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            at = ir.Constant(_INT, lane)
            numbers = [builder.extract_element(value, at) for value in given]
            result = builder.insert_element(result, builder.call(function, numbers), at)
        return Lanes(builder, result)


def select(condition, yes, no):
    """`yes` where the condition holds, `no` elsewhere; lanes as a condition hold where not 0."""
    if isinstance(condition, Lanes):
        condition = condition != 0.0
    builder = condition.builder
    rows = Rows(builder, None)
    yes, no = (x if isinstance(x, Lanes) else rows(x) for x in (yes, no))
    return Lanes(builder, builder.select(condition.value, yes.value, no.value))


class Rows:
    """An array of rows of LANES numbers each."""

    def __init__(self, builder, pointer):
        self.builder, self.pointer = builder, pointer

    def __call__(self, number):
        """The same number in every lane."""
        return Lanes(self.builder, ir.Constant(_VECTOR, [float(number)] * LANES))

    def _place(self, row):
        at = self.builder.gep(self.pointer, [ir.Constant(_LONG, int(row) * LANES)])
        return self.builder.bitcast(at, _VECTOR.as_pointer())

    def __getitem__(self, row):
        return Lanes(self.builder, self.builder.load(self._place(row), align=8))

    def __setitem__(self, row, value):
        value = value if isinstance(value, Lanes) else self(value)
        self.builder.store(value.value, self._place(row), align=8)


def on_rows(function):
    """A compiled function of the address of some rows that does what `function` does with them.

    It gives 0 where the Mask that `function` returns, if any, holds in no lane.
    """

    @intrinsic
    def operation(typing, rows):
        def code(context, builder, signature, arguments):
            found = function(Rows(builder, builder.inttoptr(arguments[0], _DOUBLE.as_pointer())))
            if found is None:
                return ir.Constant(_LONG, 0)
            return builder.zext(builder.bitcast(found.value, ir.IntType(LANES)), _LONG)

        return types.int64(rows), code

    return operation


@intrinsic
def address(typing, array):
    """Where the numbers of a C-contiguous array begin. The array itself must stay in use."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, _LONG)

    return types.int64(array), code


@intrinsic
def fresh_rows(typing, count):
    """The address of `count` rows of zeros, which last until the calling function returns."""

    def code(context, builder, signature, arguments):
        place = builder.alloca(_VECTOR, size=arguments[0])
        place.align = 8 * LANES
        with cgutils.for_range(builder, arguments[0]) as loop:
            builder.store(ir.Constant(_VECTOR, [0.0] * LANES), builder.gep(place, [loop.index]))
        return builder.ptrtoint(place, _LONG)

    return types.int64(types.int64), code


@intrinsic
def run(typing, function, which, rows):
    """Call a compiled function (which, rows) by its address."""

    def code(context, builder, signature, arguments):
        function, *given = arguments
        kind = ir.FunctionType(ir.VoidType(), [_LONG, _LONG])
        builder.call(builder.inttoptr(function, kind.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), code


def _at(builder, start, index, kind: ir.Type = _DOUBLE):
    return builder.gep(builder.inttoptr(start, kind.as_pointer()), [index])


def _row(builder, rows, row):
    at = _at(builder, rows, builder.mul(row, ir.Constant(_LONG, LANES)))
    return builder.bitcast(at, _VECTOR.as_pointer())


def _lane(builder, row, lane):
    """One number of a row."""
    return _at(builder, builder.ptrtoint(row, _LONG), lane)


@intrinsic
def take(typing, rows, row, start, at, count):
    """Copy the `count` numbers from `at` on, of those that begin at `start`, into a row.

    Lanes behind them keep what they had.
    """

    def code(context, builder, signature, arguments):
        rows, row, start, at, count = arguments
        target = _row(builder, rows, row)
        full = builder.icmp_signed("==", count, ir.Constant(_LONG, LANES))
        with builder.if_else(full) as (whole, partly):
            with whole:
                source = builder.bitcast(_at(builder, start, at), _VECTOR.as_pointer())
                builder.store(builder.load(source, align=8), target, align=8)
            with partly, cgutils.for_range(builder, count) as loop:
                number = builder.load(_at(builder, start, builder.add(at, loop.index)))
                builder.store(number, _lane(builder, target, loop.index))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), code


@intrinsic
def give(typing, rows, row, active, start, at, count):
    """Copy a row back to where `take` would find it, where the row `active` is not 0."""

    def code(context, builder, signature, arguments):
        rows, row, active, start, at, count = arguments
        value = builder.load(_row(builder, rows, row), align=8)
        wanted = builder.load(_row(builder, rows, active), align=8)
        taken = builder.fcmp_unordered("!=", wanted, ir.Constant(_VECTOR, [0.0] * LANES))
        full = builder.icmp_signed("==", count, ir.Constant(_LONG, LANES))
        with builder.if_else(full) as (whole, partly):
            with whole:
                target = builder.bitcast(_at(builder, start, at), _VECTOR.as_pointer())
                old = builder.load(target, align=8)
                builder.store(builder.select(taken, value, old), target, align=8)
            with partly, cgutils.for_range(builder, count) as loop:
                target = _at(builder, start, builder.add(at, loop.index))
                new = builder.load(_lane(builder, _row(builder, rows, row), loop.index))
                flag = builder.load(_lane(builder, _row(builder, rows, active), loop.index))
                flag = builder.fcmp_unordered("!=", flag, ir.Constant(_DOUBLE, 0.0))
                builder.store(builder.select(flag, new, builder.load(target)), target)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), code


def _of_cells(number):
    """A compiled function (rows, row, start, at, shift, count) that fills a row cell by cell.

    The number of the cell `at` and its neighbours goes to 2 ** shift lanes each.
    """

    @intrinsic
    def operation(typing, rows, row, start, at, shift, count):
        def code(context, builder, signature, arguments):
            rows, row, start, at, shift, count = arguments
            target = _row(builder, rows, row)
            one = builder.icmp_signed("==", shift, ir.Constant(_LONG, LANES.bit_length() - 1))
            nothing = ir.Constant(_VECTOR, ir.Undefined)
            with builder.if_else(one) as (whole, partly):
                with whole:
                    value = number(builder, start, at)
                    value = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
                    same = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
                    value = builder.shuffle_vector(value, nothing, same)
                    builder.store(value, target, align=8)
                with partly, cgutils.for_range(builder, count) as loop:
                    mine = builder.add(at, builder.ashr(loop.index, shift))
                    value = number(builder, start, mine)
                    builder.store(value, _lane(builder, target, loop.index))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), code

    return operation


take_numbers_of_cells = _of_cells(lambda builder, start, at: builder.load(_at(builder, start, at)))
take_flags_of_cells = _of_cells(
    lambda builder, start, at: builder.uitofp(
        builder.load(_at(builder, start, at, ir.IntType(8))), _DOUBLE
    )
)


@intrinsic
def number_at(typing, start, at):
    """The number at `at` of those that begin at `start`."""

    def code(context, builder, signature, arguments):
        return builder.load(_at(builder, *arguments))

    return types.float64(types.int64, types.int64), code


@intrinsic
def put_number(typing, start, at, value):
    """Write the number at `at` of those that begin at `start`."""

    def code(context, builder, signature, arguments):
        builder.store(arguments[2], _at(builder, *arguments[:2]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), code
