"""Samples of special functions: every ufunc of ``scipy.special`` that has a rule, and the plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

import functorch_lite.scipy.special as fs
from tests.samples.sample import Sample, random
from tests.samples.sample import eager as plain

#: An interval stands for an argument that is differentiated, a number for one that is held fixed.
Argument = tuple[float, float] | int | float

#: Characteristic values of the spheroidal functions in the table.
PROLATE, OBLATE = scipy.special.pro_cv(1, 2, 0.7), scipy.special.obl_cv(1, 2, 0.7)

ANALYTIC: dict[str, tuple[Argument, ...]] = {
    "gamma": ((0.5, 3),),
    "loggamma": ((0.5, 3),),
    "rgamma": ((-1.7, 3),),
    "erf": ((-2, 2),),
    "erfc": ((-2, 2),),
    "erfcx": ((-1, 2),),
    "erfi": ((-1, 1),),
    "dawsn": ((-2, 2),),
    "wofz": ((-1, 2),),
    "ndtr": ((-2, 2),),
    "log_ndtr": ((-2, 2),),
    "jv": (1.3, (0.5, 3)),
    "yv": (1.3, (0.5, 3)),
    "iv": (1.3, (0.5, 3)),
    "kv": (1.3, (0.5, 3)),
    "kve": (1.3, (0.5, 3)),
    "hankel1": (1.3, (0.5, 3)),
    "hankel2": (1.3, (0.5, 3)),
    "hankel1e": (1.3, (0.5, 3)),
    "hankel2e": (1.3, (0.5, 3)),
    "expm1": ((-2, 2),),
    "log1p": ((-0.5, 2),),
    "exp1": ((0.5, 3),),
    "expi": ((0.5, 2),),
    "spence": ((0.3, 0.8),),
    "wrightomega": ((-1, 2),),
    "xlogy": ((0.5, 2), (0.5, 2)),
    "xlog1py": ((0.5, 2), (0.5, 2)),
    "hyp0f1": (1.3, (-2, 2)),
    "hyp1f1": (1.3, 0.7, (-2, 2)),
    "hyp2f1": (1.3, 0.7, 1.9, (-0.6, 0.6)),
    "elliprf": ((0.5, 1), (1.5, 2), (2.5, 3)),
    "elliprg": ((0.5, 1), (1.5, 2), (2.5, 3)),
    "elliprd": ((0.5, 1), (1.5, 2), (2.5, 3)),
    "elliprc": ((0.5, 1), (1.5, 2)),
    "elliprj": ((0.5, 1), (1.5, 2), (2.5, 3), (3.5, 4)),
    "eval_chebyc": (3, (-1, 1)),
    "eval_chebys": (3, (-1, 1)),
    "eval_chebyt": (3.0, (-0.9, 0.9)),
    "eval_chebyu": (3.0, (-0.9, 0.9)),
    "eval_laguerre": (3.0, (-1, 1)),
    "eval_legendre": (3.0, (-0.9, 0.9)),
    "eval_sh_chebyt": (3.0, (0.1, 0.9)),
    "eval_sh_chebyu": (3.0, (0.1, 0.9)),
    "eval_sh_legendre": (3.0, (0.1, 0.9)),
    "eval_genlaguerre": (3.0, 0.7, (-1, 1)),
    "eval_gegenbauer": (3.0, 0.7, (-0.9, 0.9)),
    "eval_jacobi": (3.0, 0.7, 0.4, (-0.9, 0.9)),
    "eval_sh_jacobi": (3.0, 1.7, 1.4, (0.1, 0.9)),
    "fresnel": ((-1, 1),),
    "sici": ((0.5, 3),),
    "shichi": ((0.5, 2),),
    "airy": ((-1, 1),),
}
#: Their derivatives at complex arguments are found by one that SciPy has of real ones only.
FIRST_ORDER_ONLY_IF_COMPLEX = {"gamma", "loggamma", "rgamma"}

REAL: dict[str, tuple[Argument, ...]] = {
    "gammaln": ((0.5, 3),),
    "psi": ((0.5, 3),),
    "beta": ((0.5, 3), (0.5, 3)),
    "betaln": ((0.5, 3), (0.5, 3)),
    "binom": ((3.1, 5), (0.5, 2)),
    "poch": ((0.5, 3), (0.5, 3)),
    "gammainc": ((0.5, 4), (0.5, 4)),
    "gammaincc": ((0.5, 4), (0.5, 4)),
    "gammaincinv": ((0.8, 4), (0.1, 0.9)),
    "gammainccinv": ((0.8, 4), (0.1, 0.9)),
    "betainc": ((0.8, 4), (0.8, 4), (0.1, 0.9)),
    "betaincc": ((0.8, 4), (0.8, 4), (0.1, 0.9)),
    "betaincinv": ((0.8, 4), (0.8, 4), (0.1, 0.9)),
    "betainccinv": ((0.8, 4), (0.8, 4), (0.1, 0.9)),
    "btdtria": ((0.2, 0.8), (0.8, 3), (0.3, 0.7)),
    "btdtrib": ((0.8, 3), (0.2, 0.8), (0.3, 0.7)),
    "chdtr": ((0.8, 4), (0.5, 4)),
    "chdtrc": ((0.8, 4), (0.5, 4)),
    "chdtri": ((0.8, 4), (0.1, 0.9)),
    "chdtriv": ((0.2, 0.8), (1, 4)),
    "gdtr": ((0.5, 2), (0.8, 4), (0.5, 2)),
    "gdtrc": ((0.5, 2), (0.8, 4), (0.5, 2)),
    "gdtria": ((0.2, 0.8), (0.8, 3), (0.5, 2)),
    "gdtrib": ((0.5, 2), (0.2, 0.8), (1, 2)),
    "gdtrix": ((0.5, 2), (0.8, 3), (0.2, 0.8)),
    "fdtr": ((1, 4), (1, 4), (0.5, 2)),
    "fdtrc": ((1, 4), (1, 4), (0.5, 2)),
    "fdtri": ((1, 4), (1, 4), (0.2, 0.8)),
    "fdtridfd": (1.5, (0.55, 0.6), (1.2, 1.3)),
    "stdtr": ((1, 5), (0.3, 2)),
    "stdtrit": ((1, 5), (0.6, 0.9)),
    "stdtridf": ((0.78, 0.8), (1.0, 1.1)),
    "pdtr": (2.0, (0.5, 4)),
    "pdtrc": (2.0, (0.5, 4)),
    "pdtri": (2, (0.1, 0.9)),
    "pdtrik": ((0.4, 0.8), (2, 4)),
    "bdtr": (2.0, 5, (0.1, 0.9)),
    "bdtrc": (2.0, 5, (0.1, 0.9)),
    "bdtri": (2.0, 5, (0.1, 0.9)),
    "bdtrik": ((0.4, 0.6), (5, 6), (0.4, 0.6)),
    "bdtrin": ((2, 2.5), (0.4, 0.6), (0.4, 0.6)),
    "nbdtr": (2, 3, (0.1, 0.9)),
    "nbdtrc": (2, 3, (0.1, 0.9)),
    "nbdtri": (2, 3, (0.1, 0.9)),
    "nbdtrik": ((0.5, 0.8), (2, 3), (0.4, 0.6)),
    "nbdtrin": ((2, 3), (0.4, 0.6), (0.4, 0.6)),
    "chndtr": ((1, 4), 3.0, (0.5, 2)),
    "chndtrix": ((0.2, 0.8), 3.0, (0.5, 2)),
    "chndtrinc": ((3.0, 4), 3.0, (0.2, 0.4)),
    "nrdtrimn": ((0.2, 0.8), (0.5, 2), (-1, 1)),
    "nrdtrisd": ((-1, 0), (0.6, 0.8), (0.5, 1)),
    "erfinv": ((-0.8, 0.8),),
    "erfcinv": ((0.2, 1.8),),
    "ndtri": ((0.1, 0.9),),
    "ndtri_exp": ((-3, -0.2),),
    "owens_t": ((-1.5, 1.5), (-1.5, 1.5)),
    "voigt_profile": ((-1.5, 1.5), (0.5, 1), (0.5, 1)),
    "modfresnelp": ((0.1, 1),),
    "modfresnelm": ((0.1, 1),),
    "yn": (2, (0.5, 3)),
    "kn": (2, (0.5, 3)),
    "jve": (1.3, (0.5, 3)),
    "yve": (1.3, (0.5, 3)),
    "ive": (1.3, (0.5, 3)),
    "j0": ((-3, 3),),
    "j1": ((-3, 3),),
    "y0": ((0.5, 3),),
    "y1": ((0.5, 3),),
    "zetac": ((1.5, 4),),
    "i0": ((-2, 2),),
    "i1": ((-2, 2),),
    "k0": ((0.5, 3),),
    "k1": ((0.5, 3),),
    "i0e": ((-2, 2),),
    "i1e": ((-2, 2),),
    "k0e": ((0.5, 3),),
    "k1e": ((0.5, 3),),
    "struve": (1.3, (0.5, 3)),
    "modstruve": (1.3, (0.5, 3)),
    "itstruve0": ((0.5, 3),),
    "it2struve0": ((0.5, 3),),
    "itmodstruve0": ((0.5, 3),),
    "ber": ((0.5, 3),),
    "bei": ((0.5, 3),),
    "ker": ((0.5, 3),),
    "kei": ((0.5, 3),),
    "berp": ((0.5, 3),),
    "beip": ((0.5, 3),),
    "kerp": ((0.5, 3),),
    "keip": ((0.5, 3),),
    "kelvin": ((0.5, 3),),
    "airye": ((0.5, 2),),
    "itairy": ((0.1, 0.3),),
    "iti0k0": ((0.5, 2),),
    "itj0y0": ((0.5, 2),),
    "it2i0k0": ((0.5, 2),),
    "it2j0y0": ((0.5, 2),),
    "pbdv": (1.3, (-2, 2)),
    "pbvv": (1.3, (-2, 2)),
    "pbwa": (1.3, (-2, 2)),
    "besselpoly": ((0.5, 2), 1.0, 1.0),
    "wright_bessel": (1.3, 0.7, (0.5, 2)),
    "log_wright_bessel": (1.3, 0.7, (0.5, 2)),
    "cbrt": ((0.2, 3),),
    "exp2": ((-2, 2),),
    "exp10": ((-1, 1),),
    "exprel": ((-3, 3),),
    "powm1": ((0.5, 2), (-2, 2)),
    "sindg": ((-90, 90),),
    "cosdg": ((-90, 90),),
    "tandg": ((-60, 60),),
    "cotdg": ((30, 150),),
    "cosm1": ((-2, 2),),
    "radian": ((-2, 2), (-2, 2), (-2, 2)),
    "expit": ((-3, 3),),
    "logit": ((0.1, 0.9),),
    "log_expit": ((-3, 3),),
    "entr": ((0.2, 2),),
    "rel_entr": ((0.2, 2), (0.2, 2)),
    "kl_div": ((0.2, 2), (0.2, 2)),
    "huber": ((0.5, 1), (-2, 2)),
    "pseudo_huber": ((0.5, 1), (-2, 2)),
    "boxcox": ((0.5, 2), (-2, 2)),
    "boxcox1p": ((0.5, 2), (-2, 2)),
    "inv_boxcox": ((0.2, 0.4), (-1, 2)),
    "inv_boxcox1p": ((0.2, 0.4), (-1, 2)),
    "tklmbda": ((-0.5, 0.5), (0.2, 1.5)),
    "expn": (2, (0.5, 3)),
    "kolmogorov": ((0.4, 1.6),),
    "kolmogi": ((0.1, 0.9),),
    "ellipk": ((-2, 0.8),),
    "ellipkm1": ((0.1, 1.4),),
    "ellipe": ((-2, 0.8),),
    "ellipkinc": ((-4, 4), (-1, 0.7)),
    "ellipeinc": ((-4, 4), (-1, 0.7)),
    "ellipj": ((0.3, 2), (0.1, 0.8)),
    "agm": ((0.5, 2), (0.5, 2)),
    "hyperu": (1.3, 0.7, (0.5, 2)),
    "eval_hermite": (3, (-1, 1)),
    "eval_hermitenorm": (3, (-1, 1)),
    "lpmv": (1, 2.0, (-0.8, 0.8)),
    "mathieu_cem": (2, 0.7, (10, 80)),
    "mathieu_sem": (2, 0.7, (10, 80)),
    "mathieu_modcem1": (2, 0.7, (0.2, 1)),
    "mathieu_modcem2": (2, 0.7, (0.2, 1)),
    "mathieu_modsem1": (2, 0.7, (0.2, 1)),
    "mathieu_modsem2": (2, 0.7, (0.2, 1)),
    "pro_ang1": (1, 2, 0.7, (0.1, 0.8)),
    "pro_rad1": (1, 2, 0.7, (1.2, 2)),
    "obl_ang1": (1, 2, 0.7, (0.1, 0.8)),
    "obl_rad1": (1, 2, 0.7, (0.2, 1)),
    "pro_ang1_cv": (1, 2, 0.7, PROLATE, (0.1, 0.8)),
    "pro_rad1_cv": (1, 2, 0.7, PROLATE, (1.2, 2)),
    "obl_ang1_cv": (1, 2, 0.7, OBLATE, (0.1, 0.8)),
    "obl_rad1_cv": (1, 2, 0.7, OBLATE, (0.2, 1)),
}


def bound(name: str, arguments: tuple[Argument, ...]) -> Callable[..., Any]:
    """Return the ufunc as a function of the arguments that are intervals."""
    function = getattr(scipy.special, name)

    def call(*args: Any) -> Any:
        given = iter(args)
        return function(*(next(given) if isinstance(a, tuple) else a for a in arguments))

    return call


def values(arguments: tuple[Argument, ...], *shapes: tuple[int, ...]) -> tuple[Any, ...]:
    intervals = [a for a in arguments if isinstance(a, tuple)]
    return tuple(
        random(*shapes[i % len(shapes)], seed=i, low=0, high=1) * (high - low) + low
        for i, (low, high) in enumerate(intervals)
    )


def row(name: str, arguments: tuple[Argument, ...], *shapes: tuple[int, ...], suffix: str = "") -> Sample:
    function, args = bound(name, arguments), values(arguments, *shapes)
    return Sample(
        name + suffix,
        function,
        args,
        dask=name not in NOT_LAZY,
        float32=not name.startswith(NOT_SINGLE) and keeps_single(function, args),
    )


def keeps_single(function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Say whether SciPy has a loop of single precision for these arguments."""
    outputs = function(*(x.astype(np.float32) for x in args))
    return np.result_type(*(outputs if isinstance(outputs, tuple) else (outputs,))) in (np.float32, np.complex64)


