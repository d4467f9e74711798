"""How special functions are declared where `pointwise` does not suffice.

`elementwise` takes any number of arguments, `several` declares functions with several results, `inverse` the solution
of an equation; their partials are functions of the result and *all* arguments. `refused` stands where no partial is
known: it raises when the derivative is asked for, so an argument without a rule can never count as constant.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import aligned
from functorch_lite.core.primitive import PRIMITIVES, Arrays, General, Params, Pointwise, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import REFUSED

__all__ = [
    "batch_elementwise",
    "elementwise",
    "inverse",
    "pointwise",
    "refuse_wholly",
    "refused",
    "several",
    "takes_arguments",
]


def pointwise(function: Any, *partials: Any) -> None:
    """Declare a ufunc of SciPy by its partials, as `calculus.declare.pointwise` does.

    At poles they have the values that NumPy gives, also of Python's numbers, of which a quotient by zero raises. They
    compute in the precision of the widest of what they read, and in no integers so short, or unsigned, that one less is
    another number.
    """
    PRIMITIVES[function] = Pointwise(function, [_Partial(p) if hasattr(p, "__code__") else p for p in partials])


def refused(name: str, argument: str, reason: str = "has no closed form") -> Callable[..., NoReturn]:
    """Return a partial that raises, as the derivative of a function in an argument is not known."""

    def partial() -> NoReturn:
        raise NotImplementedError(
            f"the derivative of scipy.special.{name} with respect to {argument!r} {reason}; asked for at "
            f"{user_line()}. Hold the argument fixed (ft.stop_gradient) or give the derivative by ft.custom_jvp."
        )

    return partial


def refuse_wholly(reason: str, *ufuncs: Any) -> None:
    """Declare that functions have no derivative here, and why."""
    for ufunc in ufuncs:
        REFUSED[ufunc] = f"{reason}; give the derivative yourself by ft.custom_jvp if you know it"


def elementwise(function: Any, *partials: Callable[..., Any] | None, name: str | None = None) -> Primitive:
    """Declare an elementwise function of any number of arguments; a partial is called as ``partial(ans, *arrays)``.

    A partial may be None, for an argument that is an integer by nature, or `refused`. A function that is no ufunc is
    called on plain arrays only.
    """
    rules = [None if p is None else _ReadsAll(_product(p), _product(p)) for p in partials]
    primitive = General(function, "xyzwv"[: len(partials)], rules, name=name, batch=batch_elementwise)
    PRIMITIVES[function] = primitive
    return primitive


def several(function: Any, *slopes: Callable[..., Any] | None) -> Primitive:
    """Declare an elementwise function of several results.

    Each argument has a function ``slopes(ans, *arrays)`` that gives its partials, one a result; None and `refused` as
    in `elementwise`.
    """
    rules = [None if s is None else _ReadsAll(_products(s), _sum_of_products(s)) for s in slopes]
    primitive = General(function, "xyzwv"[: len(slopes)], rules, multiple=True, batch=batch_elementwise)
    PRIMITIVES[function] = primitive
    return primitive


def inverse(
    function: Any, slot: int, *partials: Callable[..., Any] | None, sign: int = 1, clipped: bool = False
) -> Primitive:
    """Declare the solution ``ans`` of ``F(…, ans, …) = sign · p``, where ``p`` stands in the solution's ``slot``.

    ``partials`` are those of F, called as ``partial(*arrays)``. By the implicit function theorem the derivative is
    ``1 / F_slot`` in ``p`` and ``-F_i / F_slot`` in the others. It is zero where solutions are zero because they are
    ``clipped``.
    """

    def solved(ans: Any, arrays: Arrays, i: int) -> Any:
        at = (*arrays[:slot], ans, *arrays[slot + 1 :])
        slope = _call(partials[slot], at)
        derivative = sign / slope if i == slot else -_call(partials[i], at) / slope
        return np.where(ans == 0, 0.0, derivative) if clipped else derivative

    def partial_in(i: int) -> Callable[..., Any] | None:
        return None if partials[i] is None else lambda ans, *arrays: solved(ans, arrays, i)

    return elementwise(function, *map(partial_in, range(len(partials))))


def batch_elementwise(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    """Batch an elementwise operation: the batch is more elements, once the axes of one example are lined up."""
    return primitive.bind(aligned(arrays, batched), params)


class _Partial:
    """A partial of one precision, evaluated again with NumPy's numbers where Python's raise; it reads what it did."""

    __slots__ = ("__code__", "function")

    def __init__(self, function: Any) -> None:
        self.function, self.__code__ = function, function.__code__

    def __call__(self, *read: Any) -> Any:
        return _evaluated(self.function, read)


def _evaluated(partial: Any, read: Arrays) -> Any:
    dtypes = {x.dtype for x in read if hasattr(x, "dtype")}
    if len(dtypes) > 1 or any(dtype.kind in "bui" for dtype in dtypes):
        precision = max((dtype for dtype in dtypes if dtype.kind == "f"), key=_digits, default=None)
        read = tuple(_widened(x, precision) for x in read)
    try:
        return partial(*read)
    except (ZeroDivisionError, OverflowError):
        return partial(*map(_of_numpy, read))


def _widened(x: Any, precision: Any) -> Any:
    """Return truth values and integers as such whose differences are what they are, real numbers in a precision."""
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.kind not in "buif":
        return x
    if dtype.kind == "f":
        return x if dtype == precision else x.astype(precision)
    return x.astype(np.int64 if dtype.kind != "u" or dtype.itemsize < 8 else np.float64)


_digits = attrgetter("itemsize")


def _of_numpy(x: Any) -> Any:
    """Return a number as NumPy's, traced or not, and arrays, and tuples of them, as they are."""
    return tuple(map(_of_numpy, x)) if isinstance(x, tuple) else np.add(x, 0.0)


class _ReadsAll(Rule):
    """A rule that reads the result and all arrays, whatever their number."""

    __slots__ = ()

    def attach(self, arguments: tuple[str, ...], parameters: tuple[str, ...], variadic: bool) -> None:
        count = 1 + len(arguments)
        self.read_jvp = self.read_vjp = lambda environment: environment[:count]


def _call(partial: Any, arguments: Arrays) -> Any:
    if not takes_arguments(partial):
        return partial()
    return _evaluated(partial, arguments)


def takes_arguments(partial: Any) -> bool:
    """Say whether a partial is a function of the arrays, as a primitive is, and not `refused`."""
    code = getattr(partial, "__code__", None)
    return code is None or bool(code.co_argcount or code.co_flags & _VARIADIC)


#: The flag of code with ``*args``; a partial with neither these nor parameters is `refused`.
_VARIADIC = 0x04


def _product(partial: Any) -> Callable[..., Any]:
    return lambda t, *read: t * _call(partial, read)


def _products(slopes: Any) -> Callable[..., Any]:
    return lambda t, *read: tuple(t * s for s in _call(slopes, read))


def _sum_of_products(slopes: Any) -> Callable[..., Any]:
    def vjp(g: Any, *read: Any) -> Any:
        pairs = [c * s for c, s in zip(g, _call(slopes, read), strict=True) if c is not None]
        return sum(pairs[1:], start=pairs[0])

    return vjp
