"""``autograd.Function``: derivatives given by the user."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

Function = ft.autograd.Function
X = [0.5, 1.0, 2.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


class Exp(Function):
    """Saves its result."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_tensors
        return g * y


class Cube(Function):
    """Forward and context apart."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        (x,) = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Product(Function):
    """Two arguments and a number, of which the backward pass computes what is needed."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any, scale: float) -> Any:
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, y = ctx.saved_tensors
        needed = ctx.needs_input_grad
        return g * y * ctx.scale if needed[0] else None, g * x * ctx.scale if needed[1] else None, None


def test_one_argument() -> None:
    x = leaf()
    y = Exp.apply(x)
    np.testing.assert_allclose(y.tolist(), np.exp(X), rtol=1e-15)
    assert y.requires_grad
    assert "Exp" in y.grad_fn.name()
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp(X), rtol=1e-15)


def test_setup_context() -> None:
    x = leaf()
    Cube.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * np.array(X) ** 2, rtol=1e-15)


def test_inside_a_larger_program() -> None:
    x = leaf()
    (Exp.apply(x * 2.0).sin() * Cube.apply(x)).sum().backward()
    expected = ft.grad(lambda a: np.sum(np.sin(np.exp(2.0 * a)) * a**3))(np.array(X))
    np.testing.assert_allclose(x.grad, expected, rtol=1e-13)


def test_several_arguments_and_a_number() -> None:
    x, y = leaf(), leaf([3.0, 4.0, 5.0])
    Product.apply(x, y, 2.0).sum().backward()
    assert x.grad.tolist() == [6.0, 8.0, 10.0]
    assert y.grad.tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True)])
def test_needs_input_grad(needed: tuple[bool, bool]) -> None:
    seen: list[Any] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any, n: int) -> Any:
            seen.append(ctx.needs_input_grad)
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            return g, g, None

    x, y = ft.tensor(X, requires_grad=needed[0]), ft.tensor(X, requires_grad=needed[1])
    Spy.apply(x, y, 3).sum().backward()
    assert seen == [(*needed, False)] * 2
    assert [x.grad is not None, y.grad is not None] == list(needed)


def test_nothing_is_recorded_without_a_gradient() -> None:
    y = Exp.apply(ft.tensor(X))
    assert not y.requires_grad
    with ft.no_grad():
        assert not Exp.apply(leaf()).requires_grad
    assert not Product.apply(ft.tensor(X), ft.tensor(X), 2.0).requires_grad


def test_the_forward_function_does_not_record() -> None:
    inside: list[bool] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x * 2.0
            inside.append(y.requires_grad)
            inside.append(ft.is_grad_enabled())
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2.0

    Spy.apply(leaf())
    assert inside == [False, False]


def test_double_backward() -> None:
    x = leaf()
    for f, second in [(Exp, np.exp(X)), (Cube, 6 * np.array(X))]:
        (g,) = ft.autograd.grad(f.apply(x).sum(), x, create_graph=True)
        assert g.requires_grad
        (h,) = ft.autograd.grad(g.sum(), x)
        np.testing.assert_allclose(h, second, rtol=1e-14)


def test_the_third_derivative() -> None:
    x = leaf()
    y = Cube.apply(x).sum()
    for expected in (3 * np.array(X) ** 2, 6 * np.array(X), np.full(3, 6.0)):
        (g,) = ft.autograd.grad(y, x, create_graph=True)
        np.testing.assert_allclose(g.detach(), expected, rtol=1e-14)
        y = g.sum()


def test_gradcheck_and_gradgradcheck() -> None:
    for f in (Exp, Cube):
        assert ft.gradcheck(f.apply, (leaf(),))
        assert ft.gradgradcheck(f.apply, (leaf(),))
    assert ft.gradcheck(lambda x, y: Product.apply(x, y, 2.0), (leaf(), leaf()))


def test_several_results() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x + y, x * y

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            x, y = ctx.saved_tensors
            return g + h * y, g + h * x

    x, y = leaf(), leaf([3.0, 4.0, 5.0])
    total, product = Both.apply(x, y)
    assert isinstance(Both.apply(x, y), tuple)
    (total * 2.0 + product * 3.0).sum().backward()
    assert x.grad.tolist() == [11.0, 14.0, 17.0]
    x.grad = y.grad = None
    _, product = Both.apply(x, y)
    product.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0, 5.0]
    assert total.grad_fn is not None


