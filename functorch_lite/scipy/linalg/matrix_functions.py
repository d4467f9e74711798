"""Functions of a square matrix: exponential, logarithm, square root, powers, cosine and sine.

All rest on one primitive. The k-th derivative of an analytic matrix function in the directions E₁ … Eₖ is a block of
the function of a block triangular matrix, so it costs one evaluation and knows no ties among eigenvalues; it is linear
in each direction, its derivative in the matrix is the (k+1)-th, and its transposes are itself, as
tr(B · Dᵏf(A)[E₁ … Eₖ]) is symmetric in B and all Eᵢ.

Sources: Higham, *Functions of Matrices* (2008), theorems 3.6 and 3.8; Higham and Relton, "Higher Order Fréchet
Derivatives of Matrix Functions and the Level-2 Condition Number", SIAM J. Matrix Anal. Appl. 35 (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import exchange, square
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule

__all__ = ["cosm", "expm", "expm_frechet", "fractional_matrix_power", "logm", "sinm", "sqrtm"]

# --- The primitive ----------------------------------------------------------------------------------------------------


def _batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return on_matrices(*(2,) * len(arrays))(primitive, size, arrays, batched, params)


def _derivative_in_matrix(t: Any, i: int, arrays: Arrays, function: Any) -> Any:
    return derivative_of((*arrays, t), function)


def _transpose(g: Any, i: int, arrays: Arrays, function: Any) -> Any:
    others = arrays if i == 0 else (*arrays[:i], *arrays[i + 1 :])
    return derivative_of((*map(exchange, others), g), function)


@general(Rule(_derivative_in_matrix, _transpose), Rule(vjp=_transpose), variadic=True, batch=_batch)
def derivative_of(arrays: Any, function: Callable[[Any], Any]) -> Any:
    """Return the derivative of a matrix function at the first matrix in the directions of the others; with none, f."""
    refuse_foreign("a matrix function", *arrays)
    a, *directions = arrays
    dtype = np.result_type(*arrays)
    n = a.shape[-1]
    for e in directions:
        # [[A, E], [0, A]], where E is block diagonal with as many blocks as A has.
        copies = a.shape[-1] // n
        leading = np.broadcast_shapes(a.shape[:-2], e.shape[:-2])
        block = np.zeros((*leading, 2, copies * n, 2, copies * n), dtype)
        block[..., 0, :, 0, :] = block[..., 1, :, 1, :] = a
        for k in range(copies):
            rows = slice(k * n, (k + 1) * n)
            block[..., 0, rows, 1, rows] = e
        a = block.reshape(*leading, 2 * copies * n, 2 * copies * n)
    value = function(a) if a.size else a
    value = value[..., :n, a.shape[-1] - n :]
    return value.astype(np.result_type(dtype, np.float32) if value.dtype.kind != "c" else _complex(dtype), copy=False)


def _complex(dtype: Any) -> Any:
    return np.result_type(dtype, np.complex64)


# --- Functions of SciPy -----------------------------------------------------------------------------------------------


def expm(A: Any) -> Any:
    """Compute the exponential of square matrices.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).

    Returns
    -------
    array
        Of the shape of ``A``; its derivative is exact at repeated eigenvalues too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import expm
    >>> ft.jvp(expm, (np.zeros((2, 2)),), (np.array([[0.0, 1.0], [2.0, 0.0]]),))[1]
    array([[0., 1.],
           [2., 0.]])
    """
    return derivative_of((square(A, "expm"),), scipy.linalg.expm)


def expm_frechet(A: Any, E: Any, compute_expm: bool = True) -> Any:
    """Compute the exponential of ``A``, if asked for, and its derivative in the direction ``E``.

    Parameters
    ----------
    A, E
        Square matrices, of shape (…, n, n).
    compute_expm
        Whether to return the exponential too. SciPy's other options are not taken.

    Returns
    -------
    array, or a pair of arrays
        The derivative, behind the exponential if that is asked for; differentiable in both matrices.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import expm, expm_frechet
    >>> A, E = np.diag([1.0, 2.0]), np.ones((2, 2))
    >>> bool(np.allclose(expm_frechet(A, E, compute_expm=False), ft.jvp(expm, (A,), (E,))[1]))
    True
    """
    slope = derivative_of((square(A, "expm_frechet"), square(E, "expm_frechet")), scipy.linalg.expm)
    return (expm(A), slope) if compute_expm else slope


def logm(A: Any) -> Any:
    """Compute the principal logarithm of square matrices; complex where the real one does not exist.

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
    >>> from functorch_lite.scipy.linalg import logm
    >>> a = np.array([[2.0, 1.0], [0.0, 4.0]])
    >>> slope = ft.grad(lambda a: np.trace(logm(a)))(a)
    >>> bool(np.allclose(slope, np.linalg.inv(a).T))  # that of the logarithm of the determinant
    True
    """
    return derivative_of((square(A, "logm"),), scipy.linalg.logm)


def sqrtm(A: Any) -> Any:
    """Compute the principal square root of square matrices; complex where the real one does not exist.

    A singular matrix has no derivative: its square root comes with infinities or NaN.

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
    >>> from functorch_lite.scipy.linalg import sqrtm
    >>> ft.jvp(sqrtm, (np.diag([4.0, 9.0]),), (np.ones((2, 2)),))[1]  # 1 / (√λᵢ + √λⱼ)
    array([[0.25      , 0.2       ],
           [0.2       , 0.16666667]])
    """
    return derivative_of((square(A, "sqrtm"),), scipy.linalg.sqrtm)


def fractional_matrix_power(A: Any, t: float) -> Any:
    """Compute square matrices to a real power.

    Parameters
    ----------
    A
        Square matrices, of shape (…, n, n).
    t
        The exponent, a number that is not traced: there is no derivative in it.

    Returns
    -------
    array
        Of the shape of ``A``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import fractional_matrix_power
    >>> np.round(np.diag(ft.grad(lambda a: np.trace(fractional_matrix_power(a, 1.5)))(np.diag([4.0, 9.0]))), 6)
    array([3. , 4.5])
    """
    return derivative_of((square(A, "fractional_matrix_power"),), partial(_power, exponent=float(t)))


def cosm(A: Any) -> Any:
    """Compute the cosine of square matrices, by their exponential.

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
    >>> from functorch_lite.scipy.linalg import cosm, sinm
    >>> A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> slope = ft.jvp(lambda t: cosm(t * A), (2.0,), (1.0,))[1]
    >>> bool(np.allclose(slope, -A @ sinm(2.0 * A)))
    True
    """
    A = square(A, "cosm")
    if A.dtype.kind == "c":
        return 0.5 * (expm(1j * A) + expm(-1j * A))
    return np.real(expm(1j * A))


def sinm(A: Any) -> Any:
    """Compute the sine of square matrices, by their exponential.

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
    >>> from functorch_lite.scipy.linalg import sinm
    >>> ft.jvp(sinm, (np.zeros((2, 2)),), (np.array([[0.0, 1.0], [2.0, 0.0]]),))[1]
    array([[0., 1.],
           [2., 0.]])
    """
    A = square(A, "sinm")
    if A.dtype.kind == "c":
        return -0.5j * (expm(1j * A) - expm(-1j * A))
    return np.imag(expm(1j * A))


def _power(a: Any, exponent: float) -> Any:
    flat = a.reshape(-1, *a.shape[-2:])
    powers = [scipy.linalg.fractional_matrix_power(x, exponent) for x in flat]
    return np.stack(powers).reshape(a.shape) if powers else a
