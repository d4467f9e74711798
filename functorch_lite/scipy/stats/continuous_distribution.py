"""Continuous distributions: densities, probabilities and quantiles, with location and scale."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from functorch_lite.scipy.stats.distribution import (
    Distribution,
    Function,
    complement_of,
    exp_of,
    log_of,
    nan_unless,
)

__all__ = ["Continuous"]


class Continuous(Distribution):
    """A continuous distribution with location and scale.

    All methods take the point (or the probability), the shape parameters, ``loc=0`` and ``scale=1``, as SciPy's do, and
    broadcast them. Where arguments are no parameters of a distribution (a negative scale), or no probabilities, the
    results are NaN.

    Parameters
    ----------
    name, shapes, support, inside, valid
        See `Distribution`.
    logpdf
        The logarithm of the standard density, ``logpdf(y, *shapes)``.
    pdf
        The density itself, where it has a slope at an end of the support at which its logarithm is infinite.
    cdf, sf, logcdf, logsf, ppf, isf
        The standard distribution function, its complement, their logarithms, and their inverses. What is left out is
        derived from what is given; without ``ppf`` the distribution has no quantiles in closed form, without any no
        probabilities.
    lower_tail, upper_tail
        The logarithms of ``cdf`` and ``sf`` where these are so small that they underflow, or powers of them.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.stats import t
    >>> x = np.array([0.3, 1.7, 0.9, 2.2])
    >>> fit = lambda p: np.sum(t.logpdf(x, p["df"], loc=p["loc"]))
    >>> sorted(ft.grad(fit)({"df": 4.0, "loc": 1.0}))
    ['df', 'loc']
    """

    defaults: ClassVar = {"loc": 0.0, "scale": 1.0}

    def __init__(
        self,
        name: str,
        shapes: str = "",
        *,
        logpdf: Function,
        pdf: Function | None = None,
        cdf: Function | None = None,
        sf: Function | None = None,
        logcdf: Function | None = None,
        logsf: Function | None = None,
        lower_tail: Function | None = None,
        upper_tail: Function | None = None,
        ppf: Function | None = None,
        isf: Function | None = None,
        support: tuple[Any, Any] = (-np.inf, np.inf),
        inside: float = 0.0,
        valid: Function | None = None,
    ) -> None:
        super().__init__(name, shapes, support, inside, valid)
        self._logpdf, self._pdf = logpdf, pdf
        self._cdf = cdf or exp_of(logcdf) or complement_of(sf or exp_of(logsf))
        self._sf = sf or exp_of(logsf) or complement_of(self._cdf)
        self._logcdf = logcdf or log_of(self._cdf, self._sf, lower_tail, inside)
        self._logsf = logsf or log_of(self._sf, self._cdf, upper_tail, inside)
        self._ppf = ppf or (None if isf is None else lambda q, *shapes: isf(1 - q, *shapes))
        self._isf = isf or (None if ppf is None else lambda q, *shapes: ppf(1 - q, *shapes))

    def _are_parameters(self, shapes: tuple[Any, ...], others: list[Any]) -> Any:
        valid = others[1] > 0
        if self._valid is not None:
            return valid & self._valid(*shapes)
        for shape in shapes:
            valid = valid & (shape > 0)
        return valid

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of the density.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            -inf outside the support. All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import norm
        >>> float(ft.grad(norm.logpdf)(1.0, loc=0.0, scale=2.0))  # -(x - loc) / scale²
        -0.25
        """
        x, shapes, (loc, scale) = self._arguments(x, args, kwargs)
        y = (x - loc) / scale
        lower, upper = self._bounds(shapes)
        within = (y >= lower) & (y <= upper) & np.isfinite(y)
        value = self._logpdf(np.where(within, y, self.inside), *shapes) - np.log(scale)
        return np.where(np.isnan(y), y, np.where(within, value, -np.inf))

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the density.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            Zero outside the support. All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import expon
        >>> ft.vmap(ft.grad(expon.pdf))(np.array([-1.0, 0.5]))
        array([ 0.        , -0.60653066])
        """
        if self._pdf is None:
            return np.exp(self.logpdf(x, *args, **kwargs))
        x, shapes, (loc, scale) = self._arguments(x, args, kwargs)
        y = (x - loc) / scale
        lower, upper = self._bounds(shapes)
        within = (y >= lower) & (y <= upper) & np.isfinite(y)
        value = self._pdf(np.where(within, y, self.inside), *shapes) / scale
        return np.where(np.isnan(y), y, np.where(within, value, 0.0))

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the probability of what is not greater.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import gamma
        >>> slope = ft.grad(gamma.cdf)(2.0, 3.0)
        >>> bool(np.isclose(slope, gamma.pdf(2.0, 3.0)))
        True
        """
        return self._accumulated(self._cdf, x, args, kwargs, 0.0, 1.0)

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of `cdf`, accurate in the lower tail where the distribution has a formula for it.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import norm
        >>> float(np.round(norm.logcdf(-40.0), 6)), float(norm.cdf(-40.0))
        (-804.608442, 0.0)
        """
        return self._accumulated(self._logcdf, x, args, kwargs, -np.inf, 0.0)

    def sf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the probability of what is greater.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import weibull_min
        >>> hazard = lambda x: -ft.grad(weibull_min.logsf)(x, 2.0)
        >>> bool(np.isclose(hazard(3.0), weibull_min.pdf(3.0, 2.0) / weibull_min.sf(3.0, 2.0)))
        True
        """
        return self._accumulated(self._sf, x, args, kwargs, 1.0, 0.0)

    def logsf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the logarithm of `sf`, accurate in the upper tail where the distribution has a formula for it.

        Parameters
        ----------
        x
            Points, real.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import expon
        >>> float(ft.grad(expon.logsf)(1000.0, scale=2.0))
        -0.5
        """
        return self._accumulated(self._logsf, x, args, kwargs, 0.0, -np.inf)

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the quantile of a probability: the inverse of `cdf`.

        Parameters
        ----------
        q
            Probabilities.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Raises
        ------
        NotImplementedError
            If the distribution has no formula for it.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import norm
        >>> quantile = lambda loc, scale: norm.ppf(0.975, loc, scale)
        >>> np.round(ft.grad(quantile, argnums=(0, 1))(0.0, 1.0), 6)
        array([1.      , 1.959964])
        """
        return self._quantile(self._ppf, q, args, kwargs)

    def isf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the inverse of `sf`.

        Parameters
        ----------
        q
            Probabilities.
        args, kwargs
            The shape parameters, ``loc`` and ``scale``, by place or by name.

        Returns
        -------
        array
            All arguments broadcast; differentiable in all of them.

        Raises
        ------
        NotImplementedError
            If the distribution has no formula for it.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> from functorch_lite.scipy.stats import expon
        >>> float(np.round(expon.isf(1e-300) / np.log(10), 6)), float(ft.grad(expon.isf)(0.5))
        (300.0, -2.0)
        """
        return self._quantile(self._isf, q, args, kwargs)

    def _accumulated(
        self,
        function: Function | None,
        x: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        below: float,
        above: float,
    ) -> Any:
        function = self._given(function, "probabilities")
        x, shapes, (loc, scale) = self._arguments(x, args, kwargs)
        y = (x - loc) / scale
        lower, upper = self._bounds(shapes)
        within = (y > lower) & (y < upper)
        value = function(np.where(within, y, self.inside), *shapes)
        return np.where(np.isnan(y), y, np.where(y <= lower, below, np.where(within, value, above)))

    def _quantile(self, function: Function | None, q: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = self._given(function, "quantiles")
        q, shapes, (loc, scale) = self._arguments(q, args, kwargs)
        return loc + scale * function(nan_unless((q >= 0) & (q <= 1), q), *shapes)