#: In single precision SciPy's loops of these do not end, or warn of integers.
NOT_SINGLE = ("pro_", "obl_", "bdtr")
#: What has several results, which dask does not support, and what is computed by series or by quadrature, which look at
#: all elements.
NOT_LAZY = {
    *(name for name, function in vars(scipy.special).items() if getattr(function, "nout", 1) > 1),
    *("gammainc", "gammaincc", "gammaincinv", "gammainccinv", "chdtr", "chdtrc", "chdtri", "chdtriv"),
    *("betainc", "betaincc", "betaincinv", "betainccinv", "btdtria", "btdtrib", "fdtr", "fdtrc", "fdtri", "fdtridfd"),
    *("gdtr", "gdtrc", "gdtria", "gdtrib", "gdtrix", "stdtr", "stdtrit", "stdtridf"),
    *("pdtrik", "bdtrik", "bdtrin", "nbdtrik", "nbdtrin"),
    *("elliprc", "elliprd", "elliprj", "zetac"),
}

TABLE = ANALYTIC | REAL
UFUNCS = [row(name, arguments, (3,)) for name, arguments in TABLE.items()]
BROADCAST = [
    row(name, arguments, (2, 1), (3,), (), suffix=" broadcast")
    for name, arguments in TABLE.items()
    if sum(isinstance(a, tuple) for a in arguments) > 1
]
# Complex arguments are rows of their own, as SciPy's complex functions are not accurate enough for a complex step.
COMPLEX = [
    Sample(
        f"{name} complex",
        bound(name, arguments),
        tuple(x + 1j * random(3, seed=i, low=0.1, high=0.5) for i, x in enumerate(values(arguments, (3,)))),
        dask=name not in NOT_LAZY,
        float32=False,
    )
    for name, arguments in ANALYTIC.items()
    if name not in FIRST_ORDER_ONLY_IF_COMPLEX
]

