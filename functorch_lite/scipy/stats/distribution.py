"""What continuous and discrete distributions have in common: parameters, supports, and what follows from what is given.

A distribution is a few functions of the standard variable. Location and scale, what lies outside of the support, and
what are no parameters of the distribution are handled once for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.operands import is_at_hand, shape_of

__all__ = ["Distribution", "Function", "at_parameters", "complement_of", "exp_of", "log_of", "nan_unless"]

Function = Callable[..., Any]


class Distribution:
    """The arguments and the support of a distribution.

    Parameters
    ----------
    name
        Its name, as SciPy has it.
    shapes
        The names of its shape parameters, in SciPy's order.
    support
        The bounds of the standard variable: numbers, or functions of the shape parameters.
    inside
        A standard value within the support for every shape, which takes the place of values outside: the density there
        is zero whatever the formula would give, and no NaN of it reaches a derivative.
    valid
        ``valid(*shapes)`` says where the shape parameters are those of a distribution. None: where all are positive;
        of distributions of integers, where none is negative, nor a ``p`` greater than one.
    """

    #: The parameters behind the shapes, and what they are if not given.
    defaults: ClassVar[dict[str, float]]

    def __init__(
        self, name: str, shapes: str, support: tuple[Any, Any], inside: float, valid: Function | None
    ) -> None:
        self.name = name
        self.shapes = tuple(shapes.split())
        self.lower, self.upper = support
        self.inside = inside
        self._valid = valid

    def __repr__(self) -> str:
        return f"<distribution {self.name}({', '.join((*self.shapes, *self.defaults))})>"

    def _arguments(
        self, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[Any, ...], list[Any]]:
        """Return the points, the shape parameters, and the others, in the precision of the points if they are weak."""
        names = (*self.shapes, *self.defaults)
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names) or not kwargs.keys() <= set(names) - given.keys():
            raise TypeError(f"{self.name} takes the parameters {', '.join(names)}, each once")
        given |= kwargs
        missing = [name for name in self.shapes if name not in given]
        if missing:
            raise TypeError(f"{self.name} misses the shape parameters {', '.join(missing)}")
        x, values = _floating(x), {name: _floating(value) for name, value in (self.defaults | given).items()}
        # Adding an array of zero turns a Python scalar, traced or not, into a number of the precision of the points, or
        # if these are Python scalars too of the parameters. Of NumPy's numbers a quotient by zero does not raise.
        strong = [v.dtype for v in ((x,) if _is_strong(x) else values.values()) if _is_strong(v)]
        zero = np.zeros((), np.result_type(*strong) if strong else float)
        x = x if _is_strong(x) else x + zero
        shapes = tuple(values[name] + zero for name in self.shapes)
        others = [values[name] + zero for name in self.defaults]
        return nan_unless(self._are_parameters(shapes, others), x), shapes, others

    def _are_parameters(self, shapes: tuple[Any, ...], others: list[Any]) -> Any:
        """Say where the arguments are parameters of a distribution."""
        raise NotImplementedError

    def _bounds(self, shapes: tuple[Any, ...]) -> tuple[Any, Any]:
        return tuple(bound(*shapes) if callable(bound) else bound for bound in (self.lower, self.upper))

    def _given(self, function: Function | None, what: str) -> Function:
        if function is None:
            raise NotImplementedError(f"{what} of {self.name} have no closed form")
        return function


def nan_unless(valid: Any, x: Any) -> Any:
    """Return the values, and NaN in the place of those that are not valid."""
    return x if is_at_hand(valid) and np.all(valid) else np.where(valid, x, np.nan)


def exp_of(function: Function | None) -> Function | None:
    """Return the exponential of a function of the standard variable, if there is one."""
    return None if function is None else lambda y, *shapes: np.exp(function(y, *shapes))


def log_of(
    function: Function | None, complement: Function | None, tail: Function | None, inside: float
) -> Function | None:
    """Return the logarithm of a probability, found from the complement where that is the smaller one.

    In the tail, where derivatives of log p by powers of 1/p would overflow, it has a formula of its own.
    """
    if function is None or complement is None:
        return None

    def logarithm(y: Any, *shapes: Any) -> Any:
        p = function(y, *shapes)
        likely = p > 0.5
        unlikely = p < np.finfo(p.dtype).tiny ** (1 / 3) if tail else False
        if is_at_hand(likely) and not np.any(likely | unlikely):
            return np.log(p)
        rest = np.where(likely, complement(y, *shapes), 0.0)
        value = np.where(likely, np.log1p(-rest), np.log(np.where(likely | unlikely, 1.0, p)))
        if tail is None or (is_at_hand(unlikely) and not np.any(unlikely)):
            return value
        return np.where(unlikely, tail(np.where(unlikely, y, inside), *at_parameters(unlikely, shapes)), value)

    return logarithm


def at_parameters(condition: Any, shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return shape parameters, and elsewhere a number that is one of every distribution."""
    if is_at_hand(condition) and np.all(condition):
        return shapes
    return tuple(np.where(condition, shape, 0.5) for shape in shapes)


def complement_of(function: Function | None) -> Function | None:
    """Return one minus a function of the standard variable, if there is one."""
    return None if function is None else lambda y, *shapes: 1 - function(y, *shapes)


def _floating(x: Any) -> Any:
    """Return a number as it is, which is weak, and an array with a floating dtype."""
    if type(x) is int or type(x) is float:
        return float(x)
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"distributions are of real numbers, with real parameters; an argument is {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(float)


def _is_strong(x: Any) -> bool:
    """Say whether a number has a precision of its own: arrays have, and NumPy's scalars."""
    return bool(shape_of(x)) or isinstance(x, np.generic | np.ndarray)
