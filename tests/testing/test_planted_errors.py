"""The checks must fail on wrong derivatives: errors are planted, and each way of checking has to find and name them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.declare import linear
from functorch_lite.testing import GradcheckError, check_grads, gradcheck, gradgradcheck
from functorch_lite.testing.gradcheck import Options, check
from functorch_lite.testing.subject import Subject

X = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]])
MATRIX = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.2], [2.0, 0.1, 0.7]])
BIAS = np.array([0.5, -0.5, 1.5])


def with_rules(
    f: Callable[..., Any], jvp: Callable[..., Any] | None = None, bwd: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return the function with a forward rule ``jvp(primals, tangents)``, a reverse rule ``bwd(args, g)``, or both."""
    custom = ft.custom_jvp(f) if jvp else ft.custom_vjp(f)
    if jvp:
        custom.defjvp(lambda primals, tangents: (f(*primals), jvp(primals, tangents)))
    if bwd:
        custom.defvjp(lambda *args: (f(*args), args), bwd)
    return custom


@dataclass(frozen=True)
class Planted:
    """A function with a wrong derivative, where it goes wrong, and the parts of the message that say so."""

    id: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    says: tuple[str, ...] = ()
    forward: bool = True
    reverse: bool = True


def _wrong_at_one_entry(x: Any) -> Any:
    factor = np.ones((2, 3))
    factor[1, 2] = 1.1
    return np.cos(x) * factor


def _first_row(g: Any) -> Any:
    return (np.array([1.0, 0.0]) @ g, 2.0 * g)


PLANTED = [
    Planted("sign", with_rules(np.sin, lambda p, t: -t[0] * np.cos(p[0])), (X,), ("input at (", "output at (")),
    Planted("factor", with_rules(np.square, lambda p, t: t[0] * p[0]), (X,), ("input at (0, 2)", "output at (0, 2)")),
    Planted(
        "un-broadcast",
        with_rules(lambda b, x: b + 2.0 * x, bwd=lambda args, g: _first_row(g)),
        (BIAS, X),
        ("input[0] at (", "output at (1,"),
    ),
    Planted(
        "transposed argument",
        with_rules(lambda A, x: A @ x, bwd=lambda args, g: (np.outer(g, args[1]), args[0] @ g)),
        (MATRIX, BIAS),
        ("input[1] at (", "output at ("),
    ),
    Planted(
        "one entry",
        with_rules(np.sin, lambda p, t: t[0] * _wrong_at_one_entry(p[0])),
        (X,),
        ("output at (1, 2)", "input at (1, 2)", "analytical 1.0780732,", "numerical 0.98006658,", "1 of 36 entries"),
    ),
    Planted(
        "reverse only",
        with_rules(np.sin, lambda p, t: t[0] * np.cos(p[0]), lambda args, g: (-g * np.cos(args[0]),)),
        (X,),
        ("reverse mode",),
        forward=False,
    ),
    Planted(
        "forward only",
        with_rules(np.sin, lambda p, t: -t[0] * np.cos(p[0]), lambda args, g: (g * np.cos(args[0]),)),
        (X,),
        ("forward mode",),
        reverse=False,
    ),
    Planted(
        "one leaf of a tree",
        with_rules(
            lambda p: {"y": p["w"] * p["b"], "z": p["b"] ** 2},
            bwd=lambda args, g: (
                {"w": g["y"] * args[0]["b"], "b": np.sum(g["y"] * args[0]["w"], 0) + g["z"] * args[0]["b"]},
            ),
        ),
        ({"w": X, "b": BIAS},),
        ("output['z'] at (2,)", "input['b'] at (2,)", "analytical 1.5,", "numerical 3,", "float64[3]"),
    ),
    Planted(
        "lost derivative",
        lambda x: x * ft.stop_gradient(x),
        (X,),
        ("input at (0, 2)", "analytical 1.1,", "numerical 2.2,"),
    ),
    Planted(
        "conjugate",
        with_rules(np.conjugate, lambda p, t: t[0]),
        (X + 0.5j,),
        ("the imaginary part of output", "the imaginary part of input", "analytical 1,", "numerical -1,"),
    ),
    Planted(
        "real part only",
        with_rules(lambda z: z * z, lambda p, t: 2 * np.real(p[0]) * t[0]),
        (X + 0.5j,),
        ("part of output at (", "part of input at ("),
    ),
]


def _slow(p: Planted, forward: bool, reverse: bool) -> None:
    gradcheck(p.function, p.inputs, check_forward_ad=forward, check_backward_ad=reverse)


def _fast(p: Planted, forward: bool, reverse: bool) -> None:
    gradcheck(p.function, p.inputs, check_forward_ad=forward, check_backward_ad=reverse, fast_mode=True)


