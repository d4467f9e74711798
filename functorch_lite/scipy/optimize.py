"""`scipy.optimize.root` and `minimize` with results that can be differentiated by ``args``.

The solvers are SciPy's and run on plain arrays; the derivative is that of the implicit function theorem, see
`functorch_lite.implicit_root`. Derivatives that the solvers need and were not given are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult

from functorch_lite.core import tree
from functorch_lite.core.operands import OBJECT
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import dtype_of
from functorch_lite.transforms.hessians import hessian
from functorch_lite.transforms.implicit import solution_of
from functorch_lite.transforms.jacobians import jacobian
from functorch_lite.transforms.reverse import grad, value_and_grad

__all__ = ["minimize", "root"]

_WITHOUT_GRADIENT = frozenset({"nelder-mead", "powell", "cobyla", "cobyqa"})
_WITH_HESSIAN = frozenset({"newton-cg", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr"})
_ROOT_WITH_JACOBIAN = frozenset({"hybr", "lm"})


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Any = None,
    options: Any = None,
) -> OptimizeResult:
    """Find a root of a vector function, as `scipy.optimize.root` does, differentiable in ``args``.

    Parameters
    ----------
    fun
        ``fun(x, *args)`` gives an array of the shape of ``x``, of functions that have derivatives.
    x0
        The guess, of one axis. The derivative by it is zero.
    args
        Further arguments: a tuple of pytrees of arrays, which may be traced.
    method, tol, callback, options
        As in SciPy.
    jac
        As in SciPy, but None means the exact Jacobian where the method uses one; False means finite differences.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Its ``x`` and ``fun`` carry derivatives. Nothing traced given, it is SciPy's own.

    Raises
    ------
    RuntimeError
        If an argument is traced and the solver fails: there is no solution to differentiate.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.optimize import root
    >>> f = lambda a: root(lambda x, a: x**3 - a, np.ones(2), (a,)).x
    >>> np.round(ft.jacobian(f)(np.array([1.0, 8.0])), 6)
    array([[0.333333, 0.      ],
           [0.      , 0.083333]])
    """
    args = args if isinstance(args, tuple) else (args,)
    value = (lambda x, *rest: fun(x, *rest)[0]) if jac is True else fun
    if jac is None and method in _ROOT_WITH_JACOBIAN:
        jac = jacobian(fun)

    def search(function: Callable[[Any], Any], guess: Any, plain: tuple[Any, ...]) -> OptimizeResult:
        function(guess)  # raises if the function closes over a traced value
        return scipy.optimize.root(fun, guess, plain, method, jac, tol, callback, options)

    return _result(value, value, search, x0, args, "root")


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: Any = None,
) -> OptimizeResult:
    """Minimise a scalar function, as `scipy.optimize.minimize` does, differentiable in ``args``.

    Parameters
    ----------
    fun
        ``fun(x, *args)`` gives a real scalar, of functions that have derivatives of second order.
    x0
        The guess, of one axis. The derivative by it is zero.
    args
        Further arguments: a tuple of pytrees of arrays, which may be traced.
    method, hessp, bounds, tol, callback, options
        As in SciPy. With bounds, a variable that is held at one does not move with ``args``.
    jac, hess
        As in SciPy, but None means the exact gradient and Hessian where the method uses them; ``jac=False`` means
        finite differences.
    constraints
        As in SciPy when nothing is traced; refused otherwise.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Its ``x`` and ``fun`` carry derivatives. Nothing traced given, it is SciPy's own.

    Raises
    ------
    RuntimeError
        If an argument is traced and the solver fails for a reason other than rounding.
    NotImplementedError
        If an argument is traced and there are constraints.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.optimize import minimize
    >>> best = lambda a: minimize(lambda x, a: np.sum((x - a) ** 2 + x**4), np.zeros(1), (a,)).x[0]
    >>> float(np.round(ft.grad(best)(3.0), 6))  # x + 2x³ = a: dx/da = 1 / (1 + 6x²), x = 1
    0.142857
    """
    args = args if isinstance(args, tuple) else (args,)
    kind = "" if method is None else method.lower() if isinstance(method, str) else "custom"
    value = (lambda x, *rest: fun(x, *rest)[0]) if jac is True else fun
    if jac is None and kind not in _WITHOUT_GRADIENT:
        search_fun, jac = value_and_grad(fun), True
    else:
        search_fun, jac = fun, None if jac is False else jac
    if hess is None and hessp is None and kind in _WITH_HESSIAN:
        hess = hessian(value)

    def search(function: Callable[[Any], Any], guess: Any, plain: tuple[Any, ...]) -> OptimizeResult:
        function(guess)  # raises if the function closes over a traced value
        return scipy.optimize.minimize(
            search_fun, guess, plain, method, jac, hess, hessp, bounds, constraints, tol, callback, options
        )

    if constraints and _is_traced((x0, args)):
        raise NotImplementedError(
            "minimize with constraints gives no derivative of the solution: write the equations of its optimality "
            "(Karush, Kuhn, Tucker) and use ft.implicit_root"
        )
    return _result(value, _optimality(value, bounds), search, x0, args, "minimize")


def _result(
    fun: Callable[..., Any],
    residual: Callable[..., Any],
    search: Callable[..., OptimizeResult],
    x0: Any,
    args: tuple[Any, ...],
    name: str,
) -> OptimizeResult:
    x0 = np.atleast_1d(x0)
    x0 = x0 if dtype_of(x0).kind in "fc" else x0.astype(float)
    if not _is_traced((x0, args)):
        return search(lambda x: fun(x, *args), x0, args)
    results: list[OptimizeResult] = []

    def kept(function: Callable[[Any], Any], guess: Any, plain: tuple[Any, ...]) -> OptimizeResult:
        found = search(function, guess, plain)
        # Some methods call it a failure when they end where rounding allows no further progress.
        found.success = found.success or _is_zero(residual(found.x, *plain), found.fun)
        results.append(found)
        return found

    x = solution_of(residual, fun, kept, None, name)(x0, *args)
    facts = dict(results[0]) if len(results) == 1 else {"success": True, "message": f"{len(results)} solutions"}
    for derived in ("jac", "hess", "hess_inv", "fjac", "r", "qtf"):
        facts.pop(derived, None)
    return OptimizeResult({**facts, "x": x, "fun": fun(x, *args)})


def _optimality(fun: Callable[..., Any], bounds: Any) -> Callable[..., Any]:
    """Return a function that is zero where the gradient is, or where it pushes against a bound."""
    gradient = grad(fun)
    if bounds is None:
        return gradient
    if not isinstance(bounds, scipy.optimize.Bounds):
        pairs = [(-np.inf if a is None else a, np.inf if b is None else b) for a, b in bounds]
        bounds = scipy.optimize.Bounds(*np.array(pairs, float).T)
    lower, upper = bounds.lb, bounds.ub

    def projected(x: Any, *args: Any) -> Any:
        return x - np.clip(x - gradient(x, *args), lower, upper)

    return projected


def _is_zero(residual: Any, value: Any) -> bool:
    """Say whether a residual is as small as a search by values, exact to rounding, can make it."""
    scale = 1.0 + np.max(np.abs(value))
    return bool(np.max(np.abs(residual), initial=0.0) <= np.sqrt(np.finfo(residual.dtype).eps) * scale)


def _is_traced(arguments: Any) -> bool:
    return any(
        isinstance(leaf, Tracer) or getattr(leaf, "dtype", None) is OBJECT for leaf in tree.leaves(arguments)
    )
