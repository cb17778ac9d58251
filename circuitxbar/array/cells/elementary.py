"""Functions of numbers side by side: no branch, no call.

Each is exact to 3 units in the last place wherever its value is a normal number, overflows to
infinity where numpy does, and hands NaN on.
"""

from __future__ import annotations

import math

from circuitxbar.array.cells.vectors import select

INFINITY = math.inf
NAN = math.nan
# Adding it rounds to a whole number, which then stands in the lowest bits of the sum.
WHOLE = 1.5 * 2.0**52
# log(2) in two parts: the first has so few digits that its product with an exponent is exact.
LOG2_HIGH = float.fromhex("0x1.62e42fefap-1")
LOG2_LOW = float.fromhex("0x1.cf79abc9e3b3ap-40")
LOG2 = math.log(2.0)
ONE, ROOT_OF_HALF, WHOLE_BITS = 0x3FF0000000000000, 0x3FE6A09E667F3BCD, 0x4338000000000000
FRACTION = 0x000FFFFFFFFFFFFF  # the bits behind the exponent
PER_LOG2 = 1.0 / math.log(2.0)


def minimum(a, b):
    """The smaller of a and b; NaN where one of them is."""
    return select(a == a, select(a < b, a, b), a)


def maximum(a, b):
    """The larger of a and b; NaN where one of them is."""
    return select(a == a, select(a > b, a, b), a)


def sign(x):
    """-1, 0 or 1."""
    return select(x < 0.0, -1.0, select(x > 0.0, 1.0, x))


def limited(x, low, high):
    """x within the limits; NaN stays NaN."""
    x = select(x > high, high, x)
    return select(x < low, low, x)


def exponent(x):
    """The whole number nearest to x / log 2."""
    return (x * PER_LOG2 + WHOLE) - WHOLE


def power_of_two(k):
    """2 ** k for a whole k from -1022 to 1023."""
    return ((k + (WHOLE + 1023.0)).bits() << 52).number()


def short_sinh(r):
    """sinh(r) for |r| <= log(2) / 2: its power series."""
    z = r * r
    series = 1.0 / 6227020800.0
    series = series * z + 1.0 / 39916800.0
    series = series * z + 1.0 / 362880.0
    series = series * z + 1.0 / 5040.0
    series = series * z + 1.0 / 120.0
    series = series * z + 1.0 / 6.0
    return r + r * (z * series)


def short_cosh_less_one(r):
    """cosh(r) - 1 for |r| <= log(2) / 2: its power series."""
    z = r * r
    series = 1.0 / 479001600.0
    series = series * z + 1.0 / 3628800.0
    series = series * z + 1.0 / 40320.0
    series = series * z + 1.0 / 720.0
    series = series * z + 1.0 / 24.0
    series = series * z + 0.5
    return z * series


def exp(x):
    """e ** x."""
    x = limited(x, -750.0, 750.0)
    k = exponent(x)
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    value = 1.0 + (short_sinh(r) + short_cosh_less_one(r))
    half = (0.5 * k + WHOLE) - WHOLE  # in two steps, as 2 ** k itself may be beyond all numbers
    return value * power_of_two(half) * power_of_two(k - half)


def sinh(x):
    """The hyperbolic sine."""
    x = limited(x, -711.0, 711.0)
    k = exponent(x)
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    # An eighth of both halves, so that neither is infinite before the result is.
    up = power_of_two(select(k < -1000.0, -1000.0, k) - 4.0)
    down = power_of_two(-select(k > 1000.0, 1000.0, k) - 4.0)
    high, low = up + down, up - down
    return 8.0 * (low + (low * short_cosh_less_one(r) + high * short_sinh(r)))


def cosh(x):
    """The hyperbolic cosine."""
    x = limited(x, -711.0, 711.0)
    k = exponent(x)
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    up = power_of_two(select(k < -1000.0, -1000.0, k) - 4.0)
    down = power_of_two(-select(k > 1000.0, 1000.0, k) - 4.0)
    high, low = up + down, up - down
    return 8.0 * (high + (high * short_cosh_less_one(r) + low * short_sinh(r)))


