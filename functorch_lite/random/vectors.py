"""Random vectors and matrices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.random.keys import Shape, draw, shape_like

__all__ = ["multivariate_normal", "orthogonal", "sphere"]


def multivariate_normal(key: Any, mean: Any, cov: Any, shape: Shape | None = None) -> Any:
    """Draw vectors from the normal distribution of a mean and a covariance matrix.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    mean
        Of shape (…, n).
    cov
        Symmetric and positive definite, of shape (…, n, n).
    shape
        The shape of the sample without the last axis; None: that to which mean and covariance broadcast.

    Returns
    -------
    array
        Of shape ``(*shape, n)``: ``mean + L z`` with the Cholesky factor L of ``cov``; differentiable in both, and
        float32 if both are.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.multivariate_normal(ft.random.key(0), np.zeros(2), np.eye(2), (5,))
    >>> x.shape
    (5, 2)
    """
    mean, cov = as_array(mean), as_array(cov)
    n = shape_of(mean)[-1] if mean.ndim else 0
    if shape_of(cov)[-2:] != (n, n):
        raise ValueError(
            f"multivariate_normal at {user_line()}: a mean of shape {shape_of(mean)} and a covariance of shape "
            f"{shape_of(cov)} do not fit; they must be (…, n) and (…, n, n)"
        )
    leading = shape_like(shape, mean[..., 0], cov[..., 0, 0])
    dtype = np.result_type(mean.dtype, cov.dtype)
    precision = np.float32 if dtype == np.float32 else float
    z = draw(key, lambda generator: generator.standard_normal((*leading, n), precision))
    return mean + np.matmul(np.linalg.cholesky(cov), z[..., None])[..., 0]


def sphere(key: Any, n: int, shape: Shape = ()) -> Any:
    """Draw points of the unit sphere, all equally probable.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    n
        The dimension of the space.
    shape
        The shape of the sample without the last axis.

    Returns
    -------
    array
        Of shape ``(*shape, n)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.sphere(ft.random.key(0), 3, (1000,))
    >>> x.shape, bool(np.allclose(np.linalg.norm(x, axis=-1), 1.0))
    ((1000, 3), True)
    """
    wanted = (*shape_like(shape), operator.index(n))

    def sample(generator: Any) -> Any:
        x = generator.standard_normal(wanted)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    return draw(key, sample)


def orthogonal(key: Any, n: int, shape: Shape = ()) -> Any:
    """Draw orthogonal matrices by Haar's measure, which no rotation changes.

    Source: Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54 (2007).

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    n
        The number of rows and of columns.
    shape
        The shape of the sample without the last two axes.

    Returns
    -------
    array
        Of shape ``(*shape, n, n)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> q = ft.random.orthogonal(ft.random.key(0), 3)
    >>> bool(np.allclose(q.T @ q, np.eye(3)))
    True
    """
    wanted = (*shape_like(shape), operator.index(n), operator.index(n))

    def sample(generator: Any) -> Any:
        q, r = np.linalg.qr(generator.standard_normal(wanted))
        return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]

    return draw(key, sample)