def _randomly(p: Planted, forward: bool, reverse: bool) -> None:
    check_grads(p.function, p.inputs, 1, ["fwd"] * forward + ["rev"] * reverse)


CHECKS = [pytest.param(_slow, id="slow"), pytest.param(_fast, id="fast"), pytest.param(_randomly, id="check_grads")]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("planted", [pytest.param(p, id=p.id) for p in PLANTED])
def test_planted_error_is_found_and_named(planted: Planted, check: Callable[..., None]) -> None:
    for forward, reverse in itertools.product((False, True), repeat=2):
        if not (forward or reverse):
            continue
        if not ((forward and planted.forward) or (reverse and planted.reverse)):
            check(planted, forward, reverse)  # the mode that is right passes
            continue
        with pytest.raises(GradcheckError) as error:
            check(planted, forward, reverse)
        message = str(error.value)
        for part in ("analytical ", "numerical ", "with respect to", "difference", *planted.says):
            assert part in message


@pytest.mark.parametrize("fast_mode", [False, True])
def test_without_raising_the_result_is_false(fast_mode: bool) -> None:
    for planted in PLANTED:
        assert not gradcheck(
            planted.function, planted.inputs, raise_exception=False, check_forward_ad=True, fast_mode=fast_mode
        )


# --- Second derivatives -----------------------------------------------------------------------------------------------

WRONG_SECOND = with_rules(np.sin, lambda p, t: t[0] * np.cos(ft.stop_gradient(p[0])))
WRONG_SECOND_IN_REVERSE = with_rules(
    np.sin, lambda p, t: t[0] * np.cos(p[0]), lambda args, g: (g * np.cos(ft.stop_gradient(args[0])),)
)


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("function", [WRONG_SECOND, WRONG_SECOND_IN_REVERSE])
def test_wrong_second_derivative_alone(function: Callable[..., Any], fast_mode: bool) -> None:
    assert gradcheck(function, X, check_forward_ad=True, fast_mode=fast_mode)
    for options in ({}, {"check_forward_ad": True, "check_backward_ad": False}):
        with pytest.raises(
            GradcheckError, match=r"the gradient of input at \(\d, \d\) with respect to input at \(\d, \d\)"
        ):
            gradgradcheck(function, X, fast_mode=fast_mode, **options)
    assert not gradgradcheck(function, X, raise_exception=False, fast_mode=fast_mode)


def test_wrong_second_derivative_alone_by_check_grads() -> None:
    check_grads(WRONG_SECOND, (X,), 1)
    with pytest.raises(GradcheckError, match=r"derivative of order 2 \(forward over forward\): forward mode"):
        check_grads(WRONG_SECOND, (X,), 2)
    check_grads(WRONG_SECOND_IN_REVERSE, (X,), 3, "fwd")
    with pytest.raises(
        GradcheckError, match=r"order 2 \(reverse over reverse\): reverse mode.*the gradient of input at"
    ):
        check_grads(WRONG_SECOND_IN_REVERSE, (X,), 2, "rev")
    with pytest.raises(GradcheckError, match=r"order 2 \(forward over reverse\)"):
        check_grads(WRONG_SECOND_IN_REVERSE, (X,), 2)


def test_wrong_third_derivative_alone() -> None:
    cos = with_rules(np.cos, lambda p, t: -t[0] * np.sin(ft.stop_gradient(p[0])))
    sin = with_rules(np.sin, lambda p, t: t[0] * cos(p[0]))
    check_grads(sin, (X,), 2)
    with pytest.raises(GradcheckError, match="order 3"):
        check_grads(sin, (X,), 3)


# --- What no Jacobian shows -------------------------------------------------------------------------------------------


def test_backward_pass_that_is_not_deterministic() -> None:
    runs = itertools.count()
    f = with_rules(np.sin, bwd=lambda args, g: (g * np.cos(args[0]) * (1 + 1e-9 * next(runs)),))
    for fast_mode in (False, True):
        with pytest.raises(GradcheckError, match=r"backward pass is not deterministic.*input at \(\d, \d\) is"):
            gradcheck(f, X, fast_mode=fast_mode)
        assert gradcheck(f, X, nondet_tol=1e-6, fast_mode=fast_mode)


def test_forward_pass_that_is_not_deterministic() -> None:
    runs = itertools.count()
    f = with_rules(np.sin, lambda p, t: t[0] * np.cos(p[0]) * (1 + 1e-9 * next(runs)))
    with pytest.raises(GradcheckError, match="forward pass is not deterministic"):
        gradcheck(f, X, check_forward_ad=True, check_backward_ad=False)
    assert gradcheck(f, X, nondet_tol=1e-6, check_forward_ad=True, check_backward_ad=False)


def test_function_that_is_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(GradcheckError, match=r"the function is not deterministic.*output at"):
        gradcheck(lambda x: x * rng.uniform(size=x.shape), X)