def tanh(x):
    """The hyperbolic tangent."""
    x = limited(x, -20.0, 20.0)
    k = exponent(x)
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    up, down = power_of_two(k), power_of_two(-k)
    high, low = up + down, up - down
    s, c = short_sinh(r), short_cosh_less_one(r)
    return (low + (low * c + high * s)) / (high + (high * c + low * s))


def logistic(x):
    """1 / (1 + exp(-x))."""
    small = exp(-abs(x))
    larger = 1.0 / (1.0 + small)
    return select(x < 0.0, small * larger, larger)


def mantissa_and_exponent(x):
    """m from sqrt(1/2) to sqrt(2) and a whole k, x = m * 2 ** k, for a normal x > 0."""
    bits = x.bits() + (ONE - ROOT_OF_HALF)
    k = ((bits >> 52) + WHOLE_BITS).number()
    m = ((bits & FRACTION) + ROOT_OF_HALF).number()
    return m, k - (WHOLE + 1023.0)


def log_near_one(f, k, extra):
    """log(1 + f) + k log(2) + extra, by the series of atanh(f / (2 + f)); extra is tiny."""
    s = f / (2.0 + f)
    z = s * s
    series = 2.0 / 23.0
    series = series * z + 2.0 / 21.0
    series = series * z + 2.0 / 19.0
    series = series * z + 2.0 / 17.0
    series = series * z + 2.0 / 15.0
    series = series * z + 2.0 / 13.0
    series = series * z + 2.0 / 11.0
    series = series * z + 2.0 / 9.0
    series = series * z + 2.0 / 7.0
    series = series * z + 2.0 / 5.0
    series = series * z + 2.0 / 3.0
    return k * LOG2_HIGH + (f + ((k * LOG2_LOW + extra) - s * (f - z * series)))


def log(x):
    """The natural logarithm; NaN below 0."""
    subnormal = x < 2.3e-308
    m, k = mantissa_and_exponent(select(subnormal, x * 2.0**54, x))
    value = log_near_one(m - 1.0, select(subnormal, k - 54.0, k), 0.0)
    value = select(x < INFINITY, value, x)  # also NaN
    value = select(x == 0.0, -INFINITY, value)
    return select(x < 0.0, NAN, value)


def log1p(x):
    """log(1 + x)."""
    u = 1.0 + x
    lost = select(u < 1e300, x - (u - 1.0), 0.0)
    m, k = mantissa_and_exponent(u)
    value = log_near_one(m - 1.0, k, lost / u)
    value = select(x < INFINITY, value, x)
    value = select(x == -1.0, -INFINITY, value)
    return select(x < -1.0, NAN, value)


def softplus(x):
    """log(1 + exp(x))."""
    small = exp(-abs(x))
    u = 1.0 + small
    # What u has lost, divided by u: near enough, and exactly so where u is 1.
    lost = (small - (u - 1.0)) * (1.0 - small * (1.0 - 0.5 * small))
    m, k = mantissa_and_exponent(u)
    return select(x > 0.0, x, 0.0) + log_near_one(m - 1.0, k, lost)


def sqrt(x):
    """The square root; NaN below 0."""
    return x.called("llvm.sqrt")


def asinh(x):
    """The inverse of sinh."""
    a = abs(x)
    large = a > 1e17
    square = select(large, 0.0, a * a)
    inside = select(large, a, a + square / (1.0 + sqrt(1.0 + square)))
    value = log1p(inside) + select(large, LOG2, 0.0)
    return select(x < 0.0, -value, value)


def atan(x):
    """The arc tangent."""
    return x.one_by_one("atan")


def sin(x):
    """The sine."""
    return x.one_by_one("sin")


def cos(x):
    """The cosine."""
    return x.one_by_one("cos")


def floor(x):
    """The largest whole number that is not above x."""
    return x.called("llvm.floor")


def power(base, exponent):
    """base ** exponent; NaN for a negative base, as in the function table."""
    return select(base < 0.0, NAN, base.one_by_one("pow", exponent))
