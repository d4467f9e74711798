"""Special functions by PyTorch's names. SciPy has them, which they need when they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.optional import scipy_module
from functorch_lite.tensor.method_table import method

__all__ = ["digamma", "erfc", "erfinv", "i0", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma"]


@method
def lgamma(x: Any) -> Any:
    """Return the logarithm of the absolute value of the gamma function; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.lgamma(ft.tensor([1.0, 4.0])).exp()
    tensor([1., 6.])
    """
    return scipy_module("special", "ft.lgamma").gammaln(x)


@method
def digamma(x: Any) -> Any:
    """Return the derivative of `lgamma`; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> bool(ft.allclose(ft.digamma(ft.tensor(2.5)), ft.grad(ft.lgamma)(ft.tensor(2.5))))
    True
    """
    return scipy_module("special", "ft.digamma").digamma(x)


def _of_scipy(name: str, ufunc: str, summary: str, example: str) -> Callable[..., Any]:
    def function(x: Any, *args: Any) -> Any:
        return getattr(scipy_module("special", f"ft.{name}"), ufunc)(x, *args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    {example}
    """
    return method(function)


erfc = _of_scipy(
    "erfc",
    "erfc",
    "Return one minus the error function `erf`, without losing digits where that is near one",
    ">>> ft.erfc(ft.tensor([0.0]))\n    tensor([1.])",
)
erfinv = _of_scipy(
    "erfinv",
    "erfinv",
    "Return the inverse of the error function `erf`",
    ">>> ft.erfinv(ft.erf(ft.tensor([0.5]))).round(12)\n    tensor([0.5])",
)
i0 = _of_scipy(
    "i0",
    "i0",
    "Return the modified Bessel function of the first kind and order zero",
    ">>> ft.i0(ft.tensor([0.0]))\n    tensor([1.])",
)
igamma = _of_scipy(
    "igamma",
    "gammainc",
    "Return the lower incomplete gamma function of ``x`` and of a limit, divided by the gamma function of ``x``",
    ">>> ft.igamma(ft.tensor([1.0]), ft.tensor([0.0]))\n    tensor([0.])",
)
igammac = _of_scipy(
    "igammac",
    "gammaincc",
    "Return the upper incomplete gamma function of ``x`` and of a limit, divided by the gamma function of ``x``",
    ">>> ft.igammac(ft.tensor([1.0]), ft.tensor([0.0]))\n    tensor([1.])",
)


@method
def mvlgamma(x: Any, p: int) -> Any:
    """Return the logarithm of the gamma function of ``p`` dimensions; it needs scipy.

    Parameters
    ----------
    x
        Real numbers greater than ``(p - 1) / 2``.
    p
        The number of dimensions.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.equal(ft.mvlgamma(ft.tensor([1.0, 4.0]), 1), ft.lgamma(ft.tensor([1.0, 4.0])))
    True
    """
    from functorch_lite.scipy.special import multigammaln  # noqa: PLC0415 - scipy is optional

    return multigammaln(x, p)


def polygamma(n: int, x: Any) -> Any:
    """Return the derivative of order ``n`` of `digamma`; as a method, ``x.polygamma(n)``. It needs scipy.

    Parameters
    ----------
    n
        An integer that is not negative.
    x
        Real numbers.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(2.5)
    >>> bool(ft.isclose(ft.polygamma(1, x), ft.grad(ft.digamma)(x)))
    True
    """
    from functorch_lite.scipy import special  # noqa: PLC0415 - scipy is optional

    if shape_of(n) != ():
        raise TypeError(f"polygamma at {user_line()}: the order comes first and is one integer, not {n!r}")
    return special.polygamma(n, x)


def _polygamma(x: Any, n: int) -> Any:
    """Return the derivative of order ``n`` of `digamma`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(2.5)
    >>> ft.equal(x.polygamma(1), ft.polygamma(1, x))
    True
    """
    return polygamma(n, x)


_polygamma.__name__ = "polygamma"
method(_polygamma)
