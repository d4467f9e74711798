"""Solutions of equations, differentiated by the implicit function theorem; how they were found does not matter.

``f(x, θ) = 0`` gives ``∂f/∂x dx = -∂f/∂θ dθ`` (Griewank and Walther, *Evaluating Derivatives*, 2008, chapter 15): the
forward rule is one linear system. Transposition gives the reverse rule, and differentiating the rule the higher orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import placed, shape_of
from functorch_lite.core.trace import Tracer, next_birth
from functorch_lite.transforms.arguments import check_callable, described, dtype_of, is_inexact, name_of, returned
from functorch_lite.transforms.custom import custom_jvp
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.jacobians import jacobian
from functorch_lite.transforms.linear_systems import custom_linear_solve
from functorch_lite.transforms.plain_call import plain_call

__all__ = ["fixed_point", "implicit_root", "solution_of"]

Solver = Callable[[Callable[[Any], Any], Any], Any]


def implicit_root(f: Callable[..., Any], solver: Solver, *, linear_solve: Solver | None = None) -> Callable[..., Any]:
    """Return a function that solves ``f(x, *args) = 0`` for ``x``, differentiable in ``args``.

    Parameters
    ----------
    f
        ``f(x, *args)`` gives a tree like ``x`` that is zero at the solution. It must close over no traced value: what
        is to be differentiated goes through ``args``.
    solver
        ``solver(g, x0)`` finds a root of ``g(x) = f(x, *args)`` from the guess ``x0``; it is run on plain arrays, never
        traced. Functions of SciPy serve as they are: `scipy.optimize.fsolve`, `newton`, `newton_krylov`, `root`, …
    linear_solve
        ``linear_solve(matvec, b)`` solves the linear system of the derivative, and that with the transposed matrix, as
        `custom_linear_solve` says. None: the Jacobian is formed and factorised.

    Returns
    -------
    callable
        ``root(x0, *args) → x``. The derivative by the guess is zero. Forward and reverse mode, all orders and `vmap`
        (the solver runs once for each example) work.

    Raises
    ------
    RuntimeError
        If the solver returns a result of SciPy that says it failed.
    TypeError
        If ``f`` closes over a traced value, or the unknown is not real and floating.
    ValueError
        If the root or the residual differs from the guess in structure or shape.
    numpy.linalg.LinAlgError
        If the Jacobian of ``f`` by ``x`` is singular, when a derivative is asked.

    Examples
    --------
    >>> import numpy as np, scipy.optimize, functorch_lite as ft
    >>> cube_root = ft.implicit_root(lambda x, a: x**3 - a, scipy.optimize.newton)
    >>> float(ft.grad(cube_root, 1)(1.0, 8.0))  # 1 / (3 · 2²)
    0.0833...
    """
    for function in (f, solver):
        check_callable(function, "implicit_root", "(f, solver)")
    return solution_of(f, f, lambda g, x0, args: solver(g, x0), linear_solve, "implicit_root")


def fixed_point(
    f: Callable[..., Any], solver: Solver | None = None, *, linear_solve: Solver | None = None
) -> Callable[..., Any]:
    """Return a function that solves ``f(x, *args) = x`` for ``x``, differentiable in ``args``.

    Parameters
    ----------
    f
        ``f(x, *args)`` gives a tree like ``x``. It must close over no traced value.
    solver
        ``solver(g, x0)`` finds a fixed point of ``g(x) = f(x, *args)``, on plain arrays; `scipy.optimize.fixed_point`
        is one. None: ``x ← g(x)`` is repeated until it changes by no more than rounding.
    linear_solve
        As for `implicit_root`.

    Returns
    -------
    callable
        ``point(x0, *args) → x``.

    Raises
    ------
    RuntimeError
        If the iteration does not settle in ten thousand steps; else as `implicit_root`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> point = ft.fixed_point(lambda x, a: 0.5 * (x + a / x))
    >>> float(ft.grad(point, 1)(1.0, 4.0))  # the derivative of √a
    0.25
    """
    for function in (f, solver or _iterated):
        check_callable(function, "fixed_point", "(f, solver)")

    def residual(x: Any, *args: Any) -> Any:
        return tree.map(lambda a, b: a - b, x, f(x, *args))

    chosen = solver or _iterated
    return solution_of(residual, f, lambda g, x0, args: chosen(g, x0), linear_solve, "fixed_point")


def solution_of(
    residual: Callable[..., Any],
    f: Callable[..., Any],
    search: Callable[[Callable[[Any], Any], Any, tuple[Any, ...]], Any],
    linear_solve: Solver | None,
    name: str,
) -> Callable[..., Any]:
    """Return ``solution(x0, *args)``, where the residual is zero: it is ``search(f(·, *args), x0, args)``."""

    @custom_jvp
    def solution(x0: Any, args: tuple[Any, ...]) -> Any:
        leaves, structure = tree.flatten((x0, args))
        shape = tree.structure(x0)

        def solve(*values: Any) -> tuple[Any, ...]:
            guess, others = tree.unflatten(structure, values)
            found = search(_watched(f, others, name), guess, others)
            return tuple(_like_guess(_unwrapped(found, name), guess, f"the solution that {name} was given"))

        return tree.unflatten(shape, plain_call.bind(tuple(leaves), (solve,)))

    @solution.defjvp
    def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
        (x0, args), (_, directions) = primals, tangents
        x = solution(x0, args)
        _check_unknown(x, name)
        leaves, structure = tree.flatten(args)
        active = [i for i, a in enumerate(leaves) if is_inexact(a)]

        def by_args(*values: Any) -> Any:
            return residual(x, *tree.unflatten(structure, placed(leaves, active, values)))

        given = tree.leaves(directions)
        zero, moved = jvp(by_args, tuple(leaves[i] for i in active), tuple(given[i] for i in active))
        _like_guess(zero, x, f"the residual of {name_of(f)}")
        right = tree.map(lambda t: -t, moved)

        def by_x(y: Any) -> Any:
            return residual(y, *args)

        if linear_solve is None:
            return x, _solved_densely(by_x, x, right)
        return x, custom_linear_solve(lambda t: jvp(by_x, (x,), (t,))[1], right, linear_solve)

    def solved(x0: Any, *args: Any) -> Any:
        return solution(x0, args)

    solved.__name__ = f"{name}({name_of(f)})"
    return solved


def _solved_densely(f: Callable[[Any], Any], x: Any, right: Any) -> Any:
    """Solve ``∂f/∂x t = right`` by the matrix, which is formed in one batch."""
    leaves, structure = tree.flatten(x)
    shapes = [shape_of(leaf) for leaf in leaves]
    vector = _joined(leaves)
    matrix = jacobian(lambda v: _joined(tree.leaves(f(tree.unflatten(structure, _parted(v, shapes))))))(vector)
    return tree.unflatten(structure, _parted(np.linalg.solve(matrix, _joined(tree.leaves(right))), shapes))


def _joined(leaves: Sequence[Any]) -> Any:
    flat = [np.ravel(x) for x in leaves]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def _parted(vector: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    parts, start = [], 0
    for shape in shapes:
        stop = start + prod(shape)
        parts.append(np.reshape(vector[start:stop], shape))
        start = stop
    return parts


def _watched(f: Callable[..., Any], args: tuple[Any, ...], name: str) -> Callable[[Any], Any]:
    """Return ``f(·, *args)`` for the solver; it raises when its value depends on something that is traced outside."""
    birth = next_birth()

    def g(x: Any, *_: Any) -> Any:
        y = f(x, *args)
        for leaf in tree.leaves(y):
            inner = returned(leaf, None)
            while isinstance(inner, Tracer):
                if inner._trace.number < birth:
                    raise TypeError(
                        f"the function that {name} was given, {name_of(f)}, closes over a value traced by "
                        f"{inner._trace.transformation}, for which it would give no derivative; pass the value as an "
                        f"argument: solve(x0, value)"
                    )
                inner = inner.value
        return y

    return g


def _unwrapped(found: Any, name: str) -> Any:
    """Return the solution that a result of SciPy holds, or the solution itself."""
    if not (hasattr(found, "success") and hasattr(found, "x")):
        return found
    if not found.success:
        raise RuntimeError(f"the solver of {name} did not find a solution: {getattr(found, 'message', found)}")
    return found.x


def _like_guess(x: Any, guess: Any, what: str) -> list[Any]:
    leaves, structure = tree.flatten(x)
    others, expected = tree.flatten(guess)
    if any(isinstance(leaf, Tracer) for leaf in leaves) and not any(isinstance(leaf, Tracer) for leaf in others):
        raise TypeError(f"at {user_line()} {what} is traced: the solver closes over a traced value")
    shapes, wanted = [shape_of(leaf) for leaf in leaves], [shape_of(leaf) for leaf in others]
    if structure != expected or shapes != wanted:
        raise ValueError(
            f"at {user_line()} {what} has structure {structure} and shapes {shapes} where the unknown has {expected} "
            f"and {wanted}; they must agree"
        )
    return leaves


def _check_unknown(x: Any, name: str) -> None:
    for leaf in tree.leaves(x):
        if dtype_of(leaf).kind != "f":
            raise TypeError(
                f"{name} differentiates real floating solutions; one is {dtype_of(leaf)}. Give a floating guess, or "
                f"solve for the real and the imaginary part"
            )


def _iterated(g: Callable[[Any], Any], x: Any) -> Any:
    """Repeat ``x ← g(x)`` until the change is of the size of rounding."""
    for _ in range(10_000):
        previous, x = x, g(x)
        leaves = _like_guess(x, previous, "what f returns in fixed_point")
        pairs = list(zip(tree.leaves(previous), leaves, strict=True))
        if all(np.all(np.abs(a - b) <= 4 * _spacing(b)) for a, b in pairs):
            return x
    raise RuntimeError("fixed_point: the iteration x ← f(x) did not settle in 10000 steps; give a solver")


def _spacing(x: Any) -> Any:
    """Return the distance between floating numbers at the largest entry of an array."""
    if dtype_of(x).kind not in "fc":
        raise TypeError(f"fixed_point needs floating values, f returned {described(x)}; start from a floating guess")
    return np.finfo(dtype_of(x)).eps * np.max(np.abs(x), initial=np.finfo(dtype_of(x)).tiny)