def test_a_result_that_is_not_used_gets_zeros_or_none() -> None:
    seen: list[Any] = []

    def make(materialize: bool) -> Any:
        class Pair(Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(materialize)
                return x * 2.0, x * 3.0

            @staticmethod
            def backward(ctx: Any, g: Any, h: Any) -> Any:
                seen.append(h)
                return g * 2.0

        return Pair

    x = leaf()
    for materialize in (True, False):
        make(materialize).apply(x)[0].sum().backward()
    assert seen[0].tolist() == [0.0, 0.0, 0.0]
    assert seen[1] is None


def test_results_that_are_not_differentiable() -> None:
    class MaxWithPosition(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            position = x.argmax()
            ctx.mark_non_differentiable(position)
            ctx.save_for_backward(position)
            ctx.n = len(x)
            return x.max(), position

        @staticmethod
        def backward(ctx: Any, g: Any, _: Any) -> Any:
            (position,) = ctx.saved_tensors
            return g * (ft.arange(ctx.n) == position)

    x = leaf()
    value, position = MaxWithPosition.apply(x)
    assert position.item() == 2
    assert not position.requires_grad
    (value * 5.0).backward()
    assert x.grad.tolist() == [0.0, 0.0, 5.0]


def test_a_float_result_marked_as_not_differentiable() -> None:
    class Sign(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y, s = x.abs(), x.sign()
            ctx.mark_non_differentiable(s)
            ctx.save_for_backward(s)
            return y, s

        @staticmethod
        def backward(ctx: Any, g: Any, _: Any) -> Any:
            return g * ctx.saved_tensors[0]

    x = leaf([-1.0, 2.0])
    y, s = Sign.apply(x)
    assert not s.requires_grad
    (y * s).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_mark_dirty() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2.0)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2.0

    x = leaf()
    y = x * 1.0
    version = y._version
    z = Double.apply(y)
    assert z is y
    assert y._version > version
    assert y.tolist() == [1.0, 2.0, 4.0]
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(RuntimeError, match="leaf"):
        Double.apply(leaf())


def test_an_input_returned_as_it_is() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 10.0

    x = leaf()
    y = Same.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0, 10.0]


def test_gradients_of_none_stand_for_zero() -> None:
    class Blocked(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    x, y = leaf(), leaf()
    Blocked.apply(x, y).sum().backward()
    assert x.grad.tolist() == [1.0] * 3
    assert y.grad is None


def test_a_straight_through_estimator() -> None:
    class Round(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.round()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    x = leaf([0.4, 1.6])
    y = Round.apply(x)
    assert y.tolist() == [0.0, 2.0]
    (y * ft.tensor([3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @ft.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    x = leaf()
    Once.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * np.array(X) ** 2, rtol=1e-15)
    (g,) = ft.autograd.grad((Once.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_an_iterative_backward_with_state_on_the_context() -> None:
    class Newton(Function):
        """The square root by iteration; its derivative by what it solves."""

        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            y = a * 0.5 + 0.5
            for _ in range(30):
                y = 0.5 * (y + a / y)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g / (2.0 * ctx.saved_tensors[0])

    a = leaf()
    Newton.apply(a).sum().backward()
    np.testing.assert_allclose(a.grad, 0.5 / np.sqrt(X), rtol=1e-14)


def test_the_backward_function_records_when_asked() -> None:
    recording: list[bool] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            recording.append(ft.is_grad_enabled())
            return g * 2.0

    x = leaf()
    Spy.apply(x).sum().backward()
    ft.autograd.grad(Spy.apply(x).sum(), x, create_graph=True)
    assert recording == [False, True]


def test_a_backward_function_may_differentiate_by_itself() -> None:
    class Recomputed(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            with ft.enable_grad():
                z = x.detach().requires_grad_()
                return ft.autograd.grad(z**3, z, g)[0]

    x = leaf()
    Recomputed.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * np.array(X) ** 2, rtol=1e-15)


def test_results_that_are_no_tensors() -> None:
    class Mixed(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2.0, 7, None

        @staticmethod
        def backward(ctx: Any, g: Any, *_: Any) -> Any:
            return g * 2.0

    x = leaf()
    y, seven, nothing = Mixed.apply(x)
    assert (seven, nothing) == (7, None)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("name", ["index", "multiply", "update", "reshape", "sum"])
def test_a_class_may_be_called_like_a_primitive(name: str) -> None:
    class Squared(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2.0 * x * g

    Squared.__name__ = name
    x = leaf()
    y = Squared.apply(x)
    shown = f"{name.title()}Backward"
    assert y.grad_fn.name() == shown
    assert [node.name() for node, _ in y.grad_fn.next_functions] == ["AccumulateGrad"]
    y.sum().backward()
    Squared.apply(x[0]).backward()
    np.testing.assert_array_equal(x.grad, 2.0 * np.array(X) * [2.0, 1.0, 1.0])
    assert y.grad_fn.name() == shown  # when what it had kept is freed
