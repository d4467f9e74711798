"""Both styles meet: transformations of pure functions applied to tensors, and tensors inside their functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.5, 1.0, 2.0])
V = np.array([1.0, -2.0, 0.25])
W = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def leaf(values: Any = X) -> Any:
    return ft.tensor(np.asarray(values).tolist(), requires_grad=True)


def constant(values: Any = X) -> Any:
    return ft.tensor(np.asarray(values).tolist())


def energy(x: Any) -> Any:
    return (x**3).sum() + (x.sin() * x).sum()


def slope(x: Any) -> Any:
    return 3 * x**2 + np.sin(x) + x * np.cos(x)


def curvature(x: Any) -> Any:
    return 6 * x + 2 * np.cos(x) - x * np.sin(x)


def test_a_gradient_of_a_tensor_is_a_tensor() -> None:
    g = ft.grad(energy)(constant())
    assert type(g) is ft.Tensor
    assert not g.requires_grad
    np.testing.assert_allclose(g, slope(X), rtol=1e-14)


LINEAR = lambda x: (x * 2.0).sum() + 1.0
RESULTS = {
    "grad": lambda f, x: ft.grad(f)(x),
    "value_and_grad": lambda f, x: ft.value_and_grad(f)(x),
    "vjp": lambda f, x: ft.vjp(f, x)[1](1.0),
    "jvp": lambda f, x: ft.jvp(f, (x,), (V,)),
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "jacrev": lambda f, x: ft.jacrev(f)(x),
    "jacfwd, in chunks": lambda f, x: ft.jacfwd(f, chunk_size=2)(x),
    "hessian": lambda f, x: ft.hessian(f)(x),
    "hvp": lambda f, x: ft.hvp(f, (x,), (V,)),
    "vhp": lambda f, x: ft.vhp(f, (x,), (V,)),
    "linearize": lambda f, x: ft.linearize(f, x)[1](V),
    "gradient of a gradient": lambda f, x: ft.grad(lambda x: (ft.grad(f)(x) ** 2).sum())(x),
    "batch of gradients": lambda f, x: ft.vmap(ft.grad(f))(ft.stack([x, x])),
    "compiled gradient": lambda f, x: ft.jit(ft.grad(f))(x),
    "func.grad": lambda f, x: ft.func.grad(f)(x),
    "func.hessian": lambda f, x: ft.func.hessian(f)(x),
}


@pytest.mark.parametrize("f", [energy, LINEAR, lambda x: (x * 0.0).sum()], ids=["energy", "linear", "zero"])
@pytest.mark.parametrize("make", [leaf, constant])
@pytest.mark.parametrize("name", RESULTS)
def test_what_a_transformation_of_a_tensor_gives_are_tensors(name: str, make: Any, f: Any) -> None:
    """Derivatives that are the same everywhere too."""
    found = ft.tree.leaves(RESULTS[name](f, make()))
    expected = ft.tree.leaves(RESULTS[name](f, X) if "batch" not in name else np.stack([ft.grad(f)(X)] * 2))
    for y, wanted in zip(found, expected, strict=True):
        assert type(y) is ft.Tensor
        np.testing.assert_allclose(y.detach(), wanted, rtol=1e-14)


def test_backward_through_a_functional_gradient() -> None:
    x = leaf()
    g = ft.grad(energy)(x)
    assert g.requires_grad
    np.testing.assert_allclose(g.detach(), slope(X), rtol=1e-14)
    (g * constant(V)).sum().backward()
    np.testing.assert_allclose(x.grad, curvature(X) * V, rtol=1e-14)


def test_a_functional_gradient_leaves_no_gradient_behind() -> None:
    x = leaf()
    ft.grad(energy)(x)
    assert x.grad is None


def test_a_closure_over_a_tensor_that_requires_grad() -> None:
    w = leaf(W)
    jacobian = ft.jacrev(lambda x: (w @ x).sin())(constant())
    assert jacobian.requires_grad
    np.testing.assert_allclose(jacobian.detach(), np.cos(W @ X)[:, None] * W, rtol=1e-14)
    jacobian.sum().backward()
    expected = -np.sin(W @ X)[:, None] * X * W.sum(1, keepdims=True) + np.cos(W @ X)[:, None]
    np.testing.assert_allclose(w.grad, expected, rtol=1e-14)


def test_forward_jacobians_and_hessians_of_closures() -> None:
    w = leaf(W)
    for jacobian in (ft.jacfwd, ft.jacrev):
        w.grad = None
        jacobian(lambda x: (w @ x) ** 2)(constant()).sum().backward()
        # Σ 2 (w x)ᵢ wᵢⱼ
        expected = 2 * (X * W.sum(1, keepdims=True) + (W @ X)[:, None])
        np.testing.assert_allclose(w.grad, expected, rtol=1e-14)
    w.grad = None
    ft.hessian(lambda x: ((w @ x) ** 2).sum())(constant()).sum().backward()
    np.testing.assert_allclose(w.grad, 4 * W.sum(1, keepdims=True) * np.ones(3), rtol=1e-14)


def test_forward_mode_of_tensors() -> None:
    x, v = leaf(), leaf(V)
    y, t = ft.jvp(lambda a: a**3, (x,), (v,))
    np.testing.assert_allclose(y.detach(), X**3, rtol=1e-15)
    np.testing.assert_allclose(t.detach(), 3 * X**2 * V, rtol=1e-15)
    t.sum().backward()
    np.testing.assert_allclose(x.grad, 6 * X * V, rtol=1e-15)
    np.testing.assert_allclose(v.grad, 3 * X**2, rtol=1e-15)


def test_pullbacks_of_tensors() -> None:
    x = leaf()
    y, pull = ft.vjp(lambda a: a**3, x)
    (g,) = pull(constant(V))
    np.testing.assert_allclose(g.detach(), 3 * X**2 * V, rtol=1e-15)
    (y.sum() + g.sum()).backward()
    np.testing.assert_allclose(x.grad, 3 * X**2 + 6 * X * V, rtol=1e-15)


def test_batches_of_tensors() -> None:
    w, m = leaf(X), leaf(W)
    y = ft.vmap(lambda row: (row * w).sum().sin())(m)
    assert y.shape == (2,)
    y.sum().backward()
    inner = np.cos(W @ X)
    np.testing.assert_allclose(m.grad, inner[:, None] * X, rtol=1e-14)
    np.testing.assert_allclose(w.grad, inner @ W, rtol=1e-14)


def test_gradients_of_each_example() -> None:
    w = leaf(X)
    g = ft.vmap(ft.grad(lambda p, row: ((row * p).sum()) ** 2), (None, 0))(w, constant(W))
    np.testing.assert_allclose(g.detach(), 2 * (W @ X)[:, None] * W, rtol=1e-14)
    (g**2).sum().backward()
    # Σᵢ 4 (wᵢ·x)² |wᵢ|²
    expected = sum(8 * (row @ X) * (row @ row) * row for row in W)
    np.testing.assert_allclose(w.grad, expected, rtol=1e-14)


def test_a_hessian_of_a_tensor() -> None:
    np.testing.assert_allclose(ft.hessian(energy)(constant()), np.diag(curvature(X)), rtol=1e-13)


def test_higher_derivatives_through_both_styles() -> None:
    """Outer by backward, inner by grad: the third derivative of x⁴."""
    x = leaf(2.0)
    second = ft.grad(ft.grad(lambda a: a**4))(x)
    assert second.item() == 48.0
    second.backward()
    assert x.grad.item() == 48.0
    (third,) = ft.autograd.grad(ft.grad(ft.grad(lambda a: a**4))(x), x, create_graph=True)
    assert ft.autograd.grad(third, x)[0].item() == 24.0


def test_trees_of_tensors() -> None:
    p = {"w": leaf(W), "b": leaf([1.0, 2.0])}
    g = ft.grad(lambda p, x: ((p["w"] @ x + p["b"]) ** 2).sum())(p, constant())
    residual = W @ X + [1.0, 2.0]
    np.testing.assert_allclose(g["b"].detach(), 2 * residual, rtol=1e-14)
    np.testing.assert_allclose(g["w"].detach(), 2 * residual[:, None] * X, rtol=1e-14)


def test_auxiliary_results() -> None:
    g, aux = ft.grad(lambda x: ((x**2).sum(), x * 2.0), has_aux=True)(constant())
    np.testing.assert_allclose(g, 2 * X, rtol=1e-15)
    np.testing.assert_allclose(aux, 2 * X, rtol=1e-15)


def test_detach_inside_a_transformation() -> None:
    g = ft.grad(lambda x: (x * x.detach()).sum())(constant())
    np.testing.assert_allclose(g, X, rtol=1e-15)


def test_a_tensor_made_inside_is_a_constant() -> None:
    g = ft.grad(lambda x: (x * ft.tensor(V.tolist())).sum())(constant())
    np.testing.assert_allclose(g, V, rtol=1e-15)


def test_autograd_grad_is_not_disturbed_by_a_transformation_inside() -> None:
    x = leaf()
    y = (x * ft.grad(energy)(x)).sum()
    (g,) = ft.autograd.grad(y, x)
    np.testing.assert_allclose(g, slope(X) + X * curvature(X), rtol=1e-14)


# --- Beyond PyTorch: arrays and tensors mixed -------------------------------------------------------------------------


def test_a_transformation_over_an_array_of_a_closure_over_a_tensor() -> None:
    w = leaf(W)
    g = ft.grad(lambda x: ((w @ x) ** 2).sum())(X)
    assert type(g) is ft.Tensor
    np.testing.assert_allclose(g.detach().numpy(), 2 * W.T @ W @ X, rtol=1e-14)
    g.sum().backward()
    column = W.sum(1, keepdims=True)
    np.testing.assert_allclose(w.grad, 2 * (X * column + (W @ X)[:, None]), rtol=1e-14)


def test_jacobian_chooses_a_mode_for_tensors_too() -> None:
    np.testing.assert_allclose(ft.jacobian(lambda x: x**2)(constant()), np.diag(2 * X), rtol=1e-15)
    value, j = ft.value_and_jacobian(lambda x: x**2)(constant())
    np.testing.assert_allclose(value, X**2, rtol=1e-15)
    np.testing.assert_allclose(j, np.diag(2 * X), rtol=1e-15)


def test_hessian_products_of_tensors() -> None:
    x = leaf()
    g, h = ft.hvp(energy, (x,), (constant(V),))
    np.testing.assert_allclose(h.detach(), curvature(X) * V, rtol=1e-13)
    np.testing.assert_allclose(g.detach(), slope(X), rtol=1e-14)


def test_custom_rules_of_the_functional_style_on_tensors() -> None:
    @ft.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (30 * x**2 * g,))
    x = leaf()
    cube(x).sum().backward()
    np.testing.assert_allclose(x.grad, 30 * X**2, rtol=1e-15)

    @ft.custom_jvp
    def square(x: Any) -> Any:
        return x**2

    @square.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return square(*primals), 20 * primals[0] * tangents[0]

    x.grad = None
    square(x).sum().backward()
    np.testing.assert_allclose(x.grad, 20 * X, rtol=1e-15)


def test_checkpoint_on_tensors() -> None:
    x = leaf()
    ft.checkpoint(energy)(x).backward()
    np.testing.assert_allclose(x.grad, slope(X), rtol=1e-14)


def test_stop_gradient_on_tensors() -> None:
    x = leaf()
    (x * ft.stop_gradient(x)).sum().backward()
    np.testing.assert_array_equal(x.grad, X)


def test_a_tensor_is_a_leaf_of_a_tree() -> None:
    doubled = ft.tree.map(lambda t: t * 2.0, {"a": constant(), "b": [constant(V)]})
    np.testing.assert_array_equal(doubled["b"][0], 2 * V)


@pytest.mark.parametrize("transform", [ft.grad, ft.jacfwd, ft.jacrev])
def test_no_grad_around_a_transformation(transform: Any) -> None:
    with ft.no_grad():
        g = transform(lambda x: (x**3).sum())(leaf())
    assert not g.requires_grad
    np.testing.assert_allclose(g, 3 * X**2, rtol=1e-15)


def test_a_result_that_is_the_same_for_all_examples_keeps_its_history() -> None:
    w = ft.tensor([1.0, 2.0], requires_grad=True)
    batch = np.ones((3, 2))
    for mapped in (
        ft.vmap(lambda x: w * 2.0),
        ft.vmap(lambda x: w * 2.0, out_axes=1),
        ft.vmap(lambda x: w * 2.0, chunk_size=2),
        ft.vmap(ft.grad(lambda x: (x * w * 2.0).sum())),
        ft.jit(ft.vmap(lambda x: w * 2.0)),
    ):
        w.grad = None
        (mapped(batch) * 3.0).sum().backward()
        np.testing.assert_array_equal(w.grad.data, [18.0, 18.0])
    # What is given out is memory of its own.
    plain = ft.vmap(lambda x: 1.5)(batch)
    plain[0] = 2.0
    np.testing.assert_array_equal(plain, [2.0, 1.5, 1.5])


def test_what_a_compiled_function_makes_of_tensors_that_it_closes_over_is_made_at_each_call() -> None:
    w = leaf()
    functions = [
        lambda x: x * np.sin(w),
        lambda x: np.sum(w**2) + x @ w,
        lambda x: x * (w.detach() * 2.0) + w.T,
        lambda x: np.sum(np.exp(w)),
        lambda x: ft.cond(x[0] > 0.0, lambda: w @ w, lambda: w.sum()),
        lambda x: ft.scan(lambda c, r: (c * r + np.tanh(w), None), w * 2.0, x)[0],
        ft.vmap(lambda x: x * w.exp()),
        ft.grad(lambda x: np.sum(x * w.exp())),
    ]
    compiled = [ft.jit(f) for f in functions]
    for _ in range(3):
        for f, g in zip(functions, compiled, strict=True):
            found = []
            for h in (f, g):
                w.grad = None
                y = h(V)
                y.sum().backward()
                found.append((y.data, w.grad.data))
            np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-15)
            np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-14)
        with ft.no_grad():
            w += 0.25


def test_tensors_that_a_compiled_function_makes_are_constants_of_it() -> None:
    def f(x: Any) -> Any:
        b = ft.zeros(3)
        b[0] = 1.0
        b += 1.0
        mask = (ft.arange(3) > 0) & ft.tensor([True, True, False])
        v = ft.ones(3, requires_grad=True)
        (v * v).sum().backward()
        scale = (ft.arange(3.0) + 1.0).sum().item()
        return x * b * scale + np.where(mask, x, v.grad) if mask.any() else x

    np.testing.assert_array_equal(ft.jit(f)(X), f(X))
