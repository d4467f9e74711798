"""Divergence, curl and Laplacian of functions, each in one batch of forward passes.

Of each Jacobian only what is asked for is kept. The Laplacian comes from Taylor mode of order two along the axes, so no
Hessian is ever made, and what does not depend on the direction is computed once. Source: Griewank and Walther,
*Evaluating Derivatives* (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.transforms.arguments import (
    LEFT_OUT,
    Selection,
    check_callable,
    differentiable,
    dtype_of,
    name_of,
    named_like,
    returned_leaves,
)
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.jacobians import jacfwd
from functorch_lite.transforms.many_tangents import push_own
from functorch_lite.transforms.standard_basis import basis, dimension
from functorch_lite.transforms.taylor import expanded

__all__ = ["curl", "divergence", "laplacian"]


def divergence(f: Callable[..., Any], argnums: int = 0, *, chunk_size: int | None = None) -> Callable[..., Any]:
    """Return a function that computes the divergence of a vector field: the trace of its Jacobian.

    Parameters
    ----------
    f
        A function whose result has the structure and the shapes of the argument at ``argnums``: arrays of any shape,
        each element of which is one coordinate.
    argnums
        The position of that argument.
    chunk_size
        Push at most this many tangents at a time, which bounds memory.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a scalar.

    Raises
    ------
    TypeError
        If the argument is not real floating.
    ValueError
        If the result differs from the argument in structure or shape.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> float(ft.divergence(lambda x: x**2)(np.array([1.0, 2.0, 3.0])))
    12.0
    """
    check_callable(f, "divergence")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        g, leaves, structure = _field("divergence", selection, args, kwargs)
        shapes = [shape_of(x) for x in leaves]

        def field(x: Any) -> Any:
            parts, own = returned_leaves(g(x), None, f)
            found = [shape_of(p) for p in parts]
            if own != structure or found != shapes:
                raise ValueError(
                    f"the divergence of {name_of(f)} needs a result like the argument, which has structure {structure} "
                    f"and shapes {shapes}; the result has {own} and {found}"
                )
            return tree.unflatten(own, parts)

        named_like(f, field)
        point = tree.unflatten(structure, leaves)
        if chunk_size is None and leaves:
            of_leaves = named_like(f, lambda xs: field(tree.unflatten(structure, xs)))
            own = push_own(of_leaves, leaves, basis(leaves, sparse=True))
            return sum(np.sum(t) for t in tree.leaves(own))

        def component(i: Any) -> Any:
            direction = _axis(leaves, i)
            _, t = jvp(field, (point,), (tree.unflatten(structure, direction),))
            return sum(np.sum(p * e) for p, e in zip(tree.leaves(t), direction, strict=True))

        return vmap(component, chunk_size=chunk_size)(np.arange(dimension(leaves))).sum(0)

    return transformed


def curl(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return a function that computes the curl of a vector field in three dimensions, or in two.

    Parameters
    ----------
    f
        A function from an array of shape ``(3,)`` at ``argnums`` to one of that shape; or ``(2,)`` to ``(2,)``.
    argnums
        The position of that argument.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives an array of shape ``(3,)``; in two dimensions the scalar ``∂f₁/∂x₀ -
        ∂f₀/∂x₁``.

    Raises
    ------
    TypeError
        If the argument is not real floating.
    ValueError
        If the shapes are others.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.curl(lambda x: np.stack([x[2] ** 2, x[0], x[1]]))(np.array([1.0, 2.0, 3.0]))
    array([1., 6., 1.])
    """
    check_callable(f, "curl")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        g, leaves, structure = _field("curl", selection, args, kwargs)
        shape = shape_of(leaves[0]) if structure == tree.LEAF else None
        if shape not in ((2,), (3,)):
            raise ValueError(
                f"the curl of {name_of(f)} is defined at points of shape (3,) or (2,), not at "
                f"{structure if shape is None else shape}; use ft.vmap(ft.curl(f)) for many points"
            )
        J = jacfwd(g)(leaves[0])
        if tree.structure(J) != tree.LEAF or shape_of(J) != shape * 2:
            got = [shape_of(j)[:-1] for j in tree.leaves(J)]
            raise ValueError(f"the curl of {name_of(f)} needs a result of shape {shape} like its argument, not {got}")
        if shape == (2,):
            return J[1, 0] - J[0, 1]
        return np.stack([J[2, 1] - J[1, 2], J[0, 2] - J[2, 0], J[1, 0] - J[0, 1]])

    return transformed


def laplacian(f: Callable[..., Any], argnums: int = 0, *, chunk_size: int | None = None) -> Callable[..., Any]:
    """Return a function that computes the Laplacian: the sum of the second derivatives along all axes.

    Parameters
    ----------
    f
        A function of pytrees of arrays; its result is a scalar, or any pytree, of which each element has a Laplacian.
    argnums
        The position of the argument whose elements are the coordinates.
    chunk_size
        Push at most this many directions at a time, which bounds memory.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree like the result of ``f``.

    Raises
    ------
    TypeError
        If the argument is not real floating.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> float(ft.laplacian(lambda x: np.sum(x**3))(np.array([1.0, 2.0])))
    18.0
    """
    check_callable(f, "laplacian")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        g, leaves, structure = _field("laplacian", selection, args, kwargs)
        spec = tree.structure((tree.unflatten(structure, leaves),))

        def second(i: Any) -> Any:
            values, terms, own = expanded(g, leaves, spec, [_axis(leaves, i), [None] * len(leaves)])
            seconds = [np.zeros_like(y) if row[1] is None else 2 * row[1] for y, row in zip(values, terms, strict=True)]
            return tree.unflatten(own, seconds)

        return tree.map(lambda t: t.sum(0), vmap(second, chunk_size=chunk_size)(np.arange(dimension(leaves))))

    return transformed


def _axis(leaves: list[Any], i: Any) -> list[Any]:
    """Return the unit vector along coordinate ``i``, which differs between the examples of a batch, in parts."""
    start, parts = 0, []
    for x in leaves:
        shape = shape_of(x)
        positions = np.arange(start, start + prod(shape)).reshape(shape)
        parts.append(np.equal(positions, i).astype(dtype_of(x)))
        start += prod(shape)
    return parts


def _field(
    operator: str, selection: Selection, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[[Any], Any], list[Any], tree.Structure]:
    """Return the function of the selected argument alone, and the leaves and the structure of that argument."""
    selected, places = selection.take(args, kwargs)
    leaves, structure = tree.flatten(selected)
    leaves = differentiable(leaves, selected, operator, *LEFT_OUT)
    for x in leaves:
        if dtype_of(x).kind == "c":
            raise TypeError(
                f"the {operator} of {name_of(selection.f)}: the argument is {dtype_of(x)}; coordinates are real. Take "
                f"real and imaginary parts as two arguments."
            )
    return selection.partial(places, args, kwargs), leaves, structure
