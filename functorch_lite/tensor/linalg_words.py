"""Functions of ``torch.linalg`` that NumPy has not, or that take PyTorch's ``dim`` besides NumPy's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.tensor.reductions import in_numpys_words

__all__ = [
    "cross",
    "lu",
    "lu_factor",
    "lu_solve",
    "matrix_norm",
    "norm",
    "solve_triangular",
    "vander",
    "vecdot",
    "vector_norm",
]


def norm(A: Any, ord: Any = None, *args: Any, **kwargs: Any) -> Any:
    """``np.linalg.norm``, which also understands PyTorch's ``dim`` and ``keepdim``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.norm(ft.tensor([[3.0, 4.0], [0.0, 0.0]]), dim=1)
    tensor([5., 0.])
    """
    return np.linalg.norm(A, ord, *args, **_without_dim(kwargs))


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    """``np.linalg.vector_norm``, with PyTorch's order of arguments and its ``dim`` and ``keepdim``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.vector_norm(ft.tensor([[3.0, 4.0], [0.0, 1.0]]), 1, dim=1)
    tensor([7., 1.])
    """
    return np.linalg.vector_norm(x, ord=ord, **_given(kwargs, dim, None, keepdim))


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, **kwargs: Any) -> Any:
    """``np.linalg.matrix_norm``, with PyTorch's order of arguments and its ``dim`` and ``keepdim``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.matrix_norm(ft.ones(2, 2, 3), 1, dim=(0, 1))
    tensor([2., 2., 2.])
    """
    return np.linalg.norm(A, ord, **_given(kwargs, tuple(dim), (-2, -1), keepdim))


def _of_vectors(function: Callable[..., Any], example: str) -> Callable[..., Any]:
    def product(x: Any, y: Any, dim: int = -1, **kwargs: Any) -> Any:
        return function(x, y, **_given(kwargs, dim, -1, False))

    product.__name__ = product.__qualname__ = function.__name__
    product.__doc__ = f"""``np.linalg.{function.__name__}``, which also understands PyTorch's ``dim``.

    Examples
    --------
    >>> import functorch_lite as ft
    {example}
    """
    return product


cross = _of_vectors(
    np.linalg.cross,
    ">>> ft.linalg.cross(ft.eye(3)[:, :1], ft.eye(3)[:, 1:2], dim=0).T\n    tensor([[0., 0., 1.]])",
)
vecdot = _of_vectors(
    np.linalg.vecdot,
    ">>> ft.linalg.vecdot(ft.ones(3, 2), ft.ones(3, 2), dim=0)\n    tensor([3., 3.])",
)


def vander(x: Any, N: int | None = None) -> Any:
    """Return the powers 0, 1, … N - 1 of the elements of vectors, along a new last axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.vander(ft.tensor([2.0, 3.0]), 3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    x = as_array(x)
    exponents = np.arange(x.shape[-1] if N is None else N)
    if x.dtype.kind in "fc":  # in single precision, so that the result is
        exponents = exponents.astype(np.finfo(x.dtype).dtype)
    return np.expand_dims(x, -1) ** exponents


def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """Solve ``A @ X = B`` (or ``X @ A = B``) for triangular matrices; it needs scipy.

    Parameters
    ----------
    A
        Matrices, of which the other triangle is not read.
    B
        The right-hand sides, the columns (or, with ``left=False``, the rows) of matrices.
    upper
        Whether the upper triangle is meant, or the lower.
    left
        Whether A stands on the left.
    unitriangular
        Whether the diagonal is taken to be ones.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.solve_triangular(ft.tensor([[2.0, 0.0], [1.0, 1.0]]), ft.tensor([[2.0], [3.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    from functorch_lite.scipy import linalg  # noqa: PLC0415 - scipy is optional

    if left:
        return linalg.solve_triangular(A, B, lower=not upper, unit_diagonal=unitriangular)
    turned = np.swapaxes(A, -1, -2), np.swapaxes(B, -1, -2)
    return np.swapaxes(linalg.solve_triangular(*turned, lower=upper, unit_diagonal=unitriangular), -1, -2)


def lu(A: Any, *, pivot: bool = True) -> Any:
    """Return the triple (P, L, U) of a permutation, a lower and an upper triangular matrix: ``A = P @ L @ U``.

    It needs scipy, and always pivots.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> p, l, u = ft.linalg.lu(ft.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> ft.equal(p @ l @ u, ft.tensor([[1.0, 2.0], [4.0, 4.0]]))
    True
    """
    from functorch_lite.scipy import linalg  # noqa: PLC0415 - scipy is optional

    if not pivot:
        raise NotImplementedError("lu(pivot=False): without pivots the factors may not exist; leave pivot out")
    return linalg.lu(A)


def lu_factor(A: Any, *, pivot: bool = True) -> tuple[Any, Any]:
    """Return both triangular factors of matrices in one, and the order of their rows, for `lu_solve`.

    It needs scipy, and always pivots. The order is that of the rows, where PyTorch lists exchanges, from 1 on.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.lu_factor(ft.tensor([[1.0, 2.0], [4.0, 4.0]]))
    (tensor([[4.  , 4.  ],
            [0.25, 1.  ]]), tensor([1, 0]))
    """
    from functorch_lite.scipy import linalg  # noqa: PLC0415 - scipy is optional

    if not pivot:
        raise NotImplementedError("lu_factor(pivot=False): without pivots the factors may not exist; leave pivot out")
    return linalg.lu_factor(A)


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """Solve ``A @ X = B`` (or ``X @ A = B``, or with the adjoint of A) by what `lu_factor` returned; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.lu_solve(*ft.linalg.lu_factor(ft.tensor([[1.0, 2.0], [4.0, 4.0]])), ft.tensor([[3.0], [8.0]]))
    tensor([[1.],
            [1.]])
    """
    from functorch_lite.scipy import linalg  # noqa: PLC0415 - scipy is optional

    if left:
        return linalg.lu_solve((LU, pivots), B, 2 if adjoint else 0)
    turned = np.swapaxes(B, -1, -2)
    if adjoint:  # X @ Aᴴ = B is conj(A) @ Xᵀ = Bᵀ
        solved = np.conjugate(linalg.lu_solve((LU, pivots), np.conjugate(turned)))
    else:
        solved = linalg.lu_solve((LU, pivots), turned, 1)
    return np.swapaxes(solved, -1, -2)


def _without_dim(kwargs: dict[str, Any]) -> dict[str, Any]:
    return in_numpys_words((), kwargs)[1] if kwargs else kwargs


def _given(kwargs: dict[str, Any], dim: Any, default: Any, keepdim: bool) -> dict[str, Any]:
    """Return NumPy's keywords for an axis and ``keepdims`` that are given in either vocabulary."""
    if "axis" in kwargs and dim != default:
        raise TypeError("the axis is given twice; name it once, as axis (NumPy) or as dim (PyTorch)")
    words = {"axis": dim if dim is None or isinstance(dim, int) else tuple(dim), **kwargs}
    return {**words, "keepdims": True} if keepdim else words
