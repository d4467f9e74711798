"""Distributions of integers: their probabilities, with location."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from functorch_lite.scipy.stats.distribution import (
    Distribution,
    Function,
    at_parameters,
    complement_of,
    exp_of,
    log_of,
)

__all__ = ["Discrete"]


class Discrete(Distribution):
    """A distribution of integers, with location.

    All methods take the point, the shape parameters and ``loc=0``, as SciPy's do, and broadcast them. They are
    differentiated in the parameters; in the point the derivative is zero. Where arguments are no parameters of a
    distribution the results are NaN.

    Parameters
    ----------
    name, shapes, support, inside, valid
        See `Distribution`.
    logpmf
        The logarithm of the standard probabilities, ``logpmf(k, *shapes)``.
    pmf
        The probabilities, where they have a slope at parameters at which the logarithms are infinite.
    cdf, sf, logsf
        The standard distribution function of an integer ``k``, its complement, and the complement's logarithm.
    lower_tail, upper_tail
        As for `Continuous`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.stats import poisson
    >>> counts = np.array([2, 4, 3])
    >>> slope = ft.grad(lambda mu: np.sum(poisson.logpmf(counts, mu)))
    >>> float(np.round(slope(2.0), 6)), abs(float(slope(3.0))) < 1e-12  # the mean is most likely
    (1.5, True)
    """

    defaults: ClassVar = {"loc": 0.0}

    def __init__(
        self,
        name: str,
        shapes: str,
        *,
        logpmf: Function,
        pmf: Function | None = None,
        cdf: Function | None = None,
        sf: Function | None = None,
        logsf: Function | None = None,
        lower_tail: Function | None = None,
        upper_tail: Function | None = None,
        support: tuple[Any, Any],
        inside: float,
        valid: Function | None = None,
    ) -> None:
        super().__init__(name, shapes, support, inside, valid)
        self._logpmf, self._pmf = logpmf, pmf
        self._cdf, self._sf = cdf, sf or exp_of(logsf) or complement_of(cdf)
        self._logcdf = log_of(self._cdf, self._sf, lower_tail, inside)
        self._logsf = logsf or log_of(self._sf, self._cdf, upper_tail, inside)

    def _are_parameters(self, shapes: tuple[Any, ...], others: list[Any]) -> Any:
        if self._valid is not None:
            return self._valid(*shapes)
        valid: Any = True
        for name, shape in zip(self.shapes, shapes, strict=True):
            valid = valid & (shape >= 0) & (shape <= (1.0 if name == "p" else np.inf))
        return valid

    def logpmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of the probability of an integer.

        Parameters
        ----------
        k
            Points. What is not whole has probability zero.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            -inf outside the support. All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import poisson
        >>> slope = ft.grad(lambda mu: poisson.logpmf(4, mu))(2.0)  # k / mu - 1
        >>> bool(np.isclose(slope, 1.0))
        True
        """
        return self._at(self._logpmf, k, args, kwargs, -np.inf)

    def pmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the probability of an integer.

        Parameters
        ----------
        k
            Points. What is not whole has probability zero.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import binom
        >>> float(np.round(ft.grad(lambda p: binom.pmf(1, 2, p))(0.25), 6))  # of 2 p (1 - p)
        1.0
        """
        if self._pmf is None:
            return np.exp(self.logpmf(k, *args, **kwargs))
        return self._at(self._pmf, k, args, kwargs, 0.0)

    def cdf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the probability of what is not greater.

        Parameters
        ----------
        k
            Points, real.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import geom
        >>> float(np.round(ft.grad(lambda p: geom.cdf(2, p))(0.25), 6))  # of 1 - (1 - p)²
        1.5
        """
        return self._accumulated(self._cdf, k, args, kwargs, 0.0, 1.0)

    def logcdf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of `cdf`.

        Parameters
        ----------
        k
            Points, real.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import poisson
        >>> float(np.round(ft.grad(lambda mu: poisson.logcdf(0, mu))(3.0), 6))  # of -mu
        -1.0
        """
        return self._accumulated(self._logcdf, k, args, kwargs, -np.inf, 0.0)

    def sf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the probability of what is greater.

        Parameters
        ----------
        k
            Points, real.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import bernoulli
        >>> float(ft.grad(lambda p: bernoulli.sf(0, p))(0.25))
        1.0
        """
        return self._accumulated(self._sf, k, args, kwargs, 1.0, 0.0)

    def logsf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of `sf`.

        Parameters
        ----------
        k
            Points, real.
        args, kwargs
            The shape parameters and ``loc``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in the parameters.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import geom
        >>> float(np.round(ft.grad(lambda p: geom.logsf(2, p))(0.5), 6))  # of 2 log(1 - p)
        -4.0
        """
        return self._accumulated(self._logsf, k, args, kwargs, 0.0, -np.inf)

    def _at(
        self, function: Function, k: Any, args: tuple[Any, ...], kwargs: dict[str, Any], elsewhere: float
    ) -> Any:
        k, shapes, (loc,) = self._arguments(k, args, kwargs)
        y = k - loc
        lower, upper = self._bounds(shapes)
        within = (y >= lower) & (y <= upper) & (y == np.floor(y))
        value = function(np.floor(np.where(within, y, self.inside)), *at_parameters(within, shapes))
        return np.where(np.isnan(y), y, np.where(within, value, elsewhere))

    def _accumulated(
        self,
        function: Function | None,
        k: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        below: float,
        above: float,
    ) -> Any:
        function = self._given(function, "probabilities")
        k, shapes, (loc,) = self._arguments(k, args, kwargs)
        y = k - loc
        lower, upper = self._bounds(shapes)
        within = (y >= lower) & (y < upper)
        value = function(np.floor(np.where(within, y, self.inside)), *at_parameters(within, shapes))
        return np.where(np.isnan(y), y, np.where(y < lower, below, np.where(within, value, above)))
