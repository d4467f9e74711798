"""Initial value problems whose solution can be differentiated: the pair of Dormand and Prince with adaptive steps.

The steps are chosen by the plain values of the error estimate; once chosen they are fixed, and a derivative is that of
the steps taken (*direct*), or the solution of an equation of its own (*adjoint*). Sources: Dormand and Prince, "A
family of embedded Runge-Kutta formulae", J. Comput. Appl. Math. 6 (1980); Hairer, Nørsett and Wanner, *Solving Ordinary
Differential Equations I* (1993), section II.4; Chen et al., "Neural Ordinary Differential Equations" (2018), appendix
B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import differentiable, dtype_of, is_inexact, returned
from functorch_lite.transforms.custom import custom_vjp
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp
from functorch_lite.transforms.structured import is_staged

__all__ = ["odeint"]


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    method: Literal["direct", "adjoint"] = "direct",
) -> Any:
    """Solve ``dy/dt = func(y, t, *args)`` from ``y(t[0]) = y0``, differentiably in ``y0``, ``t`` and ``args``.

    Parameters
    ----------
    func
        ``func(y, t, *args)`` gives a tree like ``y``, of functions that have derivatives.
    y0
        The initial value: a pytree of floating or complex arrays.
    t
        The times at which the solution is wanted, ascending or descending, of one axis; the first is that of ``y0``.
    args
        Further arguments of ``func``: pytrees of arrays.
    rtol, atol
        The error of each step is at most ``atol + rtol |y|``, entry by entry.
    max_steps
        The most steps between two of the times.
    method
        ``"direct"``: the derivative of the steps taken, exact for the computed solution, in every mode; reverse mode
        keeps all stages of all steps. ``"adjoint"``: a further differential equation, solved backwards for reverse mode
        and along with the solution for forward mode; reverse mode keeps the results only. ``func`` must then close
        over no traced value. Both give derivatives of any order and batch, with the same steps for all examples.

    Returns
    -------
    tree
        Like ``y0``, with a leading axis of the length of ``t`` at each leaf.

    Raises
    ------
    RuntimeError
        If the steps become too many or too short: the problem is stiff or its solution ends.
    TypeError
        If ``y0`` is an integer, or ``func`` returns complex values for a real ``y``; `TracerConversionError` under
        `jit`, unless by the adjoint method.
    ValueError
        If ``t`` does not have one axis or is not monotonic, or ``func`` returns another structure or other shapes.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import odeint
    >>> final = lambda k: odeint(lambda y, t, k: -k * y, 1.0, np.array([0.0, 2.0]), k)[-1]
    >>> float(np.round(ft.grad(final)(0.5), 6)), float(np.round(-2.0 * np.exp(-1.0), 6))
    (-0.735759, -0.735759)
    """
    if method not in ("direct", "adjoint"):
        raise ValueError(f'odeint has the methods "direct" and "adjoint", not {method!r}')
    leaves, structure = tree.flatten(y0)
    leaves = [x if hasattr(x, "dtype") else np.asarray(x) for x in differentiable(leaves, y0, "odeint", "Convert it.")]
    t = np.asarray(t, dtype=float) if isinstance(t, list | tuple) and not any(map(_is_tracer, t)) else np.stack([*t])
    if t.ndim != 1 or not shape_of(t)[0]:
        raise ValueError(f"odeint at {user_line()}: the times must have one axis and one entry at least, not {t.shape}")
    def rate(y: tuple[Any, ...], time: Any, *args: Any) -> tuple[Any, ...]:
        values, other = tree.flatten(func(tree.unflatten(structure, y), time, *args))
        values = [returned(v, None) for v in values]
        if other != structure or list(map(shape_of, values)) != list(map(shape_of, y)):
            raise ValueError(
                f"odeint at {user_line()}: func returned structure {other} and shapes {list(map(shape_of, values))}; "
                f"y has {structure} and {list(map(shape_of, y))}"
            )
        if any(dtype_of(v).kind == "c" and dtype_of(x).kind != "c" for v, x in zip(values, y, strict=True)):
            raise TypeError(f"odeint at {user_line()}: func gave complex values where y is real; start from y0 + 0j")
        return tuple(values)

    control = _Control(rtol, atol, max_steps)
    solve = _directly if method == "direct" else _adjoint
    return tree.unflatten(structure, solve(rate, control, tuple(leaves), t, args))


class _Control(NamedTuple):
    rtol: float
    atol: float
    max_steps: int


# --- Dormand and Prince -----------------------------------------------------------------------------------------------

#: The times of the stages, and the weights of the earlier slopes in each; the last stage is the new value itself.
_TIMES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_WEIGHTS: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
#: The difference of the formulae of order 5 and 4.
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def _directly(
    rate: Callable[..., tuple[Any, ...]], control: _Control, y0: tuple[Any, ...], t: Any, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Solve with steps whose lengths are fixed fractions of the intervals of ``t``."""
    intervals = np.diff(_plain(t))
    if not (np.all(intervals > 0) or np.all(intervals < 0)):
        raise ValueError(f"odeint at {user_line()}: the times must ascend or descend strictly")
    y, values = y0, [y0]
    slope = rate(y, t[0], *args)
    step = None
    for start, stop in pairwise(t):
        y, slope, step = _across(rate, control, y, slope, start, stop, step, args)
        values.append(y)
    return tuple(map(np.stack, zip(*values, strict=True)))


