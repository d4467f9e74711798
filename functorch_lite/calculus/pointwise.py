"""Elementwise functions: the table of derivatives.

Each line gives the partial derivatives of a ufunc (or of a Python operator) with respect to ``x``, ``y``. What a
partial names is what reverse mode keeps. At kinks the conventions are those of ``docs/kinks.md``.
"""

from __future__ import annotations

import operator
from math import factorial, log, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import general, pointwise, zero
from functorch_lite.calculus.norms import over_norm
from functorch_lite.core.operands import aligned, is_at_hand, quotient, shape_of
from functorch_lite.core.primitive import PRIMITIVES, Arrays, General, Linear, Params, Pointwise, Primitive, Zero
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import FUNCTIONS, implements

__all__ = ["excess", "imaginary_part", "logistic", "of_parts", "real_part"]

_FLOAT = np.dtype(float)

# --- Arithmetic -------------------------------------------------------------------------------------------------------

pointwise((np.add, operator.add), 1, 1)
pointwise((np.subtract, operator.sub), 1, -1)
pointwise((np.multiply, operator.mul), lambda y: y, lambda x: x)
pointwise((np.divide, operator.truediv), lambda y: 1 / y, lambda x, y: _divide_dy(x, y))
pointwise((np.negative, operator.neg), -1)
pointwise((np.positive, operator.pos), 1)
pointwise((np.power, operator.pow), lambda x, y: _power_dx(x, y), lambda ans, x: ans * _log_or_zero(ans, x))
pointwise(np.float_power, lambda x, y: _power_dx(x, y), lambda ans, x: ans * _log_or_zero(ans, x))
pointwise((np.remainder, operator.mod), 1, lambda x, y: -np.floor_divide(x, y))
pointwise(np.fmod, 1, lambda x, y: -np.trunc(np.divide(x, y)))
pointwise(np.square, lambda x: 2 * x)
pointwise(np.sqrt, lambda ans: 0.5 / ans)
pointwise(np.cbrt, lambda ans: 1 / (3 * ans * ans))
pointwise(np.reciprocal, lambda ans: -ans * ans)
pointwise(np.nextafter, 1, None)
pointwise(np.ldexp, lambda ans, y: np.ldexp(_number(1.0, ans), y), None)

# --- Exponentials and logarithms --------------------------------------------------------------------------------------

pointwise(np.exp, lambda ans: ans)
pointwise(np.exp2, lambda ans: ans * log(2))
pointwise(np.expm1, np.exp)
pointwise(np.log, lambda x: 1 / x)
pointwise(np.log2, lambda x: quotient(1 / log(2), x))
pointwise(np.log10, lambda x: quotient(1 / log(10), x))
pointwise(np.log1p, lambda x: quotient(1, 1 + x))
pointwise(np.logaddexp, lambda x, y: _share(x, y, 1.0), lambda x, y: _share(y, x, 1.0))
pointwise(np.logaddexp2, lambda x, y: _share(x, y, log(2)), lambda x, y: _share(y, x, log(2)))

# --- Trigonometric and hyperbolic functions ---------------------------------------------------------------------------

pointwise(np.sin, np.cos)
pointwise(np.cos, lambda x: -np.sin(x))
pointwise(np.tan, lambda ans: 1 + ans * ans)
pointwise(np.arcsin, lambda x: 1 / _root_of_one_minus_square(x))
pointwise(np.arccos, lambda x: -1 / _root_of_one_minus_square(x))
pointwise(np.arctan, lambda x: _over_one_plus_square(x))
pointwise(np.arctan2, lambda x, y: _parts_over_square_sum(x, y)[1], lambda x, y: -_parts_over_square_sum(x, y)[0])
pointwise(np.sinh, np.cosh)
pointwise(np.cosh, np.sinh)
pointwise(np.tanh, lambda ans: 1 - ans * ans)
pointwise(np.arcsinh, lambda x: 1 / _root_of_one_plus_square(x))
pointwise(np.arccosh, lambda x: 1 / _root_of_square_minus_one(x))
pointwise(np.arctanh, lambda x: _over_one_minus_square(x))
pointwise(np.hypot, lambda ans, x, y: _cosine(x, y, ans), lambda ans, x, y: _cosine(y, x, ans))
pointwise((np.degrees, np.rad2deg), lambda: 180 / pi)
pointwise((np.radians, np.deg2rad), lambda: pi / 180)

