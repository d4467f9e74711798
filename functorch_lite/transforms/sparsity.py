"""Sparse Jacobians and Hessians: the pattern is detected, coloured, and filled from a few products.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapters 7 and 8; the colourings are in
`functorch_lite.transforms.colouring`, the detection in `functorch_lite.transforms.dependence`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.optional import scipy_module
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import (
    LEFT_OUT,
    Argnums,
    Selection,
    check_callable,
    differentiable,
    dtype_of,
    name_of,
    named_like,
    returned_leaves,
)
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.colouring import column_colours, star_colours
from functorch_lite.transforms.dependence import dependence
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import grad, vjp
from functorch_lite.transforms.standard_basis import dimension, size_of

__all__ = ["sparse_hessian", "sparse_jacobian"]

#: How many bytes of seeds one batch of products may take, where no chunk size is given.
BYTES_OF_SEEDS = 2**26


def sparse_jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, sparsity: Any = None, chunk_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian as a sparse matrix, from as many products as its pattern needs.

    Parameters
    ----------
    f
        A function of pytrees of real arrays to pytrees of real arrays.
    argnums
        The arguments to differentiate with respect to; see `grad`.
    sparsity
        The pattern: a `scipy.sparse` array or a boolean array of shape (entries of the output, entries of the input);
        entries outside it are taken to be zero. None: detected at each call, by tracing.
    chunk_size
        Compute at most this many products at a time, which bounds memory.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree with the structure of the output, whose leaves are trees with the
        structure of the argument, whose leaves are `scipy.sparse.csr_array`: rows are the entries of the output in C
        order, columns those of the input.

    Raises
    ------
    TypeError
        If an input is traced, or an input or an output is not real and floating.
    ValueError
        If ``sparsity`` does not have the shape of the Jacobian, or the detected pattern is not sparse at all.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> J = ft.sparse_jacobian(lambda x: x[1:] * x[:-1])(np.arange(1.0, 5.0))
    >>> J.toarray()
    array([[2., 1., 0., 0.],
           [0., 3., 2., 0.],
           [0., 0., 4., 3.]])
    """
    check_callable(f, "sparse_jacobian")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        problem = _Problem(selection, args, kwargs, "sparse_jacobian")
        outputs, out_structure = returned_leaves(problem.of_leaves(*problem.leaves), None, f)
        for y in outputs:
            if dtype_of(y).kind != "f":
                raise TypeError(
                    f"sparse_jacobian of {name_of(f)}: an output is {dtype_of(y)}; it must be real and floating. "
                    f"Return real and imaginary parts as two outputs"
                )
        if not outputs:
            return tree.unflatten(out_structure, [])
        shape = (dimension(outputs), dimension(problem.leaves))
        pattern = _given(sparsity, shape) if sparsity is not None else dependence(problem.of_leaves, problem.leaves)
        columns = column_colours(pattern)
        rows = column_colours(pattern.T)
        # A product in reverse mode costs about twice one in forward mode.
        if np.max(columns, initial=-1) <= 2 * (np.max(rows, initial=-1) + 1):
            products = _pushed(problem.of_leaves, problem.leaves, columns, chunk_size)
            i, j = pattern.nonzero()
            entries = products[columns[j], i]
        else:
            products = _pulled(problem.of_leaves, problem.leaves, outputs, rows, chunk_size)
            i, j = pattern.nonzero()
            entries = products[rows[i], j]
        matrix = _sparse(entries, i, j, shape)
        blocks = [problem.split(block) for block in _slices(matrix, outputs)]
        return tree.unflatten(out_structure, blocks)

    return transformed


def sparse_hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, sparsity: Any = None, chunk_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that computes the Hessian as a sparse matrix, from as many products as its pattern needs.

    The pattern is symmetric, so each entry may be read from its row or from its column, which needs fewer products: an
    arrow-shaped Hessian of any size takes two.

    Parameters
    ----------
    f
        A function of pytrees of real arrays to a real scalar.
    argnums, sparsity, chunk_size
        As for `sparse_jacobian`; the pattern is made symmetric.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree of the argument, of the argument again, whose leaves are
        `scipy.sparse.csr_array`.

    Raises
    ------
    TypeError, ValueError
        As `sparse_jacobian` and `grad`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.arange(1.0, 4.0)).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    check_callable(f, "sparse_hessian")
    selection = Selection(f, argnums)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        problem = _Problem(selection, args, kwargs, "sparse_hessian")
        n = len(problem.leaves)

        def gradient(*leaves: Any) -> Any:
            return grad(problem.of_leaves, argnums=tuple(range(n)))(*leaves)

        size = dimension(problem.leaves)
        pattern = _given(sparsity, (size, size)) if sparsity is not None else dependence(gradient, problem.leaves)
        pattern = (pattern + pattern.T).tocsr()
        colours = star_colours(pattern)
        products = _pushed(gradient, problem.leaves, colours, chunk_size)
        i, j = pattern.nonzero()
        # Which entries stand alone in their row among the columns of their colour; the others do in their column.
        _, group, members = np.unique(
            i.astype(np.int64) * (np.max(colours, initial=0) + 1) + colours[j], return_inverse=True, return_counts=True
        )
        # The vertex itself has no neighbour of its own colour, so the diagonal is always alone.
        alone = members[group] == 1
        entries = np.where(alone, products[colours[j], i], products[colours[i], j])
        matrix = _sparse(entries, i, j, (size, size))
        return problem.unflatten([problem.split(block) for block in _slices(matrix, problem.leaves)])

    return transformed


