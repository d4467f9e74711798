"""Special functions by the names of ``torch.special``, of tensors, traced arrays and arrays. They need SciPy.

Where signatures agree they are SciPy's and NumPy's own functions, which dispatch. The rules are those of
`functorch_lite.scipy.special`, which has more functions, by SciPy's names.

Examples
--------
>>> import functorch_lite as ft
>>> x = ft.tensor([0.5], requires_grad=True)
>>> ft.special.ndtri(ft.special.ndtr(x)).sum().backward()
>>> x.grad.round(12)
tensor([1.])
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
from numpy import exp2, expm1, log1p, round, sinc

from functorch_lite.scipy import special as _scipy
from functorch_lite.scipy.special import multigammaln, polygamma
from functorch_lite.tensor.elementwise import logit, xlogy
from functorch_lite.tensor.softmax import log_softmax, logsumexp, softmax
from functorch_lite.transforms.arguments import dtype_of

bessel_j0, bessel_j1, bessel_y0, bessel_y1 = _scipy.j0, _scipy.j1, _scipy.y0, _scipy.y1
modified_bessel_i0, modified_bessel_i1 = _scipy.i0, _scipy.i1
modified_bessel_k0, modified_bessel_k1 = _scipy.k0, _scipy.k1
scaled_modified_bessel_k0, scaled_modified_bessel_k1 = _scipy.k0e, _scipy.k1e
i0, i0e, i1, i1e = _scipy.i0, _scipy.i0e, _scipy.i1, _scipy.i1e
erf, erfc, erfcx, erfinv = _scipy.erf, _scipy.erfc, _scipy.erfcx, _scipy.erfinv
ndtr, log_ndtr, ndtri = _scipy.ndtr, _scipy.log_ndtr, _scipy.ndtri
digamma, gammaln, psi = _scipy.digamma, _scipy.gammaln, _scipy.psi
gammainc, gammaincc = _scipy.gammainc, _scipy.gammaincc
entr, expit, xlog1py, zeta = _scipy.entr, _scipy.expit, _scipy.xlog1py, _scipy.zeta

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]


def airy_ai(x: Any) -> Any:
    """Return the Airy function Ai.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.special.airy_ai(np.array([0.0])).round(4)
    array([0.355])
    """
    return _scipy.airy(x)[0]


def spherical_bessel_j0(x: Any) -> Any:
    """Return the spherical Bessel function of the first kind and order zero, ``sin(x) / x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.special.spherical_bessel_j0(np.array([0.0]))
    array([1.])
    """
    return np.sinc(x / pi)


def _polynomial(name: str, ufunc: np.ufunc, title: str) -> Callable[..., Any]:
    def polynomial(x: Any, n: Any) -> Any:
        result = ufunc(n, x)
        return result.astype(dtype_of(x)) if dtype_of(x) == np.float32 else result

    polynomial.__name__ = polynomial.__qualname__ = name
    polynomial.__doc__ = f"""Return the {title} polynomial of degree ``n``, whose derivative by ``x`` is known too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.special.legendre_polynomial_p(np.array([0.0, 1.0]), 2)
    array([-0.5,  1. ])
    """
    return polynomial


chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", _scipy.eval_chebyt, "Chebyshev T")
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", _scipy.eval_chebyu, "Chebyshev U")
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", _scipy.eval_sh_chebyt, "shifted Chebyshev T"
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", _scipy.eval_sh_chebyu, "shifted Chebyshev U"
)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", _scipy.eval_hermite, "physicists' Hermite")
hermite_polynomial_he = _polynomial("hermite_polynomial_he", _scipy.eval_hermitenorm, "probabilists' Hermite")
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", _scipy.eval_laguerre, "Laguerre")
legendre_polynomial_p = _polynomial("legendre_polynomial_p", _scipy.eval_legendre, "Legendre")
