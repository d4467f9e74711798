"""Taylor mode: derivatives of all orders along a curve, and of a function of one scalar.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 13; how series flow through operations is told in
`transforms.series`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from math import factorial
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of, zeros_like
from functorch_lite.transforms.arguments import (
    LEFT_OUT,
    Selection,
    call,
    check_callable,
    check_count,
    check_like,
    differentiable,
    like_primal,
    returned_leaves,
    unshared,
)
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.series import TaylorTrace

__all__ = ["derivative", "expanded", "jet"]


def jet(f: Callable[..., Any], primals: Any, series: Any) -> tuple[Any, Any]:
    """Compute ``f`` and the derivatives of ``f`` along a curve, all orders in one pass.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    primals
        A tuple or list of its positional arguments: the point of the curve at time 0.
    series
        A tuple or list with one entry for each primal: the list of the derivatives of the curve at time 0, first,
        second and so on, each like the primal. All lists have the same length, the order. The derivatives are not
        divided by factorials, as in ``jax.experimental.jet``.

    Returns
    -------
    out, series_out
        The value, and the derivatives of ``t ↦ f(x(t))`` at 0: a tree with the structure of ``out``, whose leaves are
        lists of as many arrays as the order.

    Raises
    ------
    TypeError
        If a primal is not floating or complex, or ``primals`` and ``series`` are no tuples.
    ValueError
        If lengths, structures or shapes differ.

    Notes
    -----
    Functions with custom derivatives are expanded through their forward rule, higher orders included. A special
    function whose derivative calls two of its kind (a Bessel function) takes exponential time in the order.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> y, (first, second) = ft.jet(np.sin, (0.0,), ([1.0, 0.0],))
    >>> float(y), float(first), float(second)
    (0.0, 1.0, 0.0)
    >>> ft.jet(lambda x: x**3, (2.0,), ([1.0, 0.0, 0.0],))
    (8.0, [12.0, 12.0, 6.0])
    """
    check_callable(f, "jet", "(f, (x,), ([t],))")
    if not (isinstance(primals, tuple | list) and isinstance(series, tuple | list) and len(primals) == len(series)):
        raise TypeError("jet takes a tuple of primals and a tuple of as many lists of derivatives, one for each primal")
    orders = {len(terms) if isinstance(terms, tuple | list) else -1 for terms in series}
    if -1 in orders:
        raise TypeError("jet: each entry of series is the list of the derivatives of one primal, first, second, …")
    if len(orders) != 1:
        raise ValueError(f"jet: the derivatives of the primals go to different orders, {sorted(orders)}")
    order = orders.pop()
    leaves, structure = tree.flatten(tuple(primals))
    leaves = differentiable(leaves, tuple(primals), "jet")
    coefficients = []
    for k in range(1, order + 1):
        terms, other = tree.flatten(tuple(terms[k - 1] for terms in series))
        if other != structure:
            raise ValueError(f"jet: the primals have structure {structure}, the derivatives of order {k} {other}")
        scale = factorial(k)
        coefficients.append([t if k == 1 else t / scale for t in check_like(terms, leaves, f"derivative of order {k}")])
    values, terms, out_structure = expanded(f, leaves, structure, coefficients)
    seen = {id(t) for row in coefficients for t in row}
    return tree.unflatten(out_structure, values), tree.unflatten(
        out_structure,
        [[_derivative(y, c, k, seen) for k, c in enumerate(row, 1)] for y, row in zip(values, terms, strict=True)],
    )


def derivative(f: Callable[..., Any], order: int = 1, argnums: int = 0) -> Callable[..., Any]:
    """Return the n-th derivative of a function of one scalar, as a function, at the cost of Taylor mode.

    Parameters
    ----------
    f
        A function whose argument at ``argnums`` is a scalar; its result may be any pytree.
    order
        How many times to differentiate; 0 gives ``f`` itself.
    argnums
        The position of the scalar.

    Returns
    -------
    callable
        With the arguments of ``f``; its result is like that of ``f``.

    Raises
    ------
    TypeError
        If the argument is no scalar; for arrays use ``vmap(derivative(f))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> float(ft.derivative(np.sin, order=2)(np.pi / 2))
    -1.0
    >>> ft.derivative(lambda x: x**4, order=3)(2.0)
    48.0
    """
    check_callable(f, "derivative")
    check_count(order, "derivative: order", 0)
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        x, places = selection.take(args, kwargs)
        if not tree.all_leaves([x]) or shape_of(x) != ():
            raise TypeError(
                f"derivative needs a scalar argument, not {type(x).__name__} of shape {shape_of(x)}; use "
                f"ft.vmap(ft.derivative(f)) for many points, ft.jacobian for several variables"
            )
        of_scalar = selection.partial(places, args, kwargs)
        if order == 0:
            return of_scalar(x)
        leaves = differentiable([x], x, "derivative", *LEFT_OUT)
        if order == 1:
            return jvp(of_scalar, tuple(leaves), (1.0,))[1]
        coefficients = [check_like([1.0], leaves, "tangent"), *[[None]] * (order - 1)]
        values, terms, structure = expanded(of_scalar, leaves, tree.structure((x,)), coefficients)
        return tree.unflatten(
            structure, [_derivative(y, row[-1], order, set()) for y, row in zip(values, terms, strict=True)]
        )

    return differentiated


def expanded(
    f: Callable[..., Any], leaves: Sequence[Any], structure: tree.Structure, coefficients: Sequence[Sequence[Any]]
) -> tuple[list[Any], list[list[Any]], tree.Structure]:
    """Run a function on power series.

    Parameters
    ----------
    f
        The function.
    leaves, structure
        Its positional arguments: the leaves of the tuple, and its structure.
    coefficients
        For each order from 1 on, the coefficients of the leaves, divided by factorials; None is zero.

    Returns
    -------
    values, terms, structure
        The leaves of the result; for each of them the list of its coefficients from order 1 on; its structure.
    """
    trace = TaylorTrace(len(coefficients))
    traced = [trace.series(x, None) for x in leaves]
    for i, x in enumerate(traced):
        x.known = [row[i] for row in coefficients]
    outputs, out_structure = returned_leaves(call(f, tree.unflatten(structure, traced), {}, trace), trace, f)
    values, terms = [], []
    for y in outputs:
        values.append(trace.term(y, 0))
        terms.append([trace.term(y, k) for k in range(1, trace.order + 1)])
    trace.close()
    return values, terms, out_structure


def _derivative(value: Any, coefficient: Any, k: int, seen: set[int]) -> Any:
    """Return the derivative of order ``k`` that a coefficient stands for, as an array of its own."""
    if coefficient is None:
        return like_primal(zeros_like(value), value)
    return unshared(coefficient, seen) if k == 1 else factorial(k) * coefficient