X = random(2, 3)
POSITIVE = random(3, low=0.5, high=3)
WEIGHTS = np.array([[0.5, 1.0, 2.0], [1.5, 0.1, 1.0]])


PLAIN = [
    plain("logsumexp", fs.logsumexp, X, complex=True),
    plain("logsumexp axis=1, keepdims", lambda x: fs.logsumexp(x, axis=1, keepdims=True), X),
    plain("logsumexp axis=(0, 1)", lambda x: fs.logsumexp(x, axis=(0, 1)), X),
    plain("logsumexp b", lambda x, b: fs.logsumexp(x, axis=0, b=b), X, WEIGHTS),
    plain("logsumexp b with zeros", lambda x, b: fs.logsumexp(x, axis=0, b=b), X, WEIGHTS * (WEIGHTS != 1.0)),
    plain("logsumexp return_sign", lambda x, b: fs.logsumexp(x, 1, b, return_sign=True)[0], X, -WEIGHTS),
    plain("softmax", fs.softmax, X),
    plain("softmax axis=-1", lambda x: fs.softmax(x, axis=-1), X),
    plain("log_softmax", fs.log_softmax, X),
    plain("log_softmax axis=0", lambda x: fs.log_softmax(x, axis=0), X),
    plain("softplus", fs.softplus, X),
    plain("polygamma 0", lambda x: fs.polygamma(0, x), POSITIVE),
    plain("polygamma 2", lambda x: fs.polygamma(2, x), POSITIVE),
    plain("polygamma of several orders", lambda x: fs.polygamma(np.arange(3), x), POSITIVE, float32=False),
    plain("_zeta (zeta)", lambda s, x: scipy.special.zeta(s, x), POSITIVE + 1, POSITIVE),
    plain("_riemann_zeta (zeta)", lambda s: scipy.special.zeta(s), POSITIVE + 1),
    plain("multigammaln", lambda x: fs.multigammaln(x + 1, 3), POSITIVE),
    plain("factorial", fs.factorial, POSITIVE),
    plain("comb", fs.comb, POSITIVE + 3, POSITIVE),
    plain("comb repetition", lambda n, k: fs.comb(n, k, repetition=True), POSITIVE + 3, POSITIVE),
    plain("perm", fs.perm, POSITIVE + 3, POSITIVE),
    plain("_lambertw (lambertw)", lambda x: scipy.special.lambertw(x), POSITIVE, float32=False),
    plain("_lambertw k=-1", lambda x: scipy.special.lambertw(-x / 10, -1).real, POSITIVE, float32=False),
    *(
        plain(f"{f.__name__} n={n}", lambda z, f=f, n=n: f(1.3, z, n), POSITIVE)
        for f in (fs.jvp, fs.yvp, fs.ivp, fs.kvp, fs.h1vp, fs.h2vp)
        for n in (0, 1, 3)
    ),
    *(
        plain(f"{f.__name__} n={n}", lambda z, f=f, n=n: f(n, z), POSITIVE, float32=False)
        for f in (fs.spherical_jn, fs.spherical_yn, fs.spherical_in, fs.spherical_kn)
        for n in (0, 2)
    ),
    plain("sph_harm_y", lambda t, p: np.real(fs.sph_harm_y(3, 2, t, p)), POSITIVE, POSITIVE + 0.3, float32=False),
    plain("spherical_jn derivative", lambda z: fs.spherical_jn(2, z, derivative=True), POSITIVE, float32=False),
    plain("diric 4", lambda x: fs.diric(x, 4), 4 * X),
    plain("diric 5", lambda x: fs.diric(x, 5), 4 * X),
]

SAMPLES = [*UFUNCS, *BROADCAST, *COMPLEX, *PLAIN]
