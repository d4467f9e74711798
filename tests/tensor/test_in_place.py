"""In-place operations: refused at leaves, honoured elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = [0.5, 1.0, 2.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


# An in-place operation and the same thing without mutation.
OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "add_": (lambda y, c: y.add_(c), lambda y, c: y + c),
    "sub_": (lambda y, c: y.sub_(c), lambda y, c: y - c),
    "mul_": (lambda y, c: y.mul_(c), lambda y, c: y * c),
    "div_": (lambda y, c: y.div_(c), lambda y, c: y / c),
    "pow_": (lambda y, c: y.pow_(3), lambda y, c: y**3),
    "add_ of a number": (lambda y, c: y.add_(2.0), lambda y, c: y + 2.0),
    "add_ of itself": (lambda y, c: y.add_(y), lambda y, c: y + y),
    "add_ with alpha": (lambda y, c: y.add_(c, alpha=3.0), lambda y, c: y + 3.0 * c),
    "sub_ with alpha": (lambda y, c: y.sub_(c, alpha=3.0), lambda y, c: y - 3.0 * c),
    "addcmul_": (lambda y, c: y.addcmul_(c, c, value=2.0), lambda y, c: y + 2.0 * c * c),
    "neg_": (lambda y, c: y.neg_(), lambda y, c: -y),
    "exp_": (lambda y, c: y.exp_(), lambda y, c: y.exp()),
    "log_": (lambda y, c: y.log_(), lambda y, c: y.log()),
    "sqrt_": (lambda y, c: y.sqrt_(), lambda y, c: y.sqrt()),
    "sin_": (lambda y, c: y.sin_(), lambda y, c: y.sin()),
    "cos_": (lambda y, c: y.cos_(), lambda y, c: y.cos()),
    "tanh_": (lambda y, c: y.tanh_(), lambda y, c: y.tanh()),
    "sigmoid_": (lambda y, c: y.sigmoid_(), lambda y, c: 1.0 / (1.0 + (-y).exp())),
    "relu_": (lambda y, c: y.sub_(1.5).relu_(), lambda y, c: (y - 1.5) * (y.detach() > 1.5)),
    "abs_": (lambda y, c: y.sub_(1.5).abs_(), lambda y, c: abs(y - 1.5)),
    "reciprocal_": (lambda y, c: y.reciprocal_(), lambda y, c: 1.0 / y),
    "square_": (lambda y, c: y.square_(), lambda y, c: y * y),
    "clamp_": (lambda y, c: y.clamp_(1.5, 3.5), lambda y, c: y.clamp(1.5, 3.5)),
    "zero_": (lambda y, c: y.zero_(), lambda y, c: y * 0.0),
    "fill_": (lambda y, c: y.fill_(7.0), lambda y, c: y * 0.0 + 7.0),
    "copy_": (lambda y, c: y.copy_(c), lambda y, c: y * 0.0 + c),
    "+=": (lambda y, c: y.__iadd__(c), lambda y, c: y + c),
    "-=": (lambda y, c: y.__isub__(c), lambda y, c: y - c),
    "*=": (lambda y, c: y.__imul__(c), lambda y, c: y * c),
    "/=": (lambda y, c: y.__itruediv__(c), lambda y, c: y / c),
    "**=": (lambda y, c: y.__ipow__(2), lambda y, c: y**2),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_same_as_without_mutation(name: str) -> None:
    in_place, pure = OPERATIONS[name]
    results = []
    for operation in (in_place, pure):
        x, c = leaf(), leaf([1.5, 2.5, 3.5])
        y = x * 2.0
        z = operation(y, c)
        (z * ft.tensor([1.0, -2.0, 3.0])).sum().backward()
        results.append((z.tolist(), x.grad.tolist(), [0.0] * 3 if c.grad is None else c.grad.tolist()))
        if operation is in_place:
            assert z is y
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-300)


def test_augmented_assignment_is_in_place() -> None:
    y = leaf() * 2.0
    alias = y
    y += 1.0
    y *= 3.0
    assert y is alias
    assert y.tolist() == [6.0, 9.0, 15.0]


def test_a_leaf_that_requires_grad_is_refused() -> None:
    x = leaf()
    for change in (
        lambda: x.add_(1.0),
        lambda: x.zero_(),
        lambda: x.exp_(),
        lambda: x.__imul__(2.0),
        lambda: x.__setitem__(0, 5.0),
        lambda: x.copy_(ft.zeros(3)),
    ):
        with pytest.raises(RuntimeError, match="leaf"):
            change()
    assert x.tolist() == X


def test_a_leaf_changes_under_no_grad() -> None:
    x = leaf()
    with ft.no_grad():
        x -= 0.5
        x.mul_(2.0)
        x[0] = 7.0
    assert x.tolist() == [7.0, 1.0, 3.0]
    assert x.is_leaf
    assert x.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [14.0, 2.0, 6.0]


def test_gradient_descent_under_no_grad() -> None:
    x = leaf([3.0, -4.0])
    for _ in range(100):
        (x * x).sum().backward()
        with ft.no_grad():
            x -= 0.1 * x.grad
        x.grad.zero_()
    np.testing.assert_allclose(x.tolist(), 0.8**100 * np.array([3.0, -4.0]), rtol=1e-12)


def test_a_constant_that_takes_in_a_traced_value_joins_the_graph() -> None:
    x, y = leaf(), ft.zeros(3)
    y.add_(x)
    assert y.requires_grad
    assert not y.is_leaf
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.array(X), rtol=1e-15)


def test_constants_change_freely() -> None:
    x = ft.tensor([1.0, 2.0])
    assert x.add_(1.0).mul_(2.0).tolist() == [4.0, 6.0]
    assert not x.requires_grad


def test_the_overwritten_value_gets_no_gradient() -> None:
    x = leaf()
    y = x * 2.0
    y.zero_()
    (y + 1.0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_results_computed_before_the_change_keep_their_history() -> None:
    x = leaf()
    y = x * 2.0
    z = y + 1.0
    y.mul_(10.0)
    (z + y).sum().backward()
    assert x.grad.tolist() == [22.0, 22.0, 22.0]


def test_shape_and_dtype_do_not_change() -> None:
    y = leaf() * 2.0
    with pytest.raises(RuntimeError):
        y.add_(ft.ones((2, 3)))
    assert y.tolist() == [1.0, 2.0, 4.0]
    single = ft.ones(3, dtype=ft.float32)
    single.add_(ft.ones(3, dtype=ft.float64))
    assert single.dtype == ft.float32
    with pytest.raises(RuntimeError):
        ft.tensor([1, 2, 3]).add_(ft.tensor([0.5, 0.5, 0.5]))


def test_the_operand_is_broadcast_and_its_gradient_summed() -> None:
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([10.0, 20.0])
    y = x.clone()
    y.add_(b)
    y.mul_(b)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, [[10.0, 20.0], [10.0, 20.0]])
    np.testing.assert_allclose(b.grad, [1 + 3 + 4 * 10.0, 2 + 4 + 4 * 20.0])


def test_copy_casts_and_broadcasts() -> None:
    x = ft.tensor([1.5, 2.5], dtype=ft.float32, requires_grad=True)
    y = ft.zeros((3, 2))
    y.copy_(x)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.grad.dtype == ft.float32


def test_in_place_operations_have_second_derivatives() -> None:
    x = leaf()
    y = x * 2.0
    y.mul_(0.5).add_(x).exp_()
    (g,) = ft.autograd.grad((y * x).sum(), x, create_graph=True)
    (h,) = ft.autograd.grad(g.sum(), x)
    values = np.array(X)
    np.testing.assert_allclose(g.detach(), np.exp(2 * values) * (1 + 2 * values), rtol=1e-14)
    np.testing.assert_allclose(h, np.exp(2 * values) * (4 + 4 * values), rtol=1e-14)


def test_a_retained_gradient_is_that_of_the_value_after_the_change() -> None:
    x = leaf()
    y = x * 2.0
    y.retain_grad()
    y.mul_(3.0)
    (y * 5.0).sum().backward()
    assert y.grad.tolist() == [5.0, 5.0, 5.0]
    assert x.grad.tolist() == [30.0, 30.0, 30.0]


def test_a_hook_registered_before_the_change_sees_the_old_value() -> None:
    x = leaf()
    seen: list[Any] = []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(3.0)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (y * 5.0).sum().backward()
    assert seen == [("after", [5.0] * 3), ("before", [15.0] * 3)]
