"""Version counters, and the error when a saved value was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = [1.0, 2.0, 3.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_a_version_counts_the_changes() -> None:
    x = ft.tensor(X)
    assert x._version == 0
    x.add_(1.0)
    x.mul_(2.0)
    x[0] = 5.0
    x += 1.0
    assert x._version == 4
    x + 1.0
    assert x._version == 4


def test_results_begin_anew() -> None:
    x = ft.tensor(X)
    x.add_(1.0)
    assert (x + 1.0)._version == 0
    assert x.clone()._version == 0


def test_views_and_aliases_share_the_version() -> None:
    x = ft.tensor(X)
    v, d = x[0:2], x.detach()
    w = v[0]
    x.add_(1.0)
    assert (v._version, w._version, d._version) == (1, 1, 1)
    w.add_(1.0)
    d.mul_(2.0)
    assert (x._version, v._version, w._version, d._version) == (3, 3, 3, 3)


def test_no_grad_counts_too() -> None:
    x = leaf()
    with ft.no_grad():
        x.add_(1.0)
    assert x._version == 1


def test_detached_changes_count() -> None:
    x = leaf()
    y = x * 2.0
    z = y.exp()
    z.detach().add_(1.0)
    with pytest.raises(RuntimeError, match=r"(?i)exp"):
        z.sum().backward()


# What saves a value and changes it afterwards, and the operations of which one is to be named: the one that saved it,
# or the one that made or changed it.
def _changed_result(y: Any) -> Any:
    z = y.exp()
    z.add_(1.0)
    return z


def _changed_argument(y: Any) -> Any:
    z = y.sin()
    y.sub_(1.0)
    return z


def _changed_factor(y: Any) -> Any:
    c = ft.tensor([1.0, 2.0, 3.0])
    z = y * c
    c.zero_()
    return z


def _changed_view(y: Any) -> Any:
    z = y.sin()
    y[0].zero_()
    return z


def _changed_base(y: Any) -> Any:
    z = y[0:2].sin()
    y.zero_()
    return z


def _changed_by_index(y: Any) -> Any:
    z = y**2
    y[1] = 0.0
    return z


def _changed_divisor(y: Any) -> Any:
    z = ft.tensor(X) / y
    y.add_(1.0)
    return z


def _changed_matrix(y: Any) -> Any:
    a = ft.ones((3, 3))
    z = a @ y
    a[0, 0] = 5.0
    return z


def _changed_twice(y: Any) -> Any:
    z = y.sqrt()
    z.mul_(1.0)
    z.div_(1.0)
    return z


SAVED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "the result": (_changed_result, "exp"),
    "the argument": (_changed_argument, "sin|mul|sub"),
    "a constant factor": (_changed_factor, "mul"),
    "a view of the argument": (_changed_view, "sin|mul|zero|copy"),
    "the base of the argument": (_changed_base, "sin|zero|slice|index|getitem|strided"),
    "an element of the argument": (_changed_by_index, "pow|square|mul|copy"),
    "the divisor": (_changed_divisor, "div|add"),
    "a matrix": (_changed_matrix, "m(at)?(m|v)"),
    "twice": (_changed_twice, "sqrt"),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_value_that_was_changed_is_found(name: str) -> None:
    program, operation = SAVED[name]
    x = leaf()
    y = x * 2.0
    z = program(y).sum()
    with pytest.raises(RuntimeError, match=r"(?i)in-?place") as caught:
        z.backward()
    if name not in ("a constant factor", "a matrix"):
        assert caught.match(f"(?i){operation}")
    assert x.grad is None


def test_the_message_says_what_was_done() -> None:
    x = leaf()
    y = x.exp()
    y.add_(1.0).add_(1.0)
    with pytest.raises(RuntimeError, match=r"(?s)exp.*add_|add_.*exp|version 2"):
        y.sum().backward()


def test_a_leaf_changed_under_no_grad_after_it_was_saved() -> None:
    x = leaf()
    y = (x * x).sum()
    with ft.no_grad():
        x.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"(?i)in-?place"):
        y.backward()


def test_what_was_not_saved_may_change() -> None:
    x = leaf()
    y = x * 2.0
    z = y + 1.0
    y.zero_()
    w = z.exp()
    z.zero_()
    (w + y + z).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(2 * np.array(X) + 1.0), rtol=1e-15)


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin])
@pytest.mark.parametrize("other", [[1.0, 5.0, 0.0], 2.0])
def test_an_extreme_is_not_saved_and_may_change(function: Any, other: Any) -> None:
    gradients = []
    for name in ("mul", "mul_"):
        x = leaf()
        getattr(function(x, ft.tensor(other)), name)(2.0).sum().backward()
        gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1]


def test_a_change_before_the_saving_is_no_trouble() -> None:
    x = leaf()
    y = x * 2.0
    y.add_(1.0)
    y.exp().sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(2 * np.array(X) + 1.0), rtol=1e-15)


def test_a_product_with_itself_in_place() -> None:
    """PyTorch refuses the backward pass; here the factors are copied before they are overwritten."""
    x = leaf()
    y = x * 2.0
    y.mul_(y)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 8 * np.array(X), rtol=1e-15)


def test_in_place_operations_that_save_their_own_result() -> None:
    x = leaf()
    y = x * 1.0
    y.exp_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp(X), rtol=1e-15)
    x.grad = None
    y = x * 1.0
    y.exp_()
    y.add_(1.0)  # PyTorch refuses the backward pass; here what exp kept is not the memory that has changed
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp(X), rtol=1e-15)


def test_in_place_operations_that_need_the_old_value() -> None:
    x = leaf()
    y = x * 1.0
    y.sin_()
    y.pow_(2)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.sin(X) * np.cos(X), rtol=1e-15)


def test_the_operand_of_an_in_place_operation_is_saved_too() -> None:
    x, c = leaf(), leaf() * 1.0
    y = x * 1.0
    y.mul_(c)
    c.add_(1.0)
    with pytest.raises(RuntimeError, match=r"(?i)in-?place"):
        y.sum().backward()


def test_autograd_grad_finds_it_as_well() -> None:
    x = leaf()
    y = x.exp()
    y.zero_()
    with pytest.raises(RuntimeError, match=r"(?i)exp"):
        ft.autograd.grad(y.sum(), x)


def test_version_of_a_tensor_whose_gradient_accumulates() -> None:
    x = leaf()
    (x * 2.0).sum().backward()
    g = x.grad
    before = g._version
    (x * 2.0).sum().backward()
    assert g._version > before


# --- What functional transformations keep of tensors ------------------------------------------------------------------


P = np.array(X)


def pulled(x: Any, w: Any) -> Any:
    _, pull = ft.vjp(lambda a: np.sin(a) * w, x)
    w.mul_(2.0)
    return pull(np.ones(3))


def pushed(x: Any, w: Any) -> Any:
    _, push = ft.linearize(lambda a: np.sin(a) * w, x)
    w.add_(1.0)
    return push(np.ones(3))


def argument(x: Any, w: Any) -> Any:
    _, pull = ft.vjp(np.sin, w)
    w[0] = 5.0
    return pull(np.ones(3))


def differentiated(x: Any, w: Any) -> Any:
    return ft.grad(lambda a: np.sum(a * w + a * w.mul_(2.0)))(x)


def of_second_order(x: Any, w: Any) -> Any:
    return ft.hessian(lambda a: np.sum(a**2 * w) + 0.0 * np.sum(w.mul_(2.0)))(x)


def in_rows(x: Any, w: Any) -> Any:
    return ft.jacrev(lambda a: (a * w, w.mul_(2.0))[0])(x)


def in_a_batch(x: Any, w: Any) -> Any:
    return ft.vmap(ft.grad(lambda a: np.sum(a * w) + 0.0 * np.sum(w.mul_(2.0))))(np.stack([P, P]))


KEPT = [pulled, pushed, argument, differentiated, of_second_order, in_rows, in_a_batch]


@pytest.mark.parametrize("kept", KEPT)
def test_a_functional_derivative_that_needs_what_was_overwritten_raises(kept: Any) -> None:
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*had kept a value of shape"):
        kept(ft.tensor(P), ft.tensor([2.0, 3.0, 4.0]))
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation"):
        kept(P, ft.tensor([2.0, 3.0, 4.0]))


def test_a_write_before_or_elsewhere_does_not_matter_to_a_functional_derivative() -> None:
    w, other = ft.tensor([2.0, 3.0, 4.0]), ft.tensor([1.0])

    def f(a: Any) -> Any:
        w.mul_(2.0)
        other.add_(1.0)
        y = np.sum(a * w)
        other.add_(1.0)
        return y

    np.testing.assert_array_equal(ft.grad(f)(P), [4.0, 6.0, 8.0])
    np.testing.assert_array_equal(ft.hessian(lambda a: np.sum(a**2 * w))(P), np.diag([8.0, 12.0, 16.0]))
