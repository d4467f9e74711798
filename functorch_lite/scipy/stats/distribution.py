"""What a distribution is: a few functions of the standard variable, with location and scale handled once for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.operands import is_at_hand, shape_of

__all__ = ["Continuous", "Discrete"]

Function = Callable[..., Any]


class _Distribution:
    """The arguments and the support of a distribution.

    Parameters
    ----------
    name
        Its name, as SciPy has it.
    shapes
        The names of its shape parameters, in SciPy's order.
    support
        The bounds of the standard variable: numbers, or functions of the shape parameters.
    inside
        A standard value within the support for every shape, which takes the place of values outside: the density there
        is zero whatever the formula would give, and no NaN of it reaches a derivative.
    valid
        Whether the shape parameters are such, where this is not to be positive, or for distributions of integers not
        to be negative, nor for a ``p`` greater than one.
    """

    def __init__(
        self, name: str, shapes: str, support: tuple[Any, Any], inside: float, valid: Function | None
    ) -> None:
        self.name = name
        self.shapes = tuple(shapes.split())
        self.lower, self.upper = support
        self.inside = inside
        self._valid = valid

    def __repr__(self) -> str:
        return f"<distribution {self.name}({', '.join((*self.shapes, *self.defaults))})>"

    #: The parameters behind the shapes, and what they are if not given.
    defaults: dict[str, float] = {"loc": 0.0, "scale": 1.0}  # noqa: RUF012 - never changed

    def _arguments(
        self, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[Any, ...], list[Any]]:
        """Return the points, the shape parameters, and the others, in the precision of the points if they are weak."""
        names = (*self.shapes, *self.defaults)
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names) or not kwargs.keys() <= set(names) - given.keys():
            raise TypeError(f"{self.name} takes the parameters {', '.join(names)}, each once")
        given |= kwargs
        missing = [name for name in self.shapes if name not in given]
        if missing:
            raise TypeError(f"{self.name} misses the shape parameters {', '.join(missing)}")
        x, values = _floating(x), {name: _floating(value) for name, value in (self.defaults | given).items()}
        # Adding an array of zero turns a Python scalar, traced or not, into a number of the precision of the points, or
        # if these are Python scalars too of the parameters. Of NumPy's numbers a quotient by zero does not raise.
        strong = [v.dtype for v in ((x,) if _is_strong(x) else values.values()) if _is_strong(v)]
        zero = np.zeros((), np.result_type(*strong) if strong else float)
        x = x if _is_strong(x) else x + zero
        shapes = tuple(values[name] + zero for name in self.shapes)
        others = [values[name] + zero for name in self.defaults]
        return _nan_unless(self._are_parameters(shapes, others), x), shapes, others

    def _are_parameters(self, shapes: tuple[Any, ...], others: list[Any]) -> Any:
        """Say where the arguments are parameters of a distribution."""
        raise NotImplementedError

    def _bounds(self, shapes: tuple[Any, ...]) -> tuple[Any, Any]:
        return tuple(bound(*shapes) if callable(bound) else bound for bound in (self.lower, self.upper))

    def _given(self, function: Function | None, what: str) -> Function:
        if function is None:
            raise NotImplementedError(f"{what} of {self.name} have no closed form")
        return function


class Continuous(_Distribution):
    """A continuous distribution with location and scale.

    All methods take the point (or the probability), the shape parameters, ``loc=0`` and ``scale=1``, as SciPy's do, and
    broadcast them. Where arguments are no parameters of a distribution (a negative scale), or no probabilities, the
    results are NaN.

    Parameters
    ----------
    name, shapes, support, inside, valid
        See `_Distribution`.
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
        self._cdf = cdf or _exp_of(logcdf) or _complement(sf or _exp_of(logsf))
        self._sf = sf or _exp_of(logsf) or _complement(self._cdf)
        self._logcdf = logcdf or _log_of(self._cdf, self._sf, lower_tail, inside)
        self._logsf = logsf or _log_of(self._sf, self._cdf, upper_tail, inside)
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
        return loc + scale * function(_nan_unless((q >= 0) & (q <= 1), q), *shapes)


class Discrete(_Distribution):
    """A distribution of integers, with location.

    All methods take the point, the shape parameters and ``loc=0``, as SciPy's do, and broadcast them. They are
    differentiated in the parameters; in the point the derivative is zero. Where arguments are no parameters of a
    distribution the results are NaN.

    Parameters
    ----------
    name, shapes, support, inside, valid
        See `_Distribution`.
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

    defaults = {"loc": 0.0}  # noqa: RUF012 - never changed

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
        self._cdf, self._sf = cdf, sf or _exp_of(logsf) or _complement(cdf)
        self._logcdf = _log_of(self._cdf, self._sf, lower_tail, inside)
        self._logsf = logsf or _log_of(self._sf, self._cdf, upper_tail, inside)

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
        value = function(np.floor(np.where(within, y, self.inside)), *_where(within, shapes))
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
        value = function(np.floor(np.where(within, y, self.inside)), *_where(within, shapes))
        return np.where(np.isnan(y), y, np.where(y < lower, below, np.where(within, value, above)))


def _floating(x: Any) -> Any:
    """Return a number as it is, which is weak, and an array with a floating dtype."""
    if type(x) is int or type(x) is float:
        return float(x)
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"distributions are of real numbers, with real parameters; an argument is {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(float)


def _is_strong(x: Any) -> bool:
    """Say whether a number has a precision of its own: arrays have, and NumPy's scalars."""
    return bool(shape_of(x)) or isinstance(x, np.generic | np.ndarray)


def _nan_unless(valid: Any, x: Any) -> Any:
    return x if is_at_hand(valid) and np.all(valid) else np.where(valid, x, np.nan)


def _exp_of(function: Function | None) -> Function | None:
    return None if function is None else lambda y, *shapes: np.exp(function(y, *shapes))


def _log_of(
    function: Function | None, complement: Function | None, tail: Function | None, inside: float
) -> Function | None:
    """Return the logarithm of a probability, found from the complement where that is the smaller one.

    In the tail, where derivatives of log p by powers of 1/p would overflow, it has a formula of its own.
    """
    if function is None or complement is None:
        return None

    def logarithm(y: Any, *shapes: Any) -> Any:
        p = function(y, *shapes)
        likely = p > 0.5
        unlikely = p < np.finfo(p.dtype).tiny ** (1 / 3) if tail else False
        if is_at_hand(likely) and not np.any(likely | unlikely):
            return np.log(p)
        rest = np.where(likely, complement(y, *shapes), 0.0)
        value = np.where(likely, np.log1p(-rest), np.log(np.where(likely | unlikely, 1.0, p)))
        if tail is None or (is_at_hand(unlikely) and not np.any(unlikely)):
            return value
        return np.where(unlikely, tail(np.where(unlikely, y, inside), *_where(unlikely, shapes)), value)

    return logarithm


def _where(condition: Any, shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return shape parameters, and elsewhere a number that is one of every distribution."""
    if is_at_hand(condition) and np.all(condition):
        return shapes
    return tuple(np.where(condition, shape, 0.5) for shape in shapes)


def _complement(function: Function | None) -> Function | None:
    return None if function is None else lambda y, *shapes: 1 - function(y, *shapes)
