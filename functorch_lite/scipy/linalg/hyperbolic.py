"""Hyperbolic functions of a square matrix, and the tangent, by the exponential."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.matrices import square
from functorch_lite.scipy.linalg.matrix_functions import cosm, expm, sinm

__all__ = ["coshm", "sinhm", "tanhm", "tanm"]


def coshm(A: Any) -> Any:
    """Compute the hyperbolic cosine of square matrices.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).

    Returns
    -------
    array
        Of the shape of ``A``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import coshm
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> bool(np.allclose(ft.jacfwd(lambda t: coshm(t * A))(1.0), np.sinh(1.0) * np.eye(2)))
    True
    """
    A = square(A, "coshm")
    return 0.5 * (expm(A) + expm(-A))


def sinhm(A: Any) -> Any:
    """Compute the hyperbolic sine of square matrices.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).

    Returns
    -------
    array
        Of the shape of ``A``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import sinhm
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> bool(np.allclose(ft.jacfwd(lambda t: sinhm(t * A))(1.0), np.cosh(1.0) * A))
    True
    """
    A = square(A, "sinhm")
    return 0.5 * (expm(A) - expm(-A))


def tanhm(A: Any) -> Any:
    """Compute the hyperbolic tangent of square matrices.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).

    Returns
    -------
    array
        Of the shape of ``A``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import tanhm
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> bool(np.allclose(ft.jacfwd(lambda t: tanhm(t * A))(1.0), A / np.cosh(1.0) ** 2))
    True
    """
    return np.linalg.solve(coshm(A), sinhm(A))


def tanm(A: Any) -> Any:
    """Compute the tangent of square matrices.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).

    Returns
    -------
    array
        Of the shape of ``A``; real for real matrices.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import tanm
    >>> A = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> bool(np.allclose(ft.jacfwd(lambda t: tanm(t * A))(1.0), A / np.cos(1.0) ** 2))
    True
    """
    return np.linalg.solve(cosm(A), sinm(A))