class _Problem:
    """The function of the leaves of the selected arguments, and how matrices by leaves become trees."""

    def __init__(self, selection: Selection, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> None:
        scipy_module("sparse", f"ft.{name}")
        selected, places = selection.take(args, kwargs)
        leaves, self.structure = tree.flatten(selected)
        self.leaves = differentiable(leaves, selected, name, *LEFT_OUT)
        subject = f"{name} of {name_of(selection.f)}"
        for x in self.leaves:
            if isinstance(x, Tracer):
                raise TypeError(
                    f"{subject}: an argument is traced by {x._trace.transformation}, but a scipy.sparse array cannot "
                    f"hold traced values; use ft.jacobian, or products with it (ft.jvp, ft.vjp)"
                )
            if dtype_of(x).kind != "f":
                raise TypeError(f"{subject}: an argument is {dtype_of(x)}; it must be real and floating")
        of_selected = selection.partial(places, args, kwargs)

        def of_leaves(*leaves: Any) -> Any:
            return of_selected(self.unflatten(leaves))

        self.of_leaves = named_like(selection.f, of_leaves)

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Return the tree of the selected arguments with these leaves."""
        return tree.unflatten(self.structure, leaves)

    def split(self, matrix: Any) -> Any:
        """Split the columns of a matrix into one block a leaf."""
        return self.unflatten([block.T.tocsr() for block in _slices(matrix.T.tocsr(), self.leaves)])


def _pushed(f: Callable[..., Any], leaves: Sequence[Any], colours: Any, chunk_size: int | None) -> Any:
    """Return one row a colour: the product of the Jacobian with the sum of the unit vectors of its columns."""

    def product(*tangents: Any) -> Any:
        _, pushed = jvp(f, tuple(leaves), tangents)
        return tuple(map(np.ravel, tree.leaves(pushed)))

    return _in_chunks(product, leaves, colours, chunk_size)


def _pulled(
    f: Callable[..., Any], leaves: Sequence[Any], outputs: Sequence[Any], colours: Any, chunk_size: int | None
) -> Any:
    """Return one row a colour: the product of the sum of the unit vectors of its rows with the Jacobian."""
    _, pull = vjp(named_like(f, lambda *x: tuple(tree.leaves(f(*x)))), *leaves)
    return _in_chunks(lambda *g: tuple(map(np.ravel, pull(g))), outputs, colours, chunk_size)


def _in_chunks(product: Callable[..., Any], like: Sequence[Any], colours: Any, chunk_size: int | None) -> Any:
    count, size = int(np.max(colours, initial=-1)) + 1, max(len(colours), 1)
    chunk = chunk_size or max(1, BYTES_OF_SEEDS // (8 * size))
    bounds = np.cumsum([0, *map(size_of, like)])
    parts = []
    for start in range(0, max(count, 1), chunk):
        batch = np.arange(start, max(min(start + chunk, count), start + 1))
        seeds = [
            (colours[a:b] == batch[:, None]).astype(dtype_of(x)).reshape(len(batch), *shape_of(x))
            for x, (a, b) in zip(like, pairwise(bounds), strict=True)
        ]
        parts.append(np.concatenate(vmap(product)(*seeds), axis=-1))
    return np.concatenate(parts)


def _given(sparsity: Any, shape: tuple[int, int]) -> Any:
    pattern = scipy_module("sparse", "ft.sparse_jacobian").csr_array(sparsity).astype(bool)
    if pattern.shape != shape:
        raise ValueError(f"sparsity has shape {pattern.shape}, but the matrix of the derivatives has {shape}")
    pattern.eliminate_zeros()
    return pattern


def _sparse(entries: Any, i: Any, j: Any, shape: tuple[int, int]) -> Any:
    return scipy_module("sparse", "ft.sparse_jacobian").csr_array((entries, (i, j)), shape=shape)


def _slices(matrix: Any, leaves: Sequence[Any]) -> list[Any]:
    """Split the rows of a matrix into one block a leaf."""
    if len(leaves) == 1:
        return [matrix]
    bounds = np.cumsum([0, *map(size_of, leaves)])
    return [matrix[start:stop] for start, stop in pairwise(bounds)]