# --- Absolute values, extremes, complex parts -------------------------------------------------------------------------

pointwise((np.absolute, operator.abs), lambda x: _conjugate_sign(x))
pointwise(np.fabs, np.sign)
pointwise(np.copysign, lambda ans, x, y: np.sign(x) * np.copysign(_number(1.0, ans), y), None)
pointwise(np.heaviside, None, lambda ans, x: _number(1.0, ans) * (x == 0))
# Ufuncs, not operators: NumPy orders complex numbers, Python does not. The result is not kept for its precision.
pointwise(
    np.maximum,
    lambda x, y: _won(np.greater(x, y), x, y),
    lambda x, y: _won(np.less(x, y), x, y),
)
pointwise(
    np.minimum,
    lambda x, y: _won(np.less(x, y), x, y),
    lambda x, y: _won(np.greater(x, y), x, y),
)
pointwise(
    np.fmax,
    lambda x, y: _number_of_both(1.0, x, y) * (np.greater_equal(x, y) | np.isnan(y)),
    lambda x, y: _number_of_both(1.0, x, y) * (np.less(x, y) | (np.isnan(x) > np.isnan(y))),
)
pointwise(
    np.fmin,
    lambda x, y: _number_of_both(1.0, x, y) * (np.less_equal(x, y) | np.isnan(y)),
    lambda x, y: _number_of_both(1.0, x, y) * (np.greater(x, y) | (np.isnan(x) > np.isnan(y))),
)

# --- Zero by nature ---------------------------------------------------------------------------------------------------

zero(np.signbit, np.floor, np.ceil, np.trunc, np.rint, np.spacing, np.floor_divide, np.gcd, np.lcm)
zero(np.isfinite, np.isinf, np.isnan, np.isnat, np.less, np.less_equal, np.equal, np.not_equal, np.greater)
zero(np.greater_equal, np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.bitwise_and, np.bitwise_or)
zero(np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count)
zero(operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge, arity=2)
zero(operator.floordiv, operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, arity=2)
zero(operator.invert, arity=1)

# --- Composed of them -------------------------------------------------------------------------------------------------


@implements(np.divmod)
def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return np.floor_divide(x, y), np.remainder(x, y)


@implements(np.modf)
def _modf(x: Any) -> tuple[Any, Any]:
    return _fraction(x), np.trunc(x)


_fraction = Pointwise(lambda x: np.modf(x)[0], [1], name="fraction")


@implements(np.frexp)
def _frexp(x: Any) -> tuple[Any, Any]:
    exponent = _exponent(x)
    return np.ldexp(x, -exponent), exponent


def _exponent_of(x: Any) -> Any:
    return np.frexp(x)[1]


_exponent = Zero(_exponent_of, ["x"], name="exponent")

real_part = Pointwise(operator.attrgetter("real"), [1], name="real")
imaginary_part = Pointwise(operator.attrgetter("imag"), [lambda: -1j], name="imag")


def _of_parts(x: Any, y: Any) -> Any:
    if not (is_at_hand(x) and is_at_hand(y)):  # a foreign array, which may have no parts to set
        return x + 1j * y
    z = np.empty(np.broadcast_shapes(shape_of(x), shape_of(y)), np.result_type(x, y, 1j))
    z.real, z.imag = x, y
    return z[()]


