"""``autograd.Function`` under the transformations of pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

Function = ft.autograd.Function
X = np.array([0.5, 1.0, 2.0])
V = np.array([1.0, -2.0, 0.25])
M = np.array([[0.5, 1.0, 2.0], [-1.0, 0.25, 1.5]])


def tensor(values: Any) -> Any:
    return ft.tensor(values.tolist())


class Cube(Function):
    """Reverse only, with a batching rule that is generated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class CubeWithForward(Function):
    """Reverse and forward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * t


class CubeGivenBatch(Function):
    """With a batching rule of its own."""

    batches: list[Any] = []  # noqa: RUF012 - what the test looks at

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        CubeGivenBatch.batches.append((info.batch_size, in_dims))
        return CubeGivenBatch.apply(x), in_dims[0]


FUNCTIONS = [Cube, CubeWithForward, CubeGivenBatch]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_gradients(f: Any) -> None:
    g = ft.grad(lambda x: f.apply(x).sum())(tensor(X))
    np.testing.assert_allclose(g, 3 * X**2, rtol=1e-15)
    g = ft.grad(lambda x: (f.apply(x * 2.0) * x).sum())(tensor(X))
    np.testing.assert_allclose(g, 32 * X**3, rtol=1e-14)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_second_and_third_derivatives(f: Any) -> None:
    g = ft.grad(lambda x: ft.grad(lambda x: f.apply(x).sum())(x).sum())
    np.testing.assert_allclose(g(tensor(X)), 6 * X, rtol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda x: g(x).sum())(tensor(X)), np.full(3, 6.0), rtol=1e-14)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_pullbacks(f: Any) -> None:
    y, pull = ft.vjp(f.apply, tensor(X))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(pull(tensor(V))[0], 3 * X**2 * V, rtol=1e-15)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_batches(f: Any) -> None:
    np.testing.assert_allclose(ft.vmap(f.apply)(tensor(M)), M**3, rtol=1e-15)
    g = ft.vmap(ft.grad(lambda x: f.apply(x).sum()))(tensor(M))
    np.testing.assert_allclose(g, 3 * M**2, rtol=1e-15)
    g = ft.grad(lambda m: ft.vmap(f.apply)(m).sum())(tensor(M))
    np.testing.assert_allclose(g, 3 * M**2, rtol=1e-15)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_jacobians_in_reverse(f: Any) -> None:
    np.testing.assert_allclose(ft.jacrev(f.apply)(tensor(X)), np.diag(3 * X**2), rtol=1e-15)


def test_forward_mode_by_its_rule() -> None:
    y, t = ft.jvp(CubeWithForward.apply, (tensor(X),), (tensor(V),))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(t, 3 * X**2 * V, rtol=1e-15)
    np.testing.assert_allclose(ft.jacfwd(CubeWithForward.apply)(tensor(X)), np.diag(3 * X**2), rtol=1e-15)


def test_hessians_by_its_rule() -> None:
    h = ft.hessian(lambda x: CubeWithForward.apply(x).sum())(tensor(X))
    np.testing.assert_allclose(h, np.diag(6 * X), rtol=1e-14)


def test_the_given_batching_rule_is_called() -> None:
    CubeGivenBatch.batches.clear()
    y = ft.vmap(CubeGivenBatch.apply)(tensor(M))
    np.testing.assert_allclose(y, M**3, rtol=1e-15)
    assert CubeGivenBatch.batches == [(2, (0,))]


def test_several_arguments_some_batched() -> None:
    class Product(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, y: Any, n: int) -> Any:
            return x * y * n, x + y

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, y, ctx.n = inputs
            ctx.save_for_backward(x, y)

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            x, y = ctx.saved_tensors
            return g * y * ctx.n + h, g * x * ctx.n + h, None

    y, total = ft.vmap(lambda x, y: Product.apply(x, y, 3), (0, None))(tensor(M), tensor(V))
    np.testing.assert_allclose(y, 3 * M * V, rtol=1e-15)
    np.testing.assert_allclose(total, M + V, rtol=1e-15)

    def loss(x: Any, y: Any) -> Any:
        a, b = Product.apply(x, y, 3)
        return (a * b).sum()

    by_x, by_y = ft.vmap(ft.grad(loss, (0, 1)), (0, None))(tensor(M), tensor(V))
    np.testing.assert_allclose(by_x, 3 * V * (2 * M + V), rtol=1e-14)
    np.testing.assert_allclose(by_y, 3 * M * (M + 2 * V), rtol=1e-14)


def test_tensors_under_a_transformation_that_require_grad() -> None:
    x = ft.tensor(X.tolist(), requires_grad=True)
    g = ft.grad(lambda v: (Cube.apply(v) * x).sum())(tensor(V))
    np.testing.assert_allclose(g.detach(), 3 * V**2 * X, rtol=1e-15)
    g.sum().backward()
    np.testing.assert_allclose(x.grad, 3 * V**2, rtol=1e-15)


# --- Beyond PyTorch: plain arrays, and forward mode by transposing the backward function ------------------------------


class CubeInOne(Function):
    """The older style: forward and context in one function."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


@pytest.mark.parametrize("f", [Cube, CubeInOne])
def test_forward_mode_by_transposing_backward(f: Any) -> None:
    y, t = ft.jvp(f.apply, (tensor(X),), (tensor(V),))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(t, 3 * X**2 * V, rtol=1e-15)
    np.testing.assert_allclose(ft.hessian(lambda x: f.apply(x).sum())(tensor(X)), np.diag(6 * X), rtol=1e-14)


@pytest.mark.parametrize("f", [Cube, CubeInOne, CubeWithForward, CubeGivenBatch])
def test_plain_arrays(f: Any) -> None:
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(f.apply(x)))(X), 3 * X**2, rtol=1e-15)
    np.testing.assert_allclose(ft.jvp(f.apply, (X,), (V,))[1], 3 * X**2 * V, rtol=1e-15)
    np.testing.assert_allclose(ft.vmap(f.apply)(M), M**3, rtol=1e-15)
    np.testing.assert_allclose(ft.hessian(lambda x: np.sum(f.apply(x)))(X), np.diag(6 * X), rtol=1e-14)
    g = ft.grad(lambda x: np.sum(f.apply(x)))(X)
    assert type(g) is np.ndarray


def test_the_older_style_is_batched_as_well() -> None:
    np.testing.assert_allclose(ft.vmap(CubeInOne.apply)(tensor(M)), M**3, rtol=1e-15)
    np.testing.assert_allclose(ft.vmap(ft.grad(lambda x: CubeInOne.apply(x).sum()))(tensor(M)), 3 * M**2, rtol=1e-15)


def test_the_wrong_derivative_of_the_user_is_what_counts() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 10.0

    assert ft.grad(lambda x: Wrong.apply(x))(3.0) == 10.0
    assert ft.jvp(Wrong.apply, (np.array(3.0),), (np.array(1.0),))[1] == 10.0
    assert ft.vmap(ft.grad(Wrong.apply))(np.ones(2)).tolist() == [10.0, 10.0]
