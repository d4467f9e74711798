"""What ``autograd.Function`` demands, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest

import functorch_lite as ft

Function = ft.autograd.Function
X = [0.5, 1.0, 2.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g


def returning(result: Any) -> Any:
    """Make a function of two arguments whose backward returns a given thing."""

    class Planted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return result(g)

    return Planted


@pytest.mark.parametrize("count", [0, 1, 3])
def test_backward_must_return_a_gradient_an_argument(count: int) -> None:
    f = returning(lambda g: (g,) * count)
    with pytest.raises(RuntimeError, match=r"Planted.*2|2.*Planted"):
        f.apply(leaf(), leaf()).sum().backward()


def test_trailing_nones_are_allowed() -> None:
    f = returning(lambda g: (g, g, None))
    x = leaf()
    f.apply(x, leaf()).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_a_gradient_must_have_the_shape_of_its_argument() -> None:
    f = returning(lambda g: (ft.ones(2), g))
    with pytest.raises(RuntimeError, match=r"(?i)shape"):
        f.apply(leaf(), leaf()).sum().backward()


def test_a_gradient_that_can_be_summed_to_the_shape_is() -> None:
    f = returning(lambda g: (g, g))
    x, s = leaf(), leaf([2.0])
    f.apply(x, s).sum().backward()
    assert s.grad.tolist() == [3.0]


def test_a_gradient_for_what_is_no_tensor_must_be_none() -> None:
    f = returning(lambda g: (g, g))
    with pytest.raises(RuntimeError):
        f.apply(leaf(), 2.0).sum().backward()


def test_a_gradient_must_be_a_tensor() -> None:
    f = returning(lambda g: (g, "gradient"))
    with pytest.raises((RuntimeError, TypeError)):
        f.apply(leaf(), leaf()).sum().backward()


def test_backward_is_missing() -> None:
    class Forward(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2.0

    y = Forward.apply(leaf())
    assert y.tolist() == [1.0, 2.0, 4.0]
    with pytest.raises((NotImplementedError, RuntimeError), match="backward"):
        y.sum().backward()


def test_forward_is_missing() -> None:
    class Nothing(Function):
        pass

    with pytest.raises(NotImplementedError, match="forward"):
        Nothing.apply(leaf())


def test_functions_are_not_instantiated() -> None:
    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

    with pytest.raises((RuntimeError, TypeError)):
        Identity()(leaf())


def test_only_tensors_are_saved() -> None:
    class Saves(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x, 2.0)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    with pytest.raises(TypeError, match="save_for_backward"):
        Saves.apply(leaf())


def test_none_may_be_saved() -> None:
    class Saves(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, bias: Any) -> Any:
            ctx.save_for_backward(x, bias)
            return x * 2.0 if bias is None else x * 2.0 + bias

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            _, bias = ctx.saved_tensors
            return g * 2.0, None if bias is None else g

    x = leaf()
    Saves.apply(x, None).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_saved_argument_that_was_changed_is_found() -> None:
    y = leaf() * 1.0
    z = Square.apply(y)
    y.add_(1.0)
    with pytest.raises(RuntimeError, match=r"(?i)in-?place"):
        z.sum().backward()


def test_saved_tensors_are_freed_after_backward() -> None:
    y = Square.apply(leaf())
    y.sum().backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.sum().backward()


def test_an_error_in_backward_comes_out() -> None:
    def refuse(g: Any) -> Any:
        raise KeyError("no")

    with pytest.raises(KeyError):
        returning(refuse).apply(leaf(), leaf()).sum().backward()


def test_saved_tensors_keep_their_identity() -> None:
    seen: list[Any] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.saved_tensors[0])
            return g * 2.0

    x = leaf()
    Spy.apply(x).sum().backward()
    assert seen[0].tolist() == X
    assert not seen[0].requires_grad  # it does where the backward pass itself is recorded


def test_the_gradient_arrives_as_a_tensor() -> None:
    seen: list[Any] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            assert type(x) is ft.Tensor
            return x * 2.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append((type(g) is ft.Tensor, g.requires_grad, g.shape))
            return g * 2.0

    x = leaf()
    Spy.apply(x).sum().backward()
    ft.autograd.grad(Spy.apply(x), x, ft.ones(3, requires_grad=True), create_graph=True)
    assert seen == [(True, False, (3,)), (True, True, (3,))]


def test_tensors_inside_lists_are_not_tracked() -> None:
    class Sum(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, more: Any) -> Any:
            return x + more[0]

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    x, y = leaf(), leaf()
    Sum.apply(x, [y]).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    assert y.grad is None


def test_hooks_see_the_gradients_of_a_custom_function() -> None:
    x = leaf()
    f = returning(lambda g: (g * 10.0, g))
    seen: list[Any] = []
    y = f.apply(x, leaf())
    y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: seen.append(g.tolist()))
    (y * 3.0).sum().backward()
    assert seen == [[3.0] * 3, [30.0] * 3]