def _across(
    rate: Callable[..., tuple[Any, ...]],
    control: _Control,
    y: tuple[Any, ...],
    slope: tuple[Any, ...],
    start: Any,
    stop: Any,
    step: float | None,
    args: tuple[Any, ...],
) -> tuple[tuple[Any, ...], tuple[Any, ...], float]:
    """Go from one time to another; return the value, its slope, and the length of the step that was tried last."""
    interval = stop - start
    length = float(np.max(np.abs(_plain(interval))))
    step = step or _first_step(y, slope, length, control)
    done = 0.0
    for _ in range(control.max_steps):
        rest = 1.0 - done
        fraction = step / length
        is_last = fraction >= rest * (1 - 1e-12)
        if is_last:
            fraction = rest
        elif fraction > rest / 2:  # two steps of one length rather than a long and a tiny one
            fraction = rest / 2
        with np.errstate(over="ignore", invalid="ignore"):  # a step that leaves the finite numbers is taken back
            new, new_slope, error = _step(rate, y, slope, start + done * interval, fraction * interval, args)
            ratio = _ratio(error, y, new, control)
        growth = 5.0 if ratio == 0 else min(5.0, max(0.2, 0.9 * ratio**-0.2)) if np.isfinite(ratio) else 0.1
        tried = fraction * length
        if ratio <= 1:
            y, slope, done = new, new_slope, done + fraction
            step = max(step, tried * growth) if is_last else tried * growth
            if is_last:
                return y, slope, step
        else:
            step = tried * growth
            if step <= 1e-14 * max(length, abs(float(np.max(np.abs(_plain(stop)))))):
                break
    raise RuntimeError(
        f"odeint at {user_line()}: no end after {control.max_steps} steps or steps too short, at {done:.3g} of the "
        f"interval to {_plain(stop)}; the problem is stiff, or its solution has a singularity"
    )


