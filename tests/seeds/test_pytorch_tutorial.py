"""A tutorial of PyTorch's autograd: its snippets, and the statements of its prose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def test_basic_gradient_computation() -> None:
    """PyTorch Autograd: The Basics, example 1."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = x**2 + y**3
    assert z.item() == 31.0
    z.backward()
    assert f"x: {x}, Gradient dz/dx: {x.grad}" == "x: 2.0, Gradient dz/dx: 4.0"
    assert f"y: {y}, Gradient dz/dy: {y.grad}" == "y: 3.0, Gradient dz/dy: 27.0"


def test_grad_fn() -> None:
    """PyTorch Autograd: The Basics, grad_fn example."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = x**2 + y**3
    assert f"{z.grad_fn}" == "<AddBackward>"
    assert x.grad_fn is None


def test_requires_grad_can_be_set_later() -> None:
    """PyTorch Autograd: The Basics, Tensors and requires_grad."""
    x = ft.tensor(2.0)
    assert (x * x).grad_fn is None
    x.requires_grad_(True)
    y = x * x
    assert y.grad_fn is not None
    y.backward()
    assert x.grad.item() == 4.0


@pytest.mark.parametrize(("start", "gradient"), [(1.0, 16.0), (3.0, 4.0), (-1.0, -1.0)])
def test_the_graph_is_built_as_the_program_runs(start: float, gradient: float) -> None:
    """The Computational Graph, Dynamic Computational Graphs in PyTorch: loops and conditionals."""
    x = ft.tensor(start, requires_grad=True)
    y = x
    if x > 0:
        while y < 10:
            y = y * 2
    else:
        y = -y
    y.backward()
    assert x.grad.item() == gradient


def test_nodes_are_linked_to_their_leaves() -> None:
    """The Computational Graph, How Autograd Constructs the Graph."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = x * x + y
    product, accumulate = (node for node, _ in z.grad_fn.next_functions)
    assert f"{product}" == "<MulBackward>"
    assert accumulate.variable is y
    assert [node.variable for node, _ in product.next_functions] == [x, x]


def test_leaf_and_non_leaf_tensors() -> None:
    """The Computational Graph, Leaf Nodes vs. Non-Leaf Nodes."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    assert x.is_leaf
    assert not y.is_leaf
    assert ft.tensor(2.0).is_leaf
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12.0


def test_gradients_accumulate_and_are_zeroed() -> None:
    """Gradient Accumulation."""
    x = ft.tensor(1.0, requires_grad=True)
    y1 = x * 2
    y2 = x * 3
    y1.backward(retain_graph=True)
    assert x.grad.item() == 2.0
    y2.backward()
    assert x.grad.item() == 5.0
    x.grad.zero_()
    assert x.grad.item() == 0.0


def test_an_optimizer_zeroes_gradients() -> None:
    """Gradient Accumulation, Zeroing Gradients: optimizer.zero_grad()."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    optimizer = ft.optim.SGD([x], lr=0.5)
    (x * x).sum().backward()
    optimizer.zero_grad()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    optimizer.step()
    assert x.tolist() == [0.0, 0.0]


def test_accumulation_simulates_a_larger_batch() -> None:
    """Gradient Accumulation, Use Cases for Accumulation."""
    inputs, targets = np.arange(24.0).reshape(8, 3), np.arange(8.0)
    together, in_parts = (ft.tensor([1.0, -2.0, 3.0], requires_grad=True) for _ in range(2))
    ((ft.tensor(inputs) @ together - ft.tensor(targets)) ** 2).sum().backward()
    for part in range(0, 8, 2):
        part_of = slice(part, part + 2)
        ((ft.tensor(inputs[part_of]) @ in_parts - ft.tensor(targets[part_of])) ** 2).sum().backward()
    # Whole numbers far below 2^53: sums in any order are exact.
    assert in_parts.grad.tolist() == together.grad.tolist()


def test_no_grad_and_detach() -> None:
    """Excluding Tensors from Autograd (torch.no_grad(), detach())."""
    a = ft.tensor([1.0, 2.0], requires_grad=True)
    b = a * 2
    with ft.no_grad():
        c = a * 3
    assert c.requires_grad is False
    d = b.detach()
    assert b.requires_grad is True
    assert d.requires_grad is False
    assert np.shares_memory(d.data, b.data)


def test_parameters_are_modified_without_tracking() -> None:
    """Excluding Tensors from Autograd, use cases: modifying tensors without tracking."""
    weight = ft.tensor([1.0, 2.0], requires_grad=True)
    (weight**2).sum().backward()
    with ft.no_grad():
        weight -= 0.25 * weight.grad
    assert weight.is_leaf
    assert weight.requires_grad
    assert weight.grad_fn is None
    assert weight.tolist() == [0.5, 1.0]


