"""Least squares under SciPy's signatures: solutions of linear systems, and the rotation between two sets of points."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.matrices import adjoint, matrix
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.linalg.equations import polar

__all__ = ["lstsq", "orthogonal_procrustes"]


def lstsq(a: Any, b: Any, cond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """Solve ``a @ x = b`` in the sense of least squares, as ``np.linalg.lstsq`` does.

    Parameters
    ----------
    a, b
        A matrix of shape (m, n), and a vector of length m or a matrix of m rows.
    cond
        Singular values below this part of the largest are taken for zero; None: the precision of the numbers.

    Returns
    -------
    x, residues, rank, s
        The solution, the sums of squared residuals, the rank, and the singular values.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import lstsq
    >>> line = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> slope = ft.grad(lambda y: lstsq(line, y)[0][1])(np.zeros(3))
    >>> bool(np.allclose(slope, [-0.5, 0.0, 0.5]))
    True
    """
    return tuple(np.linalg.lstsq(a, b, rcond=np.finfo(np.result_type(a, b, np.float32)).eps if cond is None else cond))


def orthogonal_procrustes(A: Any, B: Any) -> tuple[Any, Any]:
    """Compute the orthogonal matrix that takes one matrix closest to another.

    Parameters
    ----------
    A, B
        Matrices of one shape; ``Aᴴ @ B`` must have full rank.

    Returns
    -------
    R, scale
        The matrix of which ``A @ R`` is closest to ``B``, and the sum of the singular values of ``Aᴴ @ B``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import orthogonal_procrustes
    >>> points = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> angle = lambda B: np.arctan2(*orthogonal_procrustes(points, B)[0][0, ::-1])
    >>> ft.grad(angle)(points)
    array([[ 0. ,  0.2],
           [-0.4,  0. ]])
    """
    A, B = matrix(A, "orthogonal_procrustes"), matrix(B, "orthogonal_procrustes")
    if shape_of(A) != shape_of(B):
        raise ValueError(
            f"orthogonal_procrustes at {user_line()}: the shapes of A and B differ, {shape_of(A)} and {shape_of(B)}"
        )
    turn, stretch = polar(adjoint(A) @ B)
    return turn, np.trace(stretch, axis1=-2, axis2=-1).real
