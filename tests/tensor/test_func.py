"""``ft.func``: the functional names under the conventions of ``torch.func``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

func = ft.func
X = np.array([0.5, 1.0, 2.0])
V = np.array([1.0, -2.0, 0.25])
M = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def tensor(values: Any = X) -> Any:
    return ft.tensor(np.asarray(values).tolist())


def test_grad() -> None:
    np.testing.assert_allclose(func.grad(lambda x: (x**3).sum())(tensor()), 3 * X**2, rtol=1e-15)
    g, h = func.grad(lambda x, y: (x**2 * y).sum(), argnums=(0, 1))(tensor(), tensor(V))
    np.testing.assert_allclose(g, 2 * X * V, rtol=1e-15)
    np.testing.assert_allclose(h, X**2, rtol=1e-15)
    g, aux = func.grad(lambda x: ((x**2).sum(), x + 1.0), has_aux=True)(tensor())
    np.testing.assert_allclose(aux, X + 1.0, rtol=1e-15)


def test_grad_and_value_puts_the_gradient_first() -> None:
    g, value = func.grad_and_value(lambda x: (x**2).sum())(tensor())
    np.testing.assert_allclose(g, 2 * X, rtol=1e-15)
    assert value.item() == pytest.approx((X**2).sum())
    g, (value, aux) = func.grad_and_value(lambda x: ((x**2).sum(), x * 3.0), has_aux=True)(tensor())
    np.testing.assert_allclose(aux, 3 * X, rtol=1e-15)


def test_vjp() -> None:
    _, pull = func.vjp(lambda x: x**3, tensor())
    result = pull(tensor(V))
    assert isinstance(result, tuple)
    np.testing.assert_allclose(result[0], 3 * X**2 * V, rtol=1e-15)
    _, _, aux = func.vjp(lambda x: (x**3, x + 1.0), tensor(), has_aux=True)
    np.testing.assert_allclose(aux, X + 1.0, rtol=1e-15)
    _, pull = func.vjp(lambda x, y: x * y, tensor(), tensor(V))
    g, h = pull(ft.ones(3))
    np.testing.assert_allclose(g, V)
    np.testing.assert_allclose(h, X)


def test_jvp() -> None:
    y, t = func.jvp(lambda x: x**3, (tensor(),), (tensor(V),))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(t, 3 * X**2 * V, rtol=1e-15)
    y, t, aux = func.jvp(lambda x: (x**3, x + 1.0), (tensor(),), (tensor(V),), has_aux=True)
    np.testing.assert_allclose(aux, X + 1.0, rtol=1e-15)


def test_jacobians_and_hessian() -> None:
    for jacobian in (func.jacrev, func.jacfwd):
        np.testing.assert_allclose(jacobian(lambda x: x**2)(tensor()), np.diag(2 * X), rtol=1e-15)
        by_x, _ = jacobian(lambda x, y: x * y, argnums=(0, 1))(tensor(), tensor(V))
        np.testing.assert_allclose(by_x, np.diag(V), rtol=1e-15)
        _, aux = jacobian(lambda x: (x**2, x.sum()), has_aux=True)(tensor())
        assert aux.item() == pytest.approx(X.sum())
    np.testing.assert_allclose(func.jacrev(lambda x: x**2, chunk_size=2)(tensor()), np.diag(2 * X), rtol=1e-15)
    np.testing.assert_allclose(func.hessian(lambda x: (x**3).sum())(tensor()), np.diag(6 * X), rtol=1e-14)


def test_vmap_says_dims() -> None:
    y = func.vmap(lambda a, b: (a * b).sum(), in_dims=(0, None))(tensor(M), tensor())
    np.testing.assert_allclose(y, M @ X, rtol=1e-15)
    y = func.vmap(lambda column: column * 2.0, in_dims=1, out_dims=1)(tensor(M))
    np.testing.assert_allclose(y, 2 * M, rtol=1e-15)
    y = func.vmap(lambda p: p["a"] + p["b"], in_dims=({"a": 0, "b": None},))({"a": tensor(M), "b": tensor()})
    np.testing.assert_allclose(y, M + X, rtol=1e-15)
    y = func.vmap(lambda a: a.sum(), chunk_size=1)(tensor(M))
    np.testing.assert_allclose(y, M.sum(1), rtol=1e-14)
    y, z = func.vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(tensor(M))
    assert (y.shape, z.shape) == ((3, 2), (2,))
    nested = func.vmap(func.vmap(lambda a: a * a))(tensor(M))
    np.testing.assert_allclose(nested, M * M, rtol=1e-15)


def test_linearize() -> None:
    y, tangents = func.linearize(lambda x: x**3, tensor())
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(tangents(tensor(V)), 3 * X**2 * V, rtol=1e-15)


def test_compositions() -> None:
    second = func.vmap(func.grad(func.grad(lambda x: x**3)))
    np.testing.assert_allclose(second(tensor()), 6 * X, rtol=1e-15)
    j = func.vmap(func.jacrev(lambda x: x.sin() * x.sum()))(tensor(M))
    assert j.shape == (2, 3, 3)
    np.testing.assert_allclose(j[0], func.jacfwd(lambda x: x.sin() * x.sum())(tensor(M[0])), rtol=1e-14)


# --- functional_call over a dictionary of parameters; there is no Module here -----------------------------------------


def model(parameters: dict[str, Any], x: Any) -> Any:
    hidden = (parameters["w1"] @ x + parameters["b1"]).tanh()
    return (parameters["w2"] * hidden).sum()


def parameters(requires_grad: bool = False) -> dict[str, Any]:
    values = {"w1": M, "b1": np.array([0.1, -0.2]), "w2": np.array([1.0, 2.0])}
    return {k: ft.tensor(v.tolist(), requires_grad=requires_grad) for k, v in values.items()}


def test_functional_call_over_a_dictionary() -> None:
    y = func.functional_call(model, parameters(), (tensor(),))
    assert y.item() == model(parameters(), tensor()).item()
    assert func.functional_call(model, parameters(), tensor()).item() == y.item()
    assert func.functional_call(model, parameters(), (), {"x": tensor()}).item() == y.item()


def test_functional_call_under_grad_and_vmap() -> None:
    g = func.grad(lambda p: func.functional_call(model, p, (tensor(),)))(parameters())
    p = parameters(requires_grad=True)
    model(p, tensor()).backward()
    for name, value in p.items():
        np.testing.assert_allclose(g[name], value.grad, rtol=1e-14)
    batch = tensor(np.stack([X, V]))
    each = func.vmap(func.grad(lambda p, x: func.functional_call(model, p, (x,))), in_dims=(None, 0))(
        parameters(), batch
    )
    assert each["w1"].shape == (2, 2, 3)
    np.testing.assert_allclose(each["w1"][0], g["w1"], rtol=1e-14)


def test_functional_call_of_several_dictionaries() -> None:
    p = parameters()
    w = {"w1": p.pop("w1")}
    y = func.functional_call(model, (p, w), (tensor(),))
    assert y.item() == model(parameters(), tensor()).item()


def test_plain_arrays_are_taken_too() -> None:
    np.testing.assert_allclose(func.grad(lambda x: np.sum(x**3))(X), 3 * X**2, rtol=1e-15)
    np.testing.assert_allclose(func.vmap(lambda a: a * 2.0, in_dims=1, out_dims=0)(M), 2 * M.T, rtol=1e-15)


def test_functional_call_names_what_a_model_has_not() -> None:
    class Line:
        def __init__(self) -> None:
            self.slope, self.offset = ft.tensor(2.0), ft.tensor(1.0)

        def __call__(self, x: Any, more: Any = None) -> Any:
            return self.slope * x + self.offset

    line = Line()
    assert func.functional_call(line, {"slope": ft.tensor(3.0)}, 2.0) == 7.0
    with pytest.raises(ValueError, match="Line has slope but no ofset; give parameters that it has"):
        func.functional_call(line, {"slope": ft.tensor(3.0), "ofset": ft.tensor(0.0)}, 2.0)
    assert line.slope.item() == 2.0
