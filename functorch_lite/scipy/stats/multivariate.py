"""Distributions of vectors: normal, Student's t, Dirichlet, multinomial."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.special.student import log_student_density
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["dirichlet", "multinomial", "multivariate_normal", "multivariate_t"]


class _MultivariateNormal:
    """The normal distribution of vectors."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """Compute the logarithm of the density.

        Parameters
        ----------
        x
            Vectors along the last axis; of one dimension, numbers.
        mean
            The mean, zero by default.
        cov
            The covariance matrix, which is positive definite; a vector is its diagonal, a number times the identity.

        Returns
        -------
        array
            One number a vector.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the covariance matrix is not positive definite.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multivariate_normal
        >>> ft.grad(multivariate_normal.logpdf)(np.array([1.0, 2.0]), np.zeros(2), 2.0 * np.eye(2))
        array([-0.5, -1. ])
        """
        distance, log_determinant, dimension = _mahalanobis(x, mean, cov)
        return -0.5 * (dimension * log(2 * pi) + log_determinant + distance)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """Compute the density.

        Parameters
        ----------
        x, mean, cov
            As for `logpdf`.

        Returns
        -------
        array
            One number a vector.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multivariate_normal
        >>> x = np.array([1.0, 2.0])
        >>> slope = ft.grad(multivariate_normal.pdf)(x, np.zeros(2), np.eye(2))
        >>> bool(np.allclose(slope, -x * multivariate_normal.pdf(x, np.zeros(2), np.eye(2))))
        True
        """
        return np.exp(self.logpdf(x, mean, cov))


class _MultivariateT:
    """Student's t distribution of vectors."""

    def logpdf(self, x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
        """Compute the logarithm of the density.

        Parameters
        ----------
        x
            Vectors along the last axis; of one dimension, numbers.
        loc
            The centre, zero by default.
        shape
            As ``cov`` of the normal distribution: a positive definite matrix, its diagonal, or a number.
        df
            The degrees of freedom; if they are infinite the distribution is the normal one.

        Returns
        -------
        array
            One number a vector, differentiable in all arguments.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the matrix is not positive definite.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multivariate_t
        >>> np.round(ft.grad(multivariate_t.logpdf)(np.array([1.0, 1.0]), np.zeros(2), np.eye(2), 2.0), 6)
        array([-1., -1.])
        """
        distance, log_determinant, n = _mahalanobis(x, loc, shape)
        return log_student_density(distance, 1.0 * df, n) - 0.5 * log_determinant

    def pdf(self, x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
        """Compute the density.

        Parameters
        ----------
        x, loc, shape, df
            As for `logpdf`.

        Returns
        -------
        array
            One number a vector.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multivariate_t
        >>> bool(np.isclose(multivariate_t.pdf(np.zeros(2), np.zeros(2), np.eye(2), 3.0), 1 / (2 * np.pi)))
        True
        """
        return np.exp(self.logpdf(x, loc, shape, df))


class _Dirichlet:
    """The Dirichlet distribution of probabilities."""

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """Compute the logarithm of the density.

        Parameters
        ----------
        x
            Probabilities along the *first* axis, as SciPy has it; the last of them may be left out. They are not
            checked to be positive and of sum one.
        alpha
            The concentrations, a vector.

        Returns
        -------
        array
            One number a vector, differentiable in both.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import dirichlet
        >>> ft.grad(dirichlet.logpdf)(np.array([0.25, 0.25, 0.5]), np.array([1.0, 2.0, 3.0]))  # (α - 1) / x
        array([0., 4., 4.])
        """
        x, alpha = as_array(x), as_array(alpha)
        if x.shape[:1] == (alpha.shape[0] - 1,):
            x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
        if x.shape[:1] != alpha.shape:
            raise ValueError(f"dirichlet: x of shape {x.shape} has not as many rows as alpha, {alpha.shape[0]}")
        powers = np.moveaxis(sp.xlogy(alpha - 1, np.moveaxis(x, 0, -1)), -1, 0)
        return sp.gammaln(np.sum(alpha)) - np.sum(sp.gammaln(alpha)) + np.sum(powers, axis=0)

    def pdf(self, x: Any, alpha: Any) -> Any:
        """Compute the density.

        Parameters
        ----------
        x, alpha
            As for `logpdf`.

        Returns
        -------
        array
            One number a vector.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import dirichlet
        >>> bool(np.isclose(dirichlet.pdf(np.array([0.2, 0.3, 0.5]), np.ones(3)), 2.0))
        True
        """
        return np.exp(self.logpdf(x, alpha))


class _Multinomial:
    """The multinomial distribution of counts."""

    def logpmf(self, x: Any, n: Any, p: Any) -> Any:
        """Compute the logarithm of the probability of counts.

        Parameters
        ----------
        x
            Counts along the last axis; -inf where their sum is not ``n``.
        n
            The number of trials.
        p
            Probabilities along the last axis. Each is differentiated as it stands; SciPy replaces the last one by
            what is missing to one.

        Returns
        -------
        array
            One number a vector of counts, differentiable in ``p``.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multinomial
        >>> ft.grad(lambda p: multinomial.logpmf(np.array([1, 3]), 4, p))(np.array([0.25, 0.75]))  # x / p
        array([4., 4.])
        """
        x, p = as_array(x), as_array(p)
        value = sp.gammaln(n + 1.0) + np.sum(sp.xlogy(x, p) - sp.gammaln(x + 1.0), axis=-1)
        possible = (np.sum(x, axis=-1) == n) & np.all((x >= 0) & (x == np.floor(x)), axis=-1)
        return np.where(possible, value, -np.inf)

    def pmf(self, x: Any, n: Any, p: Any) -> Any:
        """Compute the probability of counts.

        Parameters
        ----------
        x, n, p
            As for `logpmf`.

        Returns
        -------
        array
            One number a vector of counts.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import multinomial
        >>> bool(np.isclose(multinomial.pmf(np.array([1, 3]), 4, np.array([0.5, 0.5])), 4 / 16))
        True
        """
        return np.exp(self.logpmf(x, n, p))


multivariate_normal = _MultivariateNormal()
multivariate_t = _MultivariateT()
dirichlet = _Dirichlet()
multinomial = _Multinomial()


def _mahalanobis(x: Any, mean: Any, matrix: Any) -> tuple[Any, Any, int]:
    """Return (x - mean)ᵀ A⁻¹ (x - mean), log det A, and the dimension."""
    x = as_array(x)
    if np.iscomplexobj(x) or np.iscomplexobj(mean) or np.iscomplexobj(matrix):
        raise TypeError("vectors, their mean and their covariance must be real; an argument is complex")
    shape = shape_of(matrix) or shape_of(mean)
    dimension = shape[-1] if shape else 1
    if dimension == 1 and x.ndim < 2:
        x = x[..., None]
    if len(shape_of(matrix)) < 2:
        matrix = np.eye(dimension, dtype=x.dtype) * as_array(matrix)
    if shape_of(matrix) != (dimension, dimension) or shape_of(x)[-1:] != (dimension,):
        raise ValueError(f"vectors of shape {shape_of(x)} do not fit a matrix of shape {shape_of(matrix)}")
    if len(shape_of(mean)) > 1 or shape_of(mean)[-1:] not in ((), (dimension,)):
        raise ValueError(f"a mean of shape {shape_of(mean)} does not fit vectors of length {dimension}")
    deviation = x if mean is None else x - mean
    root = np.linalg.cholesky(matrix)
    columns = np.moveaxis(deviation, -1, 0).reshape(dimension, -1)
    white = np.linalg.solve(root, columns)
    distance = np.sum(white * white, axis=0).reshape(deviation.shape[:-1])
    return distance, 2 * np.sum(np.log(np.diagonal(root))), dimension
