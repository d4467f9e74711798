"""Products of a Hessian with vectors, and its diagonal: what needs no matrix.

Source: Pearlmutter, *Fast exact multiplication by the Hessian* (1994).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.transforms.arguments import LEFT_OUT, Argnums, Selection, check_callable, differentiable
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.many_tangents import push_own
from functorch_lite.transforms.reverse import grad, vjp
from functorch_lite.transforms.standard_basis import basis, split

__all__ = ["hessian_diag", "hvp", "vhp"]


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Compute the gradient of a scalar function and the product of its Hessian with a vector, forward over reverse.

    Parameters
    ----------
    f
        A function of pytrees of arrays with a real scalar result.
    primals
        A tuple of its positional arguments.
    tangents
        A tuple of the same structure: the vector.

    Returns
    -------
    gradient, product
        Trees like the argument, or tuples of them when there are several arguments. The cost is a small multiple of
        that of ``f``, and the Hessian is never formed.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 3., 12.]), array([ 6., 12.]))
    """
    check_callable(f, "hvp", "(f, (x,), (v,))")
    g, product = jvp(grad(f, _all(primals, tangents, "hvp")), tuple(primals), tuple(tangents))
    return g, product


def vhp(f: Callable[..., Any], primals: Any, cotangents: Any) -> Any:
    """Compute the gradient of a scalar function and the product of a vector with its Hessian, reverse over reverse.

    Parameters
    ----------
    f, primals
        As for `hvp`, which is the faster of the two as a rule.
    cotangents
        A tuple of the structure of ``primals``: the vector.

    Returns
    -------
    gradient, product
        As of `hvp`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vhp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 3., 12.]), array([ 6., 12.]))
    """
    check_callable(f, "vhp", "(f, (x,), (v,))")
    g, pull = vjp(grad(f, _all(primals, cotangents, "vhp")), *primals)
    products = pull(tuple(cotangents) if len(primals) > 1 else cotangents[0])
    return g, products if len(primals) > 1 else products[0]


def hessian_diag(f: Callable[..., Any], argnums: int = 0, *, chunk_size: int | None = None) -> Callable[..., Any]:
    """Return a function that computes the diagonal of the Hessian of a scalar function, without the matrix.

    Each element is a Hessian-vector product with a basis vector, of which one entry is kept: there is no cheaper exact
    way in general. Zeros that are known cost nothing, as in `jacfwd`, so that the diagonal for a function of neighbours
    takes time in proportion to its length.

    Parameters
    ----------
    f
        A function of pytrees of arrays with a real scalar result.
    argnums
        The position of the argument to differentiate with respect to.
    chunk_size
        Form at most this many products at a time, which bounds memory; None: all in one batch.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree like the argument: ``∂²f/∂xᵢ²`` for each element.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.hessian_diag(lambda x: np.sum(x**3) + x[0] * x[1])(np.array([1.0, 2.0]))
    array([ 6., 12.])
    """
    check_callable(f, "hessian_diag")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def diagonal(*args: Any, **kwargs: Any) -> Any:
        selected, places = selection.take(args, kwargs)
        leaves, structure = tree.flatten(selected)
        leaves = differentiable(leaves, selected, "hessian_diag", *LEFT_OUT)
        selected = tree.unflatten(structure, leaves)
        gradient = grad(selection.partial(places, args, kwargs))

        def entry(direction: list[Any]) -> Any:
            _, column = jvp(gradient, (selected,), (tree.unflatten(structure, direction),))
            return sum(np.sum(c * d) for c, d in zip(tree.leaves(column), direction, strict=True))

        if chunk_size is None and leaves:
            return push_own(lambda xs: gradient(tree.unflatten(structure, xs)), leaves, basis(leaves, sparse=True))
        entries = vmap(entry, chunk_size=chunk_size)(basis(leaves))
        return tree.unflatten(structure, split(entries, leaves, 0))

    return diagonal


def _all(primals: Any, directions: Any, name: str) -> Argnums:
    for what, given in (("primals", primals), (f"{'tangents' if name == 'hvp' else 'cotangents'}", directions)):
        if not isinstance(given, tuple | list):
            raise TypeError(f"{name} takes a tuple of {what}, not {type(given).__name__}")
    if tree.structure(tuple(directions)) != tree.structure(tuple(primals)):
        raise ValueError(
            f"{name}: primals and vector differ in structure: {tree.structure(primals)} and "
            f"{tree.structure(directions)}"
        )
    differentiable(tree.leaves(tuple(primals)), tuple(primals), name)
    return 0 if len(primals) == 1 else tuple(range(len(primals)))
