"""JAX's check of derivatives: one random direction a mode, repeated on the derivatives themselves up to an order.

Forward mode is held against central differences along a random direction, reverse mode by the inner product
``⟨g, J·t⟩ = ⟨Jᵀ·g, t⟩``. The next order checks the forward pass as a function of points and tangents, and the backward
pass as one of points and cotangents, in both modes again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.testing.comparison import GradcheckError, compare_numbers, compare_tangents
from functorch_lite.testing.gradcheck import BACKWARD, FORWARD, Options, check_slowly
from functorch_lite.testing.numerical import directional_difference
from functorch_lite.testing.subject import Subject
from functorch_lite.transforms.arguments import check_callable, check_count
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["check_grads"]

#: Above so many coordinates a failure is not traced to its entry, which takes two evaluations a coordinate.
_LARGEST_EXPLAINED = 4096


def check_grads(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check derivatives up to an order, in all sequences of the modes, along random directions.

    Parameters
    ----------
    f
        A function of pytrees of arrays that returns a pytree of arrays.
    args
        A tuple of its arguments. Floating and complex leaves are varied, others held fixed.
    order
        Up to which order to check.
    modes
        ``"fwd"``, ``"rev"`` or both.
    atol, rtol
        The tolerances, 1e-5 in double and 5e-3 in single precision if not given.
    eps
        How far to go along a direction; the cube root of the precision if not given.

    Raises
    ------
    GradcheckError
        If a derivative is wrong. The message names the order, the modes, the input, the output, the entry and both
        values.
    ValueError
        If the order is below 1, or a mode is unknown.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.check_grads(lambda x, y: np.sin(x) * y, (np.array([1.0, 2.0]), 3.0), order=3)
    """
    check_callable(f, "check_grads", "(f, (x,), order)")
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"modes are 'fwd' and 'rev', not {modes}")
    check_count(order, "order, which counts from 1, the first derivative,")
    if not isinstance(args, tuple | list):
        raise TypeError(f"args is a tuple of the function's arguments, not a {type(args).__name__}")
    subject = Subject(f, tuple(args))
    precision = max(float(np.finfo(c.dtype).eps) for c in (*subject.inputs, *subject.outputs))
    tolerance = 1e-5 if precision <= np.finfo(float).eps else 5e-3
    options = Options(
        eps=precision ** (1 / 3) if eps is None else eps,
        atol=tolerance if atol is None else atol,
        rtol=tolerance if rtol is None else rtol,
    )
    _check(subject, order, modes, options, ())


def _check(subject: Subject, order: int, modes: tuple[str, ...], options: Options, passed: tuple[str, ...]) -> None:
    rng = np.random.default_rng(len(passed))
    t = [rng.normal(size=c.size) for c in subject.inputs]
    g = [rng.normal(size=c.size) for c in subject.outputs]
    expected = directional_difference(subject, t, options.eps)
    for mode in modes:
        check = _check_forward if mode == "fwd" else _check_backward
        try:
            check(subject, t, g, expected, options)
        except GradcheckError as error:
            _explain(subject, error, mode, options, passed)
    if order == 1:
        return
    for mode in modes:
        derived = _forward_pass(subject, t) if mode == "fwd" else _backward_pass(subject, g)
        _check(derived, order - 1, modes, options, (mode, *passed))


def _check_forward(subject: Subject, t: list[Any], g: list[Any], expected: list[Any], options: Options) -> None:
    _, pushed = subject.push([c.write(d) for c, d in zip(subject.inputs, t, strict=True)])
    for out, analytical, numerical in zip(subject.outputs, pushed, expected, strict=True):
        compare_tangents(out.read(analytical), numerical, out, FORWARD, options.atol, options.rtol)


def _check_backward(subject: Subject, t: list[Any], g: list[Any], expected: list[Any], options: Options) -> None:
    _, pull = subject.linearize_backward()
    pulled = pull([c.write_cotangent(d) for c, d in zip(subject.outputs, g, strict=True)])
    along = [c.read_cotangent(p) for c, p in zip(subject.inputs, pulled, strict=True)]
    analytical = sum(float(a @ d) for a, d in zip(along, t, strict=True))
    numerical = sum(float(d @ e) for d, e in zip(g, expected, strict=True))
    # Terms of either sign may cancel: what each is allowed to err by counts, not what their sum is.
    tolerance = sum(
        options.atol * max(1.0, np.abs(d).sum()) + options.rtol * (np.abs(d) @ np.abs(e))
        for d, e in zip(g, expected, strict=True)
    )
    where = "⟨g, J·t⟩ = ⟨Jᵀ·g, t⟩ along random directions"
    compare_numbers(analytical, numerical, where, BACKWARD, tolerance)


def _explain(subject: Subject, error: GradcheckError, mode: str, options: Options, passed: tuple[str, ...]) -> None:
    """Raise with the input and the entry found by the whole Jacobian; with what the random direction told otherwise."""
    names = {"fwd": "forward", "rev": "reverse"}
    sequence = " over ".join(names[m] for m in (mode, *passed))
    prefix = f"the derivative of order {len(passed) + 1} ({sequence}): "
    if sum(c.size for c in (*subject.inputs, *subject.outputs)) <= _LARGEST_EXPLAINED:
        whole = Options(
            options.eps, options.atol, options.rtol, check_forward_ad=mode == "fwd", check_backward_ad=mode == "rev"
        )
        try:
            check_slowly(subject, whole)
        except GradcheckError as precise:
            raise GradcheckError(prefix + str(precise)) from None
    shapes = "; ".join(map(str, (*subject.inputs, *subject.outputs)))
    raise GradcheckError(f"{prefix}{error}\n    {shapes}") from None


def _forward_pass(subject: Subject, t: list[Any]) -> Subject:
    """Return the tangents of the outputs as a function of the point and the tangents of the inputs."""
    n = len(subject.point)

    def push(*point_and_tangents: Any) -> Any:
        return jvp(subject.evaluate, (list(point_and_tangents[:n]),), (list(point_and_tangents[n:]),))[1]

    tangents = [c.write(d) for c, d in zip(subject.inputs, t, strict=True)]
    names = [c.name for c in subject.inputs]
    derived = Subject(push, (*subject.point, *tangents), names + [f"the tangent of {name}" for name in names])
    for out, c in zip(derived.outputs, subject.outputs, strict=True):
        out.name = f"the tangent of {c.name}"
    return derived


def _backward_pass(subject: Subject, g: list[Any]) -> Subject:
    """Return the cotangents of the inputs as a function of the point and the cotangents of the outputs."""
    n = len(subject.point)

    def pull(*point_and_cotangents: Any) -> Any:
        return vjp(subject.evaluate, list(point_and_cotangents[:n]))[1](list(point_and_cotangents[n:]))[0]

    cotangents = [c.write_cotangent(d) for c, d in zip(subject.outputs, g, strict=True)]
    names = [c.name for c in subject.inputs]
    derived = Subject(
        pull, (*subject.point, *cotangents), names + [f"the cotangent of {c.name}" for c in subject.outputs]
    )
    for out, name in zip(derived.outputs, names, strict=True):
        out.name = f"the gradient of {name}"
    return derived