def _step(
    rate: Callable[..., tuple[Any, ...]],
    y: tuple[Any, ...],
    slope: tuple[Any, ...],
    time: Any,
    step: Any,
    args: tuple[Any, ...],
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    slopes = [slope]
    new = y
    for c, weights in zip(_TIMES[1:], _WEIGHTS[1:], strict=True):
        new = tuple(
            (x + step * _combined(weights, parts)).astype(dtype_of(x))
            for x, *parts in zip(y, *slopes, strict=True)
        )
        slopes.append(rate(new, time + c * step, *args))
    error = tuple(_plain(step * _combined(_ERROR, parts)) for parts in zip(*slopes, strict=True))
    return new, slopes[-1], error


def _combined(weights: Sequence[float], parts: Sequence[Any]) -> Any:
    total = None
    for weight, part in zip(weights, parts, strict=True):
        if weight:
            total = weight * part if total is None else total + weight * part
    return total


def _ratio(error: Sequence[Any], y: Sequence[Any], new: Sequence[Any], control: _Control) -> float:
    """Return the largest error in terms of what is allowed."""
    ratios = [0.0]
    for e, a, b in zip(error, y, new, strict=True):
        allowed = control.atol + control.rtol * np.maximum(np.abs(_plain(a)), np.abs(_plain(b)))
        ratios.append(np.max(np.abs(e) / allowed, initial=0.0))
    return float(np.max(ratios))


def _first_step(y: Sequence[Any], slope: Sequence[Any], length: float, control: _Control) -> float:
    """Guess a step from the sizes of the value and its slope (Hairer, Nørsett and Wanner, II.4)."""
    scales = [control.atol + control.rtol * np.abs(_plain(x)) for x in y]
    size = max(float(np.max(np.abs(_plain(x)) / s, initial=0.0)) for x, s in zip(y, scales, strict=True))
    speed = max(float(np.max(np.abs(_plain(x)) / s, initial=0.0)) for x, s in zip(slope, scales, strict=True))
    guess = 0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-6
    return min(guess, length)


def _plain(x: Any) -> Any:
    """Return the numbers of a traced value, of all examples of a batch: nothing else decides on the steps."""
    if is_staged(x):
        raise TracerConversionError(
            f"odeint at {user_line()} under jit, which records a function once for all values: the steps are chosen by "
            f'values. Write method="adjoint", which makes the solution one operation of the program, and give func '
            f"what it closes over by args."
        )
    while isinstance(x, Tracer):
        x._trace.touch("the length of a step was to be chosen by the size")
        x = x.value
    return x


def _is_tracer(x: Any) -> bool:
    return isinstance(x, Tracer)


# --- The adjoint method -----------------------------------------------------------------------------------------------


def _adjoint(
    rate: Callable[..., tuple[Any, ...]], control: _Control, y0: tuple[Any, ...], t: Any, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Solve with derivatives by differential equations of their own."""
    leaves, structure = tree.flatten(args)
    active = [i for i, x in enumerate(leaves) if is_inexact(x)]

    def with_parameters(y: tuple[Any, ...], time: Any, parameters: Sequence[Any], others: Sequence[Any]) -> Any:
        values = list(others)
        for i, value in zip(active, parameters, strict=True):
            values[i] = value
        return rate(y, time, *tree.unflatten(structure, values))

    parameters = tuple(leaves[i] for i in active)
    others = tuple(0 if i in active else x for i, x in enumerate(leaves))
    return _adjoint_solution(with_parameters, control, y0, t, parameters, others)  # type: ignore[no-any-return]


def _solution(rate: Any, control: _Control, y0: Any, t: Any, parameters: Any, others: Any) -> Any:
    return _directly(rate, control, y0, t, (parameters, others))


def _solution_jvp(rate: Any, control: _Control, primals: Any, tangents: Any) -> Any:
    """Solve for the solution and its derivative along the tangents together."""
    (y0, t, parameters, others), (dy0, dt, directions, _) = primals, tangents

    def joint(state: Any, time: Any, parameters: Any, others: Any) -> Any:
        n = len(state) // 2
        both, directions = parameters
        value, pushed = jvp(lambda y, p: rate(y, time, p, others), (state[:n], both), (state[n:], directions))
        return (*value, *pushed)

    # The solution by itself: along many tangents at once there is still one.
    y = _adjoint_solution(rate, control, y0, t, parameters, others)
    start = tuple(d - s * dt[0] for d, s in zip(dy0, rate(y0, t[0], parameters, others), strict=True))
    joined = _adjoint_solution(joint, control, (*y0, *start), t, (parameters, directions), others)
    slopes = [rate(tuple(x[k] for x in y), t[k], parameters, others) for k in range(len(t))]
    pushed = [
        np.stack([d[k] + s * dt[k] for k, s in enumerate(group)])
        for d, group in zip(joined[len(y0) :], zip(*slopes, strict=True), strict=True)
    ]
    return y, tuple(pushed)


def _solution_fwd(rate: Any, control: _Control, y0: Any, t: Any, parameters: Any, others: Any) -> Any:
    y = _adjoint_solution(rate, control, y0, t, parameters, others)
    return y, (y, t, parameters, others)


def _solution_bwd(rate: Any, control: _Control, residuals: Any, g: Any) -> Any:
    """Go backwards through the times with the adjoint, which takes up the cotangent of each result."""
    y, t, parameters, others = residuals
    n = len(y)

    def backward(state: Any, time: Any, parameters: Any, others: Any) -> Any:
        value, multiplier = state[:n], state[n : 2 * n]
        slope, pull = vjp(lambda y, p: rate(y, time, p, others), tuple(value), parameters)
        by_y, by_parameters = pull(tuple(multiplier))
        return (*slope, *(-m for m in by_y), *(-m for m in tree.leaves(by_parameters)))

    last = len(t) - 1
    multiplier = tuple(x[last] for x in g)
    collected = tuple(np.zeros_like(p) for p in tree.leaves(parameters))
    by_time = []
    for k in range(last, -1, -1):
        value = tuple(x[k] for x in y)
        slope = rate(value, t[k], parameters, others)
        by_time.append(sum(np.sum(np.real(x[k] * s)) for x, s in zip(g, slope, strict=True)))
        if k == 0:
            break
        state = (*value, *multiplier, *collected)
        solved = _adjoint_solution(backward, control, state, t[k - 1 : k + 1][::-1], parameters, others)
        ends = tuple(x[-1] for x in solved)
        multiplier = tuple(m + x[k - 1] for m, x in zip(ends[n : 2 * n], g, strict=True))
        collected = ends[2 * n :]
    # The solution depends on the first time through where it starts: dy/dt[0] = -slope there, carried along.
    by_start = sum(np.sum(np.real(m * s)) for m, s in zip(multiplier, slope, strict=True))
    by_t = np.stack([by_time[-1] - by_start, *by_time[-2::-1]])
    return multiplier, by_t, tree.unflatten(tree.structure(parameters), collected), None


_adjoint_solution = custom_vjp(_solution, nondiff_argnums=(0, 1))
_adjoint_solution.defvjp(_solution_fwd, _solution_bwd)
_adjoint_solution.defjvp(_solution_jvp)