def test_freezing_layers() -> None:
    """Excluding Tensors from Autograd, use cases: freezing layers."""
    frozen, trained = ft.tensor([2.0, 3.0], requires_grad=True), ft.tensor(4.0, requires_grad=True)
    frozen.requires_grad_(False)
    (frozen.sum() * trained).backward()
    assert frozen.grad is None
    assert trained.grad.item() == 5.0


def test_vector_jacobian_product() -> None:
    """Gradients of Non-Scalar Outputs (Vector-Jacobian Product)."""
    x = ft.randn(3, requires_grad=True)
    y = x * 2
    with pytest.raises(RuntimeError, match="scalar"):
        y.backward()
    v = ft.tensor([0.1, 1.0, 0.001], dtype=ft.float32)
    y.backward(gradient=v)
    assert x.grad.dtype == x.dtype
    # The float32 values of v, doubled, which is exact.
    assert x.grad.tolist() == (2 * v.data.astype(np.float64)).tolist()
    assert np.allclose(x.grad.data, [0.2, 2.0, 0.002], rtol=1e-7)  # the decimals, to float32's half unit


def test_a_gradient_of_another_shape_is_refused() -> None:
    """Gradients of Non-Scalar Outputs: a tensor of the same shape as y."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(ft.ones(2))


def test_one_hot_vectors_give_the_jacobian() -> None:
    """Gradients of Non-Scalar Outputs: the full Jacobian, by one-hot vectors or by functional.jacobian."""

    def f(x: Any) -> Any:
        return ft.stack([x[0] * x[1], x[1] ** 2])

    x = ft.tensor([2.0, 3.0], requires_grad=True)
    y = f(x)
    rows = [ft.autograd.grad(y, x, one_hot, retain_graph=True)[0].tolist() for one_hot in ft.eye(2)]
    assert rows == [[3.0, 2.0], [0.0, 6.0]]
    assert ft.autograd.functional.jacobian(f, x).tolist() == rows


def test_second_derivative() -> None:
    """Higher-Order Derivatives."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x**3
    grad_y_x = ft.autograd.grad(outputs=y, inputs=x, create_graph=True)[0]
    assert grad_y_x.item() == 12.0
    grad2_y_x2 = ft.autograd.grad(outputs=grad_y_x, inputs=x)[0]
    assert grad2_y_x2.item() == 12.0


def test_second_derivative_by_backward() -> None:
    """Higher-Order Derivatives, create_graph=True in backward()."""
    x = ft.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.backward()
    assert x.grad.item() == 12.0


def test_an_in_place_change_of_a_leaf_is_refused() -> None:
    """In-place Operations and Autograd: modifying a leaf variable."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1)


def test_an_in_place_change_of_a_needed_value_is_detected() -> None:
    """In-place Operations and Autograd: a variable needed by grad_fn."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = ft.sin(y)
    y.relu_()
    with pytest.raises(RuntimeError, match=r"(?i)in-?place"):
        z.sum().backward()


def test_an_in_place_change_of_a_value_that_nobody_needs_is_safe() -> None:
    """In-place Operations and Autograd: when they are safe."""
    x = ft.tensor([1.0, -2.0], requires_grad=True)
    y = x * 2
    z = y + 1
    y.relu_()
    (z + y).sum().backward()
    assert x.grad.tolist() == [4.0, 2.0]


class MyCustomReLU(ft.autograd.Function):
    """Custom Autograd Functions (torch.autograd.Function)."""

    @staticmethod
    def forward(ctx: Any, input_tensor: Any) -> Any:
        ctx.save_for_backward(input_tensor)
        return input_tensor.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (input_tensor,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input_tensor < 0] = 0
        return grad_input


def test_a_custom_relu() -> None:
    """Custom Autograd Functions (torch.autograd.Function)."""
    my_relu_fn = MyCustomReLU.apply
    x = ft.tensor([-1.0, 2.0, -0.5], requires_grad=True)
    y = my_relu_fn(x)
    assert y.tolist() == [0.0, 2.0, 0.0]
    y.backward(ft.tensor([1.0, 1.0, 1.0]))
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_a_custom_function_returns_none_for_what_needs_no_gradient() -> None:
    """Custom Autograd Functions: or None for inputs that don't need gradients."""

    class Scale(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            assert ctx.needs_input_grad == (True, False)
            return grad_output * ctx.factor, None

    x = ft.tensor([1.0, 2.0], requires_grad=True)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_graph_can_be_walked_twice_if_retained() -> None:
    """Practical Considerations and Tips, retain_graph=True."""
    x = ft.tensor(3.0, requires_grad=True)
    y = x**2
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()