def test_backward_pass_that_is_not_linear() -> None:
    quadratic = with_rules(np.sin, bwd=lambda args, g: (g * g * np.cos(args[0]),))  # right for every basis cotangent
    with pytest.raises(GradcheckError, match="not linear in the cotangent"):
        gradcheck(quadratic, X)
    constant = with_rules(np.sum, bwd=lambda args, g: (np.ones((2, 3)),))
    with pytest.raises(GradcheckError, match="does not multiply by the cotangent"):
        gradcheck(constant, X)


def test_forward_pass_that_is_not_linear() -> None:
    quadratic = with_rules(np.sin, lambda p, t: t[0] * t[0] * np.cos(p[0]))
    with pytest.raises(GradcheckError, match="not linear in the tangent"):
        gradcheck(quadratic, X, check_forward_ad=True, check_backward_ad=False)


def test_output_that_changes_under_differentiation() -> None:
    f = ft.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x) + 1.0, x), lambda x, g: (g * np.cos(x),))
    with pytest.raises(GradcheckError, match=r"output under reverse mode \(vjp\) differs from the output without"):
        gradcheck(f, X)


@linear(lambda g: _backwards(g), batch=lambda primitive, size, arrays, batched, params: arrays[0][::-1, ::-1])
def _backwards(x: Any) -> Any:
    return x[::-1]


def test_wrong_batching_rule() -> None:
    assert gradcheck(_backwards, BIAS)
    with pytest.raises(GradcheckError, match="vmap of the backward pass differs from a loop in example 0"):
        gradcheck(_backwards, BIAS, check_batched_grad=True)


@linear(lambda g: _without_batching(g))
def _without_batching(x: Any) -> Any:
    return x[::-1]


def test_missing_batching_rule() -> None:
    with pytest.raises(GradcheckError, match=r"cannot be batched by vmap.*no batching rule"):
        gradcheck(_without_batching, BIAS, check_batched_grad=True)
    assert not gradcheck(_without_batching, BIAS, check_batched_grad=True, raise_exception=False)


def test_output_that_changes_its_shape_from_run_to_run() -> None:
    runs = itertools.count(1)
    with pytest.raises(GradcheckError, match=r"not deterministic.*output has shape \(1,\) and \(2,\)"):
        gradcheck(lambda x: x[: next(runs)], BIAS)


class SinglePrecision(Subject):
    """A style of differentiation that loses precision on the way."""

    def linearize_backward(self) -> tuple[list[Any], Any]:
        values, pull = super().linearize_backward()
        return values, lambda cotangents: [c.astype(np.float32) for c in pull(cotangents)]

    def push(self, tangents: Any) -> tuple[list[Any], list[Any]]:
        values, pushed = super().push(tangents)
        return values, [t[0] for t in pushed]


def test_another_style_plugs_in_and_is_held_to_shapes_and_dtypes() -> None:
    subject = SinglePrecision(np.sin, (X,))
    with pytest.raises(GradcheckError, match=r"the gradient of input: float64\[2, 3\] is float32\[2, 3\]"):
        check(subject, Options(), True)
    with pytest.raises(GradcheckError, match=r"the tangent of output: float64\[2, 3\] is float64\[3\]"):
        check(subject, Options(check_forward_ad=True, check_backward_ad=False), True)
    assert check(Subject(np.sin, (X,)), Options(), True)


# --- Size -------------------------------------------------------------------------------------------------------------


def test_one_wrong_entry_of_many_is_seen_by_a_projection() -> None:
    factor = np.ones(30)
    factor[17] = 1.5
    f = with_rules(lambda x: np.sum(x * x), lambda p, t: np.sum(2 * factor * p[0] * t[0]))
    x = np.linspace(1.0, 2.0, 30)
    with pytest.raises(GradcheckError, match=r"input at \(17,\)"):
        gradcheck(f, x, fast_mode=True)
    with pytest.raises(GradcheckError, match=r"input at \(17,\)"):
        check_grads(f, (x,), 1)


def test_projection_that_fails_alone_says_so() -> None:
    signs = np.array([1.0, -1.0] * 4)
    f = with_rules(lambda x: signs * x, lambda p, t: (signs + 0.0009) * t[0])  # every entry within rtol, their sum not
    assert gradcheck(f, np.ones(8))
    with pytest.raises(GradcheckError, match=r"projection vᵀJu(?s:.*)Every single entry of J is within"):
        gradcheck(f, np.ones(8), fast_mode=True)


def test_large_functions_are_not_explained_entry_by_entry() -> None:
    f = with_rules(lambda x: np.sum(x * x), lambda p, t: np.sum(p[0] * t[0]))
    with pytest.raises(GradcheckError, match=r"along a random direction(?s:.*)input: float64\[5000\]"):
        check_grads(f, (np.ones(5000),), 1)
