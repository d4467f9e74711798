"""Hessians: many tangents of a gradient, all columns in one batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.transforms.arguments import Argnames, Argnums, Selection, check_callable
from functorch_lite.transforms.jacobian_modes import (
    Call,
    Options,
    call_of,
    check_output,
    in_forward_mode,
    in_reverse_mode,
    rows,
)
from functorch_lite.transforms.many_tangents import ManyTangentsTrace, columns_of
from functorch_lite.transforms.pullback import recorded
from functorch_lite.transforms.second_order import SecondOrderWalk, reverse_over
from functorch_lite.transforms.standard_basis import basis, dimension, split
from functorch_lite.transforms.tangent_arrays import as_tangents

__all__ = ["hessian"]


def hessian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Hessian: forward over reverse mode, all columns in one batch.

    Parameters
    ----------
    f
        A function of pytrees of arrays, of a scalar result as a rule.
    argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacfwd`.

    Returns
    -------
    callable
        It gives a tree of the output, of the argument, of the argument again; leaves have shape
        ``out.shape + in.shape + in.shape``. With ``has_aux`` a pair ``(hessian, aux)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_callable(f, "hessian")
    options = Options("hessian", has_aux, holomorphic, chunk_size)
    selection = Selection(f, argnums, argnames)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = call_of(selection, options, args, kwargs)
        size = dimension(call.leaves)
        aux, result = _at_once(call, size) if size and chunk_size is None else _in_chunks(call)
        return (result, aux) if has_aux else result

    return update_wrapper(transformed, f, updated=())


def _in_chunks(call: Call) -> tuple[Any, Any]:
    """Return auxiliary output and Hessian of a call, so many directions at a time."""

    def gradient(duals: list[Any]) -> Any:
        _, aux, jac = in_reverse_mode(call._replace(leaves=duals), *reverse_over(duals))
        return (jac, aux) if call.options.has_aux else jac

    _, aux, result = in_forward_mode(call._replace(of_leaves=gradient))
    return aux, result


def _at_once(call: Call, size: int) -> tuple[Any, Any]:
    """Return auxiliary output and Hessian of a call, all directions at once: the function runs once."""
    f, of_leaves, leaves, structure, options = call
    trace = ManyTangentsTrace(size)
    try:
        duals = [trace.dual(x, as_tangents(t)) for x, t in zip(leaves, basis(leaves, sparse=True), strict=True)]
        recording, walk = reverse_over(duals)
        pull, aux = recorded(recording, f, of_leaves, duals, structure, options.has_aux)
        for y in pull.values:
            check_output(call, y)
        if isinstance(walk, SecondOrderWalk) and len(pull.values) == 1 and shape_of(pull.values[0]) == ():
            columns = walk.columns(pull)
        else:
            gradients = tree.leaves(rows(call._replace(leaves=duals), pull, recording, walk))
            seen: set[int] = set()
            columns = [columns_of(*trace.parts(g), size, True, seen) for g in gradients]
        if options.has_aux:
            aux = tree.map(lambda a: trace.parts(a)[0], aux)
    finally:
        trace.close()
    parts = [tree.unflatten(structure, split(c, leaves, -1)) for c in columns]
    by_output = [tree.unflatten(structure, parts[i : i + len(leaves)]) for i in range(0, len(parts), len(leaves))]
    return aux, tree.unflatten(pull.out_structure, by_output)
