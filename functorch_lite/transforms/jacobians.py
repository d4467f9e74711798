"""Jacobians: one batched pass over a basis.

The basis is that of the inputs in forward mode, that of the outputs in reverse mode. The function itself runs once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.backward import Walk
from functorch_lite.core.tape import ReverseTrace
from functorch_lite.transforms.arguments import Argnames, Argnums, Selection, check_callable, dtype_of
from functorch_lite.transforms.jacobian_modes import (
    Options,
    call_of,
    check_output,
    in_forward_mode,
    in_reverse_mode,
    without_value,
)

__all__ = ["jacfwd", "jacobian", "jacrev", "value_and_jacobian"]


def jacfwd(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in forward mode: one batch of tangents, as many as inputs.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    argnums, argnames
        The arguments to differentiate with respect to; see `grad`.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.
    holomorphic
        Whether ``f`` is holomorphic; required when an input is complex. In reverse mode (`jacrev`, `jacobian`) a real
        function of complex inputs may do without: its rows are then gradients as `grad` gives them.
    chunk_size
        Push at most this many tangents at a time, which bounds memory.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree with the structure of the output, whose leaves are trees with the
        structure of the argument (a tuple of them for several), whose leaves have shape ``out.shape + in.shape``. With
        ``has_aux`` a pair ``(jacobian, aux)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacfwd(lambda x: np.stack([x[0] * x[1], x[1] ** 2]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 6.]])
    """
    check_callable(f, "jacfwd")
    options = Options("jacfwd", has_aux, holomorphic, chunk_size)
    return without_value(f, _value_and_jacfwd(Selection(f, argnums, argnames), options), has_aux)


def jacrev(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in reverse mode: one batch of cotangents, as many as outputs.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic
        As for `jacfwd`.
    chunk_size
        Pull back at most this many cotangents at a time, which bounds memory.

    Returns
    -------
    callable
        As of `jacfwd`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacrev(lambda x: np.stack([x[0] * x[1], x[1] ** 2]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 6.]])
    """
    check_callable(f, "jacrev")
    options = Options("jacrev", has_aux, holomorphic, chunk_size, takes_complex=True)
    return without_value(f, _value_and_jacrev(Selection(f, argnums, argnames), options), has_aux)


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in the mode that takes fewer passes.

    The function runs once, on the tape; then the sizes of output and input decide whether cotangents are pulled back
    through the tape or tangents pushed along it.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacfwd`.

    Returns
    -------
    callable
        As of `jacfwd`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_callable(f, "jacobian")
    options = Options("jacobian", has_aux, holomorphic, chunk_size, takes_complex=True)
    transform = _value_and_jacrev(Selection(f, argnums, argnames), options, choose=True)
    return without_value(f, transform, has_aux)


def value_and_jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes value and Jacobian in one pass.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacobian`.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives ``(value, jacobian)``, with ``has_aux`` ``((value, aux), jacobian)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.value_and_jacobian(np.square)(np.array([1.0, 2.0]))
    (array([1., 4.]), array([[2., 0.],
           [0., 4.]]))
    """
    check_callable(f, "value_and_jacobian")
    options = Options("value_and_jacobian", has_aux, holomorphic, chunk_size, takes_complex=True)
    transform = _value_and_jacrev(Selection(f, argnums, argnames), options, choose=True)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, aux, jac = transform(*args, **kwargs)
        return ((value, aux), jac) if has_aux else (value, jac)

    return transformed


def _value_and_jacfwd(selection: Selection, options: Options) -> Callable[..., Any]:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = call_of(selection, options, args, kwargs)
        value, aux, jac = in_forward_mode(call)
        for y in tree.leaves(value):
            if dtype_of(y).kind not in "fc":
                check_output(call, y)
        return value, aux, jac

    return transformed


def _value_and_jacrev(selection: Selection, options: Options, choose: bool = False) -> Callable[..., Any]:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        return in_reverse_mode(call_of(selection, options, args, kwargs), ReverseTrace(), Walk(), choose)

    return transformed
