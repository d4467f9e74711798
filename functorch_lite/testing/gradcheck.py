"""PyTorch's check of derivatives: whole Jacobians, or one random projection of each, against central differences.

Source: PyTorch's ``torch/autograd/gradcheck.py``; the projection of the fast mode is the test of Baydin et al. and of
Griewank and Walther, *Evaluating Derivatives* (2008), that a bilinear form ``vᵀJu`` is one number in both modes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.tensor.ambient import is_tensor, tensor_of
from functorch_lite.testing.comparison import GradcheckError, compare_arrays, compare_matrices, compare_numbers
from functorch_lite.testing.numerical import central_difference, difference_columns
from functorch_lite.testing.subject import Coordinates, Pull, Subject
from functorch_lite.testing.tensor_subject import TensorSubject, backward_pass, holds_tensors
from functorch_lite.transforms.arguments import check_callable
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.reverse import vjp

__all__ = ["Options", "check", "check_slowly", "gradcheck", "gradgradcheck"]

BACKWARD = "reverse mode (vjp)"
FORWARD = "forward mode (jvp)"


@dataclass(frozen=True)
class Options:
    """What to check and how closely; see `gradcheck`."""

    eps: float = 1e-6
    atol: float = 1e-5
    rtol: float = 1e-3
    nondet_tol: float = 0.0
    check_forward_ad: bool = False
    check_backward_ad: bool = True
    check_batched_grad: bool = False
    fast_mode: bool = False

    def __post_init__(self) -> None:
        if not (self.check_forward_ad or self.check_backward_ad):
            raise ValueError("there is nothing to check: check_forward_ad and check_backward_ad are both False")
        if self.check_batched_grad and not self.check_backward_ad:
            raise ValueError("check_batched_grad=True checks reverse mode in batches: it needs check_backward_ad=True")


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Check the derivatives of a function against central differences.

    Parameters
    ----------
    func
        A function of pytrees of arrays, or of tensors, that returns a pytree of them.
    inputs
        A tuple of its arguments, or its only argument. Floating and complex leaves are varied, others held fixed; of
        tensors, those that require grad.
    eps
        How far to go along each coordinate, to either side.
    atol, rtol
        The tolerance ``atol + rtol * abs(numerical)`` for each entry.
    raise_exception
        Whether to raise on failure; if not, the result is False.
    nondet_tol
        By how much two runs may differ.
    check_forward_ad, check_backward_ad
        Whether to check `ft.jvp`, and whether to check `ft.vjp`.
    check_batched_grad
        Whether to compare `ft.vmap` of the backward pass with a loop.
    fast_mode
        Whether to compare one random projection ``vᵀJu`` of each Jacobian ``J`` instead of all its entries. This takes
        two evaluations an input instead of two a coordinate. After a failure the slow mode runs, for its message.

    Returns
    -------
    bool
        True, or False after a failure with ``raise_exception=False``.

    Raises
    ------
    GradcheckError
        If a derivative is wrong. The message names the input, the output, the entry, both values and the mode.
    ValueError
        If there is nothing to check.

    Notes
    -----
    Both modes are checked further: two runs must agree, so must the outputs with and without differentiation; the
    backward pass must be linear in the cotangent, the forward pass in the tangent. For complex arrays the derivatives
    along the real and the imaginary part are compared; the function need not be holomorphic.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.gradcheck(lambda x, p: np.sin(x) * p["scale"], (np.array([1.0, 2.0]), {"scale": 3.0}))
    True
    >>> ft.gradcheck(lambda x: x * ft.stop_gradient(x), np.array([1.0, 2.0]), raise_exception=False)
    False
    """
    options = Options(eps, atol, rtol, nondet_tol, check_forward_ad, check_backward_ad, check_batched_grad, fast_mode)
    check_callable(func, "gradcheck", "(f, inputs)")
    return check(_subject(func, _as_arguments(inputs)), options, raise_exception)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Check second derivatives: `gradcheck` of the backward pass, as a function of the inputs and of the cotangents.

    Parameters
    ----------
    func, inputs
        As in `gradcheck`.
    grad_outputs
        The cotangents, in the structure of the output (a tuple for several outputs); random ones if not given.
    eps, atol, rtol, raise_exception, nondet_tol, check_forward_ad, check_backward_ad, check_batched_grad, fast_mode
        As in `gradcheck`.

    Returns
    -------
    bool
        True, or False after a failure with ``raise_exception=False``.

    Raises
    ------
    GradcheckError
        If a derivative of the backward pass is wrong.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.gradgradcheck(lambda x: x**3, np.array([1.0, 2.0]))
    True
    """
    options = Options(eps, atol, rtol, nondet_tol, check_forward_ad, check_backward_ad, check_batched_grad, fast_mode)
    check_callable(func, "gradgradcheck", "(f, inputs)")
    arguments = _as_arguments(inputs)
    subject = _subject(func, arguments)
    if grad_outputs is None:
        cotangents = [out.write(_generator(k).normal(size=out.size)) for k, out in enumerate(subject.outputs)]
    else:
        cotangents = tree.leaves(grad_outputs)
        if len(cotangents) != len(subject.outputs):
            raise ValueError(
                f"grad_outputs has {len(cotangents)} arrays where func has {len(subject.outputs)} differentiable "
                f"outputs"
            )
    n = len(subject.point)

    def pulled(*point_and_cotangents: Any) -> Any:
        _, pull = vjp(subject.evaluate, list(point_and_cotangents[:n]))
        return pull(list(point_and_cotangents[n:]))[0]

    of_cotangents = [out.name.replace("output", "grad_output", 1) for out in subject.outputs]
    if isinstance(subject, TensorSubject):
        leaves = [c if is_tensor(c) else tensor_of(np.array(c), None).requires_grad_() for c in cotangents]
        names = [f"input[{i}]" for i in range(len(arguments))] + of_cotangents
        second: Subject = TensorSubject(backward_pass(subject, arguments), (*arguments, *leaves), names)
    else:
        names = [source.name for source in subject.inputs] + of_cotangents
        second = Subject(pulled, (*subject.point, *cotangents), names)
    for out, source in zip(second.outputs, subject.inputs, strict=True):
        out.name = f"the gradient of {source.name}"
    return check(second, options, raise_exception)


def check(subject: Subject, options: Options, raise_exception: bool) -> bool:
    """Check all that the options name, of a subject of any style; see `gradcheck`."""
    _warn_of_low_precision(subject.inputs)
    try:
        _check_determinism(subject, options)
        if options.check_backward_ad:
            _check_backward_pass(subject, options)
        if options.check_forward_ad:
            _check_forward_pass(subject, options)
        if options.check_batched_grad:
            _check_batched_backward(subject, options)
        if options.fast_mode:
            _check_fast(subject, options)
        else:
            check_slowly(subject, options)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def check_slowly(subject: Subject, options: Options) -> None:
    """Compare all entries of the Jacobians of each mode that the options name."""
    jacobians = {}
    if options.check_backward_ad:
        jacobians[BACKWARD] = _backward_jacobians(subject)
    if options.check_forward_ad:
        jacobians[FORWARD] = _forward_jacobians(subject)
    for i, source in enumerate(subject.inputs):
        numerical = difference_columns(subject, i, options.eps)
        for k, out in enumerate(subject.outputs):
            for what, analytical in jacobians.items():
                compare_matrices(analytical[k][i], numerical[k], source, out, what, options.atol, options.rtol)


def _subject(func: Callable[..., Any], arguments: tuple[Any, ...]) -> Subject:
    return TensorSubject(func, arguments) if holds_tensors(arguments) else Subject(func, arguments)


def _as_arguments(inputs: Any) -> tuple[Any, ...]:
    return inputs if type(inputs) is tuple else (inputs,)


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _warn_of_low_precision(inputs: Sequence[Coordinates]) -> None:
    for source in inputs:
        if np.finfo(source.dtype).eps > np.finfo(float).eps:
            warnings.warn(
                f"{source.name} is {source.dtype}: differences are inexact at that precision, and the check will "
                f"likely fail. Give it in double precision (x.astype(float)), or raise eps, atol and rtol.",
                stacklevel=4,
            )


def _check_determinism(subject: Subject, options: Options) -> None:
    for out, first, again in zip(subject.outputs, subject.values, subject.evaluate(subject.point), strict=True):
        complaint = "the function is not deterministic, two runs at the same inputs differ"
        compare_arrays(first, again, out, complaint, options.nondet_tol)


def _check_backward_pass(subject: Subject, options: Options) -> None:
    """Check what no Jacobian shows: determinism, linearity in the cotangent, shapes, and the value of the output."""
    values, pull = subject.linearize_backward()
    _check_values(subject, values, BACKWARD, options)
    rng = _generator(1)
    one, other = ([out.write_cotangent(rng.normal(size=out.size)) for out in subject.outputs] for _ in range(2))
    pulled, again = pull(one), pull(one)
    for source, first, second in zip(subject.inputs, pulled, again, strict=True):
        _check_likeness(source, first, "the gradient")
        complaint = "the backward pass is not deterministic, two runs with the same cotangents differ"
        compare_arrays(first, second, source, complaint, options.nondet_tol)
    zero = pull([out.write_cotangent(np.zeros(out.size)) for out in subject.outputs])
    for source, first in zip(subject.inputs, zero, strict=True):
        complaint = "the backward pass does not multiply by the cotangent, it should give zero for zero cotangents but"
        compare_arrays(first, np.zeros(source.shape), source, complaint, 0.0)
    combined = pull([2 * a - b for a, b in zip(one, other, strict=True)])
    for source, a, b, c in zip(subject.inputs, pulled, pull(other), combined, strict=True):
        complaint = "the backward pass is not linear in the cotangent, B(2v - w) and 2B(v) - B(w) differ"
        compare_arrays(c, 2 * np.asarray(a) - b, source, complaint, options.atol, options.rtol)


def _check_forward_pass(subject: Subject, options: Options) -> None:
    """Check what no Jacobian shows: linearity in the tangent, shapes, and the value of the output."""
    rng = _generator(2)
    one, other = ([source.write(rng.normal(size=source.size)) for source in subject.inputs] for _ in range(2))
    values, pushed = subject.push(one)
    _check_values(subject, values, FORWARD, options)
    for out, t in zip(subject.outputs, pushed, strict=True):
        _check_likeness(out, t, "the tangent")
    for out, first, second in zip(subject.outputs, pushed, subject.push(one)[1], strict=True):
        complaint = "the forward pass is not deterministic, two runs with the same tangents differ"
        compare_arrays(first, second, out, complaint, options.nondet_tol)
    combined = subject.push([2 * a - b for a, b in zip(one, other, strict=True)])[1]
    for out, a, b, c in zip(subject.outputs, pushed, subject.push(other)[1], combined, strict=True):
        complaint = "the forward pass is not linear in the tangent, F(2v - w) and 2F(v) - F(w) differ"
        compare_arrays(c, 2 * np.asarray(a) - b, out, complaint, options.atol, options.rtol)


def _check_values(subject: Subject, values: Sequence[Any], mode: str, options: Options) -> None:
    for out, plain, value in zip(subject.outputs, subject.values, values, strict=True):
        complaint = f"the output under {mode} differs from the output without"
        compare_arrays(value, plain, out, complaint, options.atol + options.nondet_tol, options.rtol)


def _check_likeness(of: Coordinates, derivative: Any, what: str) -> None:
    if of.is_scalar:
        return
    if np.shape(derivative) != of.shape or derivative.dtype != of.dtype:
        raise GradcheckError(f"{what} of {of} is {derivative.dtype}{list(np.shape(derivative))}")


def _check_batched_backward(subject: Subject, options: Options) -> None:
    _, pull = subject.linearize_backward()
    rng = _generator(3)
    loop = [[out.write_cotangent(rng.normal(size=out.size)) for out in subject.outputs] for _ in range(3)]
    stacked = [np.stack(examples) for examples in zip(*loop, strict=True)]
    try:
        batched = vmap(pull)(stacked)
    except Exception as error:
        raise GradcheckError(f"the backward pass cannot be batched by vmap: {error}") from error
    for example, cotangents in enumerate(loop):
        for source, alone, together in zip(subject.inputs, pull(cotangents), batched, strict=True):
            complaint = f"vmap of the backward pass differs from a loop in example {example}"
            compare_arrays(together[example], alone, source, complaint, options.atol, options.rtol)


def _backward_jacobians(subject: Subject) -> list[list[Any]]:
    _, pull = subject.linearize_backward()
    return [[*_rows(subject, pull, k)] for k in range(len(subject.outputs))]


def _rows(subject: Subject, pull: Pull, k: int) -> list[Any]:
    """Return the Jacobians of output ``k`` with respect to each input, row by row."""
    out = subject.outputs[k]
    jacobians = [np.empty((out.size, source.size)) for source in subject.inputs]
    for row in range(out.size):
        pulled = pull(subject.cotangents(k, out.basis(row)))
        for jacobian, source, c in zip(jacobians, subject.inputs, pulled, strict=True):
            jacobian[row] = source.read_cotangent(c)
    return jacobians


def _forward_jacobians(subject: Subject) -> list[list[Any]]:
    jacobians = [[np.empty((out.size, source.size)) for source in subject.inputs] for out in subject.outputs]
    for i, source in enumerate(subject.inputs):
        for column in range(source.size):
            pushed = subject.push(subject.tangents(i, source.basis(column)))[1]
            for k, out in enumerate(subject.outputs):
                jacobians[k][i][:, column] = out.read(pushed[k])
    return jacobians


def _check_fast(subject: Subject, options: Options) -> None:
    """Compare ``vᵀJu`` for each Jacobian; the vectors are positive, so that errors of one sign cannot cancel."""
    rng = _generator(4)
    u = [_direction(rng, source.size) for source in subject.inputs]
    v = [_direction(rng, out.size) for out in subject.outputs]
    pulled = []
    if options.check_backward_ad:
        _, pull = subject.linearize_backward()
        pulled = [pull(subject.cotangents(k, v[k])) for k in range(len(v))]
    for i, source in enumerate(subject.inputs):
        numerical = central_difference(subject, i, u[i], options.eps)
        pushed = subject.push(subject.tangents(i, u[i]))[1] if options.check_forward_ad else []
        for k, out in enumerate(subject.outputs):
            found = {}
            if options.check_backward_ad:
                found[BACKWARD] = source.read_cotangent(pulled[k][i]) @ u[i]
            if options.check_forward_ad:
                found[FORWARD] = v[k] @ out.read(pushed[k])
            expected = v[k] @ numerical[k]
            tolerance = options.atol * u[i].sum() * v[k].sum() + options.rtol * abs(expected)
            for what, analytical in found.items():
                where = f"{out.name} with respect to {source.name}, in a projection vᵀJu,"
                try:
                    compare_numbers(analytical, expected, where, what, tolerance)
                except GradcheckError as error:
                    check_slowly(subject, options)
                    raise GradcheckError(
                        f"{error}\nEvery single entry of J is within its tolerance: use fast_mode=False, or raise atol "
                        f"and rtol."
                    ) from None


def _direction(rng: np.random.Generator, size: int) -> Any:
    vector = rng.uniform(size=size)
    return vector / np.linalg.norm(vector) if size else vector
