"""Looking into transformed functions: printing, calling back, finding the first NaN."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import bottom
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.program.effects import Effect
from functorch_lite.program.nans import CURE, checking
from functorch_lite.transforms.arguments import check_callable, described

__all__ = ["callback", "nans", "print"]

_PACKAGE = os.path.dirname(__file__)
#: Tells applications apart, so that none passes for a repetition of another.
_next_number = itertools.count().__next__


def print(format: str, *args: Any, **kwargs: Any) -> None:
    """Print values, under any transformation.

    Under `jit` it prints at each call, and not once when the function is recorded; under `vmap` once for the whole
    batch, which is on the first axis; under differentiation the values, not the derivatives.

    Parameters
    ----------
    format
        As of ``str.format``.
    args, kwargs
        Arrays and numbers, traced or not.

    Raises
    ------
    TypeError
        If one of them is neither an array nor a number.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> @ft.jit
    ... def f(x):
    ...     ft.debug.print("x is {:.1f}", x)
    ...     return x * x
    >>> f(3.0)
    x is 3.0
    9.0
    >>> ft.grad(f)(3.0)
    x is 3.0
    6.0
    """
    if not isinstance(format, str):
        raise TypeError(
            f"ft.debug.print at {user_line()} needs a format first, not {described(format)}: "
            f"ft.debug.print('x is {{}}', x)"
        )
    arrays = (*args, *kwargs.values())
    _check("print", arrays, "put it into the format: ft.debug.print(f'{name}: {{}}', x)")
    _print.bind(arrays, (format, tuple(kwargs), _next_number()))


def callback(f: Callable[..., Any], *args: Any) -> None:
    """Call a Python function with values, under any transformation; what it returns is dropped.

    Under `jit` it is called at each call, under `vmap` for each example, under differentiation with the values.

    Parameters
    ----------
    f
        Gets plain arrays and numbers, which it may keep.
    args
        Arrays and numbers, traced or not; see `print`.

    Raises
    ------
    TypeError
        If one of them is neither an array nor a number.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> seen = []
    >>> @ft.jit
    ... def f(x):
    ...     ft.debug.callback(seen.append, np.max(x))
    ...     return np.sum(x)
    >>> float(f(np.array([1.0, 5.0]))), float(f(np.array([2.0, 7.0])))
    (6.0, 9.0)
    >>> [float(x) for x in seen]
    [5.0, 7.0]
    """
    check_callable(f, "debug.callback", "(f, x)")
    _check("callback", args, "let f close over it: ft.debug.callback(lambda x: record(name, x), x)")
    _callback.bind(args, (f, _next_number()))


@contextmanager
def nans() -> Iterator[None]:
    """Raise FloatingPointError at the operation that makes the first NaN from numbers, in the ``with`` block.

    The error names the operation, the shapes that it was applied to and the line. Compiled functions run equation by
    equation, and each result is looked at. For all else NumPy itself watches its operations, under transformations and
    without, on tensors and in backward passes; it does not see what ``np.einsum`` or Python's own numbers make of
    infinite values.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> with ft.debug.nans():
    ...     ft.grad(lambda x: np.sum(np.log(x)))(np.array([1.0, -1.0]))
    Traceback (most recent call last):
        ...
    FloatingPointError: log of float64[2], applied at ..., made the first NaN. ...
    """
    token = checking.set(True)
    try:
        with np.errstate(invalid="call", call=_found):
            yield
    finally:
        checking.reset(token)


# --- The primitives ---------------------------------------------------------------------------------------------------


def _printed(arrays: Arrays, format: str, names: tuple[str, ...], number: int) -> None:
    first = len(arrays) - len(names)
    sys.stdout.write(format.format(*arrays[:first], **dict(zip(names, arrays[first:], strict=True))) + "\n")


def _called(arrays: Arrays, function: Callable[..., Any], number: int) -> None:
    # Copies: the memory of a compiled function's results may be used again.
    function(*(np.array(a) if type(a) is np.ndarray else a for a in arrays))


def _whole(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return np.broadcast_to(primitive.bind(arrays, params), (size,))


def _one_by_one(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    examples = (tuple(a[i] if b else a for a, b in zip(arrays, batched, strict=True)) for i in range(size))
    tokens = [primitive.bind(example, (*params[:-1], _next_number())) for example in examples]
    return np.stack(tokens) if tokens else np.ones(0, bool)


_print = Effect(_printed, ["format", "names", "number"], name="debug_print", batch=_whole)
_callback = Effect(_called, ["function", "number"], name="debug_callback", batch=_one_by_one)


def _check(name: str, arrays: Arrays, remedy: str) -> None:
    for x in arrays:
        if not isinstance(x, Tracer | np.ndarray | np.generic | bool | int | float | complex):
            raise TypeError(
                f"ft.debug.{name} at {user_line()} was given a {type(x).__name__}; it takes arrays and numbers (the "
                f"leaves of a tree one by one). If it is no number, {remedy}"
            )


# --- NumPy's watch ----------------------------------------------------------------------------------------------------


def _found(kind: str, flag: int) -> None:
    """NumPy calls this where an operation is invalid; the frames below say which it is."""
    frames = list(_frames(sys._getframe(1)))
    if any(f.f_code.co_name == "stage" and f.f_globals["__name__"].endswith("program.staging") for f in frames):
        return  # a function is recorded, perhaps on values that stand for others: the program is looked at when it runs
    inside = list(itertools.takewhile(lambda f: f.f_code.co_filename.startswith(_PACKAGE), frames))
    what = next(filter(None, map(_operation, inside)), "an operation of NumPy")
    raise FloatingPointError(f"{what}, applied at {user_line()}, made the first NaN. {CURE}")


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if f"{os.sep}numpy{os.sep}" not in frame.f_code.co_filename or frame.f_code.co_filename.startswith(_PACKAGE):
            yield frame
        frame = frame.f_back


def _operation(frame: FrameType) -> str | None:
    """Return what a frame of the package computes: a primitive, or in a backward pass the derivative of one."""
    names = frame.f_locals
    node = names.get("node")
    if type(node) is list and len(node) > 1 and isinstance(node[1], Primitive):
        return f"the derivative of {node[1].name}, at a cotangent of {_described(names.get('g'))}"
    primitive = next((names[n] for n in ("primitive", "self") if isinstance(names.get(n), Primitive)), None)
    if primitive is None:
        return None
    values = names.get("arrays") or [names[n] for n in ("x", "y") if n in names]
    return f"{primitive.name} of {', '.join(map(_described, values))}"


def _described(x: Any) -> str:
    x = bottom(x)
    return f"{np.asarray(x).dtype}{list(np.shape(x))}"