#: x + iy, also where a part is infinite: of a product with i the other part is NaN then.
of_parts = Pointwise(_of_parts, [1, lambda: 1j], name="of_parts")


@implements(np.real)
def _real_part(val: Any) -> Any:
    return real_part(val) if np.iscomplexobj(val) else val


@implements(np.imag)
def _imaginary_part(val: Any) -> Any:
    return imaginary_part(val) if np.iscomplexobj(val) else np.zeros_like(val)


@implements(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    radians = _complex_angle(z) if np.iscomplexobj(z) else np.arctan2(np.zeros_like(z), z)
    return np.degrees(radians) if deg else radians


def _complex_angle_of(x: Any) -> Any:
    return np.arctan2(np.imag(x), np.real(x))


_complex_angle = Pointwise(_complex_angle_of, [lambda x: -1j / x], name="angle")


def _conjugate(g: Any) -> Any:
    return np.conjugate(g)


PRIMITIVES[np.conjugate] = Linear(
    np.conjugate, ["x"], [_conjugate], elementwise=True, name="conjugate", batch=same_axes
)

# --- The sign, which turns with a complex number ---------------------------------------------------------------------


@implements(np.sign)
def _sign(x: Any) -> Any:
    return _complex_sign(x) if np.iscomplexobj(x) else _real_sign(x)


_real_sign = Zero(np.sign, ["x"])


def _phase_of(x: Any) -> Any:
    if _is_large(x):  # NumPy's sign of complex numbers takes ten times as long as their size
        size, number = np.abs(x), np.finfo(x.dtype)
        if number.tiny <= size.min() and size.max() <= number.max / 4:
            return x * (1 / size)
    return np.sign(x)


_TURN = Rule(
    lambda t, ans, x: _turn(t, ans, np.conjugate(ans), x), lambda g, ans, x: _turn(g, np.conjugate(ans), ans, x)
)
_complex_sign = General(np.sign, ["x"], [_TURN], name="complex_sign", batch=same_axes)
#: The sign up to rounding.
_phase = General(_phase_of, ["x"], [_TURN], name="phase", batch=same_axes)

# --- The sinc function, stable at its removable singularity -----------------------------------------------------------


def _sinc_slope(x: Any) -> Any:
    """d/dx sin(πx)/(πx) = (cos(πx) - sinc(x)) / x; near zero by the power series, which stays exact to every order."""
    near = np.abs(x) < 0.25
    square = np.where(near, x, 0.0) ** 2
    series = 0.0 * square
    for k in range(11, 0, -1):
        series = series * square + (-1) ** k * 2 * k * pi ** (2 * k) / factorial(2 * k + 1)
    apart = np.where(near, 1.0, x)
    return np.where(near, series * x, (np.cos(pi * apart) - np.sinc(apart)) / apart)


_sinc = Pointwise(np.sinc, [lambda x: _sinc_slope(x)], name="sinc")
FUNCTIONS[np.sinc] = _sinc

# --- The direction of a vector ----------------------------------------------------------------------------------------


def _cosine_of(x: Any, y: Any, norm: Any) -> Any:
    if is_at_hand(norm) and np.all(norm):
        return x / norm
    zero = norm == 0
    return np.where(zero, 0, x) / np.where(zero, 1, norm)


#: x/r for r = √(x² + y²): its slope in x is y²/r³, no difference. What r changes is said of x and y already.
_cosine: Primitive = Pointwise(
    _cosine_of,
    [
        lambda x, y, z: over_norm(over_norm(y, z) ** 2, z),
        lambda x, y, z: -over_norm(over_norm(x, z) * over_norm(y, z), z),
        None,
    ],
    name="cosine",
)


def _turning_in_x(t: Any, ans: Any) -> tuple[Any, Any]:
    p, q = ans
    return t * ((q - p) * (q + p)), t * (-2 * p * q)


def _turning_in_y(t: Any, ans: Any) -> tuple[Any, Any]:
    p, q = ans
    return t * (-2 * p * q), t * ((p - q) * (p + q))


def _batch_of_pairs(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    return primitive.bind(aligned(arrays, batched), params)


@general(Rule(_turning_in_x), Rule(_turning_in_y), multiple=True, batch=_batch_of_pairs)
def over_square_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """Return x / (x² + y²) and y / (x² + y²), whose derivatives are made of them."""
    if _has_squares(x) and _has_squares(y):
        squares = x * x + y * y
        if squares.min() * np.finfo(squares.dtype).eps >= np.finfo(squares.dtype).tiny:  # too little was lost to matter
            return x / squares, y / squares
    norm = np.hypot(x, y)
    return x / norm / norm, y / norm / norm


def _parts_over_square_sum(x: Any, y: Any) -> Any:
    return over_square_sum(x, y)


def _is_large(x: Any) -> bool:
    """Say whether a look at all elements is cheap beside what is to be done with them."""
    return type(x) is np.ndarray and x.size > 500


def _has_squares(x: Any) -> bool:
    """Say whether the squares of many elements are known to be in range, with a sum of two: `np.hypot` is slow."""
    if not _is_large(x) or x.dtype.kind != "f":
        return False
    limit = np.sqrt(np.finfo(x.dtype).max) / 2
    return bool(-limit < x.min() and x.max() < limit)


# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _power_dx(x: Any, y: Any) -> Any:
    """y · x^(y-1); at x = 0 = y it is 0; elsewhere the formula stands, as its derivative in y counts where y is 0."""
    if type(y) is int or type(y) is float:  # a literal exponent: most powers of most programs
        return 2 * x if y == 2 else y * _power(x, y - 1) if y else np.zeros_like(x)
    if hasattr(y, "dtype") and y.dtype != getattr(x, "dtype", _FLOAT):
        # Less one, a short or unsigned integer may be another number, and a short float has few digits.
        y = y.astype(np.result_type(x, y, 0.0))
    return y * x ** np.where((x == 0) & (y == 0), 1, y - 1)


def _power(x: Any, y: Any) -> Any:
    """x^y as NumPy has it, infinite where Python's floats raise."""
    try:
        return x**y
    except (ZeroDivisionError, OverflowError):
        return np.power(x, y)


def _divide_dy(x: Any, y: Any) -> Any:
    """-x / y², in which no square overflows, and only the quotient is negated: x may be unsigned, or boolean."""
    try:
        return -(x / y) / y
    except ZeroDivisionError:
        return np.divide(-np.divide(x, y), y)


def _log_or_zero(ans: Any, x: Any) -> Any:
    """log x, and 0 where x is 0: then 0^y is constant in y wherever it is finite."""
    base = np.where(x == 0, _number(1.0, ans), x if hasattr(x, "dtype") else _number(x, ans))
    return np.log(base + 0j if np.iscomplexobj(ans) else base)


def _share(x: Any, y: Any, base: float) -> Any:
    """The weight of ``x`` in logaddexp(x, y), by the difference of the two; a half where both are the same infinity."""
    x, y = x if hasattr(x, "dtype") else _number(x, y), y if hasattr(y, "dtype") else _number(y, x)
    return logistic(base * excess(x, y))


def excess(x: Any, y: Any) -> Any:
    """Return x - y, and 0 where both are the same infinity."""
    alike = (x == y) & np.isinf(x)
    return np.where(alike, 0.0, x) - np.where(alike, 0.0, y)


def _logistic_of(x: Any) -> Any:
    small = np.exp(-np.abs(x))  # never overflows
    return np.maximum(small, x > 0) / (1.0 + small)


logistic: Primitive = Pointwise(_logistic_of, [lambda ans, x: ans * logistic(-x)], name="logistic")


def _conjugate_sign(x: Any) -> Any:
    """The partial of |x|: the sign, or conj(x) / |x| of a complex number; 0 at 0."""
    return np.conjugate(_phase(x)) if np.iscomplexobj(x) else np.sign(x)


def _turn(t: Any, along: Any, against: Any, x: Any) -> Any:
    """The change of x/|x| by ``t``: what is at right angles to ``x``, over |x|; its transpose with the conjugates."""
    return np.where(x == 0, 0.0, (t - along * np.real(against * t)) / _one_for_zero(np.abs(x)))


# Parts of the derivatives of inverse functions. The derivative of each is one product, so that second derivatives are
# infinite at the ends of the domain, where sums over the factors are not numbers. On a cut of complex numbers the sign
# of a zero says on which side they are; x - 1 and x - (-1) keep it, 1 - x and x + 1 do not. The squares of complex
# numbers overflow to what is not a number, so they are not formed.


def _root_of_one_minus_square_of(x: Any) -> Any:
    if np.iscomplexobj(x):
        return np.sqrt(-(x - 1)) * np.sqrt(x - (-1))
    return np.sqrt((1 - x) * (1 + x))


def _root_of_square_minus_one_of(x: Any) -> Any:
    return np.sqrt(x - 1) * np.sqrt(x - (-1))


_root_of_one_minus_square: Primitive = Pointwise(
    _root_of_one_minus_square_of, [lambda ans, x: -x / ans], name="root_of_one_minus_square"
)
_root_of_square_minus_one: Primitive = Pointwise(
    _root_of_square_minus_one_of, [lambda ans, x: x / ans], name="root_of_square_minus_one"
)


def _root_of_one_plus_square(x: Any) -> Any:
    if np.iscomplexobj(x):  # that of the number turned by a right angle, without a product in which signs are lost
        return _root_of_one_minus_square(of_parts(-np.imag(x), np.real(x)))
    return _hypotenuse_beside_one(x)


def _hypotenuse_beside_one_of(x: Any) -> Any:
    if not _has_squares(x):
        return np.hypot(1, x)
    squares = 1 + x * x
    return np.sqrt(squares, squares)


_hypotenuse_beside_one: Primitive = Pointwise(
    _hypotenuse_beside_one_of, [lambda ans, x: x / ans], name="hypotenuse_beside_one"
)


def _over_one_minus_square_of(x: Any) -> Any:
    return quotient(quotient(1, 1 - x), 1 + x) if np.iscomplexobj(x) else quotient(1, (1 - x) * (1 + x))


_over_one_minus_square: Primitive = Pointwise(
    _over_one_minus_square_of, [lambda ans, x: 2 * x * ans * ans], name="over_one_minus_square"
)


def _over_one_plus_square(x: Any) -> Any:
    return quotient(quotient(1, 1 - 1j * x), 1 + 1j * x) if np.iscomplexobj(x) else 1 / (1 + x * x)


def _won(alone: Any, x: Any, y: Any) -> Any:
    """The partial of an extreme: 1 where the argument is it alone, a half where the other is it too."""
    tied = x == y
    if is_at_hand(tied) and shape_of(tied) and not np.count_nonzero(tied):
        return alone  # truth values multiply as their numbers do, and there is nothing to put among them
    return np.where(tied, _number_of_both(0.5, x, y), alone)


def _number(value: Any, array: Any) -> Any:
    """Return a number of the precision of an array: Python's, beside numbers and truth values alone, is double."""
    dtype = getattr(array, "dtype", None)
    return dtype.type(value) if dtype is not None and dtype.kind in "fc" else value


def _number_of_both(value: Any, x: Any, y: Any) -> Any:
    """Return a number of the precision of what is computed from both."""
    first, second = getattr(x, "dtype", None), getattr(y, "dtype", None)
    dtype = first if second is None or first == second else second if first is None else np.result_type(first, second)
    return dtype.type(value) if dtype is not None and dtype.kind == "f" else value


def _one_for_zero(x: Any) -> Any:
    return np.where(x == 0, 1.0, x)
